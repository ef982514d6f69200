"""One choice of a protocol: its options, the open point it answers, and where it comes from.

A dataclass declares its settings with :func:`setting`; a dataclass within it has settings of its
own. Only what is declared so can be changed by a trial's file (:mod:`imaging.setting_tables`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from imaging.errors import InputError
from imaging.spelling import did_you_mean


class ProtocolError(InputError):
    """A setting that does not exist, or a value that it does not take."""


class Setting(NamedTuple):
    """What a setting is: for documentation, output and checks.

    Attributes:
        options: the allowed values of a choice; empty for numbers and switches.
        point: the open point that it answers, ``AMB-nn``; empty where a paper is plain.
    """

    name: str
    kind: type
    options: tuple[str, ...]
    default: object
    point: str
    about: str
    source: str

    def check(self, value: object) -> None:
        """Refuse a value that the setting does not take.

        Raises:
            ProtocolError: with the nearest option.
        """
        if self.options:
            if value not in self.options:
                raise ProtocolError(
                    f"{self.name} = {str(value)!r} is not an option",
                    remedy=did_you_mean(str(value), self.options)
                    + f"options: {', '.join(self.options)}",
                )
        elif type(value) is not self.kind:
            raise ProtocolError(
                f"{self.name} = {value!r} is not {_KIND_NAMES[self.kind]}",
                remedy=f"default: {self.default}",
            )
        elif isinstance(value, int | Decimal) and (not Decimal(value).is_finite() or value < 0):
            raise ProtocolError(f"{self.name} = {value} is negative or not finite")


_KIND_NAMES = {int: "a whole number", Decimal: "a number", bool: "true or false"}


def setting(default: Any, point: str, about: str, source: str) -> Any:
    """A field of a protocol; ``point``: the open point it answers, ``about``: its options."""
    return field(default=default, metadata={"point": point, "about": about, "source": source})


def settings_of(protocol: type) -> Mapping[str, Setting]:
    """The settings that a dataclass declares with :func:`setting`, by name, in their order."""
    hints = get_type_hints(protocol)
    table = {}
    for entry in fields(protocol):
        if not entry.metadata:
            continue
        hint = hints[entry.name]
        options = _options(hint)
        table[entry.name] = Setting(
            entry.name,
            str if options else hint,
            options,
            entry.default,
            entry.metadata["point"],
            entry.metadata["about"],
            entry.metadata["source"],
        )
    return table


def leaves(settings: Any, prefix: str = "") -> Iterator[tuple[str, Setting, object]]:
    """Every setting of a dataclass and of those within it: dotted name, setting, value in force."""
    declared = settings_of(type(settings))
    for entry in fields(settings):
        value = getattr(settings, entry.name)
        if entry.name in declared:
            yield f"{prefix}{entry.name}", declared[entry.name], value
        elif is_dataclass(value):
            yield from leaves(value, f"{prefix}{entry.name}.")


def _options(hint: Any) -> tuple[str, ...]:
    """The words that a choice may be; none for anything else."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return tuple(hint)
    return ()
