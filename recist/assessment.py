"""The verb: a course and a protocol in, assessments and outcomes by every criterion out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from recist import endpoints
from recist.course import Course
from recist.endpoints import time_zero
from recist.field.scope import scopes_of, within
from recist.protocol import Protocol
from recist.response import Assessment, Outcome, Scope

__all__ = ["CRITERIA", "assess_course", "assessed", "outcome_of", "time_zero"]

Assess = Callable[[Course, Protocol, Scope], tuple[Assessment, ...]]

#: Criteria by name; each is the module of that name in :mod:`recist.criteria`.
CRITERIA = ("recist11", "irecist", "irrecist", "imrecist")


def assess_course(
    course: Course, criteria: Sequence[str], protocol: Protocol
) -> tuple[tuple[Assessment, ...], tuple[Outcome, ...]]:
    """All assessments and outcomes of a course, on all lesions and, with a field, on each side."""
    assessments: list[Assessment] = []
    outcomes: list[Outcome] = []
    for part, name, scope, seen in assessed(course, criteria, protocol):
        assessments.extend(seen)
        outcomes.append(outcome_of(part, seen, protocol, name, scope))
    return tuple(assessments), tuple(outcomes)


def assessed(
    course: Course, criteria: Sequence[str], protocol: Protocol
) -> Iterator[tuple[Course, str, Scope, Sequence[Assessment]]]:
    for scope in scopes_of(course, protocol):
        part = within(course, scope, protocol)
        for name in criteria:
            yield part, name, scope, _assess_by(name)(part, protocol, scope)


@cache
def _assess_by(criteria: str) -> Assess:
    module = importlib.import_module(f"recist.criteria.{criteria}")
    assess: Assess = module.assess
    return assess


def outcome_of(
    course: Course, seen: Sequence[Assessment], protocol: Protocol, criteria: str, scope: Scope
) -> Outcome:
    if seen:
        return endpoints.outcome(course, seen, protocol)
    known = endpoints.background(course, protocol)
    return endpoints.outcome_of_responses((), protocol, known, criteria=criteria, scope=scope)
