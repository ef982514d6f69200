"""Courses, responses and outcomes as tables: the documented files of ``recist run``.

What is written here is read back by :mod:`recist.table`: a reader may correct a diameter in
``measurements.csv`` and assess it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from imaging.errors import InputError
from imaging.writing import written_whole
from recist.course import Course, Lesion, Measurement, Role, Status, Timepoint
from recist.criteria.robustness import CategoryProbability
from recist.criteria.sums import BaselineSum
from recist.patient.result import Certainty
from recist.protocol import Protocol
from recist.response import Assessment, Outcome
from recist.table import results
from recist.table.patient_figures import baselines_json, lesions_json
from recist.table.records import MEASURES
from recist.table.result_columns import outcome_columns, timepoint_columns
from recist.table.streams import JsonArray, write_line

Assessed = tuple[Course, Sequence[Assessment]]
Concluded = tuple[Course, Sequence[Outcome]]

#: Who stands for a measurement, how sure it is, and what to look at.
_REVIEW = ("review", "confidence", "doubts", "diameter_low_mm", "diameter_high_mm")
_MEASUREMENT_COLUMNS = (
    "subject",
    "date|day",
    "lesion",
    "role",
    "organ",
    "nodal",
    "status",
    "diameter_mm",
    "merged_into",
    "field",
    "reader",
    "drawn_by",
    "visit",
    "tracking_uid",
    *MEASURES,
    "part",
    *_REVIEW,
)


def write_measurements(path: Path, courses: Iterable[Course]) -> None:
    """Write courses as a measurement table.

    A target that has no measurement at a visit is written as not evaluable, which is what it is;
    a visit at which nothing was seen has a row of its own, without a lesion. Calipers are not
    written.

    Raises:
        InputError: courses with dates and courses without in one table.
    """
    with written_whole(path) as file:
        for line in measurement_lines(courses):
            write_line(file, line)


def measurement_lines(courses: Iterable[Course]) -> Iterator[str]:
    """The lines of :func:`write_measurements`, the header first.

    Raises:
        InputError: courses with dates and courses without in one table.
    """
    listed = list(courses)
    has_dates = _has_dates(listed)
    columns = [("date" if has_dates else "day") if "|" in c else c for c in _MEASUREMENT_COLUMNS]
    yield results.csv_line(columns)
    for course in listed:
        for row in _measurement_rows(course):
            yield results.csv_line(row)


def write_events(path: Path, courses: Iterable[Course]) -> None:
    """Write the events of courses as an event table."""
    listed = list(courses)
    time = "date" if _has_dates(listed) else "day"
    with written_whole(path) as file:
        write_line(file, f"subject,{time},event")
        for subject, row in dict.fromkeys(
            (course.subject, (results.when(course, event.day), event.kind.value))
            for course in listed
            for event in course.events
        ):
            write_line(file, results.csv_line((subject, *row)))


def write_timepoints(
    path: Path, assessed: Iterable[Assessed], certainties: Sequence[Certainty] = ()
) -> None:
    """Write ``timepoints.csv``: one row per time point, criteria and set of lesions.

    Args:
        certainties: of one patient, where they were simulated.
    """
    listed = list(assessed)
    has_dates = _has_dates([course for course, _ in listed])
    with written_whole(path) as file:
        write_line(file, results.csv_line(timepoint_columns(has_dates=has_dates)))
        for course, assessments in listed:
            for assessment in assessments:
                sure = _certainty(assessment, certainties)
                write_line(file, results.timepoint_texts(course, assessment, sure)[0])


def _certainty(
    assessment: Assessment, certainties: Sequence[Certainty]
) -> CategoryProbability | None:
    """How sure a category is; it is worked out for RECIST 1.1 alone."""
    if assessment.criteria != "recist11":
        return None
    own = (assessment.scope, assessment.day)
    return next((each.probability for each in certainties if (each.scope, each.day) == own), None)


def write_outcomes(path: Path, concluded: Iterable[Concluded], protocol: Protocol) -> None:
    """Write ``outcomes.csv``: one row per subject, criteria and set of lesions."""
    listed = list(concluded)
    has_dates = _has_dates([course for course, _ in listed])
    with written_whole(path) as file:
        write_line(file, results.csv_line(outcome_columns(has_dates=has_dates)))
        for course, outcomes in listed:
            for outcome in outcomes:
                write_line(file, results.outcome_texts(course, outcome, protocol.pfs_policy)[0])


def write_timepoints_json(
    path: Path,
    assessed: Iterable[Assessed],
    protocol: Protocol,
    *,
    baselines: Sequence[BaselineSum] = (),
    certainties: Sequence[Certainty] = (),
) -> None:
    """Write ``timepoints.json``: the same with every reason, and the settings in force.

    Args:
        baselines: of one patient: the sums that the follow-ups are compared with, written with the
            change of each lesion, so that all figures of the page are in one file.
        certainties: see :func:`write_timepoints`.
    """
    listed = list(assessed)
    more = {}
    if baselines:
        more = {
            "baselines": baselines_json(baselines),
            "lesions": lesions_json(course for course, _ in listed),
        }
    with written_whole(path) as file:
        array = JsonArray(file, "timepoints", results.protocol_json(protocol), more)
        for course, assessments in listed:
            texts = [
                results.timepoint_texts(course, a, _certainty(a, certainties))[1]
                for a in assessments
            ]
            array.add(",\n".join(texts).encode())
        array.close()


def write_outcomes_json(path: Path, concluded: Iterable[Concluded], protocol: Protocol) -> None:
    """Write ``outcomes.json``: the same with every reason, and the settings in force."""
    with written_whole(path) as file:
        array = JsonArray(file, "outcomes", results.protocol_json(protocol))
        for course, outcomes in concluded:
            policy = protocol.pfs_policy
            texts = [results.outcome_texts(course, outcome, policy)[1] for outcome in outcomes]
            array.add(",\n".join(texts).encode())
        array.close()


def _has_dates(courses: Sequence[Course]) -> bool:
    kinds = {course.day_zero is not None for course in courses}
    if len(kinds) > 1:
        raise InputError(
            "courses with dates and courses with days in one table",
            remedy="write them into two tables",
        )
    return kinds.pop() if kinds else True


def _measurement_rows(course: Course) -> Iterable[list[str]]:
    lesions = {lesion.id: lesion for lesion in course.lesions}
    for timepoint in course.timepoints:
        seen = {measurement.lesion_id for measurement in timepoint.measurements}
        unseen = [
            Measurement(lesion.id, Status.NOT_EVALUABLE)
            for lesion in course.lesions
            if lesion.role is Role.TARGET and lesion.id not in seen
        ]
        for measurement in (*timepoint.measurements, *unseen):
            yield from _rows(course, timepoint, lesions[measurement.lesion_id], measurement)
        if not seen and not unseen:
            start = [course.subject, results.when(course, timepoint.day)]
            left = len(_MEASUREMENT_COLUMNS) - len(start) - 11
            yield [*start, *[""] * 8, course.reader, "", timepoint.label, *[""] * left]


def _rows(
    course: Course, timepoint: Timepoint, lesion: Lesion, measurement: Measurement
) -> Iterable[list[str]]:
    """One row, or one per fragment."""
    measures = (getattr(measurement, name) for name in MEASURES)
    further = ["" if value is None else repr(value) for value in measures]
    for number, part in enumerate(measurement.parts_mm or (None,), start=1):
        yield [
            course.subject,
            results.when(course, timepoint.day),
            lesion.id,
            lesion.role.value,
            lesion.organ,
            results.yes_no(lesion.is_node),
            measurement.status.value,
            results.length(part),
            measurement.merged_into or "",
            lesion.field.value,
            course.reader,
            measurement.source,
            timepoint.label,
            lesion.tracking_uid,
            *further,
            str(number) if len(measurement.parts_mm) > 1 else "",
            "" if measurement.review is None else measurement.review.value,
            "" if measurement.confidence is None else f"{measurement.confidence:.2f}",
            "; ".join(measurement.doubts),
            *(
                "" if bound is None else str(bound)
                for bound in measurement.interval_mm or (None, None)
            ),
        ]
