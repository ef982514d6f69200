"""The variables that every dataset of findings has: identity, evaluator, visit, completion."""

from __future__ import annotations

from recist.export.cdisc.evaluators import Evaluator
from recist.export.cdisc.trial_dataset import Cell, Core, Variable

REQUIRED, EXPECTED, PERMISSIBLE = Core.REQUIRED, Core.EXPECTED, Core.PERMISSIBLE

KEY = ("STUDYID", "USUBJID")
#: ``--STAT`` and ``--REASND`` of what could not be evaluated.
NOT_DONE, NOT_EVALUABLE = "NOT DONE", "NOT EVALUABLE"


def identity(prefix: str) -> tuple[Variable, ...]:
    """Study, domain, subject, number of the row."""
    return (
        Variable("STUDYID", "Study Identifier", REQUIRED),
        Variable("DOMAIN", "Domain Abbreviation", REQUIRED),
        Variable("USUBJID", "Unique Subject Identifier", REQUIRED),
        Variable(f"{prefix}SEQ", "Sequence Number", REQUIRED, number=True),
    )


def evaluation(prefix: str) -> tuple[Variable, ...]:
    """Who judged, at which visit, when."""
    return (
        Variable(f"{prefix}EVAL", "Evaluator", EXPECTED, "evaluator"),
        Variable(f"{prefix}EVALID", "Evaluator Identifier", PERMISSIBLE, "evaluator_identifier"),
        Variable(f"{prefix}ACPTFL", "Accepted Record Flag", PERMISSIBLE),
        Variable("VISITNUM", "Visit Number", EXPECTED, number=True),
        Variable("VISIT", "Visit Name", PERMISSIBLE),
        Variable(f"{prefix}DTC", "Date/Time of Assessment", EXPECTED),
        Variable(f"{prefix}DY", "Study Day of Assessment", PERMISSIBLE, number=True),
    )


def by_whom(who: Evaluator, prefix: str) -> dict[str, Cell]:
    """The cells that say who judged."""
    return {
        f"{prefix}EVAL": who.role,
        f"{prefix}EVALID": who.identifier,
        f"{prefix}ACPTFL": who.flag,
    }
