"""What corrections that came back change of the course and of the responses."""

from __future__ import annotations

from collections.abc import Sequence

from imaging.errors import InputError
from recist.answers import AssessedCourse
from recist.assessment import assess_course
from recist.course import Course, Measurement, Role, Status
from recist.criteria.criterion import title_of
from recist.patient.changes import changes_between
from recist.patient.corrections import CorrectedMeasurement, DrawnLesion
from recist.patient.pipeline import PatientAnswer
from recist.patient.reassessment import conclude


def effect_of(answer: AssessedCourse, corrections: Sequence[CorrectedMeasurement]) -> list[str]:
    """The course assessed again: ``L3 2024-05-06: 17.1 -> 14.0 mm``, and responses that differ.

    A line also says of a correction that it has no effect on a sum, and why.
    """
    course = answer.course
    lines = []
    for each in corrections:
        course, line = _corrected(course, each)
        lines.append(line)
    names = tuple(dict.fromkeys(found.criteria for found in answer.timepoints))
    assessments, outcomes = assess_course(course, names, answer.protocol)
    now = {(a.criteria, a.scope, a.day): a.overall for a in assessments}
    for was in answer.timepoints:
        is_now = now.get((was.criteria, was.scope, was.day))
        if is_now is not None and is_now is not was.overall:
            named = f"{title_of(was.criteria)}, {was.scope}"
            lines.append(f"{_when(course, was.day)} {named}: {was.overall} -> {is_now}")
    best = {(o.criteria, o.scope): o.best_overall for o in outcomes}
    for outcome in answer.outcomes:
        after = best.get((outcome.criteria, outcome.scope))
        if after is not None and after is not outcome.best_overall:
            named = f"{title_of(outcome.criteria)}, {outcome.scope}"
            lines.append(f"best response {named}: {outcome.best_overall} -> {after}")
    return lines


def effect_of_outlines(
    answer: PatientAnswer,
    sizes: Sequence[CorrectedMeasurement],
    shapes: Sequence[DrawnLesion],
) -> list[str]:
    """The patient measured and assessed again with outlines; a line also for one without effect.

    Args:
        sizes: corrections that came with them, which hold on both sides.
    """
    said = answer.said.over(sizes)
    lines = [
        f"{each.lesion} {each.date}: outline by {each.reader} ({each.reason})" for each in shapes
    ]
    sized = {(each.lesion, each.date) for each in said.measurements if each.is_sized}
    lines += [
        f"{each.lesion} {each.date}: the diameter that a reader gave stays"
        for each in shapes
        if (each.lesion, each.date) in sized
    ]
    try:
        before, _ = conclude(answer.work, said, pictures=False)
        after, _ = conclude(answer.work, said.over(drawn=shapes), pictures=False)
    except InputError as error:
        return [*lines, f"cannot be assessed with them: {error}"]
    return [*lines, *changes_between(before, after).lines()]


def _when(course: Course, day: int) -> str:
    return str(course.date_of(day) or f"day {day}")


def _corrected(course: Course, said: CorrectedMeasurement) -> tuple[Course, str]:
    """The course with a diameter in place of what stood there, and a line that says so."""
    lesion = next(each for each in course.lesions if each.id == said.lesion)
    place = f"{said.lesion} {said.date}"
    try:
        sizes_mm = said.sizes_mm(lesion.is_node)
    except InputError as error:
        return course, f"{place}: not taken: {error.what}"
    timepoint = next((at for at in course.timepoints if course.date_of(at.day) == said.date), None)
    if timepoint is None:
        return course, f"{place}: no time point of this date"
    before = next((m for m in timepoint.measurements if m.lesion_id == lesion.id), None)
    shown = "nothing" if before is None else str(before.diameter_mm or before.status)
    size = " + ".join(map(str, sizes_mm))
    line = f"{place}: {shown} -> {size} mm ({said.reader})"
    if lesion.role is Role.NON_TARGET:
        return course, f"{line}; no target: its size is in no sum"
    made = Measurement(lesion.id, Status.MEASURED, sizes_mm, source=said.reader)
    return course.with_measurement(timepoint.day, made), line
