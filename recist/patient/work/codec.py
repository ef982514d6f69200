"""The toolkit's frozen types as JSON and arrays, and back.

JSON holds what is small; arrays go where :class:`Arrays` puts them and are named by their hash.
Only types of this toolkit are made when reading, so that a file cannot make anything else.
"""

from __future__ import annotations

import base64
import datetime as dt
import importlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from imaging.errors import InputError
from imaging.registration.places import Places
from imaging.volume import Array

PACKAGES = ("imaging", "pet", "segmentation", "recist")
#: Arrays of fewer bytes stand in the JSON.
SMALL_BYTES = 512
#: Bytes of the integers that are kept byte by byte.
HALVES = 2
_TAG = "$"


class Arrays(Protocol):
    """Where arrays are put, each under the hash of what it holds."""

    def put(self, raw: bytes, *, by_runs: bool = False) -> str: ...

    def get(self, name: str) -> bytes: ...


def encoded(value: object, arrays: Arrays) -> Any:  # noqa: PLR0911 - one for each kind
    """A value as JSON takes it.

    Raises:
        TypeError: of a kind that is not kept.
    """
    kind: Any = type(value)
    if kind in _BARE:
        return value
    members = _members_of(kind)
    if members is not None:
        own = {each: encoded(getattr(value, each), arrays) for each in members}
        return {_TAG: _name(kind), "v": own}
    kept = _plain(value)
    if kept is not _UNKNOWN:
        return kept
    if isinstance(value, np.ndarray):
        return _encoded_array(value, arrays)
    if isinstance(value, Places):
        parts = (value.centres_mm, value.shifts_mm, value.reach_mm, value.error_mm)
        return {_TAG: "places", "v": [encoded(part, arrays) for part in parts]}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {_TAG: _name(type(value)), "n": [encoded(each, arrays) for each in value]}
    if isinstance(value, tuple):
        return [encoded(each, arrays) for each in value]
    if isinstance(value, list):
        return {_TAG: "list", "v": [encoded(each, arrays) for each in value]}
    if isinstance(value, frozenset):
        return {_TAG: "set", "v": [encoded(each, arrays) for each in sorted(value)]}
    if isinstance(value, Mapping):
        pairs = [[encoded(k, arrays), encoded(v, arrays)] for k, v in value.items()]
        return {_TAG: "dict", "v": pairs}
    raise TypeError(f"{type(value).__name__} is not kept")


#: What JSON knows as it is.
_BARE = frozenset({type(None), bool, int, float, str})


@cache
def _members_of(kind: type[Any]) -> tuple[str, ...] | None:
    """What a value of a frozen type is made from; None of other types."""
    if not is_dataclass(kind) or issubclass(kind, Places | Enum):
        return None
    return tuple(each.name for each in fields(kind) if each.init)


_UNKNOWN = object()


def _plain(value: object) -> Any:  # noqa: PLR0911 - one for each kind
    """Values without parts; ``_UNKNOWN`` for others."""
    if isinstance(value, Enum):
        return {_TAG: _name(type(value)), "e": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value if type(value) in _BARE else _bare(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Decimal):
        return {_TAG: "decimal", "v": str(value)}
    if isinstance(value, dt.datetime):
        return {_TAG: "datetime", "v": value.isoformat()}
    if isinstance(value, dt.date):
        return {_TAG: "date", "v": value.isoformat()}
    if isinstance(value, Path):
        return {_TAG: "path", "v": str(value)}
    return _UNKNOWN


def _bare(value: object) -> Any:
    """A number or text of a subclass (NumPy's float64, pydicom's UID) as the plain one."""
    kinds: tuple[type, ...] = (int, float, str)
    return next(kind(value) for kind in kinds if isinstance(value, kind))


def decoded(kept: Any, arrays: Arrays) -> Any:  # noqa: PLR0911 - one for each kind
    """What was encoded.

    Raises:
        InputError: no such thing, or of a type that is not of this toolkit.
    """
    if isinstance(kept, list):
        return tuple(decoded(each, arrays) for each in kept)
    if not isinstance(kept, dict):
        return kept
    try:
        name = kept[_TAG]
        if name == "array":
            return _decoded_array(kept, arrays)
        if name in _SIMPLE:
            return _SIMPLE[name](kept["v"], arrays)
        cls = _class(name)
        if "e" in kept:
            return cls(kept["e"])
        if "n" in kept:
            return cls(*(decoded(each, arrays) for each in kept["n"]))
        return cls(**{key: decoded(each, arrays) for key, each in kept["v"].items()})
    except (KeyError, TypeError, ValueError, AttributeError, ImportError) as error:
        raise InputError(f"kept work that cannot be read: {error}", remedy="run again") from error


_SIMPLE: Mapping[str, Callable[[Any, Arrays], Any]] = {
    "list": lambda v, arrays: [decoded(each, arrays) for each in v],
    "set": lambda v, arrays: frozenset(decoded(each, arrays) for each in v),
    "dict": lambda v, arrays: {decoded(a, arrays): decoded(b, arrays) for a, b in v},
    "places": lambda v, arrays: Places(*(decoded(each, arrays) for each in v)),
    "decimal": lambda v, _: Decimal(v),
    "date": lambda v, _: dt.date.fromisoformat(v),
    "datetime": lambda v, _: dt.datetime.fromisoformat(v),
    "path": lambda v, _: Path(v),
}


@cache
def _name(cls: type[Any]) -> str:
    if cls.__module__.split(".")[0] not in PACKAGES:
        raise TypeError(f"{cls.__module__}.{cls.__qualname__} is not kept")
    return f"{cls.__module__}:{cls.__qualname__}"


def _class(name: str) -> Any:
    module, _, qualified = name.partition(":")
    if module.split(".")[0] not in PACKAGES:
        raise TypeError(f"{name} is no type of this toolkit")
    found = getattr(importlib.import_module(module), qualified)
    if not isinstance(found, type) or not (
        is_dataclass(found) or issubclass(found, Enum) or issubclass(found, tuple)
    ):
        raise TypeError(f"{name} is no type that is kept")
    return found


def _encoded_array(array: Array, arrays: Arrays) -> Any:
    """Bits of a mask, bytes of anything else, in the order of its axes in memory.

    Of HU all low bytes stand before all high ones, which hardly vary: packed by their runs, in less
    than half of the time, they take a sixth less room.
    """
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    flat = array.ravel(order="K" if array.flags.forc else "C")
    kind = "bits" if array.dtype == np.bool_ else array.dtype.str
    raw = np.packbits(flat).tobytes() if kind == "bits" else flat.tobytes()
    kept = {_TAG: "array", "d": kind, "s": list(array.shape), "o": order}
    if len(raw) <= SMALL_BYTES:
        return kept | {"b": base64.b64encode(raw).decode()}
    if array.dtype.kind in "iu" and array.itemsize == HALVES:
        apart = np.frombuffer(raw, np.uint8).reshape(-1, HALVES).T.tobytes()
        return kept | {"a": arrays.put(apart, by_runs=True), "p": HALVES}
    return kept | {"a": arrays.put(raw)}


def _decoded_array(kept: Mapping[str, Any], arrays: Arrays) -> Array:
    raw = base64.b64decode(kept["b"]) if "b" in kept else arrays.get(kept["a"])
    if kept.get("p") == HALVES:
        raw = np.frombuffer(raw, np.uint8).reshape(HALVES, -1).T.tobytes()
    shape = tuple(int(n) for n in kept["s"])
    if kept["d"] == "bits":
        count = int(np.prod(shape, dtype=np.int64))
        flat = np.unpackbits(np.frombuffer(raw, np.uint8), count=count).view(np.bool_)
    else:
        flat = np.frombuffer(raw, np.dtype(kept["d"]))
    return np.asarray(flat.reshape(shape, order=kept["o"]))
