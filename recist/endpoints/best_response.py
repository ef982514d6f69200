"""Best overall response, confirmed or not, and what follows from it.

RECIST 1.1: Eisenhauer 2009, sections 4.4.3 and 4.6.1, and Table 3. iRECIST: Seymour 2017, Table 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from recist.criteria.family import RECIST, Family
from recist.endpoints.sequence import RespondedVisit, first_progression, in_order, reread
from recist.papers import IRECIST, RECIST11
from recist.protocol import Protocol
from recist.response import Reason, Response

TABLE_3 = RECIST11("Table 3")
BEST_RESPONSE = RECIST11("4.4.3")
MINIMUM_STABLE = RECIST11("4.4.3")
IMMUNE_BEST = IRECIST("Table 3")
NO_DISEASE = "CDISC oncology supplement for RECIST 1.1"

#: One stable visit between two responses may be accepted, never more (Eisenhauer 2009, FAQ).
MOST_STABLE_BETWEEN = 1

#: Best responses of a kind that are kept, in words, for the courses to come.
REMEMBERED = 4096

_NOT_EVALUABLE = (Response.NE, Response.NA, Response.ND, Response.MISSING, Response.DISREGARDED)


class Best(NamedTuple):
    """A best overall response, the visit that gave it, and why."""

    response: Response
    day: int | None
    reason: Reason


class ResponseConfirmation(NamedTuple):
    """A response and the later visit that confirms it."""

    first: RespondedVisit
    confirming: RespondedVisit


def evaluated(
    visits: Iterable[RespondedVisit],
    protocol: Protocol,
    family: Family = RECIST,
    *,
    first_progression_day: int | None = None,
) -> tuple[RespondedVisit, ...]:
    """The visits that may enter a best response: in order, none after the first progression.

    Args:
        first_progression_day: a progression known from elsewhere (adjudication, clinical date).
    """
    ordered = reread(in_order(visits), family, protocol)
    return until_progression(ordered, protocol, family, first_progression_day=first_progression_day)


def until_progression(
    ordered: tuple[RespondedVisit, ...],
    protocol: Protocol,
    family: Family = RECIST,
    *,
    first_progression_day: int | None = None,
) -> tuple[RespondedVisit, ...]:
    """Visits up to the first progression, those of its day included."""
    if not protocol.cut_at_first_progression:
        return ordered
    ends = [] if first_progression_day is None else [first_progression_day]
    position = first_progression(ordered, family)
    if position is not None:
        ends.append(ordered[position].day)
    return tuple(visit for visit in ordered if visit.day <= min(ends)) if ends else ordered


def confirmation(
    visits: Sequence[RespondedVisit], position: int, protocol: Protocol, family: Family = RECIST
) -> ResponseConfirmation | None:
    """The visit that confirms the response at a position, if one does.

    A complete response needs another one, a partial response another response; at least
    ``confirmation_days`` later; between them nothing worse, except as many visits that were not
    evaluable, and for a partial response the one stable visit, that the protocol accepts. Less
    than a complete response after a complete one confirms nothing.
    """
    first = visits[position]
    is_partial = first.response == family.partial
    missing = stable = 0
    complete_between = False
    for later in visits[position + 1 :]:
        is_complete = later.response == family.complete
        if is_complete or (
            is_partial and later.response == family.partial and not complete_between
        ):
            if later.day - first.day >= protocol.confirmation_days:
                return ResponseConfirmation(first, later)
            complete_between |= is_complete
        elif later.response in _NOT_EVALUABLE or later.held:
            missing += 1
        elif later.response == family.stable and is_partial and protocol.one_sd_between:
            stable += 1
        else:
            return None
        if missing > protocol.ne_between or stable > MOST_STABLE_BETWEEN:
            return None
    return None


def first_response(
    visits: Sequence[RespondedVisit],
    protocol: Protocol,
    family: Family = RECIST,
    *,
    confirmed: bool,
    words: tuple[Response, ...] | None = None,
) -> ResponseConfirmation | None:
    """The first complete or partial response among evaluated visits, with its confirmation.

    Args:
        words: the responses looked for; complete and partial unless given.

    Returns:
        None without one. Without need of confirmation, the visit stands for its own confirmation.
    """
    looked_for = family.responding if words is None else words
    for position, visit in enumerate(visits):
        if visit.response in looked_for:
            if not confirmed:
                return ResponseConfirmation(visit, visit)
            found = confirmation(visits, position, protocol, family)
            if found is not None:
                return found
    return None


def best_of(
    kept: Sequence[RespondedVisit],
    protocol: Protocol,
    family: Family = RECIST,
    *,
    confirmed: bool,
    origin_day: int = 0,
) -> Best:
    """The best overall response of visits that :func:`evaluated` gave."""
    return (
        _response(kept, protocol, family, confirmed=confirmed)
        or _stable(kept, protocol, family, origin_day, confirmed=confirmed)
        or _no_disease(kept, protocol, family)
        or _progression(kept, family)
        or _nothing(kept, protocol, family)
    )


def is_non_target_only(visits: Sequence[RespondedVisit], family: Family) -> bool:
    """Whether the words show a patient with non-target disease only: never stable disease."""
    responses = {visit.response for visit in visits}
    return family.neither in responses and not responses & {family.partial, family.stable}


def late_enough(visit: RespondedVisit, protocol: Protocol, origin_day: int) -> bool:
    """Whether a day is at or after the minimum duration of stable disease, less the window."""
    return visit.day - origin_day >= protocol.minimum_sd_days - protocol.sd_window_days


def _response(
    visits: Sequence[RespondedVisit], protocol: Protocol, family: Family, *, confirmed: bool
) -> Best | None:
    for word in family.responding:
        found = first_response(visits, protocol, family, confirmed=confirmed, words=(word,))
        if found is None:
            continue
        first, again = found
        if confirmed:
            needed_days = protocol.confirmation_days
            return _confirmed(word, first.day, again.response, again.day, needed_days)
        return _unconfirmed(word, first.day, IMMUNE_BEST if family.unconfirmed else BEST_RESPONSE)
    return None


@lru_cache(maxsize=REMEMBERED)
def _confirmed(word: Response, day: int, by: Response, on_day: int, needed_days: int) -> Best:
    sentence = (
        f"{word} on day {day}, confirmed by {by} on day {on_day}: {on_day - day} days later, "
        f"{needed_days} needed."
    )
    numbers = (
        ("day", str(day)),
        ("confirmed_on_day", str(on_day)),
        ("confirmation_days", str(needed_days)),
    )
    return Best(word, day, Reason("best-confirmed", TABLE_3, sentence, numbers))


@lru_cache(maxsize=REMEMBERED)
def _unconfirmed(word: Response, day: int, source: str) -> Best:
    sentence = f"{word} on day {day} is the best response, confirmed or not."
    return Best(word, day, Reason("best-response", source, sentence, (("day", str(day)),)))


def _stable(
    visits: Sequence[RespondedVisit],
    protocol: Protocol,
    family: Family,
    origin_day: int,
    *,
    confirmed: bool,
) -> Best | None:
    word = family.neither if is_non_target_only(visits, family) else family.stable
    enough = (*family.responding, family.stable)
    if word == family.neither:
        enough = (*family.responding, family.neither)
    found = _first_late(visits, enough, protocol, origin_day)
    if found is None and confirmed and protocol.early_pr_then_sd == "sd":
        found = _partial_then_stable(visits, family)
        if found is not None:
            sentence = (
                f"{found.response} on day {found.day} and {family.stable} at the next visit: "
                f"{family.stable} by the published row, though before the minimum duration."
            )
            reason = Reason("best-table-3-row", TABLE_3, sentence, (("day", str(found.day)),))
            return Best(family.stable, found.day, reason)
    if found is None:
        word = family.neither
        found = _first_late(visits, (family.neither,), protocol, origin_day)
    if found is None:
        return None
    unconfirmed = found.response in family.responding
    what = f"{found.response} on day {found.day}"
    if unconfirmed:
        what += f" is not confirmed and counts as {word}"
    minimum = protocol.minimum_sd_days - protocol.sd_window_days
    return _long_enough(word, found.day, what, found.day - origin_day, minimum)


@lru_cache(maxsize=REMEMBERED)
def _long_enough(word: Response, day: int, what: str, days: int, minimum_days: int) -> Best:
    sentence = f"{what}: {days} days from the start, {minimum_days} needed."
    numbers = (("day", str(day)), ("minimum_days", str(minimum_days)))
    return Best(word, day, Reason("best-stable", MINIMUM_STABLE, sentence, numbers))


def _first_late(
    visits: Sequence[RespondedVisit],
    words: tuple[Response, ...],
    protocol: Protocol,
    origin_day: int,
) -> RespondedVisit | None:
    for visit in visits:
        if visit.response in words and late_enough(visit, protocol, origin_day):
            return visit
    return None


def _partial_then_stable(visits: Sequence[RespondedVisit], family: Family) -> RespondedVisit | None:
    for first, second in pairwise(visits):
        if (first.response, second.response) == (family.partial, family.stable):
            return first
    return None


def _no_disease(
    visits: Sequence[RespondedVisit], protocol: Protocol, family: Family
) -> Best | None:
    free = next((visit for visit in visits if visit.response == Response.NED), None)
    if free is None or (
        protocol.ned_then_pd == "pd" and first_progression(visits, family) is not None
    ):
        return None
    sentence = f"No disease at baseline, and none on day {free.day}."
    reason = Reason("best-no-disease", NO_DISEASE, sentence, (("day", str(free.day)),))
    return Best(Response.NED, free.day, reason)


def _progression(visits: Sequence[RespondedVisit], family: Family) -> Best | None:
    for word in (family.progression, family.unconfirmed):
        found = next((visit for visit in visits if visit.response == word), None)
        if word is not None and found is not None:
            return _progressed(word, found.day, IMMUNE_BEST if family.unconfirmed else TABLE_3)
    return None


@lru_cache(maxsize=REMEMBERED)
def _progressed(word: Response, day: int, source: str) -> Best:
    sentence = f"{word} on day {day}, and nothing better that counts before."
    return Best(word, day, Reason("best-progression", source, sentence, (("day", str(day)),)))


def _nothing(visits: Sequence[RespondedVisit], protocol: Protocol, family: Family) -> Best:
    judged = (*family.adequate, Response.NE, Response.NA, Response.DISREGARDED)
    found = next((visit for visit in visits if visit.response in judged), None)
    if found is not None:
        early = found.response not in _NOT_EVALUABLE
        minimum = protocol.minimum_sd_days - protocol.sd_window_days
        sentence = (
            f"{found.response} on day {found.day} comes before the minimum duration of "
            f"{minimum} days, and nothing that counts follows."
            if early
            else "No visit could be evaluated."
        )
        rule = "best-too-early" if early else "best-not-evaluable"
        reason = Reason(rule, TABLE_3, sentence, (("day", str(found.day)),))
        return Best(Response.NE, found.day, reason)
    not_done = next((visit for visit in visits if visit.response == Response.ND), None)
    day = None if not_done is None else not_done.day
    sentence = "Nothing was assessed after the baseline."
    reason = Reason("best-nothing-assessed", BEST_RESPONSE, sentence)
    if protocol.nothing_assessed == "ne":
        return Best(Response.NE, day, reason)
    if not_done is not None:
        return Best(Response.ND, day, reason)
    missing = protocol.nothing_assessed == "missing"
    return Best(Response.MISSING if missing else Response.NE, None, reason)


def benefit(
    visits: Sequence[RespondedVisit],
    family: Family = RECIST,
    *,
    minimum_days: int,
    origin_day: int = 0,
    words: tuple[Response, ...] | None = None,
) -> int | None:
    """The first day that shows benefit: a response, or no progression for long enough.

    Disease control takes the minimum duration of stable disease, clinical benefit 24 weeks.

    Args:
        visits: as :func:`evaluated` gives them.
        minimum_days: from the origin, for disease that neither responds nor progresses.
        words: responses that count; complete, partial, stable and, for patients without targets,
            neither.

    Returns:
        None without benefit.
    """
    counted = (*family.responding, family.stable, family.neither) if words is None else words
    for visit in visits:
        if visit.response in counted and (
            visit.response in family.responding or visit.day - origin_day >= minimum_days
        ):
            return visit.day
    return None
