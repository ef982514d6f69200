"""The tables of overall response, as data that can be read beside the papers.

RECIST 1.1: Eisenhauer 2009, Table 1 (patients with targets) and Table 2 (non-targets only).
iRECIST: Seymour 2017, Table 2, as transitions from the state a progression has left.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from recist.papers import RECIST11
from recist.response import Response

CR, PR, SD, PD, NE = Response.CR, Response.PR, Response.SD, Response.PD, Response.NE
NN, NA, NED = Response.NON_CR_NON_PD, Response.NA, Response.NED

_ANY_TARGET = (CR, PR, SD, PD, NE)
_NOT_PD = (CR, NN, NE, NA)
_ANY = (*_NOT_PD, PD)


class ResponseRow(NamedTuple):
    """One row of Table 1 or 2: what overall response the three parts make.

    Attributes:
        new: a new lesion; None: with or without.
    """

    target: tuple[Response, ...]
    non_target: tuple[Response, ...]
    new: bool | None
    overall: Response
    source: str


TABLE_1 = RECIST11("Table 1")
TABLE_2 = RECIST11("Table 2")
NO_DISEASE = "CDISC supplement for RECIST 1.1"

#: First row that fits. NA as a non-target response: there were none at baseline.
ROWS = (
    #    targets        non-targets   new    overall
    ResponseRow((CR,), (CR, NA), False, CR, TABLE_1),
    ResponseRow((CR,), (NN,), False, PR, TABLE_1),
    ResponseRow((CR,), (NE,), False, PR, TABLE_1),
    ResponseRow((PR,), _NOT_PD, False, PR, TABLE_1),
    ResponseRow((SD,), _NOT_PD, False, SD, TABLE_1),
    ResponseRow((NE,), _NOT_PD, False, NE, TABLE_1),
    ResponseRow((PD,), _ANY, None, PD, TABLE_1),
    ResponseRow(_ANY_TARGET, (PD,), None, PD, TABLE_1),
    ResponseRow(_ANY_TARGET, _ANY, True, PD, TABLE_1),
    ResponseRow((NA,), (CR,), False, CR, TABLE_2),
    ResponseRow((NA,), (NN,), False, NN, TABLE_2),
    ResponseRow((NA,), (NE,), False, NE, TABLE_2),
    ResponseRow((NA,), (PD,), None, PD, TABLE_2),
    ResponseRow((NA,), (CR, NN, NE), True, PD, TABLE_2),
    ResponseRow((NA,), (NA,), False, NED, NO_DISEASE),
    ResponseRow((NA,), (NA,), True, PD, NO_DISEASE),
)


def _lookup() -> dict[tuple[Response, Response, bool], ResponseRow]:
    table: dict[tuple[Response, Response, bool], ResponseRow] = {}
    for row in ROWS:
        for target in row.target:
            for non_target in row.non_target:
                for new in (False, True) if row.new is None else (row.new,):
                    table.setdefault((target, non_target, new), row)
    return table


#: (target, non-target, new lesion) -> the row that fits.
OVERALL = _lookup()

#: The i-prefix of Seymour 2017: immune responses, progression unconfirmed.
IMMUNE = {
    CR: Response.ICR,
    PR: Response.IPR,
    SD: Response.ISD,
    PD: Response.IUPD,
    NN: Response.NON_ICR_NON_IUPD,
    NE: NE,
    NA: NA,
    NED: NED,
}


class ProgressionState(StrEnum):
    """What earlier time points have left behind."""

    CLEAR = "no progression so far"
    OPEN = "unconfirmed progression"
    RESET = "a progression that was not confirmed, and the bar reset"
    CONFIRMED = "confirmed progression"

    __hash__ = str.__hash__  # that of an enumeration is a function in Python


class Evidence(StrEnum):
    """What a time point shows, read against that state."""

    PROGRESSES = "a category newly meets RECIST 1.1 progression"
    CONFIRMS = "further progression after iUPD"
    STANDS = "progression as it was"
    RESPONDS = "no progression"
    NOT_EVALUABLE = "nothing can be concluded"
    TOO_EARLY = "a scan too early after iUPD"
    TOO_LATE = "a scan too late to confirm"

    __hash__ = str.__hash__  # that of an enumeration is a function in Python


class Transition(NamedTuple):
    """One row: the overall response (None: by Table 1 or 2 with the i-prefix) and what it leaves.

    ``new_block``: a progression begins here, and its date is this time point.
    """

    state: ProgressionState
    evidence: Evidence
    overall: Response | None
    leaves: ProgressionState
    new_block: bool = False


_TABLE = (
    Transition(ProgressionState.CLEAR, Evidence.RESPONDS, None, ProgressionState.CLEAR),
    Transition(ProgressionState.CLEAR, Evidence.NOT_EVALUABLE, NE, ProgressionState.CLEAR),
    Transition(
        ProgressionState.CLEAR, Evidence.PROGRESSES, Response.IUPD, ProgressionState.OPEN, True
    ),
    Transition(ProgressionState.OPEN, Evidence.CONFIRMS, Response.ICPD, ProgressionState.CONFIRMED),
    Transition(ProgressionState.OPEN, Evidence.STANDS, Response.IUPD, ProgressionState.OPEN),
    Transition(ProgressionState.OPEN, Evidence.TOO_LATE, Response.IUPD, ProgressionState.OPEN),
    Transition(
        ProgressionState.OPEN, Evidence.TOO_EARLY, Response.DISREGARDED, ProgressionState.OPEN
    ),
    Transition(ProgressionState.OPEN, Evidence.NOT_EVALUABLE, NE, ProgressionState.OPEN),
    Transition(ProgressionState.OPEN, Evidence.RESPONDS, None, ProgressionState.RESET),
    Transition(ProgressionState.RESET, Evidence.RESPONDS, None, ProgressionState.RESET),
    Transition(ProgressionState.RESET, Evidence.NOT_EVALUABLE, NE, ProgressionState.RESET),
    Transition(
        ProgressionState.RESET, Evidence.PROGRESSES, Response.IUPD, ProgressionState.OPEN, True
    ),
)

#: (state, evidence) -> transition. A confirmed progression is followed by the protocol's setting.
TRANSITIONS = {(row.state, row.evidence): row for row in _TABLE}
