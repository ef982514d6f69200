"""Response categories, reasons, assessments and outcomes: what an answer consists of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Response(StrEnum):
    CR = "CR"
    PR = "PR"
    SD = "SD"
    PD = "PD"
    NE = "NE"
    NON_CR_NON_PD = "NON-CR/NON-PD"
    NED = "NED"  # no evidence of disease, at baseline and since
    NA = "NA"  # this kind of lesion does not exist in the patient
    ND = "ND"  # the visit was not done
    MISSING = "MISSING"  # nothing was recorded
    DISREGARDED = "DISREGARDED"  # iRECIST: a scan too early to confirm, which nothing follows from
    ICR = "iCR"
    IPR = "iPR"
    ISD = "iSD"
    IUPD = "iUPD"
    ICPD = "iCPD"
    NON_ICR_NON_IUPD = "NON-iCR/NON-iUPD"
    CMR = "CMR"
    PMR = "PMR"
    SMD = "SMD"
    PMD = "PMD"


class Scope(StrEnum):
    """The set of lesions that an answer is about (the contract's column ``lesions``)."""

    ALL = "all"
    IN_FIELD = "in-field"
    OUT_OF_FIELD = "out-of-field"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the rule, a sentence, the numbers used, the distance to the next category.

    Attributes:
        rule: short code of the rule, e.g. ``target-pr``.
        source: paper and section.
        sentence: what a reader sees.
        numbers: name and value of each number used.
        margin_mm: how far the sum is from changing the category; None where no sum decides.
    """

    rule: str
    source: str
    sentence: str
    numbers: tuple[tuple[str, str], ...] = ()
    margin_mm: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """The response at one time point by one set of criteria on one set of lesions."""

    day: int
    criteria: str
    scope: Scope
    sum_mm: Decimal | None
    baseline_mm: Decimal | None
    nadir_mm: Decimal | None
    target: Response
    non_target: Response
    new_lesion: bool
    overall: Response
    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventTime:
    """A time to an event, with the row that says why this date.

    Attributes:
        endpoint: PFS, iPFS, OS, TTR, DoR, iDoR, DoSD.
        policy: fda_a, fda_b, fda_c or ema_itt; empty where none applies.
        day: of the event, or of censoring.
        event: False when censored.
    """

    endpoint: str
    policy: str
    start_day: int
    day: int
    event: bool
    reason: Reason

    @property
    def days(self) -> int:
        """The duration: day minus day, without adding one."""
        return self.day - self.start_day


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the whole course comes to, by one set of criteria on one set of lesions.

    Attributes:
        pfs_days, pfs_event: by the protocol's own policy; by all policies in ``times``.
        response_day: of the first response, confirmed where the protocol asks for it.
        control_day, benefit_day: the first day that shows disease control, clinical benefit.
        times: every time to an event, each with its reason.
    """

    criteria: str
    scope: Scope
    best_overall: Response
    best_overall_day: int | None
    confirmed_best_overall: Response
    progression_day: int | None
    pfs_days: int | None
    pfs_event: bool
    reasons: tuple[Reason, ...] = ()
    response_day: int | None = None
    control_day: int | None = None
    benefit_day: int | None = None
    times: tuple[EventTime, ...] = ()
    warnings: tuple[str, ...] = ()
