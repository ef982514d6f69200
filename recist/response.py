"""Response categories, reasons, assessments and outcomes: what an answer consists of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

#: Stands on everything that a clinician sees.
RESEARCH_USE = "Research use only, not a medical device."

#: Reasons that are kept for the courses to come.
REMEMBERED = 8192


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

    # As its text, which it is equal to; the hash of an enumeration is a function in Python, and
    # every table of responses asks for it.
    __hash__ = str.__hash__


class Scope(StrEnum):
    """The set of lesions that an answer is about (column ``lesions`` of the tables)."""

    ALL = "all"
    IN_FIELD = "in-field"
    OUT_OF_FIELD = "out-of-field"

    __hash__ = str.__hash__  # as that of a response


class Reason:
    """Why: the rule, a sentence, the numbers used, the distance to the next category.

    Reasons are values: equal when they say the same. A :class:`RuleReason` says the same from a
    form and facts, and writes its sentence when it is read.

    Attributes:
        rule: short code of the rule, e.g. ``target-pr``.
        source: paper and section.
        sentence: what a reader sees.
        numbers: name and value of each number used.
        margin_mm: how far the sum is from changing the category; None where no sum decides.
    """

    __slots__ = ("_words", "_written")
    _words: Words | None

    def __init__(
        self,
        rule: str,
        source: str,
        sentence: str,
        numbers: tuple[tuple[str, str], ...] = (),
        margin_mm: Decimal | None = None,
    ) -> None:
        self._words = (sentence, margin_mm)
        self._written = Written(rule, source, sentence, numbers, margin_mm)

    def written(self) -> Written:
        return self._written

    @property
    def rule(self) -> str:
        return self.written().rule

    @property
    def source(self) -> str:
        return self.written().source

    @property
    def sentence(self) -> str:
        return self._written.sentence

    @property
    def numbers(self) -> tuple[tuple[str, str], ...]:
        return self.written().numbers

    @property
    def margin_mm(self) -> Decimal | None:
        return self.written().margin_mm

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reason) and self.written() == other.written()

    def __hash__(self) -> int:
        return hash(self.written())

    def __repr__(self) -> str:
        return f"Reason{tuple(self.written())!r}"


class Written(NamedTuple):
    """A reason in words."""

    rule: str
    source: str
    sentence: str
    numbers: tuple[tuple[str, str], ...]
    margin_mm: Decimal | None


Numbers = tuple[tuple[str, str], ...]

#: What a form makes of the facts: the sentence and the margin.
Words = tuple[str, Decimal | None]


def _no_numbers(*_: object) -> Numbers:
    return ()


@dataclass(frozen=True, slots=True, eq=False)
class RuleWording:
    """How one rule is put into words, from the facts of a finding; each form equals itself only.

    Attributes:
        words: the sentence and the margin, from the facts.
        numbers: what stands beside the sentence where somebody asks, from the same facts.
    """

    rule: str
    source: str
    words: Callable[..., Words]
    numbers: Callable[..., Numbers] = _no_numbers


class RuleReason(Reason):
    """A reason kept as a form and its facts: put into words when it is first read, if ever."""

    __slots__ = ("_facts", "_form", "_full")

    def __init__(self, form: RuleWording, *facts: object) -> None:
        self._form = form
        self._facts = facts
        self._words = None
        self._full: Written | None = None

    def written(self) -> Written:
        full = self._full
        if full is None:
            form, (sentence, margin) = self._form, self._in_words()
            numbers = form.numbers(*self._facts)
            full = self._full = Written(form.rule, form.source, sentence, numbers, margin)
        return full

    def _in_words(self) -> Words:
        words = self._words
        if words is None:
            words = self._words = self._form.words(*self._facts)
        return words

    @property
    def rule(self) -> str:
        return self._form.rule

    @property
    def source(self) -> str:
        return self._form.source

    @property
    def sentence(self) -> str:
        return self._in_words()[0]

    def __reduce__(self) -> tuple[type[Reason], Written]:
        return Reason, self.written()  # forms hold functions, which do not travel


def in_words(reasons: Iterable[Reason]) -> str:
    """The sentences of reasons, one after the other; each time point asks for them."""
    sentences = []
    for reason in reasons:
        words = reason._words
        sentences.append(reason.sentence if words is None else words[0])
    return " ".join(sentences)


@lru_cache(maxsize=REMEMBERED)
def common_reason(form: RuleWording, *facts: Hashable) -> RuleReason:
    """One reason for all time points that say the same by a form without numbers: there are few."""
    return RuleReason(form, *facts)


class Assessment(NamedTuple):
    """The response at one time point by one set of criteria on one set of lesions.

    Attributes:
        sum_mm: of the targets that were evaluable; None where none was, or there is none.
        baseline_mm: the sum at the baseline; None where a target was not evaluable there.
        nadir_mm: the smallest sum before this time point, which growth is measured from.
        lower_bound: a target of the sum was not evaluable, so that the whole is at least ``sum_mm``
            and no change in percent can be given.
        method_changed: targets were delineated in another way at an earlier date (a reader's
            contour, then a network's), so that changes between the dates are unreliable.
        progression_day: the earlier day to which a progression seen here dates back (a new lesion
            that was equivocal then); None when ``day`` counts.
        held: disease is back after a complete response, in a single small node that the next scan
            has not confirmed (AMB-05): no progression, and no complete response either.
    """

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
    target_by_scan: Response | None = None
    block: int = 0
    first_iupd_day: int | None = None
    progression_day: int | None = None
    held: bool = False
    lower_bound: bool = False
    method_changed: bool = False


class EventTime(NamedTuple):
    """A time to an event, with the row that says why this date.

    Attributes:
        endpoint: PFS, iPFS, OS, TTR, DoR, iDoR, DoSD, iDoSD.
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


class Outcome(NamedTuple):
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
