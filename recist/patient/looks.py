"""What needs a look, in the order of how much it could change the answer.

A measurement that nobody stands for, or a link that is in doubt, is tried the other way: without
it, at its date. What the response would be then says whether it is worth a reader's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recist.assessment import assess_course
from recist.course import Course, Measurement, Role, Status, Timepoint
from recist.patient.result import LesionReview, Look, ReviewState
from recist.protocol import Protocol
from recist.response import Assessment, Outcome, Response, Scope
from recist.tracking import LinkFinding, is_unsure

#: So many are tried; of more, those that are least sure.
MOST_TRIED = 24


@dataclass(frozen=True, slots=True)
class _Doubt:
    lesion_id: str
    day: int
    what: str
    confidence: float


def looks_of(
    course: Course,
    links: Sequence[LinkFinding],
    reviews: Sequence[LesionReview],
    protocol: Protocol,
    asked: Sequence[tuple[str, int, str]] = (),
) -> tuple[Look, ...]:
    """Every doubt with what it could change, the weightiest first.

    Args:
        asked: of new lesions that an earlier date shows already: lesion, that day, the question.
    """
    doubts = [
        *(_Doubt(*each, confidence=0.0) for each in asked),
        *sorted(_doubts(course, links, reviews), key=lambda each: each.confidence),
    ]
    tried = doubts[:MOST_TRIED]
    now = _answer(course, protocol)
    found = [_look(doubt, course, protocol, now) for doubt in tried]
    found += [Look(each.lesion_id, each.day, each.what, "", 0) for each in doubts[MOST_TRIED:]]
    return tuple(sorted(found, key=lambda look: -look.weight))


def _doubts(
    course: Course, links: Sequence[LinkFinding], reviews: Sequence[LesionReview]
) -> list[_Doubt]:
    known = {lesion.id for lesion in course.lesions}
    states = {(each.lesion_id, each.day): each.state for each in reviews}
    told = (ReviewState.CHECKED, ReviewState.CORRECTED)
    found: dict[tuple[str, int], _Doubt] = {}
    for link in links:
        place = (link.lesion_id, link.day)
        if link.lesion_id in known and is_unsure(link) and states.get(place) not in told:
            what = f"{link.state} with a confidence of {100 * link.confidence:.0f} %"
            found[place] = _Doubt(*place, f"{what} ({link.reason})", link.confidence)
    for at in course.timepoints:
        for measurement in at.measurements:
            place = (measurement.lesion_id, at.day)
            if states.get(place) is ReviewState.PROPOSED and place not in found:
                sure = measurement.confidence if measurement.confidence is not None else 0.0
                doubts = "; ".join(measurement.doubts)
                what = f"proposed with a confidence of {100 * sure:.0f} %"
                found[place] = _Doubt(*place, f"{what}{': ' if doubts else ''}{doubts}", sure)
    return list(found.values())


Answer = tuple[dict[int, Response], Response | None]


def _answer(course: Course, protocol: Protocol) -> Answer:
    """The RECIST 1.1 response of all lesions at each date, and the best."""
    found = assess_course(course, ("recist11",), protocol)
    seen: Sequence[Assessment] = found[0]
    outcomes: Sequence[Outcome] = found[1]
    best = next((each.best_overall for each in outcomes if each.scope is Scope.ALL), None)
    return {each.day: each.overall for each in seen if each.scope is Scope.ALL}, best


def _look(doubt: _Doubt, course: Course, protocol: Protocol, now: Answer) -> Look:
    others = [_answer(each, protocol) for each in _otherwise(doubt, course)]
    effects: dict[str, None] = {}
    weight = 0
    for days, best in others:
        for day, response in days.items():
            if now[0].get(day) is not response:
                date = course.date_of(day) or f"day {day}"
                effects[f"{date}: {now[0].get(day)} -> {response}"] = None
                weight += 1
        if best is not now[1]:
            effects[f"best response: {now[1]} -> {best}"] = None
            weight += 10
    return Look(doubt.lesion_id, doubt.day, doubt.what, "; ".join(effects), weight)


def _otherwise(doubt: _Doubt, course: Course) -> list[Course]:
    """The course if the lesion were not there at that date, and if it could not be judged."""
    seen = next(
        at.day
        for at in course.timepoints
        if any(each.lesion_id == doubt.lesion_id for each in at.measurements)
    )
    if doubt.day < seen:  # there before it was new: then it is not
        return [_without(course, doubt.lesion_id)]
    role = next(each.role for each in course.lesions if each.id == doubt.lesion_id)
    states = [Status.ABSENT, Status.NOT_EVALUABLE]
    if role is Role.NEW:
        states = [Status.ABSENT, Status.PRESENT]
    return [_with(course, doubt, state) for state in states]


def _with(course: Course, doubt: _Doubt, status: Status) -> Course:
    def changed(at: Timepoint) -> Timepoint:
        if at.day != doubt.day:
            return at
        kept = [each for each in at.measurements if each.lesion_id != doubt.lesion_id]
        return replace(at, measurements=(*kept, Measurement(doubt.lesion_id, status)))

    return replace(course, timepoints=tuple(changed(at) for at in course.timepoints))


def _without(course: Course, lesion_id: str) -> Course:
    """The course if a lesion had never been called one."""
    points = tuple(
        replace(at, measurements=tuple(m for m in at.measurements if m.lesion_id != lesion_id))
        for at in course.timepoints
    )
    lesions = tuple(each for each in course.lesions if each.id != lesion_id)
    return replace(course, lesions=lesions, timepoints=points)
