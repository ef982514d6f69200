"""Which lesion, at which date, an outline of others is of: it becomes what a reader drew.

A lesion is known by its Tracking UID, else by its name, else by its place: an outline that shares
most of its voxels with one lesion of the date. What fits nothing is never guessed: it is kept in a
table, with the reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from imaging.derived import read_earlier
from imaging.errors import InputError
from imaging.volume import Mask
from recist.export.folders import PatientFolder
from recist.export.patient_files import DELINEATIONS
from recist.incoming.foreign_delineation import ForeignDelineation, OutlinedLesion
from recist.incoming.taking import LeftOut
from recist.patient.corrections import DrawnLesion
from recist.patient.pipeline import PatientAnswer, answer_in
from recist.patient.result_folder import DICOM_FOLDER
from recist.patient.work import ObservedDate
from segmentation.evaluation import dice_of_masks

#: An outline is of the lesion with which its Dice coefficient is at least this: drawn anew it
#: shares most of its voxels, a target volume around a lesion does not.
SAME_OUTLINE_DICE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class KeptPatient:
    """One patient with the work behind his results: images, delineations, lesions.

    Attributes:
        patient_ids: as the results and as the images name him.
        masks: date -> lesion -> what stands for it there.
        sent: SOP Instance UIDs of the objects of these results, and of those before them.
    """

    folder: PatientFolder
    patient_ids: frozenset[str]
    answer: PatientAnswer
    masks: Mapping[dt.date, Mapping[str, Mask]]
    sent: frozenset[str]


@dataclass(slots=True)
class TakenOutlines:
    """What came of the outlines.

    Attributes:
        drawn: by subject.
        left: what was not taken.
        unchanged: how many came back as they had been sent.
    """

    drawn: dict[str, list[DrawnLesion]] = field(default_factory=dict)
    left: list[LeftOut] = field(default_factory=list)
    unchanged: int = 0


def kept_patient(folder: PatientFolder) -> KeptPatient:
    """A patient whose delineations can be corrected.

    Raises:
        InputError: no work of the run is kept.
    """
    answer = answer_in(folder.path, folder.subject, pictures=False)
    dates = answer.work.dates
    names = {folder.subject}
    for each in dates:
        headers = each.examination.ct.headers
        with suppress(InputError):  # the images may be gone: then the name of the results counts
            names |= {str(headers[0].get("PatientID", "")).strip()} if headers else set()
    masks = {
        each.date: dict(dated.masks())
        for each, dated in zip(dates, answer.delineations, strict=True)
    }
    return KeptPatient(folder, frozenset(names), answer, masks, frozenset(_sent(folder.path)))


def _sent(folder: Path) -> set[str]:
    found = set()
    for place in (DICOM_FOLDER, DELINEATIONS):
        for path in sorted((folder / place).glob("*.dcm")):
            for each in read_earlier(path) or ():
                if each is not None:
                    found.add(each.sop_instance_uid)
    return found


def take_outlines(
    files: Sequence[ForeignDelineation],
    patients: Sequence[KeptPatient],
    *,
    reader: str = "",
    new: bool = False,
) -> TakenOutlines:
    """Turn delineations of others into what a reader drew; the later file of a lesion wins.

    Args:
        reader: who stands for files that name nobody.
        new: an outline of no known lesion is a new one under its own name.
    """
    taken = TakenOutlines()
    replaced = {uid for each in files for uid in each.predecessors}
    said: dict[tuple[str, str, dt.date], tuple[ForeignDelineation, DrawnLesion]] = {}
    for file in sorted(files, key=lambda each: (each.written or dt.datetime.min, each.source)):
        owner = _owner(file, patients)
        if isinstance(owner, str):
            taken.left += [_left(file, each, owner) for each in file.lesions or (None,)]
            continue
        patient, date = owner
        if file.sop_instance_uid in patient.sent:
            continue  # our own, as it was sent
        reason = _passed_over(file, replaced)
        if reason:
            taken.left += [_left(file, each, reason) for each in file.lesions]
            continue
        own: set[str] = set()
        for each in file.lesions:
            mask = _placed(each, date)
            if isinstance(mask, str):
                taken.left.append(_left(file, each, mask))
                continue
            lesion, reason = _lesion_of(each, mask, patient, date, new=new)
            if lesion in own:
                reason = f"{lesion} stands in the file twice"
            if reason:
                taken.left.append(_left(file, each, reason))
                continue
            own.add(lesion)
            known = patient.masks[date.date].get(lesion)
            if known is not None and dice_of_masks(known, mask) == 1:
                taken.unchanged += 1
                continue
            place = (patient.folder.subject, lesion, date.date)
            if place in said:
                earlier, _ = said[place]
                again = f"drawn again in {file.source}"
                taken.left.append(LeftOut(earlier.source, lesion, "", again))
            said[place] = (file, _drawn(file, lesion, date.date, mask, reader))
    for (subject, _, _), (_, drawn) in said.items():
        taken.drawn.setdefault(subject, []).append(drawn)
    return taken


def _passed_over(file: ForeignDelineation, replaced: set[str]) -> str:
    if file.sop_instance_uid in replaced:
        return "a later structure set takes its place"
    if file.is_ours:
        return "written by this program for another result than this one"
    return ""


def _owner(
    file: ForeignDelineation, patients: Sequence[KeptPatient]
) -> tuple[KeptPatient, ObservedDate] | str:
    """The patient and the date of a file, or why there is none."""
    own = [each for each in patients if file.patient_id in each.patient_ids]
    if not own:
        return "another patient, whose results are not here"
    for patient in own:
        for date in patient.answer.work.dates:
            ct = date.examination.visit.ct
            if ct is not None and ct.study_uid == file.study_uid:
                return patient, date
    for patient in own:  # a structure set of a planning system is often a study of its own
        for date in patient.answer.work.dates:
            if file.images & set(date.examination.ct.sop_instance_uids):
                return patient, date
    return "a study that no date of the results is of"


def _placed(outlined: OutlinedLesion, date: ObservedDate) -> Mask | str:
    """Its voxels on the CT of a date, or why there are none."""
    grid = date.examination.ct.volume.grid
    frame = grid.frame_of_reference_uid
    if outlined.frame_uid and frame not in (None, outlined.frame_uid):
        return "drawn in another frame of reference than the CT of the date"
    try:
        mask, _ = outlined.on(grid)
    except InputError as error:
        return error.what
    return mask if mask.voxels else "holds no voxel of the CT of the date"


def _lesion_of(
    outlined: OutlinedLesion, mask: Mask, patient: KeptPatient, date: ObservedDate, *, new: bool
) -> tuple[str, str]:
    """The lesion that an outline is of; or "" and why it is of none."""
    lesions = patient.answer.result.course.lesions
    known = {each.tracking_uid: each.id for each in lesions}
    known |= {each.id.casefold(): each.id for each in lesions}
    named = [
        known[name]
        for name in (outlined.tracking_uid, *map(str.casefold, outlined.names))
        if name in known
    ]
    if named:
        return named[0], ""
    if outlined.is_planned:
        return "", outlined.no_lesion or "a volume of a treatment plan"
    near = [
        name
        for name, own in patient.masks[date.date].items()
        if dice_of_masks(mask, own) >= SAME_OUTLINE_DICE
    ]
    if near:
        unclear = f"lies over {', '.join(near)}: which of them is not clear"
        return (near[0], "") if len(near) == 1 else ("", unclear)
    if outlined.no_lesion:
        return "", f"lies over no lesion of the patient and is {outlined.no_lesion}"
    if new:
        return outlined.names[0], ""
    return "", "names no lesion of the patient, and lies over none (--new takes it as a new one)"


def _drawn(
    file: ForeignDelineation, lesion: str, date: dt.date, mask: Mask, reader: str
) -> DrawnLesion:
    return DrawnLesion(
        lesion,
        date,
        outline=mask,
        reason=f"{file.modality} {file.source}",
        reader=file.author or reader or "an unnamed reader",
        recorded_at="" if file.written is None else file.written.isoformat(),
    )


def _left(file: ForeignDelineation, outlined: OutlinedLesion | None, reason: str) -> LeftOut:
    named = "" if outlined is None else " / ".join(outlined.names)
    return LeftOut(file.source, named, "", reason)
