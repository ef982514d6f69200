"""When and how much was injected: dose, half-life, start of the administration."""

from __future__ import annotations

import datetime as dt
import math
from types import MappingProxyType

from pydicom.dataset import Dataset

from pet.suv.notes import Notes
from pet.suv.pet_elements import number, text
from pet.suv.pet_header import SeriesFacts
from pet.suv.suv_errors import InvalidTagError, MissingTagError

#: Total dose below this is MBq, as before DICOM said Bq for PET (IBSI-SUV).
LARGEST_DOSE_MBQ = 1e4
#: No human PET is given less than 1 MBq or more than 10 GBq; between 1e4 and 1e6 stand kBq.
SMALLEST_DOSE_BQ = 1e6
LARGEST_DOSE_BQ = 1e10
MEGA = 1e6
#: Half-lives (s), BIPM/DDEP evaluations; keyed by the codes of DICOM CID 4020.
HALF_LIFE_S = MappingProxyType(
    {
        "C-111A1": 6586.2,  # F-18
        "77004003": 6586.2,
        "C-131A3": 4062.6,  # Ga-68
        "80751004": 4062.6,
        "C-105A1": 1221.8,  # C-11
        "40565002": 1221.8,
        "C-107A1": 597.9,  # N-13
        "21576001": 597.9,
        "C-B1038": 122.2,  # O-15
        "129502007": 122.2,
        "C-159A2": 76.4,  # Rb-82
        "79197006": 76.4,
        "C-127A2": 45723.6,  # Cu-64
        "55818009": 45723.6,
        "C-168A4": 282276.0,  # Zr-89
        "1279001": 282276.0,
        "C-114A5": 360806.0,  # I-124
        "1477007": 360806.0,
    }
)
#: Agreement with the coded nuclide, and with any nuclide.
CODED_TOLERANCE = 0.02
KNOWN_TOLERANCE = 0.01
SECONDS_PER_MINUTE = 60.0
#: The stated injection is trusted if the scan starts at most an hour before it (dynamic PET) ...
LONGEST_LEAD_S = 3600.0
#: ... and within this many half-lives after it.
TRUSTED_HALF_LIVES = 2.0
#: Beyond this many half-lives there is nothing left to measure.
LONGEST_HALF_LIVES = 6.0
#: The date can be told from the clock below this half-life (s): two half-lives and the lead make
#: less than a day, so only one date fits.
DATE_FROM_CLOCK_BELOW_S = 41400.0
DAY_S = 86400.0
#: FDG uptake outside 30-120 min is no longer comparable with anything (QIBA FDG profile: 55-75).
FDG_UPTAKE_MIN = (30.0, 120.0)
#: Twice as many half-lives change SUV by a factor no percentage tells.
STATED_EFFECT_HALF_LIVES = 20.0


def drug_of(series: SeriesFacts) -> Dataset:
    if series.drug is None:
        raise MissingTagError("RadiopharmaceuticalInformationSequence")
    return series.drug


def dose_bq(series: SeriesFacts, notes: Notes) -> float:
    """The administered activity in Bq; a dose in MBq is adapted (Enhanced PET says MBq)."""
    dose = number(drug_of(series), "RadionuclideTotalDose")
    if dose is None:
        raise MissingTagError("RadionuclideTotalDose")
    if dose <= 0.0:
        raise InvalidTagError("RadionuclideTotalDose", f"is {dose:g}")
    if dose < LARGEST_DOSE_MBQ:
        if not series.enhanced:
            rule = f"below {LARGEST_DOSE_MBQ:g}: MBq"
            notes.adapt(
                "RadionuclideTotalDose (0018,1074)",
                f"{dose:g}",
                f"{dose * MEGA:g} Bq",
                rule,
                100.0 * (1.0 / MEGA - 1.0),
            )
        dose *= MEGA
    if not SMALLEST_DOSE_BQ <= dose <= LARGEST_DOSE_BQ:
        raise InvalidTagError(
            "RadionuclideTotalDose", f"of {dose:g} Bq is implausible", remedy="is it in kBq?"
        )
    return dose


def half_life_s(series: SeriesFacts, notes: Notes) -> float:
    """The half-life, compared with the coded nuclide, or with all nuclides of PET."""
    drug = drug_of(series)
    found = number(drug, "RadionuclideHalfLife")
    if found is None:
        raise MissingTagError("RadionuclideHalfLife")
    if found <= 0.0:
        raise InvalidTagError("RadionuclideHalfLife", f"is {found:g}")
    codes = [text(item, "CodeValue") for item in drug.get("RadionuclideCodeSequence") or ()]
    coded = [HALF_LIFE_S[code] for code in codes if code is not None and code in HALF_LIFE_S]
    nuclides, tolerance = (coded, CODED_TOLERANCE) if coded else (_all(), KNOWN_TOLERANCE)
    if _near(found, nuclides, tolerance):
        return found
    if _near(found * SECONDS_PER_MINUTE, nuclides, tolerance):
        raise InvalidTagError("RadionuclideHalfLife", f"is {found:g} s: minutes?")
    against = f"the coded nuclide has {coded[0]:g} s" if coded else "no PET nuclide has it"
    notes.warn(f"RadionuclideHalfLife (0018,1075) is {found:g} s; {against}")
    return found


def _all() -> list[float]:
    return sorted(set(HALF_LIFE_S.values()))


def _near(value: float, nuclides: list[float], tolerance: float) -> bool:
    return any(abs(value / known - 1.0) <= tolerance for known in nuclides)


def injection_time(
    series: SeriesFacts, reference: dt.datetime, half_life: float, notes: Notes
) -> dt.datetime:
    """The start of the administration.

    The stated date and time are used if the scan lies within [-1 h, 2 half-lives) of them.
    Otherwise (dates shifted by de-identification, or only a time is given) the clock is kept and
    the date that fits the reference is taken: midnight may lie between.

    Raises:
        MissingTagError: no time at all, or no date where the half-life is too long to tell it.
        InvalidTagError: the scan lies before the injection, or too long after it.
    """
    stated = series.injection
    if stated is not None:
        after_s = (reference - stated).total_seconds()
        if -LONGEST_LEAD_S <= after_s < TRUSTED_HALF_LIVES * half_life:
            _remark(series, after_s, half_life, notes)
            return stated
    found = _on_the_date_of(series, reference, half_life)
    after_s = (reference - found).total_seconds()
    if after_s > LONGEST_HALF_LIVES * half_life:
        raise InvalidTagError(
            "RadiopharmaceuticalStartDateTime" if stated else "RadiopharmaceuticalStartTime",
            f"does not fit the images: {found:%H:%M:%S} lies {after_s / half_life:.1f} half-lives "
            f"before the reference {reference:%H:%M:%S}, or after it",
        )
    if stated is not None and stated != found:
        _note_date(stated, found, half_life, notes)
    elif found.date() != reference.date():
        notes.warn("RadiopharmaceuticalStartTime (0018,1072): midnight lies before the scan")
    _remark(series, after_s, half_life, notes)
    return found


def _on_the_date_of(series: SeriesFacts, reference: dt.datetime, half_life: float) -> dt.datetime:
    stated = series.injection
    keyword = "RadiopharmaceuticalStartDateTime"
    if stated is None and series.injection_clock is None:
        raise MissingTagError(keyword, remedy="(0018,1072) is missing too")
    if half_life >= DATE_FROM_CLOCK_BELOW_S:
        remedy = f"a half-life of {half_life:g} s needs the date of the injection"
        if stated is None:
            raise MissingTagError(keyword, remedy=remedy)
        raise InvalidTagError(keyword, f"{stated} does not fit {reference}", remedy=remedy)
    midnight = dt.datetime.combine(reference.date(), dt.time())
    clock = series.injection_clock
    if stated is not None:
        clock = stated - dt.datetime.combine(stated.date(), dt.time())
    assert clock is not None  # one of the two is given, see above
    after_s = (reference - midnight - clock).total_seconds()
    days = math.floor((after_s + LONGEST_LEAD_S) / DAY_S)
    return midnight + clock + dt.timedelta(days=days)


def _note_date(stated: dt.datetime, found: dt.datetime, half_life: float, notes: Notes) -> None:
    moved = (found - stated).total_seconds() / half_life
    notes.adapt(
        "RadiopharmaceuticalStartDateTime (0018,1078)",
        stated.isoformat(sep=" "),
        found.isoformat(sep=" "),
        "the date does not fit the images; the clock time does",
        100.0 * (2.0**-moved - 1.0) if abs(moved) < STATED_EFFECT_HALF_LIVES else None,
    )


def _remark(series: SeriesFacts, after_s: float, half_life: float, notes: Notes) -> None:
    minutes = after_s / 60.0
    low, high = FDG_UPTAKE_MIN
    if after_s < 0.0:
        notes.warn(f"the reference time lies {-minutes:.1f} min before the injection")
    elif after_s >= TRUSTED_HALF_LIVES * half_life:
        notes.warn(f"uptake of {minutes:.1f} min is more than two half-lives")
    if _is_fdg(series) and not low <= minutes <= high:
        notes.warn(f"FDG uptake of {minutes:.1f} min is outside {low:g}-{high:g} min")


def _is_fdg(series: SeriesFacts) -> bool:
    name = radiopharmaceutical(series) or ""
    return any(word in name.lower() for word in ("fdg", "fluorodeoxyglucose", "fludeoxyglucose"))


def radiopharmaceutical(series: SeriesFacts) -> str | None:
    """Its name as the header has it."""
    return None if series.drug is None else text(series.drug, "Radiopharmaceutical")
