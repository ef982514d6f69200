"""Thresholds of the field classes: named, versioned, and replaceable by a trial's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imaging.dose_tail import Tail
from imaging.errors import InputError
from imaging.setting_tables import changed
from imaging.spelling import did_you_mean


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """Thresholds of the field classes.

    Attributes:
        target_overlap: a lesion belongs to a target volume that holds this share of it.
        in_coverage: share of the lesion with at least 50 % of the prescription, to be targeted.
        undercovered: a targeted lesion with less than this share at 95 % is flagged.
        low_dose_gy: a near-maximum from here on is a low dose (Menon, J Immunother Cancer 2019:
            low-dose lesions received 1-20 Gy, no-dose lesions less than 1 Gy).
        bands_gy: limits between the low-dose bands.
        tail: planning systems underestimate dose outside of the field by up to 55 % (Howell, Phys
            Med Biol 2010): below the 5 % isodose the class is also taken on 1/(1-0.55) times it.
        registration_error_mm: standard deviation of sampled rigid shifts along each axis.
        shifts, seed: number of sampled shifts and where they start.
        clear_distance_mm: without dose, a lesion further than this from every target volume is out
            of the field; ``clear_distance_off_level_mm`` where it shares no axial level with one,
            since beams mostly run in the axial plane. Conventions of single protocols.
        alpha_betas_gy: for EQD2, the default of soft-tissue sarcoma first.
    """

    name: str = "sbrt-default"
    version: str = "1.0"
    target_overlap: float = 0.50
    in_coverage: float = 0.95
    undercovered: float = 0.95
    low_dose_gy: float = 1.0
    bands_gy: tuple[float, ...] = (5.0, 20.0)
    tail: Tail = field(default_factory=lambda: Tail(0.05, 1.0 / (1.0 - 0.55)))
    registration_error_mm: float = 3.0
    shifts: int = 200
    seed: int = 20190101
    clear_distance_mm: float = 100.0
    clear_distance_off_level_mm: float = 50.0
    alpha_betas_gy: tuple[float, ...] = (4.0, 3.0, 10.0)

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
