"""The words of a set of criteria: which mean a complete response, a partial one and so on.

End points are computed by the same rules for RECIST 1.1, iRECIST and PERCIST once this is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from imaging.errors import InputError
from recist.criteria.thresholds import BURDEN_CONFIRMATION_DAYS
from recist.response import Response


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """The words of one set of criteria, from best to worst; each equals itself only.

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
