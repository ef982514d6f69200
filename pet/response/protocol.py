"""Every boundary that the papers leave open, in one place, and read from TOML.

A file names only what it changes::

    [eortc]
    inclusive = true

    [percist.comparability]
    uptake_apart_min = 10
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from imaging.errors import InputError
from pet.response.eortc import Eortc
from pet.response.immune import IPercist, Pecrit, Percimt
from pet.response.lymphoma import Deauville
from pet.response.percist import IMPERCIST5, PERCIST5, Percist

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PetProtocol:
    """The settings of each set of criteria."""

    percist: Percist = field(default_factory=Percist)
    percist5: Percist = PERCIST5
    impercist5: Percist = IMPERCIST5
    eortc: Eortc = field(default_factory=Eortc)
    ipercist: IPercist = field(default_factory=IPercist)
    percimt: Percimt = field(default_factory=Percimt)
    pecrit: Pecrit = field(default_factory=Pecrit)
    deauville: Deauville = field(default_factory=Deauville)


def load(path: Path | None) -> PetProtocol:
    """The default settings with the changes of a TOML file.

    Raises:
        InputError: the file cannot be read, or names a setting that does not exist.
    """
    if path is None:
        return PetProtocol()
    try:
        changes = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"no settings: {error}", where=path) from error
    return _changed(PetProtocol(), changes, path, "")


def _changed(settings: T, changes: Mapping[str, Any], path: Path, prefix: str) -> T:
    known = {one.name for one in fields(settings)}  # type: ignore[arg-type]
    values = {}
    for name, value in changes.items():
        if name not in known:
            raise InputError(
                f"unknown setting {prefix}{name}",
                where=path,
                remedy=f"known here: {', '.join(sorted(known))}",
            )
        values[name] = _value(getattr(settings, name), value, path, f"{prefix}{name}")
    changed: T = replace(settings, **values)  # type: ignore[type-var]
    return changed


def _value(old: Any, new: Any, path: Path, name: str) -> Any:
    if is_dataclass(old) and isinstance(new, Mapping):
        return _changed(old, new, path, f"{name}.")
    if isinstance(old, StrEnum) and isinstance(new, str):
        try:
            return type(old)(new)
        except ValueError as error:
            raise InputError(f"{name}: {error}", where=path) from error
    if isinstance(old, tuple) and isinstance(new, list):
        return tuple(tuple(item) for item in new)
    number = isinstance(new, (int, float)) and not isinstance(new, bool)
    if number and (old is None or isinstance(old, (int, float))) and not isinstance(old, bool):
        return int(new) if type(old) is int else float(new)
    if type(new) is type(old):
        return new
    if new == "none" and name.rsplit(".", maxsplit=1)[-1] in OPTIONAL:
        return None
    raise InputError(f"{name} cannot be {new!r}", where=path)


#: Settings that ``"none"`` switches off (TOML has no null).
OPTIONAL = frozenset(
    {
        "least_sul",
        "tlg_rise_percent",
        "other_rise_percent",
        "reference_sul",
        "uptake_apart_min",
        "shortest_uptake_min",
        "longest_uptake_min",
        "dose_percent",
    }
)
