"""One date of a patient: read, delineated, and every candidate sized."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imaging.errors import InputError
from imaging.read import Reading, read_ct, read_pet
from imaging.resampling import resample_mask
from imaging.series import Problem, Visit
from imaging.volume import Volume
from pet.suv import Audit, to_suv
from pet.uptake import Uptake, uptake
from recist.course import Caliper
from recist.measure import caliper
from segmentation.instances import Candidate


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """What was read at one date; ``suv`` is None without a PET that can be converted."""

    visit: Visit
    day: int
    ct: Reading
    suv: Volume | None = None
    audit: Audit | None = None
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Sized:
    """A candidate with its diameters, and its uptake where there is a PET."""

    candidate: Candidate
    caliper: Caliper | None
    uptake: Uptake | None


def examine(visit: Visit, day: int) -> Examination:
    """Read the CT, and the PET as SUVbw where there is one.

    A PET that cannot be converted is a problem that is named; the CT is used without it.

    Raises:
        InputError: the CT cannot be read.
    """
    if visit.ct is None:
        raise InputError("no CT that can be measured", where=f"{visit.date} {visit.label}".strip())
    ct = read_ct(visit.ct)
    examination = Examination(visit, day, ct, warnings=ct.warnings)
    if visit.pet is None:
        return examination
    try:
        reading = read_pet(visit.pet)
        suv, audit = to_suv(reading.volume, reading.headers)
    except InputError as error:
        problem = Problem(error.where or f"PET of {visit.date}", error.what, error.remedy)
        return replace(examination, problems=(problem,))
    frames = (ct.volume.grid.frame_of_reference_uid, suv.grid.frame_of_reference_uid)
    warnings = (*ct.warnings, *reading.warnings, *audit.warnings)
    if None not in frames and frames[0] != frames[1]:
        what = "the PET lies in another frame of reference than the CT and is not used"
        problem = Problem(visit.pet.description or "PET", what, "give a PET acquired with this CT")
        return replace(examination, problems=(problem,))
    return replace(examination, suv=suv, audit=audit, warnings=warnings)


def size(candidate: Candidate, examination: Examination) -> Sized:
    """Diameters on the CT; uptake on the PET's own grid."""
    drawn = caliper(candidate.mask, sop_instance_uids=examination.ct.sop_instance_uids)
    if examination.suv is None:
        return Sized(candidate, drawn, None)
    on_pet = resample_mask(candidate.mask, examination.suv.grid)
    return Sized(candidate, drawn, uptake(examination.suv, on_pet) if on_pet.voxels else None)
