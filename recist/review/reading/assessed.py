"""A reading, assessed: the answer at each date with its reasons, and what needs a look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recist.assessment import assess_course
from recist.course import Course, Measurement, Role, Status
from recist.criteria.robustness import category_probabilities
from recist.patient.result import LEAST_LIKELY
from recist.protocol import Protocol
from recist.response import Assessment, Outcome, Scope

#: How much a thing to look at can change the answer, from 0 to 1. These decide it by themselves;
#: a diameter does with the probability that another reading gives another category.
_DECIDES = {
    Status.EQUIVOCAL: (1.0, "equivocal: is this a new lesion?"),
    Status.NOT_EVALUABLE: (0.9, "not evaluable: can it be measured?"),
    Status.INCREASED: (0.8, "larger: is this unequivocal progression?"),
}


@dataclass(frozen=True, slots=True)
class ToLookAt:
    """Something that could change the answer.

    Attributes:
        weight: from 0 (nothing would change) to 1 (it decides).
        lesion: empty where it is the date as a whole.
    """

    date: str
    lesion: str
    what: str
    weight: float


@dataclass(frozen=True, slots=True)
class AssessedReading:
    """The answer that a reading gives."""

    course: Course
    timepoints: tuple[Assessment, ...]
    outcomes: tuple[Outcome, ...]

    def response(self, criteria: str) -> str:
        """The last overall response on all lesions; empty before a follow-up."""
        found = self.overall(criteria)
        return str(found[-1].overall) if found else ""

    def overall(self, criteria: str) -> tuple[Assessment, ...]:
        """The answers at all dates, on all lesions."""
        return tuple(
            each
            for each in self.timepoints
            if each.criteria == criteria and each.scope is Scope.ALL
        )


def assess_reading(course: Course, criteria: Sequence[str], protocol: Protocol) -> AssessedReading:
    """Assess a course; one without any lesion has no answer yet."""
    if not course.lesions:
        return AssessedReading(course, (), ())
    return AssessedReading(course, *assess_course(course, criteria, protocol))


def to_look_at(course: Course, protocol: Protocol) -> tuple[ToLookAt, ...]:
    """What could change the answer, the most decisive first."""
    found = list(_undecided(course))
    if course.lesions:
        for point in category_probabilities(course, protocol):
            if 1.0 - point.certainty > LEAST_LIKELY:
                doubt = round(1.0 - point.certainty, 3)
                found.append(ToLookAt(date_on(course, point.day), "", point.sentence, doubt))
    return tuple(sorted(found, key=lambda each: (-each.weight, each.date, each.lesion)))


def _undecided(course: Course) -> Iterator[ToLookAt]:
    roles = {lesion.id: lesion.role for lesion in course.lesions}
    for timepoint in course.timepoints:
        seen: dict[str, Measurement] = {each.lesion_id: each for each in timepoint.measurements}
        for name, role in roles.items():
            status = seen[name].status if name in seen else None
            if status is None and role is Role.TARGET:
                status = Status.NOT_EVALUABLE
            if status in _DECIDES:
                weight, what = _DECIDES[status]
                yield ToLookAt(date_on(course, timepoint.day), name, what, weight)


def date_on(course: Course, day: int) -> str:
    """The date of a day as it is written; the day itself where the course has no dates."""
    date = course.date_of(day)
    return str(day) if date is None else date.isoformat()
