"""Every choice that the papers leave open, as a named setting with its options.

A :class:`Protocol` is what a trial writes into its protocol before it starts. Each setting says
which open point it answers (``AMB-nn``), what its options mean and where they come from. Presets
are starting points and a TOML file overrides single settings: see :mod:`recist.protocol.files`.
:func:`effective` gives the settings that were in force, for the output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from imaging.setting import ProtocolError, Setting, settings_of
from imaging.spelling import did_you_mean
from pet.response.protocol import PetProtocol
from recist.protocol.abscopal_settings import AbscopalSettings
from recist.protocol.field import DEFAULT_PROFILE, FieldProfile
from recist.protocol.irecist_settings import IrecistSettings
from recist.protocol.outcome_settings import OutcomeSettings
from recist.protocol.reader_settings import ReaderSettings
from recist.protocol.time_point_settings import TimePointSettings


# A dataclass collects the fields of its bases from the last to the first: the settings are
# documented in the order of the five modules read from below.
@dataclass(frozen=True, kw_only=True)
class Protocol(
    ReaderSettings, AbscopalSettings, OutcomeSettings, IrecistSettings, TimePointSettings
):
    """The settings in force; the defaults are those of the preset ``recist11-eortc``."""

    name: str = "recist11-eortc"
    #: The thresholds of the field classes, and what the papers on PET leave open.
    field: FieldProfile = DEFAULT_PROFILE
    pet: PetProtocol = PetProtocol()  # noqa: RUF009 - immutable

    def __hash__(self) -> int:
        """Of the name alone: answers are looked up by protocol far more often than it changes."""
        return hash(self.name)

    def __post_init__(self) -> None:
        for each in SETTINGS.values():
            each.check(getattr(self, each.name))
        if self.confirm_max_days < self.confirm_min_days:
            raise ProtocolError(
                f"confirm_max_days = {self.confirm_max_days} is before "
                f"confirm_min_days = {self.confirm_min_days}"
            )


#: All settings by name, in the order in which they are documented.
SETTINGS: Mapping[str, Setting] = settings_of(Protocol)

DEFAULT = Protocol()


def from_table(
    table: Mapping[str, object], *, name: str = "custom", start: Protocol = DEFAULT
) -> Protocol:
    """A protocol from the names and values of settings, as one that starts from another.

    Raises:
        ProtocolError: an unknown key or value, with the nearest name.
    """
    values = dict(table)
    unknown = sorted(set(values) - set(SETTINGS))
    if unknown:
        raise ProtocolError(
            f"unknown setting {unknown[0]!r}",
            remedy=did_you_mean(unknown[0], SETTINGS).strip() or f"settings: {', '.join(SETTINGS)}",
        )
    for key, value in values.items():
        if SETTINGS[key].kind is Decimal and type(value) is int:
            values[key] = Decimal(value)
    changes: dict[str, Any] = {"name": name, **values}
    return replace(start, **changes)


def effective(protocol: Protocol) -> dict[str, object]:
    """The settings in force, by name, as plain values for JSON; of PET, what a trial changed."""
    named: dict[str, object] = {"name": protocol.name}
    for name in SETTINGS:
        value = getattr(protocol, name)
        named[name] = str(value) if isinstance(value, Decimal) else value
    named["field"] = asdict(protocol.field)
    named["pet"] = _changed_from_default(protocol.pet)
    return named


def _changed_from_default(pet: PetProtocol) -> dict[str, object]:
    own, default = asdict(pet), asdict(PetProtocol())
    return {name: value for name, value in own.items() if value != default[name]}
