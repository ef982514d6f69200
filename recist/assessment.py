"""Assessing: a course and a protocol in, assessments and outcomes by every criterion out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from recist import endpoints
from recist.course import Course, Field
from recist.criteria.criterion import CRITERIA, names_of_criteria
from recist.endpoints import time_zero
from recist.field.scope import scopes_of, within
from recist.protocol import Protocol
from recist.response import Assessment, Outcome, Reason, Response, Scope

__all__ = ["CRITERIA", "assess_course", "assessed", "by_either_set", "outcome_of", "time_zero"]

_ALL = Scope.ALL


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
    whole = []
    for name in names_of_criteria(criteria):
        assess = CRITERIA[name].assess
        assert assess is not None  # no other has been let through
        seen = assess(course, protocol, _ALL)
        whole.append((name, assess, seen))
        yield course, name, _ALL, seen
    for scope in scopes_of(course)[1:]:
        part = within(course, scope, protocol)
        for name, assess, seen in whole:
            here = assess(part, protocol, scope) if part.lesions else _nothing_there(seen, scope)
            yield part, name, scope, here


def _nothing_there(whole: Sequence[Assessment], scope: Scope) -> tuple[Assessment, ...]:
    """Not evaluable at every follow-up: there is no lesion whose response could be told.

    That is not absence of disease, which the whole course has. Where the whole patient could be
    assessed, it was seen that nothing has appeared on this side: its lesions are "not applicable"
    then, else "not evaluable".
    """
    side = str(scope).replace("-", " ")
    return tuple(_nothing_at(each, scope, side) for each in whole)


def _nothing_at(whole: Assessment, scope: Scope, side: str) -> Assessment:
    day, criteria, ne = whole.day, whole.criteria, Response.NE
    family = CRITERIA[criteria].family
    lesions = Response.NA if whole.overall in family.adequate else ne
    unseen = "" if lesions is Response.NA else ", and the patient could not be assessed"
    sentence = f"Not evaluable: no lesion is {side}{unseen}."
    reason = Reason("no-lesion-on-this-side", "design decision", sentence)
    return Assessment(
        day, criteria, scope, None, None, None, lesions, lesions, False, ne, (reason,)
    )


def outcome_of(
    course: Course, seen: Sequence[Assessment], protocol: Protocol, criteria: str, scope: Scope
) -> Outcome:
    """The outcome of a course whose assessments are known; none where it has no follow-up.

    A side of the field without any lesion has no response, but is free of progression as long as
    nothing appears there: a patient all of whose lesions were irradiated is followed for
    progression outside of the field like every other.
    """
    if seen and scope is not _ALL and not course.lesions:
        found = endpoints.outcome(course, seen, protocol)
        free = [
            each._replace(overall=Response.NED) if each.target is Response.NA else each
            for each in seen
        ]
        followed = endpoints.outcome(course, free, protocol)
        return found._replace(
            pfs_days=followed.pfs_days,
            pfs_event=followed.pfs_event,
            reasons=(*found.reasons[:-1], followed.reasons[-1]),
            times=followed.times,
        )
    if seen:
        return endpoints.outcome(course, seen, protocol)
    known = endpoints.background(course, protocol)
    return endpoints.outcome_of_responses((), protocol, known, criteria=criteria, scope=scope)


def by_either_set(course: Course, protocol: Protocol) -> str:
    """What counts outside of the field by the strict and by the pragmatic set; "" where it is one.

    Lesions in the low-dose bath change sides: the strict set leaves them out, the pragmatic one
    counts them outside.
    """
    low = [lesion.id for lesion in course.lesions if lesion.field is Field.LOW_DOSE]
    if not low:
        return ""
    found = []
    for name in ("strict", "pragmatic"):
        other = replace(protocol, out_of_field_set=name)
        count = len(within(course, Scope.OUT_OF_FIELD, other).lesions)
        _, outcomes = assess_course(course, ("recist11",), other)
        best = next(o.best_overall for o in outcomes if o.scope is Scope.OUT_OF_FIELD)
        found.append(f"{name} set: {count} out of field, best response {best}")
    few = "1 lesion changes" if len(low) == 1 else f"{len(low)} lesions change"
    return (
        f"{few} sides with the set ({', '.join(low)}, in the low-dose bath). {'; '.join(found)}. "
        f"Counted here: {protocol.out_of_field_set}."
    )
