"""What a whole course comes to: best response, progression, times, in one :class:`Outcome`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from imaging.errors import InputError
from recist.course import Course, EventKind
from recist.criteria.criterion import CRITERIA, criterion_of
from recist.criteria.family import Family, family_of
from recist.endpoints.best_response import (
    Best,
    benefit,
    best_of,
    first_response,
    until_progression,
)
from recist.endpoints.origin import time_zero_of
from recist.endpoints.policy import EMA_ITT
from recist.endpoints.sequence import (
    RespondedVisit,
    in_order,
    reread,
    visit_of,
    without_negated,
)
from recist.endpoints.time_to_event import (
    History,
    SurvivalByPolicy,
    duration_of_response,
    duration_of_stable_disease,
    overall_survival,
    progression_free_by_policy,
    time_to_response,
)
from recist.papers import RECIST11
from recist.protocol import Protocol
from recist.response import Assessment, EventTime, Outcome, Response, Scope

#: Sequences of responses, and outcomes, that are kept for the courses to come.
REMEMBERED = 4096

_DEATH, _LAST_ALIVE = EventKind.DEATH, EventKind.LAST_ALIVE
_NEW_THERAPY, _PROGRESSION = EventKind.NEW_THERAPY, EventKind.PROGRESSION

#: Best responses that are objective responses.
OBJECTIVE = (Response.CR, Response.PR, Response.ICR, Response.IPR, Response.CMR, Response.PMR)


@dataclass(frozen=True, slots=True)
class Background:
    """What else is known of a patient than the responses: days of events.

    Attributes:
        progression_day: of a progression called elsewhere. It ends the best response; as an event
            it counts only by the policies that count a progression without images.
    """

    origin_day: int = 0
    death_day: int | None = None
    last_alive_day: int | None = None
    new_therapy_day: int | None = None
    has_baseline: bool = True
    progression_day: int | None = None


def outcome(course: Course, assessments: Sequence[Assessment], protocol: Protocol) -> Outcome:
    """The outcome of a course by one set of criteria on one set of lesions.

    Args:
        assessments: of this course, all by the same criteria on the same lesions.

    Raises:
        InputError: assessments of several criteria or sets of lesions.
    """
    kinds = {(assessment.criteria, assessment.scope) for assessment in assessments}
    if len(kinds) > 1:
        raise InputError(
            f"assessments of several kinds: {sorted(map(str, kinds))}",
            where=course.subject,
            remedy="ask for one outcome per criteria and set of lesions",
        )
    criteria, scope = kinds.pop() if kinds else ("recist11", Scope.ALL)
    visits = [visit_of(assessment) for assessment in assessments]
    known = background(course, protocol)
    return outcome_of_responses(visits, protocol, known, criteria=criteria, scope=scope)


def background(
    course: Course, protocol: Protocol, *, has_baseline: bool | None = None
) -> Background:
    """The days that end points need, from the events of a course.

    Args:
        has_baseline: True where a baseline was scanned that the course does not hold; unless
            given, whether the course has a time point.
    """
    if has_baseline is None:
        has_baseline = bool(course.timepoints)
    if not course.events:
        return _uneventful(time_zero_of(course, protocol), has_baseline)
    first: dict[EventKind, int] = {}
    last: dict[EventKind, int] = {}
    for event in course.events:
        first[event.kind] = min(event.day, first.get(event.kind, event.day))
        last[event.kind] = max(event.day, last.get(event.kind, event.day))
    return Background(
        origin_day=time_zero_of(course, protocol),
        death_day=first.get(_DEATH),
        last_alive_day=last.get(_LAST_ALIVE),
        new_therapy_day=first.get(_NEW_THERAPY),
        has_baseline=has_baseline,
        progression_day=first.get(_PROGRESSION),
    )


@lru_cache(maxsize=REMEMBERED)
def _uneventful(origin_day: int, has_baseline: bool) -> Background:
    """Of a course without events: one for all that start on the same day."""
    return Background(origin_day, has_baseline=has_baseline)


def outcome_of_responses(
    visits: Iterable[RespondedVisit],
    protocol: Protocol,
    known: Background | None = None,
    *,
    criteria: str = "",
    scope: Scope = Scope.ALL,
    family: Family | None = None,
) -> Outcome:
    """The outcome of a sequence of responses, with nothing else known of the lesions.

    Args:
        visits: after the baseline, in any order.
        criteria: ``recist11`` or ``irecist`` by the words of the responses unless given.
        family: found from the words of the responses unless given.
    """
    known = known or Background()
    ordered = in_order(visits)
    if family is None:
        row = CRITERIA.get(criteria)
        family = row.family if row else family_of(visit.response for visit in ordered)
    return _concluded(ordered, known, protocol, family, (criteria or _criteria(family), scope))


@lru_cache(maxsize=REMEMBERED)
def _concluded(
    ordered: tuple[RespondedVisit, ...],
    known: Background,
    protocol: Protocol,
    family: Family,
    about: tuple[str, Scope],
) -> Outcome:
    """One outcome for all courses whose responses fall on the same days: many short ones do."""
    after_rule = without_negated(reread(ordered, family, protocol), family)
    history = History(
        after_rule,
        known.origin_day,
        known.death_day,
        known.last_alive_day,
        known.new_therapy_day,
        known.progression_day,
        interval_days=protocol.visit_interval_days or None,
        window_days=protocol.visit_window_days,
        has_baseline=known.has_baseline,
    )
    return _assemble(history, protocol, family, (*about, _warnings(ordered, after_rule)))


def _criteria(family: Family) -> str:
    return criterion_of(family).name


def _assemble(
    history: History,
    protocol: Protocol,
    family: Family,
    about: tuple[str, Scope, tuple[str, ...]],
) -> Outcome:
    criteria, scope, warnings = about
    origin = history.origin_day
    kept = until_progression(
        _before_new_therapy(history, protocol),
        protocol,
        family,
        first_progression_day=history.claimed_progression_day,
    )
    best = best_of(kept, protocol, family, confirmed=False, origin_day=origin)
    confirmed, response_day = best, None
    if any(visit.response in family.responding for visit in kept):  # else nothing to confirm
        confirmed = best_of(kept, protocol, family, confirmed=True, origin_day=origin)
        response = first_response(kept, protocol, family, confirmed=protocol.confirmation_required)
        response_day = None if response is None else response.first.day
    words = None
    if protocol.benefit_words == "targets_only":
        words = (*family.responding, family.stable)
    minimum = protocol.minimum_sd_days - protocol.sd_window_days
    long_enough = protocol.clinical_benefit_days - protocol.sd_window_days
    is_known = history.death_day is not None or history.last_alive_day is not None
    findings = _Findings(
        criteria,
        scope,
        best,
        confirmed,
        response_day,
        benefit(kept, family, minimum_days=minimum, origin_day=origin, words=words),
        benefit(kept, family, minimum_days=long_enough, origin_day=origin, words=words),
        progression_free_by_policy(history, protocol, family),
        overall_survival(history) if is_known else None,
        warnings,
    )
    return _outcome(findings, protocol, family)


class _Findings(NamedTuple):
    """What an outcome is made from."""

    criteria: str
    scope: Scope
    best: Best
    confirmed: Best
    response_day: int | None
    control_day: int | None
    benefit_day: int | None
    survival: SurvivalByPolicy
    alive: EventTime | None
    warnings: tuple[str, ...]


@lru_cache(maxsize=REMEMBERED)
def _outcome(found: _Findings, protocol: Protocol, family: Family) -> Outcome:
    """One outcome for all courses that come to the same: days in between often differ only."""
    pfs, response_day = found.survival.by_policy, found.response_day
    main = pfs[protocol.pfs_policy]
    times = [*pfs.values()]
    if response_day is not None:
        times.append(time_to_response(response_day, main.start_day))
        lasted = (duration_of_response(survival, response_day) for survival in pfs.values())
        times.extend(duration for duration in lasted if duration is not None)
    else:
        best = found.confirmed if protocol.confirmation_required else found.best
        if best.response is family.stable:
            times.extend(map(duration_of_stable_disease, pfs.values()))
    if found.alive is not None:
        times.append(found.alive)
    # A progression is one whatever a policy makes of it: the date of the one that censors nothing.
    plain = pfs[EMA_ITT.name]
    progressed = plain.event and plain.reason.rule in ("progression", "unconfirmed")
    return Outcome(
        found.criteria,
        found.scope,
        found.best.response,
        found.best.day,
        found.confirmed.response,
        plain.day if progressed else None,
        main.days,
        main.event,
        (found.best.reason, found.confirmed.reason, main.reason),
        response_day,
        found.control_day,
        found.benefit_day,
        tuple(times),
        found.warnings,
    )


def _before_new_therapy(history: History, protocol: Protocol) -> tuple[RespondedVisit, ...]:
    day = history.new_therapy_day
    if day is None or not protocol.new_therapy_ends_response:
        return history.visits
    return tuple(visit for visit in history.visits if visit.day <= day)


def _warnings(
    recorded: Sequence[RespondedVisit], reread_as: Sequence[RespondedVisit]
) -> tuple[str, ...]:
    if recorded is reread_as:
        return ()
    return tuple(
        f"{before.response} on day {before.day} was negated by a later assessment without it."
        if after.response is Response.NE
        else f"{before.response} on day {before.day} was read as {after.response}: disease after a "
        f"complete response ({RECIST11('Table 3 note a')})."
        for before, after in zip(recorded, reread_as, strict=True)
        if before.response is not after.response
    )
