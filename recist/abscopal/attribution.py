"""How far a response may be put down to radiotherapy, from the dates of systemic therapy.

The word is abscopal-compatible: whether radiotherapy did it, one patient cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recist.abscopal.response_by_side import SetResponse
from recist.abscopal.timeline import Timeline
from recist.course import Course
from recist.criteria.diameter import in_mm, percent
from recist.criteria.observation import read
from recist.field.scope import within
from recist.protocol import Protocol
from recist.response import Reason, Scope

SOURCE = "grades of recist.abscopal"


class Grade(StrEnum):
    """What else could explain a response out of the field."""

    A = "A"  # no systemic therapy
    B = "B"  # a stable one, under which the out-of-field lesions were growing
    C = "C"  # one that started around radiotherapy, or may still be the cause
    D = "D"  # one that changed after radiotherapy
    UNKNOWN = "unknown"  # the dates are not recorded


@dataclass(frozen=True, slots=True)
class Attribution:
    grade: Grade
    reason: Reason


def attribution_of(
    course: Course,
    timeline: Timeline,
    out_of_field: SetResponse | None,
    protocol: Protocol,
) -> Attribution:
    """The grade of a patient.

    Args:
        course: from its very first scan, to see growth before radiotherapy.
    """
    if not timeline.recorded:
        return _graded(Grade.UNKNOWN, "no date of radiotherapy is recorded")
    responded = out_of_field is not None and out_of_field.first_day is not None
    if timeline.changed_day is not None and not responded:
        return _graded(
            Grade.D,
            f"systemic therapy changed on day {timeline.changed_day}, after radiotherapy, and no "
            "out-of-field response came before",
        )
    if timeline.systemic_day is None:
        return _graded(Grade.A, "no systemic therapy is recorded until the end of observation")
    lead = timeline.start_day - timeline.systemic_day
    needed = protocol.abscopal_systemic_days
    numbers = (("days_before_radiotherapy", str(lead)), ("days_needed", str(needed)))
    if lead < needed:
        side = "before" if lead >= 0 else "after"
        return _graded(
            Grade.C,
            f"systemic therapy started {abs(lead)} days {side} radiotherapy: only a comparison of "
            "randomised arms can tell their effects apart",
            numbers,
        )
    growth = growth_before(course, timeline, protocol)
    if growth is None:
        return _graded(
            Grade.C,
            f"systemic therapy had been stable for {lead} days, but growth of the out-of-field "
            "lesions before radiotherapy is not documented: a late response to it is possible",
            numbers,
        )
    return _graded(
        Grade.B,
        f"systemic therapy had been stable for {lead} days, and under it the out-of-field "
        f"lesions grew before radiotherapy ({growth})",
        numbers,
    )


def growth_before(course: Course, timeline: Timeline, protocol: Protocol) -> str | None:
    """The growth of the out-of-field lesions from the scan before the baseline, in words.

    Under the same systemic therapy: the earlier scan is not from before its start.
    """
    baseline, started = timeline.baseline_day, timeline.systemic_day
    part = within(course, Scope.OUT_OF_FIELD, protocol)
    seen = read(part, protocol).seen
    earlier = [each for each in seen if baseline is not None and each.day < baseline]
    now = next((each for each in seen if each.day == baseline), None)
    if now is None or not earlier or (started is not None and earlier[-1].day < started):
        return None
    if now.new_seen and not earlier[-1].new_seen:
        return f"a new lesion on day {now.day}"
    before = earlier[-1]
    grew = now.total_mm > before.total_mm
    if not (before.complete and now.complete and before.total_mm and grew):
        return None
    return (
        f"{in_mm(before.total_mm)} to {in_mm(now.total_mm)} mm, "
        f"{percent(now.total_mm, before.total_mm)} in {now.day - before.day} days"
    )


def _graded(grade: Grade, why: str, numbers: tuple[tuple[str, str], ...] = ()) -> Attribution:
    sentence = f"Grade {grade}: {why}."
    return Attribution(grade, Reason(f"attribution-{grade.lower()}", SOURCE, sentence, numbers))
