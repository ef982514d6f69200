"""Parts of MONAI without loading all of it.

``import monai`` runs every file of MONAI whichever part is asked for, and with them pandas,
matplotlib, nibabel and half of SciPy: two seconds of a processor and 150 MB for a network that
needs twenty files. Here MONAI's own files are run, unchanged, but the ``__init__.py`` of its
packages are read as tables of contents: a name that one imports is looked up where it comes from
once somebody asks for it.

Modules loaded so see each other through an ``__import__`` of their own, as modules of a
``torch.package`` do. They are not entered in ``sys.modules``: ``import monai`` elsewhere, before,
after or in another thread, gives all of MONAI, whole. The price: their classes cannot be pickled by
name. Weights are stored as tensors (``state_dict``), which name no class.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import InspectLoader
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

_logger = logging.getLogger(__name__)


class Parts:
    """Modules of a package, loaded one by one; they know of each other alone."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._chosen: dict[str, ModuleType] = {}
        self._loaded: dict[str, ModuleType] = {}
        self._lock = threading.RLock()
        self._builtins = {**vars(builtins), "__import__": self._import}

    def part(self, name: str) -> ModuleType:
        """A module by its full name, and only what it needs itself.

        Where the package is loaded already, the module is taken from there. One whose own packages
        do more than to import names is loaded whole.

        Raises:
            ImportError: the package is not installed, or has no such module.
        """
        with self._lock:
            if name not in self._chosen:
                self._chosen[name] = self._choose(name)
            return self._chosen[name]

    def _choose(self, name: str) -> ModuleType:
        if self._package not in sys.modules:
            try:
                return self._module(name)
            except Exception:  # whatever it is, the usual way tells of it
                _logger.debug("all of %s is loaded for %s", self._package, name, exc_info=True)
        return importlib.import_module(name)

    def _module(self, name: str) -> ModuleType:
        with self._lock:
            if name not in self._loaded:
                self._load(name)
            return self._loaded[name]

    def _load(self, name: str) -> None:
        parent = name.rpartition(".")[0]
        spec = PathFinder.find_spec(name, self._module(parent).__path__ if parent else None)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"no module named {name!r}", name=name)
        module = importlib.util.module_from_spec(spec)
        # Whatever the module's code imports, now or later in a function, it asks this for.
        vars(module)["__builtins__"] = self._builtins
        self._loaded[name] = module
        try:
            if spec.submodule_search_locations is None:
                spec.loader.exec_module(module)
            else:
                vars(module)["__getattr__"] = self._contents(module, spec.loader)
        except BaseException:
            del self._loaded[name]
            raise

    def _contents(self, package: ModuleType, loader: object) -> Callable[[str], Any]:
        """What gives a package its names (PEP 562): those it imports, and its modules."""
        source = loader.get_source(package.__name__) if isinstance(loader, InspectLoader) else None
        origins = {
            alias.asname or alias.name: (statement, alias.name)
            for statement in ast.parse(source or "").body
            if isinstance(statement, ast.ImportFrom)
            for alias in statement.names
        }

        def named(name: str) -> Any:
            statement, original = origins.get(name, (None, name))
            origin = package
            if statement is not None:
                origin = self._import(
                    statement.module or "", vars(package), None, (original,), statement.level
                )
            if origin is package and original == name:
                value = submodule(name)
            else:
                value = getattr(origin, original)
            vars(package)[name] = value
            return value

        def submodule(name: str) -> ModuleType:
            own = f"{package.__name__}.{name}"
            try:
                return self._module(own)
            except ModuleNotFoundError as error:
                if error.name != own:
                    raise
                raise AttributeError(f"{package.__name__} imports no {name!r}") from None

        return named

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """``__import__`` of these modules: their own package from here, the rest as ever."""
        full = name
        if level:
            full = importlib.util.resolve_name("." * level + name, (globals or {})["__package__"])
        if full.partition(".")[0] != self._package:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = self._module(full)
        if not fromlist:
            return self._module(self._package)
        if "*" in fromlist and hasattr(module, "__path__"):
            raise ImportError(f"* of {full}: only its contents are known", name=full)
        return module


_MONAI = Parts("monai")


def monai_part(name: str) -> ModuleType:
    """A module of MONAI, such as ``monai.networks.nets.segresnet``; see :meth:`Parts.part`.

    Raises:
        ImportError: MONAI is not installed, or has no such module.
    """
    return _MONAI.part(name)
