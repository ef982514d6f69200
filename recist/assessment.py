"""The verb: a course and a protocol in, assessments and outcomes by every criterion out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recist import endpoints
from recist.course import Course
from recist.criteria.criterion import CRITERIA, names_of_criteria
from recist.endpoints import time_zero
from recist.field.scope import scopes_of, within
from recist.protocol import Protocol
from recist.response import Assessment, Outcome, Reason, Response, Scope

__all__ = ["CRITERIA", "assess_course", "assessed", "outcome_of", "time_zero"]


def assess_course(
    course: Course, criteria: Sequence[str], protocol: Protocol
) -> tuple[tuple[Assessment, ...], tuple[Outcome, ...]]:
    """All assessments and outcomes of a course, on all lesions and, with a field, on each side.

    Raises:
        CriterionError: an unknown criterion.
    """
    assessments: list[Assessment] = []
    outcomes: list[Outcome] = []
    for part, name, scope, seen in assessed(course, criteria, protocol):
        assessments.extend(seen)
        outcomes.append(outcome_of(part, seen, protocol, name, scope))
    return tuple(assessments), tuple(outcomes)


def assessed(
    course: Course, criteria: Sequence[str], protocol: Protocol
) -> Iterator[tuple[Course, str, Scope, Sequence[Assessment]]]:
    """The assessments by each criterion on each set of lesions, with the course of that set.

    Raises:
        CriterionError: an unknown criterion.
    """
    names = names_of_criteria(criteria)
    for scope in scopes_of(course):
        part = within(course, scope, protocol)
        for name in names:
            assess = CRITERIA[name].assess
            if assess is None:
                continue
            if scope is not Scope.ALL and not part.lesions:
                yield part, name, scope, _nothing_there(part, name, scope)
            else:
                yield part, name, scope, assess(part, protocol, scope)


def _nothing_there(course: Course, criteria: str, scope: Scope) -> tuple[Assessment, ...]:
    """Not evaluable at every follow-up: there is no lesion whose response could be told.

    That is not absence of disease, which the whole course has.
    """
    sentence = f"Not evaluable: no lesion is {str(scope).replace('-', ' ')}."
    reason = Reason("no-lesion-on-this-side", "design decision", sentence)
    na, ne = Response.NA, Response.NE
    return tuple(
        Assessment(timepoint.day, criteria, scope, None, None, None, na, na, False, ne, (reason,))
        for timepoint in course.timepoints[1:]
    )


def outcome_of(
    course: Course, seen: Sequence[Assessment], protocol: Protocol, criteria: str, scope: Scope
) -> Outcome:
    """The outcome of a course whose assessments are known; none where it has no follow-up."""
    if seen:
        return endpoints.outcome(course, seen, protocol)
    known = endpoints.background(course, protocol)
    return endpoints.outcome_of_responses((), protocol, known, criteria=criteria, scope=scope)
