"""Times to an event, each with the row that says why this date.

Durations are day minus day, without adding one. RECIST 1.1: Eisenhauer 2009, section 4.7 and
appendix; iRECIST: Seymour 2017, its end points; censoring: see
:mod:`recist.endpoints.policy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from imaging.errors import InputError
from recist.criteria.family import IMMUNE, RECIST, Family
from recist.endpoints.policy import EMA_ITT, POLICIES, NewTherapy, Policy, ProgressionDate
from recist.endpoints.sequence import RespondedVisit, first_progression
from recist.papers import IRECIST, RECIST11
from recist.protocol import Protocol
from recist.response import EventTime, Reason, Response

PROGRESSION_DATE = RECIST11("4.3.5")
IMMUNE_PROGRESSION = IRECIST()
DURATION = RECIST11("4.7")

#: Said by policies that would count missed visits or use scheduled dates, where the protocol has no
#: ``visit_interval_days``.
NO_SCHEDULE = "No visit schedule is set: missed visits were not counted."

#: Ends that are kept, by every policy, for the courses to come.
REMEMBERED = 4096

#: Between a progression and its confirmation only these may lie (Seymour 2017).
_KEEP_WAITING = (Response.NE, Response.NA, Response.ND, Response.MISSING, Response.DISREGARDED)


@dataclass(frozen=True, slots=True)
class History:
    """All that a time to an event depends on.

    Attributes:
        visits: after the baseline, in order, as :func:`recist.endpoints.sequence.reread` gives.
        origin_day: randomisation, or start of treatment: the clock runs from here.
        interval_days: between scheduled visits; None: no schedule is known.
        window_days: by which a visit may miss its schedule.
        has_baseline: False when the baseline was missing or incomplete.
        claimed_progression_day: progression claimed without images.
    """

    visits: tuple[RespondedVisit, ...]
    origin_day: int = 0
    death_day: int | None = None
    last_alive_day: int | None = None
    new_therapy_day: int | None = None
    claimed_progression_day: int | None = None
    interval_days: int | None = None
    window_days: int = 0
    has_baseline: bool = True

    def __post_init__(self) -> None:
        if self.interval_days is not None and self.interval_days <= 0:
            raise InputError(
                f"visits every {self.interval_days} days", remedy="give a positive interval"
            )


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalByPolicy:
    """Progression-free survival by every policy, by its name; equal to itself only."""

    by_policy: Mapping[str, EventTime]


class _End(NamedTuple):
    """Where a clock stops."""

    day: int
    event: bool
    rule: str
    source: str
    sentence: str


def progression_free_survival(
    history: History, policy: Policy, protocol: Protocol, family: Family = RECIST
) -> EventTime:
    """Time from the origin to progression or death, by one policy.

    For iRECIST the progression is the first unconfirmed one of the block that was confirmed; one
    that nothing confirmed or resolved counts as ``protocol.unconfirmed_iupd`` says.
    """
    end = _progression_free_end(history, policy, protocol, family)
    return _timed(_endpoint(family), policy.name, history.origin_day, end)


def _endpoint(family: Family) -> str:
    return "iPFS" if family is IMMUNE else "PFS"


def progression_free_by_policy(
    history: History, protocol: Protocol, family: Family = RECIST
) -> SurvivalByPolicy:
    """The same by every policy."""
    plain = (history.new_therapy_day, history.claimed_progression_day, history.interval_days)
    if plain != (None, None, None):
        times = {
            name: progression_free_survival(history, policy, protocol, family)
            for name, policy in POLICIES.items()
        }
        return SurvivalByPolicy(times)
    # Nothing is known that the policies judge differently.
    end = _progression_free_end(history, EMA_ITT, protocol, family)
    return _alike_by_policy(_endpoint(family), history.origin_day, end)


@lru_cache(maxsize=REMEMBERED)
def _alike_by_policy(endpoint: str, start_day: int, end: _End) -> SurvivalByPolicy:
    """One end by every policy; those of the FDA say that they would have asked for more.

    One for all courses that end on the same day in the same way.
    """
    ema = _timed(endpoint, EMA_ITT.name, start_day, end)
    said = Reason(end.rule, end.source, f"{end.sentence} {NO_SCHEDULE}") if end.event else None
    times = {
        name: ema
        if policy is EMA_ITT
        else EventTime(
            endpoint,
            name,
            start_day,
            end.day,
            end.event,
            said or Reason(end.rule, policy.source, end.sentence),
        )
        for name, policy in POLICIES.items()
    }
    return SurvivalByPolicy(times)


def overall_survival(history: History) -> EventTime:
    """Time from the origin to death, or censored when last known alive."""
    if history.death_day is not None:
        end = _End(history.death_day, True, "death", "", f"Death on day {history.death_day}.")
        return _timed("OS", "", history.origin_day, end)
    days = [history.origin_day, *(visit.day for visit in history.visits if _was_seen(visit))]
    if history.last_alive_day is not None:
        days.append(history.last_alive_day)
    end = _End(max(days), False, "last-alive", "", f"Alive on day {max(days)}, when last known of.")
    return _timed("OS", "", history.origin_day, end)


def time_to_response(response_day: int, origin_day: int) -> EventTime:
    """Time from the origin to the first response (of responders only)."""
    sentence = f"The first response that counts is on day {response_day}."
    end = _End(response_day, True, "first-response", DURATION, sentence)
    return _timed("TTR", "", origin_day, end)


def duration_of_response(survival: EventTime, response_day: int) -> EventTime | None:
    """Time from the first response to progression or death (of responders only).

    Args:
        survival: progression-free, by the policy wanted.

    Returns:
        None when the clock stops before the response (a new therapy that censors before it).
    """
    if survival.day < response_day:
        return None
    endpoint = "iDoR" if survival.endpoint == "iPFS" else "DoR"
    return EventTime(
        endpoint, survival.policy, response_day, survival.day, survival.event, survival.reason
    )


def duration_of_stable_disease(survival: EventTime) -> EventTime:
    """Of a patient whose best response is stable disease: it runs from the start of treatment.

    Eisenhauer 2009, 4.6.3.
    """
    endpoint = "iDoSD" if survival.endpoint == "iPFS" else "DoSD"
    return EventTime(
        endpoint,
        survival.policy,
        survival.start_day,
        survival.day,
        survival.event,
        survival.reason,
    )


def _timed(endpoint: str, policy: str, start_day: int, end: _End) -> EventTime:
    reason = Reason(end.rule, end.source, end.sentence)
    return EventTime(endpoint, policy, start_day, end.day, end.event, reason)


_UNSEEN = (Response.ND, Response.MISSING)


def _was_seen(visit: RespondedVisit) -> bool:
    return visit.response not in _UNSEEN


def _progression_free_end(
    history: History, policy: Policy, protocol: Protocol, family: Family
) -> _End:
    if not history.has_baseline:
        sentence = "Without a complete baseline no progression can be told: censored at the start."
        return _End(history.origin_day, False, "no-baseline", policy.source, sentence)
    ends = [
        end
        for end in (
            _progression(history, policy, protocol, family),
            _claimed(history, policy),
            _new_therapy(history, policy),
            _death(history),
        )
        if end is not None
    ]
    if not ends:
        free = _adequate_days(history, protocol, family)
        return _censored(history, policy, free, ("no-event", "No progression"))
    first = min(ends, key=lambda end: (end.day, not end.event))
    if first.rule == "new-therapy-censors":
        free = _adequate_days(history, protocol, family)
        what = f"New therapy on day {first.day} before any progression"
        return _censored(history, policy, free, (first.rule, what), first.day)
    return _scheduled_end(history, first, policy, protocol, family)


def _scheduled_end(
    history: History, first: _End, policy: Policy, protocol: Protocol, family: Family
) -> _End:
    """The first event, judged by the schedule of visits as far as one is known."""
    if policy.missed_visits is None:
        return first
    interval = history.interval_days
    if interval is None:
        return first._replace(sentence=f"{first.sentence} {NO_SCHEDULE}")
    free = _adequate_days(history, protocol, family)
    missed = _missed_before(interval, history, free, first.day)
    if missed >= policy.missed_visits:
        what = f"{missed} visits missed before the event on day {first.day}"
        return _censored(history, policy, free, ("missed-visits", what), first.day - 1)
    seen_on_images = first.rule in ("progression", "unconfirmed")
    if seen_on_images and policy.progression_date is ProgressionDate.NEXT_SCHEDULED:
        return _at_next_scheduled(interval, history, first, policy)
    return first


def _progression(
    history: History, policy: Policy, protocol: Protocol, family: Family
) -> _End | None:
    if family is IMMUNE:
        return _immune_progression(_before_therapy(history, policy), protocol)
    position = first_progression(history.visits, family)
    if position is None:
        return None
    visit = history.visits[position]
    day = visit.progression_day
    sentence = f"{visit.response} on day {visit.day}."
    if day != visit.day:
        sentence = (
            f"{visit.response} on day {visit.day}; its first sign was on day {day}, which counts."
        )
    return _End(day, True, "progression", PROGRESSION_DATE, sentence)


def _before_therapy(history: History, policy: Policy) -> tuple[RespondedVisit, ...]:
    """The visits that may confirm or resolve a progression: not after a therapy that censors."""
    if history.new_therapy_day is None or policy.new_therapy is NewTherapy.IGNORE:
        return history.visits
    return tuple(visit for visit in history.visits if visit.day <= history.new_therapy_day)


def _immune_progression(visits: Sequence[RespondedVisit], protocol: Protocol) -> _End | None:
    block: RespondedVisit | None = None
    for visit in visits:
        if visit.response == Response.ICPD:
            first = visit if block is None else block
            sentence = (
                f"iUPD on day {first.day}, confirmed on day {visit.day}: the first iUPD counts."
                if block is not None
                else f"iCPD on day {visit.day}."
            )
            return _End(first.progression_day, True, "progression", IMMUNE_PROGRESSION, sentence)
        if visit.response == Response.IUPD:
            block = visit if block is None else block
        elif visit.response not in _KEEP_WAITING:
            block = None
    if block is None or protocol.unconfirmed_iupd == "censor":
        return None
    sentence = (
        f"iUPD on day {block.day} was never confirmed, and no later visit showed iSD, iPR or iCR."
    )
    return _End(block.progression_day, True, "unconfirmed", IMMUNE_PROGRESSION, sentence)


def _claimed(history: History, policy: Policy) -> _End | None:
    day = history.claimed_progression_day
    if day is None or not policy.claimed_progression:
        return None
    sentence = f"Progression claimed on day {day} without images."
    return _End(day, True, "claimed-progression", policy.source, sentence)


def _new_therapy(history: History, policy: Policy) -> _End | None:
    day = history.new_therapy_day
    if day is None or policy.new_therapy is NewTherapy.IGNORE:
        return None
    if policy.new_therapy is NewTherapy.CENSOR:
        return _End(day, False, "new-therapy-censors", policy.source, "")
    sentence = f"New therapy on day {day} before any progression, which counts as one."
    return _End(day, True, "new-therapy", policy.source, sentence)


def _death(history: History) -> _End | None:
    day = history.death_day
    if day is None:
        return None
    return _End(day, True, "death", DURATION, f"Death on day {day} without progression before.")


def _adequate_days(history: History, protocol: Protocol, family: Family) -> list[int]:
    """Days on which the patient was seen to be with or without progression.

    Where an iUPD that nothing confirms censors, its block at the end does not count.
    """
    seen = [visit for visit in history.visits if visit.response in family.adequate]
    if family is IMMUNE and protocol.unconfirmed_iupd == "censor":
        while seen and seen[-1].response == Response.IUPD:
            seen.pop()
    return [visit.day for visit in seen]


def _censored(
    history: History,
    policy: Policy,
    days: Sequence[int],
    why: tuple[str, str],
    until: int | None = None,
) -> _End:
    """Censored at the last adequate assessment.

    Args:
        days: of the adequate assessments.
        why: short code and words.
        until: only assessments up to this day count.
    """
    rule, what = why
    adequate = [
        day for day in days if day >= history.origin_day and (until is None or day <= until)
    ]
    if not adequate:
        sentence = f"{what}, and no adequate assessment: censored at the start."
        return _End(history.origin_day, False, rule, policy.source, sentence)
    last = max(adequate)
    sentence = f"{what}: censored at the last adequate assessment, on day {last}."
    return _End(last, False, rule, policy.source, sentence)


def _missed_before(interval: int, history: History, adequate: Sequence[int], day: int) -> int:
    """Scheduled visits between the last adequate assessment before a day and that day."""
    last = max((d for d in adequate if d < day), default=history.origin_day) - history.origin_day
    window = history.window_days
    first_missed = (last + window) // interval + 1
    last_missed = -(-(day - history.origin_day - window) // interval) - 1
    return max(0, last_missed - first_missed + 1)


def _at_next_scheduled(interval: int, history: History, end: _End, policy: Policy) -> _End:
    since = end.day - history.origin_day
    nearest = round(since / interval) * interval
    if nearest > 0 and abs(since - nearest) <= history.window_days:
        return end
    scheduled = history.origin_day - (-since // interval) * interval
    if history.death_day is not None and end.day <= history.death_day < scheduled:
        return end._replace(day=history.death_day, sentence=f"{end.sentence} Death came first.")
    sentence = f"{end.sentence} Between visits: the next scheduled one, day {scheduled}, counts."
    return end._replace(day=scheduled, sentence=sentence, source=policy.source)
