"""The sequence of responses of one patient: what an end point is computed from.

The same rules hold for RECIST 1.1, iRECIST and PERCIST once it is said which of their words mean a
complete response, a partial one and so on: that is a :class:`Family`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import NamedTuple

from imaging.errors import InputError
from recist.criteria.thresholds import BURDEN_CONFIRMATION_DAYS
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


@dataclass(frozen=True, slots=True)
class Family:
    """The words of one set of criteria, from best to worst.

    Attributes:
        unconfirmed: progression that awaits confirmation; None where progression needs none.
        less_than_complete_is_progression: disease seen after a complete response is progression
            (RECIST 1.1, Eisenhauer 2009 Table 3 note a); iRECIST knows no such rule.
        negated_after_days: the first assessment at least so long after a progression takes it
            back when it shows none; None: nothing does.
        responding: complete and partial.
        diseased: disease is present and does not progress.
        adequate: assessments that show whether the patient is free of progression.
    """

    complete: Response
    partial: Response
    stable: Response
    neither: Response
    progression: Response
    unconfirmed: Response | None
    less_than_complete_is_progression: bool
    negated_after_days: int | None = None
    responding: tuple[Response, Response] = field(init=False)
    diseased: tuple[Response, Response, Response] = field(init=False)
    adequate: tuple[Response, ...] = field(init=False)

    def __post_init__(self) -> None:
        words = (self.complete, self.partial, self.stable, self.neither, self.progression)
        waiting = () if self.unconfirmed is None else (self.unconfirmed,)
        object.__setattr__(self, "responding", (self.complete, self.partial))
        object.__setattr__(self, "diseased", (self.partial, self.stable, self.neither))
        object.__setattr__(self, "adequate", (*words, Response.NED, *waiting))


RECIST = Family(
    Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD, Response.PD, None, True
)
IMMUNE = Family(
    Response.ICR,
    Response.IPR,
    Response.ISD,
    Response.NON_ICR_NON_IUPD,
    Response.ICPD,
    Response.IUPD,
    False,
)
METABOLIC = Family(
    Response.CMR, Response.PMR, Response.SMD, Response.NON_CR_NON_PD, Response.PMD, None, False
)

#: irRECIST and imRECIST: RECIST's words; a later assessment without progression at least 4 weeks on
#: negates one (Nishino 2013; Hodi 2018).
BURDEN = replace(
    RECIST, less_than_complete_is_progression=False, negated_after_days=BURDEN_CONFIRMATION_DAYS
)

#: Words that name their family; the others (NE, NED, ND) are common to all.
_OWN_WORDS = tuple(
    (
        family,
        frozenset(
            word
            for word in (*family.responding, family.stable, family.progression, family.unconfirmed)
            if word is not None
        )
        | (frozenset({family.neither}) if family is IMMUNE else frozenset()),
    )
    for family in (IMMUNE, METABOLIC)
)


def family_of(responses: Iterable[Response]) -> Family:
    """The family that a sequence of responses is written in; RECIST where no word tells.

    Raises:
        InputError: words of two families in one sequence.
    """
    seen = frozenset(responses)
    found = [family for family, words in _OWN_WORDS if words & seen]
    recist = {RECIST.complete, RECIST.partial, RECIST.stable, RECIST.progression} & seen
    if len(found) > 1 or (found and recist):
        raise InputError(
            f"responses of several criteria in one sequence: {', '.join(sorted(seen))}",
            remedy="give each set of criteria its own sequence",
        )
    return found[0] if found else RECIST


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
