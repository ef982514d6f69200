"""The results of a reading that no run stands behind: page, tables, segmentations, DICOM objects.

What the reader drew takes the place of what a run would have delineated, and goes the way of a run
from there on. The table that was signed stands as it is: diameters, roles and answers on the page
and in the objects are its own, and nothing is chosen anew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imaging.errors import InputError
from imaging.series import SeriesFormat, Subject
from imaging.volume import Mask
from recist.course import Course, Lesion, Measurement, Role, Status
from recist.criteria.sums import baseline_sum
from recist.field.scope import parts_of
from recist.patient.certainties import certainties_of
from recist.patient.corrections import NOTHING_SAID, CorrectedMeasurement, Corrections, DrawnLesion
from recist.patient.delineated_date import DelineatedDate
from recist.patient.delineation import Delineated
from recist.patient.examination import examine
from recist.patient.overrides import Override
from recist.patient.patient_observation import technique_of
from recist.patient.pipeline import PatientAnswer
from recist.patient.reassessment import conclude
from recist.patient.redrawn import NO_OUTLINE
from recist.patient.result import KeyImage, PatientResult, SignedBy
from recist.patient.result_folder import written_whole
from recist.patient.roles import tracking_uid_of
from recist.patient.work.observed import Later, ObservedDate, Terms, Work
from recist.protocol import Protocol, effective
from recist.review.reading.assessed import AssessedReading
from recist.run.patient_folder import write_patient

#: By date (ISO), what was drawn of each lesion.
Outlines = Mapping[str, Mapping[str, Mask]]


def write_reading_from_images(
    subject: Subject,
    answer: AssessedReading,
    outlines: Outlines,
    signed: SignedBy,
    folder: Path,
    *,
    criteria: tuple[str, ...],
    protocol: Protocol,
) -> None:
    """Write the whole results of a subject, as they were signed, into a folder of its own.

    DICOM objects are among them where the images are DICOM.

    Args:
        subject: its images.
        answer: the signed course with its calipers, and what it comes to.

    Raises:
        InputError: an image cannot be read, or the folder not be written.
    """
    found = result_from_images(
        subject, answer, outlines, signed, criteria=criteria, protocol=protocol
    )
    visits = (each.examination.visit for each in found.delineations)
    images = (visit.ct or visit.pet for visit in visits)
    dicom = any(each is not None and each.kind is not SeriesFormat.NIFTI for each in images)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(folder) as part:
        write_patient(found, part, dicom=dicom, cache_mb=None)


def result_from_images(
    subject: Subject,
    answer: AssessedReading,
    outlines: Outlines,
    signed: SignedBy,
    *,
    criteria: tuple[str, ...],
    protocol: Protocol,
) -> PatientAnswer:
    """The answer of a reading with all that hangs on its images; see the module.

    Raises:
        InputError: an image cannot be read.
    """
    course = answer.course
    work = _work(subject, course, Terms(
        criteria,
        protocol,
        course.reader,
        settings={"criteria": list(criteria), "protocol": effective(protocol)},
    ))  # fmt: skip
    said = Corrections(
        overrides=tuple(_override(each) for each in course.lesions),
        measurements=tuple(_shown(course, outlines)),
        drawn=tuple(_drawn(course, outlines)),
    )
    result, delineations = conclude(work, said)
    # Another reader's lesion of this name may be another lesion.
    first = work.examinations[0]
    lesions = tuple(
        replace(each, tracking_uid=tracking_uid_of(first, f"{course.reader} {each.id}"))
        for each in course.lesions
    )
    course = replace(course, lesions=lesions)
    told = replace(answer, course=course)
    dates = tuple(_as_drawn(each, lesions) for each in delineations)
    return PatientAnswer(work, NOTHING_SAID, _signed(result, told, protocol, signed), dates)


def _work(subject: Subject, course: Course, terms: Terms) -> Work:
    """The images of the dates of a course, on which a run delineated nothing."""
    day_of = {course.date_of(each.day): each.day for each in course.timepoints}
    visits = [each for each in subject.visits if each.date in day_of and each.ct is not None]
    if not visits:  # PET alone, as a run reads it
        visits = [each for each in subject.visits if each.date in day_of and each.pet is not None]
    if not visits or course.day_zero is None:
        raise InputError("none of the dates that were read has images", where=subject.id)
    examinations = [examine(visit, day_of[visit.date]) for visit in visits]
    dates = tuple(
        ObservedDate(each, Delineated(()), (), technique=technique_of(each.ct))
        for each in examinations
    )
    return Work(subject, course.day_zero, course.events, dates, terms, Later(lambda: None))


def _override(lesion: Lesion) -> Override:
    """What a lesion is; that it is new follows from when it was seen first."""
    role = None if lesion.role is Role.NEW else lesion.role
    return Override(lesion.id, role, organ=lesion.organ, is_node=lesion.is_node)


def _seen(course: Course) -> Iterator[tuple[Lesion, dt.date, Measurement]]:
    lesions = {each.id: each for each in course.lesions}
    for timepoint in course.timepoints:
        date = course.date_of(timepoint.day)
        for each in timepoint.measurements:
            if date is not None and each.lesion_id in lesions:
                yield lesions[each.lesion_id], date, each


def _drawn(course: Course, outlines: Outlines) -> Iterator[DrawnLesion]:
    """Each outline; of a lesion that has none, the line where it was seen first."""
    outlined = {lesion for masks in outlines.values() for lesion in masks}
    lined: set[str] = set()
    for lesion, date, seen in _seen(course):
        about = (lesion.organ, lesion.is_node, "", course.reader)
        mask = outlines.get(date.isoformat(), {}).get(lesion.id)
        if mask is not None and mask.voxels:
            yield DrawnLesion(lesion.id, date, (), mask, *about)
        elif lesion.id not in outlined | lined and seen.caliper is not None:
            lined.add(lesion.id)
            axis = seen.caliper.long_axis
            yield DrawnLesion(lesion.id, date, (axis.start_mm, axis.end_mm), None, *about)


def _shown(course: Course, outlines: Outlines) -> Iterator[CorrectedMeasurement]:
    """The caliper of each lesion where one was drawn: pictures show it, and no other."""
    known: set[str] = set()
    for lesion, date, seen in _seen(course):
        if lesion.id in outlines.get(date.isoformat(), {}) or seen.caliper is not None:
            known.add(lesion.id)
        caliper = seen.caliper
        if lesion.id not in known or caliper is None or seen.status is not Status.MEASURED:
            continue
        has_short = caliper.short_axis_mm > 0
        if lesion.is_node and not has_short:
            continue
        short = caliper.short_axis if has_short else None
        yield CorrectedMeasurement(
            lesion.id, date, long_axis=caliper.long_axis, short_axis=short, reader=course.reader
        )


def _signed(
    result: PatientResult, answer: AssessedReading, protocol: Protocol, signed: SignedBy
) -> PatientResult:
    """A result with the course and the answers that were signed."""
    course = answer.course
    seen = {(each.lesion_id, at.day): each for at in course.timepoints for each in at.measurements}

    def is_of_it(image: KeyImage) -> bool:
        """Where a lesion was not seen nothing tells its place: no registration was made."""
        here = seen.get((image.lesion_id, image.day))
        return here is not None and here.status is not Status.ABSENT

    return replace(
        result,
        course=course,
        assessments=answer.timepoints,
        outcomes=answer.outcomes,
        key_images=tuple(each for each in result.key_images if is_of_it(each)),
        certainties=certainties_of(course, protocol) if answer.timepoints else (),
        baselines=tuple(
            baseline_sum(part, protocol, scope) for scope, part in parts_of(course, protocol)
        ),
        settings={**result.settings, "roles": []},
        fields=(),
        flags=(),
        abscopal=None,
        reviews=(),
        looks=(),
        links=(),
        link_table=(),
        signed=signed,
    )


def _as_drawn(dated: DelineatedDate, lesions: Sequence[Lesion]) -> DelineatedDate:
    """A date without the spheres that stand for lesions of which only a line was drawn."""
    tracked = tuple(
        replace(
            each,
            sized={
                day: kept
                for day, pieces in each.sized.items()
                if (kept := tuple(x for x in pieces if NO_OUTLINE not in x.candidate.flags))
            },
        )
        for each in dated.tracked
        if any(each.id == lesion.id for lesion in lesions)
    )
    return replace(dated, tracked=tracked, places=tuple(lesions))
