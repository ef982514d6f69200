"""What an assessment of metabolic response consists of: a category and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class PetResponse(StrEnum):
    CMR = "CMR"
    PMR = "PMR"
    SMD = "SMD"
    PMD = "PMD"
    NMR = "NMR"  # Lugano: no metabolic response
    UPMD = "UPMD"  # iPERCIST: unconfirmed
    CPMD = "CPMD"  # iPERCIST: confirmed
    BENEFIT = "CLINICAL_BENEFIT"  # PECRIT
    NO_BENEFIT = "NO_CLINICAL_BENEFIT"
    NOT_MEASURABLE = "NOT_MEASURABLE"
    NOT_COMPARABLE = "NOT_COMPARABLE"
    NOT_EVALUABLE = "NOT_EVALUABLE"

    @property
    def is_known(self) -> bool:
        """Whether it says anything of the course: it was measured and could be compared."""
        return self not in (self.NOT_MEASURABLE, self.NOT_COMPARABLE, self.NOT_EVALUABLE)


@dataclass(frozen=True, slots=True)
class PetReason:
    """Why: the rule, a sentence, the numbers used, and how near the next category is.

    Attributes:
        rule: short code, e.g. ``peak-pmr``.
        source: paper and section.
        sentence: what a reader sees.
        numbers: name and value of each number used.
        margin: distance of the deciding number from its boundary; None where none decides.
        margin_unit: ``%``, ``SUL``, ``min`` ...
    """

    rule: str
    source: str
    sentence: str
    numbers: tuple[tuple[str, float], ...] = ()
    margin: float | None = None
    margin_unit: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition under which two scans may be compared.

    Attributes:
        passed: None where the scans do not tell.
        margin: what is left to the limit; negative if it failed.
    """

    name: str
    passed: bool | None
    sentence: str
    margin: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PetAssessment:
    """The response of one scan by one set of criteria.

    Attributes:
        value, baseline: the compared number (SULpeak of the hottest, sum, SUV ...).
        score: Deauville score.
        reasons: never empty.
    """

    criteria: str
    day: int
    response: PetResponse
    reasons: tuple[PetReason, ...]
    value: float | None = None
    baseline: float | None = None
    change_percent: float | None = None
    score: int | None = None
    gates: tuple[Gate, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        # Field by field: dataclasses.asdict copies every value deeply, at four times the cost.
        return {
            "criteria": self.criteria,
            "day": self.day,
            "response": self.response,
            "reasons": tuple([_plain(reason) for reason in self.reasons]),
            "value": self.value,
            "baseline": self.baseline,
            "change_percent": self.change_percent,
            "score": self.score,
            "gates": tuple([_plain(gate) for gate in self.gates]),
            "warnings": self.warnings,
        }


def _plain(part: PetReason | Gate) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__dataclass_fields__}


def change_percent(baseline: float, value: float) -> float:
    """Relative change; rounded so that an exact limit is met exactly (30.0, not 29.999...)."""
    return round(100.0 * (value - baseline) / baseline, 9)
