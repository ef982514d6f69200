"""Thresholds of the field classes: named, versioned, and replaceable by a trial's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imaging.dose_tail import Tail
from imaging.errors import InputError
from imaging.setting import setting
from imaging.setting_tables import changed
from imaging.spelling import did_you_mean
from recist.papers import MENON


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """Thresholds of the field classes; the papers agree on none, so each is a trial's to choose."""

    name: str = setting(
        "sbrt-default", "", "Of the profile; written beside every result.", "the trial"
    )
    version: str = setting("1.0", "", "Of the profile; written beside every result.", "the trial")
    target_overlap: float = setting(
        0.50,
        "",
        "A lesion belongs to the target volume that holds at least this share of it.",
        "design decision: more than half of it",
    )
    in_coverage: float = setting(
        0.95,
        "",
        "In the field: at least this share of the lesion received 50 % of the prescription or "
        "more (without dose: lies in a target volume).",
        "design decision: the share that a target volume is planned to be covered by",
    )
    undercovered: float = setting(
        0.95,
        "",
        "A lesion in the field is flagged where less than this share of it received 95 % of the "
        "prescription.",
        "design decision: as in_coverage",
    )
    low_dose_gy: float = setting(
        1.0, "", "Low dose: a near-maximum from here on; below, out of the field.", MENON()
    )
    bands_gy: tuple[float, ...] = setting(
        (5.0, 20.0),
        "",
        "Limits between the bands of a low dose.",
        f"{MENON()}: 1 to 20 Gy; 5 Gy: protocols of single trials",
    )
    tail: Tail = Tail(0.05, 1.0 / (1.0 - 0.55))  # noqa: RUF009 - immutable
    registration_error_mm: float = setting(
        3.0,
        "",
        "Standard deviation, along each axis, of the shifts between image and dose that are "
        "sampled for the probability of a class.",
        "design decision",
    )
    shifts: int = setting(200, "", "How many such shifts are sampled.", "design decision")
    seed: int = setting(20190101, "", "Where their random numbers start.", "design decision")
    clear_distance_mm: float = setting(
        100.0,
        "",
        "Without dose, a lesion further than this from every target volume is out of the field.",
        "protocols of single trials",
    )
    clear_distance_off_level_mm: float = setting(
        50.0,
        "",
        "The same where it shares no axial level with a target volume, since beams mostly run in "
        "the axial plane.",
        "protocols of single trials",
    )
    alpha_betas_gy: tuple[float, ...] = setting(
        (4.0, 3.0, 10.0),
        "",
        "Ratios alpha/beta that EQD2 is given for; the first is for soft-tissue sarcoma.",
        "design decision",
    )

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


DEFAULT_PROFILE = FieldProfile()
#: Out of field below 5 Gy, a convention of individual protocols.
FIVE_GRAY_PROFILE = FieldProfile(name="five-gray", low_dose_gy=5.0, bands_gy=(20.0,))
PROFILES = {profile.name: profile for profile in (DEFAULT_PROFILE, FIVE_GRAY_PROFILE)}


def from_table(table: Mapping[str, object], *, name: str = "custom") -> FieldProfile:
    """A profile of one's own: what it changes of one that ships, under a name of its own.

    The name is written beside every result. ``based_on`` names the profile it starts from; with
    nothing else, it is that profile::

        [field]
        name = "our-centre"
        version = "2"
        based_on = "sbrt-default"
        low_dose_gy = 2.0

    Args:
        name: unless the table has one.

    Raises:
        InputError: an unknown profile or setting, with the nearest, or a value of another kind.
    """
    changes = dict(table)
    based_on = str(changes.pop("based_on", DEFAULT_PROFILE.name))
    if based_on not in PROFILES:
        raise InputError(
            f"no field profile {based_on!r} to start from",
            remedy=f"{did_you_mean(based_on, PROFILES)}known: {', '.join(PROFILES)}",
        )
    base = PROFILES[based_on]
    return changed(base, {"name": name} | changes, prefix="field.") if changes else base
