"""RECIST 1.1 and iRECIST on all lesions and on each side of the field, from radiotherapy on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from recist.abscopal.timeline import Timeline
from recist.course import Course, EventKind, Role
from recist.criteria import irecist, recist11
from recist.criteria.family import RECIST
from recist.criteria.observation import Observation, read
from recist.endpoints.best_response import Best, best_of, evaluated, first_response
from recist.endpoints.sequence import RespondedVisit
from recist.endpoints.summary import Background, outcome_of_responses
from recist.field.scope import within
from recist.protocol import Protocol
from recist.response import Assessment, Outcome, Scope


@dataclass(frozen=True, slots=True)
class SetResponse:
    """What one set of lesions did after radiotherapy, baseline and nadir recomputed on the set.

    Attributes:
        assessments: by RECIST 1.1 at the scans that are observed.
        best, confirmed: best response, and the best one that was confirmed, while one counts.
        first_day: of the first CR or PR; ``confirmed_day``: of the first that was confirmed.
        outcome, immune: the whole outcome by RECIST 1.1 and by iRECIST, times from the start of
            radiotherapy; so the PFS of the out-of-field set is the abscopal one.
        baseline_mm: the sum at baseline; None without targets, or where one was not evaluable.
        sums: day and sum at each scan on which a response counts; None where incomplete.
    """

    scope: Scope
    assessments: tuple[Assessment, ...]
    best: Best
    confirmed: Best
    first_day: int | None
    confirmed_day: int | None
    outcome: Outcome
    immune: Outcome
    baseline_mm: Decimal | None
    sums: tuple[tuple[int, Decimal | None], ...]

    def on(self, day: int) -> Assessment | None:
        return next((each for each in self.assessments if each.day == day), None)

    @property
    def progression_day(self) -> int | None:
        return self.outcome.progression_day


def response_of(
    course: Course, timeline: Timeline, protocol: Protocol, scope: Scope
) -> SetResponse | None:
    """The response of a set of lesions; None where it has none.

    Args:
        course: all lesions, with the baseline before radiotherapy as the first time point.
    """
    part = within(course, scope, protocol)
    if not part.lesions or not part.timepoints:
        return None
    counted, observed = set(timeline.follow_up_days), set(timeline.observed_days)
    seen = tuple(each for each in recist11.assess(part, protocol, scope) if each.day in observed)
    immune = [each for each in irecist.assess(part, protocol, scope) if each.day in observed]
    visits = [_visit(each) for each in seen]
    kept = evaluated((each for each in visits if each.day in counted), protocol, RECIST)
    first = first_response(kept, protocol, confirmed=False)
    again = first_response(kept, protocol, confirmed=True)
    known = _background(part, timeline)
    sums = read(part, protocol).seen
    has_targets = any(lesion.role is Role.TARGET for lesion in part.lesions)
    return SetResponse(
        scope,
        seen,
        best_of(kept, protocol, confirmed=False, origin_day=timeline.start_day),
        best_of(kept, protocol, confirmed=True, origin_day=timeline.start_day),
        None if first is None else first.first.day,
        None if again is None else again.first.day,
        outcome_of_responses(visits, protocol, known, criteria="recist11", scope=scope),
        outcome_of_responses(map(_visit, immune), protocol, known, criteria="irecist", scope=scope),
        _sum(sums[0]) if has_targets else None,
        tuple((each.day, _sum(each)) for each in sums if each.day in counted),
    )


def _visit(assessment: Assessment) -> RespondedVisit:
    return RespondedVisit(assessment.day, assessment.overall, assessment.progression_day)


def _sum(seen: Observation) -> Decimal | None:
    return seen.total_mm if seen.complete else None


def _background(course: Course, timeline: Timeline) -> Background:
    alive = [event.day for event in course.events if event.kind is EventKind.LAST_ALIVE]
    return Background(
        origin_day=timeline.start_day,
        death_day=course.first_day_of(EventKind.DEATH),
        last_alive_day=max(alive, default=None),
        new_therapy_day=timeline.changed_day,
    )
