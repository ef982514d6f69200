"""Every time to an event of every patient, each with the rule and the sentence that date it.

The clock starts where the protocol says (randomisation, else the start of treatment), in days, day
minus day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from recist.assessment import assess_course
from recist.cohort.enrolment import Enrolled
from recist.course import Course, EventKind, Field, Measurement, Role, Status
from recist.endpoints import Background, outcome_of_responses, time_zero_of
from recist.endpoints.policy import EMA_ITT
from recist.field.scope import within
from recist.papers import RECIST11
from recist.protocol import Protocol
from recist.response import Assessment, Outcome, Response, Scope

#: Lesions in all above which disease is poly-metastatic (ESTRO-ASTRO consensus: 1 to 5 are oligo-;
#: Lievens et al., Radiother Oncol 2020;148:157).
MOST_OLIGOMETASTASES = 5

#: Local progression of a treated lesion by its own diameter (Eisenhauer 2009, 4.3.1, per lesion).
LOCAL_GROWTH_TENTHS, LOCAL_GROWTH_MM = 2, 5

#: What ends a time where risks compete.
CENSORED, OF_INTEREST, DEATH = 0, 1, 2


class FollowedTime(NamedTuple):
    """One time of one patient (or lesion), with the reason of its date.

    Attributes:
        endpoint: PFS, iPFS, OS, TTR, DoR, PFS out of field, PFS in field, poly-metastatic, local.
        policy: of the agency, and for iPFS what a never confirmed progression does.
        cause: :data:`CENSORED`, :data:`OF_INTEREST`, or :data:`DEATH` where it competes.
    """

    subject: str
    endpoint: str
    policy: str
    days: int
    cause: int
    rule: str
    source: str
    sentence: str
    lesion: str = ""

    @property
    def event(self) -> bool:
        return self.cause == OF_INTEREST


class Bounds(NamedTuple):
    """The days between which the event of PFS happened; ``by`` is None where it never did."""

    subject: str
    after: int
    by: int | None


@dataclass(frozen=True, slots=True)
class FollowedPatient:
    """A patient with all that was seen and all that came of it.

    Attributes:
        course: by the reader that is analysed; None where nothing was measured.
        outcomes: of RECIST 1.1 and iRECIST on every set of lesions.
        origin_day: on the scale of the course.
        sides: sets of lesions that are not empty at baseline.
    """

    patient: Enrolled
    course: Course | None
    assessments: tuple[Assessment, ...]
    outcomes: tuple[Outcome, ...]
    origin_day: int
    times: tuple[FollowedTime, ...]
    bounds: Bounds
    sides: frozenset[Scope] = frozenset()

    @property
    def subject(self) -> str:
        return self.patient.subject

    def outcome(self, criteria: str = "recist11", scope: Scope = Scope.ALL) -> Outcome | None:
        return next((o for o in self.outcomes if o.criteria == criteria and o.scope is scope), None)

    def has_lesions(self, scope: Scope) -> bool:
        """Whether a lesion of the baseline lies on that side, so that it can respond there."""
        return scope in self.sides

    def time(self, endpoint: str, policy: str = "") -> FollowedTime | None:
        return next(
            (t for t in self.times if t.endpoint == endpoint and policy in ("", t.policy)), None
        )


def followed(patient: Enrolled, course: Course | None, protocol: Protocol) -> FollowedPatient:
    """All times of a patient.

    Raises:
        InputError: a course that contradicts itself.
    """
    if course is None:
        return _never_seen(patient, protocol)
    assessments, outcomes = assess_course(course, ("recist11", "irecist"), protocol)
    origin = time_zero_of(course, protocol)
    times = [
        *_of_outcomes(patient, outcomes),
        *_other_immune_rule(patient, course, protocol),
        *_poly_metastatic(patient, course, origin),
        *_local(patient, course, origin),
    ]
    bounds = _bounds(patient.subject, assessments, times, origin)
    sides = frozenset(
        scope
        for scope in Scope
        if any(lesion.role is not Role.NEW for lesion in within(course, scope, protocol).lesions)
    )
    return FollowedPatient(
        patient, course, assessments, outcomes, origin, tuple(times), bounds, sides
    )


def _never_seen(patient: Enrolled, protocol: Protocol) -> FollowedPatient:
    """Enrolled and never measured: censored at the start, but followed for death."""
    start = patient.origin or 0

    def since(kind: EventKind) -> int | None:
        return patient.when[kind] - start if kind in patient.when else None

    known = Background(
        0,
        since(EventKind.DEATH),
        since(EventKind.LAST_ALIVE),
        since(EventKind.NEW_THERAPY),
        has_baseline=False,
    )
    outcomes = tuple(
        outcome_of_responses((), protocol, known, criteria=criteria)
        for criteria in ("recist11", "irecist")
    )
    times = tuple(_of_outcomes(patient, outcomes))
    return FollowedPatient(patient, None, (), outcomes, 0, times, Bounds(patient.subject, 0, None))


#: The name of an end point by criteria and set of lesions.
_SCOPES = {Scope.ALL: "", Scope.IN_FIELD: " in field", Scope.OUT_OF_FIELD: " out of field"}


def _of_outcomes(patient: Enrolled, outcomes: Sequence[Outcome]) -> Iterator[FollowedTime]:
    for outcome in outcomes:
        immune = outcome.criteria == "irecist"
        for time in outcome.times:
            if outcome.scope is not Scope.ALL and not (time.endpoint == "PFS" and not immune):
                continue
            if immune and time.endpoint in ("OS", "TTR"):
                continue
            policy = (
                f"{time.policy}, unconfirmed counts" if time.endpoint == "iPFS" else time.policy
            )
            yield FollowedTime(
                patient.subject,
                f"{time.endpoint}{_SCOPES[outcome.scope]}",
                policy,
                max(0, time.days),
                OF_INTEREST if time.event else CENSORED,
                time.reason.rule,
                time.reason.source,
                time.reason.sentence,
            )


def _other_immune_rule(
    patient: Enrolled, course: Course, protocol: Protocol
) -> Iterator[FollowedTime]:
    """iPFS again, with a never confirmed progression censored."""
    other = replace(protocol, unconfirmed_iupd="censor")
    _, outcomes = assess_course(course, ("irecist",), other)
    for outcome in outcomes:
        if outcome.scope is Scope.ALL:
            for time in outcome.times:
                if time.endpoint == "iPFS":
                    yield FollowedTime(
                        patient.subject,
                        "iPFS",
                        f"{time.policy}, unconfirmed censored",
                        max(0, time.days),
                        OF_INTEREST if time.event else CENSORED,
                        time.reason.rule,
                        time.reason.source,
                        time.reason.sentence,
                    )


def _poly_metastatic(patient: Enrolled, course: Course, origin: int) -> Iterator[FollowedTime]:
    """More lesions than oligo-metastatic disease may have; death competes."""
    seen: set[str] = set()
    last = origin
    subject, endpoint = patient.subject, "poly-metastatic"
    source = "ESTRO-ASTRO consensus, Lievens 2020"
    for timepoint in course.timepoints:
        seen |= {m.lesion_id for m in timepoint.measurements if _is_there(m)}
        if len(seen) > MOST_OLIGOMETASTASES:
            if timepoint is course.timepoints[0]:
                return  # it never was oligo-metastatic
            day, limit = timepoint.day, MOST_OLIGOMETASTASES
            sentence = f"{len(seen)} lesions in all on day {day}, more than {limit}."
            days = max(0, day - origin)
            yield FollowedTime(subject, endpoint, "", days, OF_INTEREST, "poly", source, sentence)
            return
        last = max(last, timepoint.day)
    open_end = FollowedTime(
        subject, endpoint, "", origin, 0, "", source, f"{len(seen)} lesions in all"
    )
    yield _without_event(open_end, course, last)


def _without_event(time: FollowedTime, course: Course, last: int) -> FollowedTime:
    """A time that ends by death, or is censored at the last scan; ``days`` holds its origin."""
    origin = time.days
    death = course.first_day_of(EventKind.DEATH)
    if death is not None:
        sentence = f"{time.sentence}; death on day {death} comes first."
        return time._replace(
            days=max(0, death - origin), cause=DEATH, rule="death", sentence=sentence
        )
    sentence = f"{time.sentence} at the last scan, on day {last}."
    return time._replace(days=max(0, last - origin), rule="last-scan", sentence=sentence)


def _is_there(measurement: Measurement) -> bool:
    """Seen as a lesion: not absent, not in doubt, not hidden in another."""
    if measurement.status in (Status.ABSENT, Status.EQUIVOCAL, Status.NOT_EVALUABLE):
        return False
    return measurement.diameter_mm is None or measurement.diameter_mm > 0


def _local(patient: Enrolled, course: Course, origin: int) -> Iterator[FollowedTime]:
    """Each irradiated lesion from the start of radiotherapy to its own progression."""
    start = course.first_day_of(EventKind.RADIOTHERAPY_START)
    origin = origin if start is None else start
    source = f"{RECIST11('4.3.1')}, on the lesion alone"
    for lesion in course.lesions:
        if lesion.field is not Field.IN or lesion.role is Role.NEW:
            continue
        nadir: Decimal | None = None
        last, failed = origin, None
        for timepoint in course.timepoints:
            for measured in timepoint.measurements:
                if measured.lesion_id != lesion.id or measured.status is Status.NOT_EVALUABLE:
                    continue
                size = measured.diameter_mm
                grown = measured.status is Status.PROGRESSION
                if size is not None and nadir is not None and timepoint.day > origin:
                    more = size - nadir
                    grown |= more >= LOCAL_GROWTH_MM and 10 * more >= LOCAL_GROWTH_TENTHS * nadir
                if grown and failed is None:
                    failed = timepoint.day
                if size is not None:
                    nadir = size if nadir is None else min(nadir, size)
                last = max(last, timepoint.day)
        open_end = FollowedTime(
            patient.subject, "local progression", "", origin, CENSORED, "", source,
            f"{lesion.id} controlled", lesion.id,
        )  # fmt: skip
        if failed is None:
            yield _without_event(open_end, course, last)
        else:
            sentence = f"{lesion.id} grew by 20 % and 5 mm over its nadir on day {failed}."
            yield open_end._replace(
                days=max(0, failed - origin), cause=OF_INTEREST, rule="local", sentence=sentence
            )


def _bounds(
    subject: str, assessments: Sequence[Assessment], times: Sequence[FollowedTime], origin: int
) -> Bounds:
    """The last scan without progression and the one that shows it; a death is exact."""
    pfs = next(t for t in times if t.endpoint == "PFS" and t.policy == EMA_ITT.name)
    if not pfs.event:
        return Bounds(subject, pfs.days, None)
    if pfs.rule == "death":
        return Bounds(subject, pfs.days, pfs.days)
    known = (Response.NE, Response.ND, Response.MISSING, Response.NA, Response.PD)
    free = [
        each.day - origin
        for each in assessments
        if each.criteria == "recist11"
        and each.scope is Scope.ALL
        and each.overall not in known
        and each.day - origin < pfs.days
    ]
    return Bounds(subject, max(0, *free) if free else 0, pfs.days)
