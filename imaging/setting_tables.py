"""Settings in frozen dataclasses, changed by a table that names only what differs.

A table within the table changes a dataclass within the dataclass. A name that does not exist and a
value of another kind are refused, and so is a field that is not declared as a setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from imaging.errors import InputError
from imaging.setting import settings_of
from imaging.spelling import did_you_mean

T = TypeVar("T")

#: Switches a setting off that may be nothing: TOML has no null.
NOTHING = "none"


def changed(
    settings: T, changes: Mapping[str, Any], where: Path | str | None = None, prefix: str = ""
) -> T:
    """The settings with the changes of a table.

    Args:
        settings: a dataclass of numbers, words, switches, tuples and further dataclasses.
        prefix: of the names in errors, such as ``percist.``.

    Raises:
        InputError: an unknown name, with the nearest, or a value of another kind.
    """
    declared = settings_of(type(settings))
    known = [
        each.name
        for each in fields(settings)  # type: ignore[arg-type]
        if each.name in declared or is_dataclass(getattr(settings, each.name))
    ]
    hints = get_type_hints(type(settings))
    values = {}
    for name, value in changes.items():
        if name not in known:
            raise InputError(
                f"unknown setting {prefix}{name}",
                where=where,
                remedy=f"{did_you_mean(name, known)}known here: {', '.join(sorted(known))}",
            )
        may_be_nothing = NoneType in get_args(hints[name])
        full, old = f"{prefix}{name}", getattr(settings, name)
        options = declared[name].options if name in declared else ()
        if options:
            _check_option(value, options, where, full)
        values[name] = _value(old, value, where, full, may_be_nothing=may_be_nothing)
    made: T = replace(settings, **values)  # type: ignore[type-var]
    return made


def _value(old: Any, new: Any, where: Path | str | None, name: str, *, may_be_nothing: bool) -> Any:
    if is_dataclass(old) and isinstance(new, Mapping):
        return changed(old, new, where, f"{name}.")
    if isinstance(old, StrEnum):
        return type(old)(new)
    if isinstance(old, tuple) and isinstance(new, list):
        return tuple(_item(each) for each in new)
    if new == NOTHING and may_be_nothing:
        return None
    if _is_number(new) and (old is None or _is_number(old)):
        return int(new) if type(old) is int and int(new) == new else float(new)
    if type(new) is type(old):
        return new
    raise InputError(f"setting {name} cannot be {str(new)!r}", where=where)


def _check_option(
    value: object, options: Sequence[str], where: Path | str | None, name: str
) -> None:
    if value not in options:
        raise InputError(
            f"setting {name} cannot be {value!r}",
            where=where,
            remedy=did_you_mean(str(value), options) + f"one of {', '.join(options)}",
        )


def _item(value: Any) -> Any:
    """A number of a tuple, or a tuple in it, in plain numbers."""
    if isinstance(value, list):
        return tuple(_item(each) for each in value)
    return float(value) if isinstance(value, Decimal) else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
