"""The sequence of responses of one patient: what an end point is computed from.

The same rules hold for RECIST 1.1, iRECIST and PERCIST once it is said which of their words mean a
complete response, a partial one and so on: see :class:`recist.criteria.family.Family`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from imaging.errors import InputError
from recist.criteria.family import Family
from recist.protocol import Protocol
from recist.response import Assessment, Response


class RespondedVisit(NamedTuple):
    """The overall response at one visit.

    Attributes:
        day: whole days on the scale of the course; the day of the last scan of the visit.
        response: the overall response.
        sign_day: the day on which the progression seen here first showed (a new lesion that was
            equivocal then, a PET finding that CT confirmed now); None when it is ``day``.
        held: see :class:`recist.response.Assessment`; it does not end a response.
    """

    day: int
    response: Response
    sign_day: int | None = None
    held: bool = False

    @property
    def progression_day(self) -> int:
        """The day that counts when this visit is the progression."""
        return self.day if self.sign_day is None else self.sign_day


def visit_of(assessment: Assessment) -> RespondedVisit:
    """What an end point needs of an assessment."""
    return RespondedVisit(
        assessment.day, assessment.overall, assessment.progression_day, assessment.held
    )


def in_order(visits: Iterable[RespondedVisit]) -> tuple[RespondedVisit, ...]:
    """The visits by day; those of one day keep their order."""
    return tuple(sorted(visits, key=attrgetter("day")))


def reread(
    visits: Sequence[RespondedVisit], family: Family, protocol: Protocol
) -> tuple[RespondedVisit, ...]:
    """The visits after the rule for less than a complete response after a complete one.

    Eisenhauer 2009, Table 3 note a: the later visit is progression, or the reader calls the
    complete responses partial; admiralonco leaves both as they are.
    """
    if protocol.cr_then_disease == "keep" or not family.less_than_complete_is_progression:
        return tuple(visits)
    complete_at = None
    for k, visit in enumerate(visits):
        if visit.response == family.complete:
            complete_at = k
            break
    if complete_at is None:
        return tuple(visits)
    less_at = next(
        (
            k
            for k, visit in enumerate(visits)
            if k > complete_at and visit.response in family.diseased and not visit.held
        ),
        None,
    )
    progressed_at = first_progression(visits, family)
    if less_at is None or (progressed_at is not None and progressed_at < less_at):
        return tuple(visits)
    if protocol.cr_then_disease == "pd":
        return tuple(
            visit._replace(response=family.progression) if k == less_at else visit
            for k, visit in enumerate(visits)
        )
    return tuple(
        visit._replace(response=family.partial)
        if k < less_at and visit.response == family.complete
        else visit
        for k, visit in enumerate(visits)
    )


def without_negated(visits: Sequence[RespondedVisit], family: Family) -> tuple[RespondedVisit, ...]:
    """The visits, with progressions that a later assessment negated as not evaluable."""
    wait = family.negated_after_days
    if wait is None:
        return tuple(visits)
    kept = list(visits)
    for k, visit in enumerate(visits):
        if visit.response != family.progression:
            continue
        later = (v.response for v in visits[k + 1 :] if v.day - visit.day >= wait)
        verdict = next((response for response in later if response in family.adequate), None)
        if verdict is None or verdict == family.progression:
            break
        kept[k] = visit._replace(response=Response.NE)
    return tuple(kept)


def first_progression(visits: Sequence[RespondedVisit], family: Family) -> int | None:
    """The position of the first (confirmed) progression."""
    return next((k for k, visit in enumerate(visits) if visit.response == family.progression), None)


def visit_day(
    scan_days: Sequence[int],
    *,
    by_new_lesion: bool,
    protocol: Protocol,
    new_lesion_day: int | None = None,
) -> int:
    """The one day of a visit whose scans lie on several.

    By the FDA's rule (2018, Appendix 3) a progression by a new lesion has the date of the first
    scan that shows it, one by the sum of the targets the date of the last scan of the visit.

    Args:
        scan_days: of all scans of the visit, in any order; at least one.
        new_lesion_day: of the scan that shows the new lesion; the first scan where not told.
    """
    if not scan_days:
        raise InputError("a visit without a scan", remedy="give the days of its scans")
    if protocol.visit_date == "first":
        return min(scan_days)
    if protocol.visit_date == "last" or not by_new_lesion:
        return max(scan_days)
    return min(scan_days) if new_lesion_day is None else new_lesion_day
