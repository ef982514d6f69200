"""One date of a patient: read, delineated, and every candidate sized."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imaging.beside import NOBODY, Beside
from imaging.errors import GeometryError, InputError
from imaging.read import Reading, read_ct, read_pet
from imaging.series import Problem, Visit
from imaging.volume import Volume
from pet.suv import Audit, to_suv
from pet.uptake import Uptake, on_pet_grid, uptake
from recist.course import Caliper
from recist.measure import across_waist, caliper, flags
from recist.patient.delineation import Delineated, read_visit
from recist.patient.delineation_folder import files_of_visit, from_folder, label_maps_of
from recist.patient.options import AUTO, DICOM, ORGAN_NAMES, Options
from recist.patient.tissue import organ_around
from segmentation.bundle import FINE_BUNDLE, Bundle, load_bundle
from segmentation.evaluation import shared_voxels
from segmentation.instances import Candidate
from segmentation.organs import placed, read_organs

if TYPE_CHECKING:  # torch comes with them: a date that was drawn does without
    from segmentation.foreign.model import ForeignModel
    from segmentation.infer import Delineation

#: Candidates that are handed on to another process together, and seconds that one takes.
HANDED_ON, CALIPER_S = 50, 0.001
#: So many folders above the images may carry the user's name for study and date.
FOLDERS_ABOVE = 3
MODALITY_FOLDERS = ("CT", "PT", "PET", "DICOM", "IMAGES")


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """What was read at one date.

    Attributes:
        ct: the image that lesions are drawn on: the CT in HU; where the patient has a CT at no
            date, the PET as SUV.
        suv: None without a PET that can be converted.
    """

    visit: Visit
    day: int
    ct: Reading
    suv: Volume | None = None
    audit: Audit | None = None
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def is_pet_alone(self) -> bool:
        """Whether there is no CT: what is drawn has an uptake, and no diameter."""
        return self.visit.ct is None


@dataclass(frozen=True, slots=True, eq=False)
class Sized:
    """A candidate with its diameters, and its uptake where there is a PET."""

    candidate: Candidate
    caliper: Caliper | None
    uptake: Uptake | None


def examine(visit: Visit, day: int) -> Examination:
    """Read the CT, and the PET as SUVbw where there is one; without a CT the PET alone.

    A PET that cannot be converted is a problem that is named; the CT is used without it.

    Raises:
        InputError: the CT cannot be read; or, without one, the PET cannot be read or converted.
    """
    if visit.ct is None:
        return _pet_alone(visit, day)
    ct = read_ct(visit.ct)
    examination = Examination(visit, day, ct, warnings=ct.warnings)
    if visit.pet is None:
        return examination
    try:
        reading = read_pet(visit.pet)
        suv, audit = to_suv(reading.volume, reading.headers)
    except InputError as error:
        problem = Problem(f"PET of {visit.date}", error.what, error.remedy)
        return replace(examination, problems=(problem,))
    frames = (ct.volume.grid.frame_of_reference_uid, suv.grid.frame_of_reference_uid)
    warnings = (*ct.warnings, *reading.warnings, *audit.warnings)
    if None not in frames and frames[0] != frames[1]:
        what = "lies in another frame of reference than the CT and is not used"
        problem = Problem(f"PET of {visit.date}", what, "give a PET acquired with this CT")
        return replace(examination, problems=(problem,))
    return replace(examination, suv=suv, audit=audit, warnings=warnings)


def _pet_alone(visit: Visit, day: int) -> Examination:
    if visit.pet is None:
        raise InputError("no CT or PET that can be measured", where=f"{visit.date} {visit.label}")
    reading = read_pet(visit.pet)
    suv, audit = to_suv(reading.volume, reading.headers)
    warnings = (*reading.warnings, *audit.warnings)
    return Examination(visit, day, replace(reading, volume=suv), suv, audit, warnings)


def undelineated(drawn: Delineated | None) -> Delineated:
    """A date without CT on which nobody drew: there is no network for it, so nothing is known.

    Args:
        drawn: what was given and says nothing of lesions.
    """
    what = "PET without CT and without a SEG or RTSTRUCT of its lesions: the date is not evaluable"
    told = drawn.warnings if drawn is not None else ()
    unusable = (*(drawn.unusable if drawn is not None else ()), what)
    return Delineated((), told, reviewed=False, unusable=unusable, incomplete=True)


def drawn_at(subject: str, examination: Examination, options: Options) -> Delineated | None:
    """What a person delineated at a date; None where nothing is at hand.

    Raises:
        InputError: a delineation that does not fit its image.
    """
    drawn = _drawn(subject, examination, options)
    if drawn is None:
        return None
    says = drawn.candidates or drawn.incomplete or not _may_be_missing(examination, options)
    return replace(drawn, is_answer=bool(says))


def by_network(
    subject: str, examination: Examination, options: Options, left_out: tuple[str, ...] = ()
) -> Delineated:
    """What the network finds at a date.

    Args:
        subject: label maps of another tool are found by it.
        left_out: warnings about delineations of the date that say nothing of its lesions.

    Raises:
        InputError: there is no network.
    """
    from segmentation.physiological import proposed  # noqa: PLC0415 - as above
    from segmentation.quality import flagged  # noqa: PLC0415 - as above

    bundle = options.required_bundle()
    found = _asked(subject, examination, bundle, options)
    likely = proposed(found.candidates, examination.ct.volume, examination.suv)
    answer = flagged(
        replace(found, candidates=likely),
        suv=examination.suv,
        diameter=lambda mask: float(caliper(mask).long_axis_mm),
    )
    instead = _instead(examination, options, bundle.source, left_out)
    told = (*left_out, *((instead,) if instead else ()), *answer.warnings)
    return Delineated(answer.candidates, told, reviewed=False, instead=instead)


def _instead(
    examination: Examination, options: Options, network: str, left_out: tuple[str, ...]
) -> str:
    """Why the network answers although delineations are asked for, or are at hand."""
    if options.lesions == AUTO:
        held = (*examination.visit.segs, *examination.visit.rtstructs)
        names = sorted({series.modality for series in held})
        names += ["label map"] if examination.visit.labels is not None else []
        if not names:
            return ""
        return f"{' and '.join(names)} not used, lesions by {network} (--lesions dicom takes them)"
    drawn = "no lesion among what is drawn" if left_out else "nothing is drawn"
    return f"{drawn}: lesions followed and sought by {network}, which no reader has checked"


def with_organs(
    subject: str, examination: Examination, found: Delineated, options: Options
) -> Delineated:
    """A delineation with the organ of each lesion by a label map of organs, where there is one.

    Raises:
        InputError: a label map that does not fit its image.
    """
    if options.organs is None:
        return found
    visit, grid = examination.visit, examination.ct.volume.grid
    for path in label_maps_of(options.organs, subject, (visit.date, visit.label)):
        labels, names = read_organs(path, options.organs / ORGAN_NAMES, grid)
        return replace(found, candidates=placed(found.candidates, labels, names))
    missing = f"no organ label map of {visit.date} in {options.organs.name}"
    return replace(found, warnings=(*found.warnings, missing))


def with_lung_candidates(
    examination: Examination, found: Delineated, options: Options
) -> Delineated:
    """A delineation with what else is round in the lungs, as a remark: none of it is a lesion.

    Only where the run was told to; a reader takes one up by clicking it.
    """
    if not options.lung_candidates or examination.is_pet_alone:
        return found
    from segmentation.fine.lung_candidates import lung_candidates  # noqa: PLC0415 - torch

    listed = lung_candidates(
        examination.ct.volume, load_bundle(name=FINE_BUNDLE), device=options.device
    )
    others = [
        each
        for each in listed.candidates
        if not any(shared_voxels(each.mask, known.mask) for known in found.candidates)
    ]
    day = examination.visit.date
    told = tuple(
        f"{day}: candidate {n} in the lung, not reviewed and no lesion of this result: "
        f"{caliper(each.mask).long_axis_mm} mm at "
        f"{','.join(f'{x:.0f}' for x in each.mask.centre_mm)} (LPS mm)"
        for n, each in enumerate(others, start=1)
    )
    none = (f"{day}: no candidate in the lung beside what is delineated",)
    return replace(found, warnings=(*found.warnings, *(told or none)))


def _asked(
    subject: str, examination: Examination, model: Bundle | ForeignModel, options: Options
) -> Delineation:
    """The answer of a network to the whole examination; label maps are found by its names."""
    ct, suv, visit = examination.ct.volume, examination.suv, examination.visit
    if isinstance(model, Bundle):
        from segmentation.infer import delineate as ask_network  # noqa: PLC0415 - as above

        return ask_network(ct, suv, model, device=options.device, quality=options.quality)
    from segmentation.foreign.model import delineate_with  # noqa: PLC0415 - as above

    told = [str(visit.date), f"{visit.date:%Y%m%d}", visit.label, *folders_of(visit)]
    names = [f"{subject}{part}" for part in told if part]
    return delineate_with(model, ct, suv, device=options.device, names=(*names, *told))


def _may_be_missing(examination: Examination, options: Options) -> bool:
    """Whether no lesion in what was given means that none was drawn, not that none is there.

    Structure sets also hold organs alone; an empty label map is an answer.
    """
    return options.lesions == DICOM and examination.visit.labels is None


def _drawn(subject: str, examination: Examination, options: Options) -> Delineated | None:
    """What a person drew at this date; None where nothing is at hand."""
    visit, grid = examination.visit, examination.ct.volume.grid
    if options.lesions == AUTO:
        return None
    if options.lesions == DICOM:
        return read_visit(visit, grid, options.roi_pattern)
    folder = Path(options.lesions)
    for who, name, _ in delineation_names(subject, visit, folder):
        return Delineated(from_folder(folder, who, name, grid, options.roi_pattern))
    return None


def delineation_names(
    subject: str, visit: Visit, folder: Path
) -> Iterator[tuple[str, str | dt.date, list[Path]]]:
    """The names of subject and date under which a folder holds delineations, and their files.

    The first is used.
    """
    own = folders_of(visit)
    subjects = (subject, *(name for name in own if (folder / name).is_dir()))
    names: tuple[str | dt.date, ...] = (visit.date, visit.label, *own)
    for who in subjects:
        for name in names:
            if files := files_of_visit(folder, who, name):
                yield who, name, files


def folders_of(visit: Visit) -> tuple[str, ...]:
    """The names of the folders that hold a visit's images, nearest last: how a user may name it.

    A study kept as ``STUDY/fu1/CT`` can have its label maps in ``LABELS/STUDY/fu1.nii.gz``, though
    the Patient ID is another. Folders named for the modality say nothing.
    """
    image = visit.ct or visit.pet
    if image is None:
        return ()
    names = image.folder.parts[-FOLDERS_ABOVE:]
    return tuple(name for name in names if name.upper() not in MODALITY_FOLDERS)


@dataclass(frozen=True, slots=True)
class Calipers:
    """The diameters of a candidate; None where it has none, and what to beware of."""

    drawn: Caliper | None
    remarks: tuple[str, ...] = ()

    @classmethod
    def on(cls, candidate: Candidate, sop_instance_uids: Sequence[str]) -> Calipers:
        if candidate.is_faint:
            return cls(None)
        drawn = caliper(
            candidate.mask,
            sop_instance_uids=sop_instance_uids,
            long_axis=candidate.long_axis,
            across=candidate.short_axis,
        )
        return cls(drawn, (*flags(candidate.mask, drawn), across_waist(candidate.mask, drawn)))


#: Candidates, and the UIDs of the slices that they lie on.
Unmeasured = tuple[Sequence[Candidate], Sequence[str]]


def calipers(asked: Unmeasured) -> list[Calipers]:
    """The diameters of candidates."""
    candidates, sop_instance_uids = asked
    return [Calipers.on(each, sop_instance_uids) for each in candidates]


def sizes(
    dates: Sequence[tuple[Examination, Sequence[Candidate]]], beside: Beside = NOBODY
) -> list[tuple[Sized, ...]]:
    """Diameters and uptake of the candidates of some dates; see :func:`size`.

    Args:
        beside: other processes, which take their part of many diameters.
    """
    on_ct = [(date, own) for date, own in dates if not date.is_pet_alone]
    if not beside.helps_with(calipers, CALIPER_S * sum(len(own) for _, own in on_ct)):
        return [tuple(size(each, date) for each in own) for date, own in dates]

    def part(date: Examination, own: Sequence[Candidate], first: int) -> Unmeasured:
        return own[first : first + HANDED_ON], date.ct.sop_instance_uids

    shared = beside.shared(
        calipers,
        [
            partial(part, date, own, first)
            for date, own in on_ct
            for first in range(0, len(own), HANDED_ON)
        ],
    )
    drawn = itertools.chain.from_iterable(shared)
    return [
        tuple(size(each, date, None if date.is_pet_alone else next(drawn)) for each in own)
        for date, own in dates
    ]


def size(candidate: Candidate, examination: Examination, measured: Calipers | None = None) -> Sized:
    """Diameters on the CT; uptake on the PET's own grid.

    Args:
        measured: its diameters, where they are known.
    """
    has_ct = not examination.is_pet_alone
    if measured is None:
        uids = examination.ct.sop_instance_uids
        measured = Calipers.on(candidate, uids) if has_ct else Calipers(None)
    drawn = measured.drawn
    organ, ground = candidate.organ, ""
    if has_ct and organ is None and candidate.is_node is not True:
        organ, ground = organ_around(candidate.mask, examination.ct.volume)
    remarks = filter(None, (*candidate.flags, *measured.remarks, ground))
    candidate = replace(candidate, organ=organ, flags=tuple(map(str, remarks)))
    if examination.suv is None:
        return Sized(candidate, drawn, None)
    try:
        on_pet = on_pet_grid(candidate.mask, examination.suv.grid)
    except GeometryError:  # smaller than a PET voxel, or outside of the PET
        return Sized(candidate, drawn, None)
    return Sized(candidate, drawn, uptake(examination.suv, on_pet))
