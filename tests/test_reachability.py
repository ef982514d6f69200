"""Every public function and class is reached from a command or from a documented name.

The code itself is read: a definition mentions others, by the names that its module defines or
imports; what the commands and the documented names mention, and what that mentions in turn, is
reached. What is left over is of no use to anyone, however well it is tested.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

import recist
from recist import cli
from tests.syntax import statements

ROOT = Path(__file__).parents[1]
PACKAGES = ("imaging", "pet", "segmentation", "recist")
#: Decorators that leave a function to its callers; any other hands it to a server, a command, a
#: listener as soon as its module is imported.
PLAIN = {
    "cache", "contextmanager", "dataclass", "final", "lru_cache", "overload", "total_ordering",
    "unique",
}  # fmt: skip
#: Modules that are reached in a way which the names in the code do not show, with the way.
OTHERWISE: Mapping[str, str] = {
    "recist.review.database.migrations.": "loaded by alembic from their folder",
}

Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Place:
    """A definition at the top of a module; with an empty name what runs when it is imported."""

    module: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Module:
    """What is defined at the top of a module, what its other names stand for, what just runs."""

    name: str
    defined: dict[str, ast.stmt] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    run: list[ast.stmt] = field(default_factory=list)
    _said: dict[int, Said] = field(default_factory=dict)

    def said_in(self, node: ast.stmt) -> Said:
        """What a statement mentions; it is read once."""
        if id(node) not in self._said:
            self._said[id(node)] = said = Said()
            said.read(node, self, {})
        return self._said[id(node)]

    def stands_for(self, dotted: str, local: Mapping[str, str | None]) -> str:
        """The full name of what ``a.b`` means here; empty for what is none of ours."""
        first, *rest = dotted.split(".")
        if first in local:
            base = local[first]
            return ".".join((base, *rest)) if base else ""
        if first in self.defined:
            return f"{self.name}.{first}"
        base = self.imported.get(first)
        return ".".join((base, *rest)) if base else ""

    @classmethod
    def of(cls, name: str, text: str) -> Module:
        module = cls(name)
        tree = ast.parse(text)
        for statement in statements(tree.body):
            module.imported.update(_imports(statement))
        for node in tree.body:
            for each in _definitions(node):
                names = list(_names(each))
                module.defined.update(dict.fromkeys(names, each))
                if not names or (isinstance(each, Named) and _handed_over(each)):
                    module.run.append(each)
        return module


@dataclass(slots=True)
class Said:
    """What a statement mentions.

    Attributes:
        loaded: what its imports may load, and words that may name a folder of data.
        meant: full names of what stands for something.
        asked: attributes; ``spelt``: words in its texts.
    """

    loaded: list[str] = field(default_factory=list)
    meant: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    spelt: set[str] = field(default_factory=set)

    def read(self, node: ast.AST, module: Module, local: Mapping[str, str | None]) -> None:
        """Adds what a node mentions.

        ``local``: names of the functions around, with what those stand for that they import.
        """
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            local = {**local, **_local(node)}
        if isinstance(node, ast.ImportFrom | ast.Import):
            self.loaded += _modules_of(node)
            return
        if isinstance(node, ast.Attribute | ast.Name) and (dotted := _dotted(node)):
            self.asked.update(dotted.split(".")[1:])
            if meant := module.stands_for(dotted, local):
                self.meant.append(meant)
            return
        if isinstance(node, ast.Attribute):
            self.asked.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.loaded.append(node.value)
            self.spelt.update(re.findall(r"[a-z_]{3,}", node.value))
        for child in ast.iter_child_nodes(node):
            self.read(child, module, local)


def _imports(node: ast.AST) -> dict[str, str]:
    """What the names that an import brings stand for."""
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    if isinstance(node, ast.Import):
        firsts = {each.name.split(".")[0] for each in node.names if not each.asname}
        named = {each.asname: each.name for each in node.names if each.asname}
        return {**{first: first for first in firsts}, **named}
    return {}


def _definitions(node: ast.stmt) -> Iterator[ast.stmt]:
    """The statement, or those of a choice: ``if``, ``try`` at the top of a module."""
    if not isinstance(node, ast.If | ast.Try):
        yield node
        return
    branches = [node.body, node.orelse]
    if isinstance(node, ast.Try):
        branches += [handler.body for handler in node.handlers]
    for branch in branches:
        for each in branch:
            yield from _definitions(each)


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, Named):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for each in (part for target in targets for part in ast.walk(target)):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                yield each.id


def _handed_over(node: Named) -> bool:
    for each in node.decorator_list:
        called = each.func if isinstance(each, ast.Call) else each
        last = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if last not in PLAIN:
            return True
    return False


def read_code() -> dict[str, Module]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module.of(name, path.read_text("utf-8"))
    assert len(found) > 300
    return found


class Reach:
    """What is reached, and from where first."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules
        self.reached: dict[Place, Place | None] = {}
        #: Modules that are handed on as values.
        self._values: set[str] = set()
        #: Attributes that anything reached asks for, and words that stand in its texts.
        self.asked: set[str] = set()
        self.spelt: set[str] = set()

    def resolve(self, dotted: str) -> Place | None:
        """The definition or module that ``a.b.c`` stands for, through names that are passed on."""
        parts = dotted.split(".")
        for length in range(len(parts), 0, -1):
            module = self.modules.get(".".join(parts[:length]))
            if module is None:
                continue
            if length == len(parts):
                return Place(module.name)
            name, rest = parts[length], parts[length + 1 :]
            if name in module.defined:
                return Place(module.name, name)
            if name in module.imported:
                return self.resolve(".".join((module.imported[name], *rest)))
            return None
        return None

    def begin(self, places: Iterable[Place]) -> None:
        waiting: list[tuple[Place, Place | None]] = [(place, None) for place in places]
        while waiting:
            while waiting:
                place, via = waiting.pop()
                if place in self.reached:
                    continue
                self.reached[place] = via
                waiting += [(each, place) for each in self._mentioned(place)]
            # A criterion is a module in a table: what its users ask of it is looked up by name.
            waiting = [
                (place, Place(name))
                for name in self._values
                for asked in self.asked & set(self.modules[name].defined)
                if (place := Place(name, asked)) not in self.reached
            ]

    def _mentioned(self, place: Place) -> Iterator[Place]:
        module = self.modules[place.module]
        if place.name:
            yield Place(place.module)
            nodes: list[ast.stmt] = [module.defined[place.name]]
        else:
            nodes = module.run
            yield from (
                Place(module.name, each.name) for each in module.run if isinstance(each, Named)
            )
            parts = module.name.split(".")
            above = (".".join(parts[:length]) for length in range(1, len(parts)))
            yield from (Place(name) for name in above if name in self.modules)
        for node in nodes:
            if not place.name and isinstance(node, Named):
                continue
            said = module.said_in(node)
            self.asked |= said.asked
            self.spelt |= said.spelt
            yield from (Place(name) for name in said.loaded if name in self.modules)
            for name in said.meant:
                if found := self.resolve(name):
                    if not found.name:
                        self._values.add(found.module)
                    yield found


def _modules_of(node: ast.ImportFrom | ast.Import) -> Iterator[str]:
    """What an import may load: the package, and what may be a module of it."""
    base = (node.module or "",) if isinstance(node, ast.ImportFrom) else ()
    yield from base
    for each in node.names:
        yield ".".join((*base, each.name))


def _local(function: ast.AST) -> dict[str, str | None]:
    """Names that a function makes its own: arguments, what it assigns, what it imports."""
    found: dict[str, str | None] = {}
    imported: dict[str, str] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            found[node.arg] = None
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = None
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imported.update(_imports(node))
    return {**found, **imported}


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def documented(modules: Mapping[str, Module], reach: Reach) -> Iterator[Place]:
    """What the pages of the documentation describe, and what the examples on them use."""
    for page in pages():
        text = page.read_text("utf-8")
        for name, options in re.findall(r"^::: ([\w.]+)\n((?: {4}.*\n|\n)*)", text, re.M):
            place = reach.resolve(name)
            assert place, f"{page.name} describes {name}, which does not exist"
            members = re.search(r"members: \[([^\]]+)\]", options)
            if place.name:
                names = []
                yield place
            elif members:
                names = [each.strip() for each in members[1].split(",")]
            else:
                names = [each for each in modules[place.module].defined if each[0] != "_"]
            for each in names:
                found = reach.resolve(f"{place.module}.{each}")
                assert found, f"{page.name} describes {name}.{each}, which does not exist"
                yield found


def scripts() -> dict[str, Module]:
    """What users run or copy besides the commands: scripts, examples, code on the pages."""
    found = {}
    for folder in ("scripts", "docs/examples"):
        for path in sorted((ROOT / folder).glob("*.py")):
            name = f"{folder.replace('/', '.')}.{path.stem}"
            found[name] = Module.of(name, path.read_text("utf-8"))
    assert len(found) > 10
    for page in pages():
        for number, code in enumerate(
            re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S)
        ):
            name = f"{page.stem}.code{number}"
            found[name] = Module.of(name, dedent(code))
    return found


def pages() -> list[Path]:
    return [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def commands() -> list[Place]:
    """The commands load when they are asked for, by their names."""
    own = {name: name.replace("-", "_") for panel in cli.COMMANDS.values() for name in panel}
    assert len(own) > 10
    return [Place(f"recist.cli.{cli._HOMES.get(name, word)}", word) for name, word in own.items()]


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return read_code()


@pytest.fixture(scope="module")
def reach(modules: dict[str, Module]) -> Reach:
    """From the commands, the front door, the documentation, and the scripts of the checkout."""
    run = scripts()
    found = Reach({**modules, **run})
    doors = [found.resolve(f"{home}.{name}") for name, home in recist._HOMES.items()]
    assert doors and all(doors)
    otherwise = [each for each in modules.values() if each.name.startswith(tuple(OTHERWISE))]
    found.begin(
        [
            Place("recist"),
            Place("recist.__main__"),
            Place("recist.cli", "main"),
            *commands(),
            *(door for door in doors if door),
            *documented(modules, found),
            *(Place(each.name) for each in (*run.values(), *otherwise)),
            *(
                Place(each.name, name)
                for each in (*run.values(), *otherwise)
                for name in each.defined
            ),
        ]
    )
    return found


def test_every_function_and_class_is_reached(reach: Reach) -> None:
    left = sorted(
        str(Place(module.name, name))
        for module in reach.modules.values()
        for name, node in module.defined.items()
        if isinstance(node, Named) and not name.startswith("__")
        if Place(module.name, name) not in reach.reached
    )
    assert left == [], "reached from no command and no documented name"


def test_every_module_is_imported(reach: Reach) -> None:
    left = [name for name in reach.modules if Place(name) not in reach.reached]
    assert left == []


def test_every_public_method_is_asked_for(reach: Reach) -> None:
    """Somewhere in what is reached, or on a page: a template, a documented class."""
    words = reach.asked | reach.spelt
    templates = list((ROOT / "recist").rglob("*.html"))
    assert templates
    words |= {word for page in templates for word in re.findall(r"\w+", page.read_text("utf-8"))}
    described = set(documented(reach.modules, reach))
    left = []
    for place in set(reach.reached) - described:
        node = reach.modules[place.module].defined.get(place.name)
        if not isinstance(node, ast.ClassDef):
            continue
        home = reach.modules[place.module]
        bases = [reach.resolve(home.stands_for(_dotted(base), {})) for base in node.bases]
        if None in bases:
            continue  # of another library, which asks for its methods by itself
        left += [
            f"{place}.{each.name}"
            for each in node.body
            if isinstance(each, ast.FunctionDef) and each.name[0] != "_" and each.name not in words
        ]
    assert sorted(left) == [], "methods that nothing asks for"


@pytest.mark.parametrize("prefix", sorted(OTHERWISE))
def test_what_is_reached_otherwise_exists_and_needs_the_exception(
    prefix: str, modules: dict[str, Module]
) -> None:
    named = [name for name in modules if name.startswith(prefix)]
    assert named
    found = Reach(modules)
    found.begin([Place("recist.__main__"), Place("recist.cli", "main"), *commands()])
    assert [name for name in named if Place(name) not in found.reached]


def test_what_nothing_uses_is_found() -> None:
    """Names that only look used: in a text, as a local variable, by itself, by another unused."""
    modules = {
        "a": Module.of(
            "a",
            "from b import used, shadowed\n"
            "import c\n"
            "def main():\n"
            "    shadowed = 1\n"
            "    c.by_module()\n"
            "    return used, shadowed, 'spelt'\n",
        ),
        "b": Module.of(
            "b",
            "def used(): return helper()\n"
            "def helper(): ...\n"
            "def shadowed(): ...\n"
            "def spelt(): ...\n"
            "def recursive(): recursive(); other()\n"
            "def other(): ...\n",
        ),
        "c": Module.of("c", "@app.get('/')\ndef route(): ...\ndef by_module(): ...\n"),
    }
    found = Reach(modules)
    found.begin([Place("a", "main")])
    reached = {str(place) for place in found.reached if place.name}
    assert reached == {"a.main", "b.used", "b.helper", "c.route", "c.by_module"}
