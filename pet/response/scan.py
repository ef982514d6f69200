"""What a PET date contributes to response: lesions, reference regions, conditions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from imaging.errors import InputError


@dataclass(frozen=True, slots=True)
class LesionUptake:
    """One lesion at one date.

    Attributes:
        lesion: identifier, the same at every date.
        peak: SULpeak (or the measure the criterion uses); None if not measured.
        organ: decides "two per organ".
        new: absent at baseline, unequivocal and typical of cancer.
        resolved: the reader cannot tell it from the surrounding background.
        suv_max: for Deauville and EORTC; ``tlg``; ``diameter_cm``: functional, for PERCIMT.
    """

    lesion: str
    peak: float | None
    organ: str = ""
    new: bool = False
    resolved: bool = False
    suv_max: float | None = None
    tlg: float | None = None
    diameter_cm: float | None = None

    def __post_init__(self) -> None:
        for name in ("peak", "suv_max", "tlg", "diameter_cm"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0.0):
                raise InputError(f"{name} of {value}", where=f"lesion {self.lesion}")


@dataclass(frozen=True, slots=True)
class ReferenceUptake:
    """Mean and standard deviation of a reference region, in the unit of the peaks."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.sd) and self.mean > 0 <= self.sd):
            raise InputError(f"a reference region of mean {self.mean} and SD {self.sd}")


@dataclass(frozen=True, slots=True)
class PetScan:
    """One date.

    Attributes:
        day: from treatment start or baseline.
        liver, blood_pool: None where absent or, for the liver, diseased.
        uptake_min: injection to scan.
        dose_mbq, scanner: to see whether two scans are alike.
        cycles: of treatment given before the scan (EORTC).
        progression: the reader states unequivocal progression of non-measured disease.
        deterioration: the patient is clinically worse (iPERCIST).
    """

    day: int
    lesions: tuple[LesionUptake, ...] = ()
    liver: ReferenceUptake | None = None
    blood_pool: ReferenceUptake | None = None
    uptake_min: float | None = None
    dose_mbq: float | None = None
    scanner: str | None = None
    cycles: int | None = None
    progression: bool = False
    deterioration: bool = False

    def __post_init__(self) -> None:
        names = [lesion.lesion for lesion in self.lesions]
        if len(set(names)) < len(names):
            raise InputError("a lesion is listed twice", where=f"PET of day {self.day}")
        if self.dose_mbq is not None and not self.dose_mbq > 0.0:
            raise InputError(f"dose of {self.dose_mbq} MBq", where=f"PET of day {self.day}")

    @property
    def hottest(self) -> LesionUptake | None:
        """The lesion with the highest peak."""
        measured = [lesion for lesion in self.lesions if lesion.peak is not None]
        return max(measured, key=_heat, default=None)

    @property
    def all_resolved(self) -> bool:
        """Every lesion is resolved (a scan without lesions has nothing left)."""
        return all(lesion.resolved for lesion in self.lesions)

    def missing_since(self, baseline: PetScan) -> tuple[str, ...]:
        """Lesions of the baseline that this scan says nothing about."""
        listed = {lesion.lesion for lesion in self.lesions}
        return tuple(one.lesion for one in baseline.lesions if one.lesion not in listed)

    def new_since(self, baseline: PetScan) -> tuple[LesionUptake, ...]:
        """Lesions that are new: stated so, or not on the baseline's list."""
        known = {lesion.lesion for lesion in baseline.lesions}
        return tuple(
            lesion
            for lesion in self.lesions
            if not lesion.resolved and (lesion.new or lesion.lesion not in known)
        )


def _heat(lesion: LesionUptake) -> float:
    return -1.0 if lesion.peak is None else lesion.peak


def hottest_lesions(
    lesions: Sequence[LesionUptake], *, most: int, per_organ: int
) -> tuple[LesionUptake, ...]:
    """The hottest lesions, at most ``per_organ`` of one organ; unnamed organs do not count."""
    chosen: list[LesionUptake] = []
    for lesion in sorted(lesions, key=_heat, reverse=True):
        same = [one for one in chosen if one.organ and one.organ == lesion.organ]
        if lesion.peak is not None and len(same) < per_organ and len(chosen) < most:
            chosen.append(lesion)
    return tuple(chosen)
