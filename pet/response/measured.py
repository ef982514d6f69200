"""A PET date measured on its images, ready for the criteria.

SUL (lean body mass, Janmahasatian) is what PERCIST compares. It differs from SUVbw by one factor
of the patient, so the SUVbw volume is measured once and the numbers are scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from imaging.errors import HeaderError
from imaging.volume import Mask, Unit, Volume
from pet.anatomy import read_anatomy
from pet.reference_regions import (
    ReferenceRegion,
    RegionName,
    blood_pool_region,
    liver_region,
    region_in,
)
from pet.response.measurements import DatedScan, PetCourse
from pet.response.pet_assessment import PetAssessment
from pet.response.protocol import PetProtocol
from pet.response.scan import LesionUptake, PetScan, ReferenceUptake
from pet.response.uptake_table import assess_course, chosen_criteria
from pet.suv import Audit, Body, SuvType
from pet.uptake import Between, Uptake, dmax_mm, uptake

#: A lesion no hotter than the blood pool (mean and two SD) cannot be told from background.
BACKGROUND_DEVIATIONS = 2.0
#: What is assessed from images alone; Lugano and PECRIT need facts of their own.
FROM_IMAGES = ("percist", "percist5", "impercist5", "ipercist", "eortc", "percimt")


@dataclass(frozen=True, slots=True, eq=False)
class LesionMasks:
    """The lesions of a date.

    Attributes:
        masks: identifier to mask on the PET's grid.
        organs: identifier to organ, where known.
        new: identifiers of lesions that were not there at baseline.
        absent: identifiers of lesions that have disappeared.
        uptakes: what was measured in a mask already; the others are measured.
    """

    masks: Mapping[str, Mask]
    organs: Mapping[str, str] = field(default_factory=dict)
    new: Collection[str] = ()
    absent: Collection[str] = ()
    uptakes: Mapping[str, Uptake] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredScan:
    """A scan with the regions it was measured in and what is doubtful about them."""

    scan: PetScan
    regions: tuple[ReferenceRegion, ...]
    unit: Unit
    warnings: tuple[str, ...] = ()


def measured_scan(
    day: int,
    suv: Volume,
    lesions: LesionMasks,
    *,
    audit: Audit | None = None,
    ct: Volume | None = None,
    regions: Sequence[ReferenceRegion] | None = None,
) -> MeasuredScan:
    """Measure a date.

    Args:
        suv: SUVbw, or SUL already.
        audit: of the conversion: uptake time, dose and the body that SUL needs.
        ct: in HU, to place liver and blood pool.
        regions: liver and blood pool as given by the reader; None places them on the CT.

    Returns:
        The scan in SUL; in SUVbw with a warning where sex, height or weight is not known.
        Regions with concerns are shown but not used as references.
    """
    ratio, unit, warnings = _to_lean(suv, audit)
    placed = tuple(regions if regions is not None else regions_of(suv, ct, lesions.masks.values()))
    for region in placed:
        warnings += [f"{region.name.value}: {concern}" for concern in region.concerns]
    liver, blood = (_reference(placed, name, ratio) for name in ("liver", "blood pool"))
    scan = PetScan(
        day=day,
        lesions=tuple(_lesions(suv, lesions, ratio, blood)),
        liver=liver,
        blood_pool=blood,
        uptake_min=None if audit is None else audit.uptake_min,
        dose_mbq=None if audit is None or audit.dose_bq is None else audit.dose_bq / 1e6,
    )
    return MeasuredScan(scan, placed, unit, tuple(warnings))


def assess_scans(
    scans: Sequence[PetScan],
    *,
    criteria: Sequence[str] = FROM_IMAGES,
    protocol: PetProtocol | None = None,
) -> tuple[PetAssessment, ...]:
    """Every follow-up by each set of criteria; the first scan is the baseline.

    Args:
        scans: in order of day; one scan alone gives no assessment.
        criteria: names out of :data:`pet.response.uptake_table.CRITERIA`.
    """
    course = PetCourse("", "day", tuple(DatedScan(str(scan.day), scan, {}) for scan in scans))
    names = chosen_criteria(criteria)
    return tuple(found for _, found in assess_course(course, names, protocol or PetProtocol()))


def _to_lean(suv: Volume, audit: Audit | None) -> tuple[float, Unit, list[str]]:
    """Factor from the volume's values to SUL, the unit it gives, and a warning if it is none."""
    if suv.unit is Unit.SUV_LBM:
        return 1.0, suv.unit, []
    if audit is not None and suv.unit is Unit.SUV_BW:
        body = Body(audit.weight_kg, audit.height_m, audit.sex)
        try:
            ratio = body.normaliser(SuvType.LBM) / body.normaliser(SuvType.BW)
        except HeaderError as error:
            return 1.0, suv.unit, [f"SUVbw is compared, not SUL: {error.what}"]
        return ratio, Unit.SUV_LBM, []
    return 1.0, suv.unit, [f"values in {suv.unit.value} are compared, not SUL"]


def regions_of(
    suv: Volume,
    ct: Volume | None,
    drawn: Iterable[Mask],
    organs: Callable[[], Mapping[RegionName, Mask]] = dict,
) -> tuple[ReferenceRegion, ...]:
    """Liver and blood pool placed on the CT, away from everything that was drawn.

    Args:
        drawn: masks on the PET's grid.
        organs: drawn by a person, on the PET's grid: asked for where nothing is placed on the CT.
    """
    masks = list(drawn)
    anatomy = None if ct is None else read_anatomy(ct)
    placed = {
        RegionName.LIVER: liver_region(suv, ct=anatomy, lesions=masks),
        RegionName.BLOOD_POOL: blood_pool_region(suv, ct=anatomy, lesions=masks),
    }
    known = organs() if None in placed.values() else {}
    for name, organ in known.items():
        placed[name] = placed[name] or region_in(name, suv, organ, masks)
    return tuple(region for region in placed.values() if region is not None)


def _reference(
    regions: Sequence[ReferenceRegion], name: str, ratio: float
) -> ReferenceUptake | None:
    for region in regions:
        if region.name.value == name and region.plausible:
            return ReferenceUptake(region.mean * ratio, region.sd * ratio)
    return None


def _lesions(
    suv: Volume, lesions: LesionMasks, ratio: float, blood: ReferenceUptake | None
) -> list[LesionUptake]:
    found = []
    for name, mask in lesions.masks.items():
        values = lesions.uptakes.get(name) or uptake(suv, mask)
        peak = values.suv_peak.value * ratio
        background = None if blood is None else blood.mean + BACKGROUND_DEVIATIONS * blood.sd
        found.append(
            LesionUptake(
                lesion=name,
                peak=peak,
                organ=lesions.organs.get(name, ""),
                new=name in lesions.new,
                resolved=background is not None and peak <= background,
                suv_max=values.suv_max,
                tlg=values.tlg * ratio,
                diameter_cm=dmax_mm([mask], between=Between.VOXELS) / 10.0,
            )
        )
    gone = [name for name in lesions.absent if name not in lesions.masks]
    return found + [LesionUptake(name, None, resolved=True) for name in gone]
