"""The answers as the page shows them: cards of the last date, a table over the dates, reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recist.course import Course, Field
from recist.criteria.criterion import title_of
from recist.field.classes import NOTHING_GIVEN
from recist.patient.result import PatientResult
from recist.report import wording
from recist.report.chart_frame import day_name
from recist.report.palette import SCOPE_NAMES, tone
from recist.response import Assessment, Outcome, Reason, Response, Scope

NO_FIELD = "No plan, dose or target volume was found, so the irradiated field is not known."


@dataclass(frozen=True, slots=True)
class Chip:
    """A response in a coloured pill."""

    label: str
    tone: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """The last answer for one set of lesions."""

    name: str
    scope: str
    chips: tuple[tuple[str, Chip], ...]
    sentence: str
    remark: str
    outcomes: tuple[str, ...]
    certainty: str = ""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    scope: str
    criteria: str
    chips: tuple[Chip | None, ...]
    first_of_scope: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """One assessment with its reasons; ``more_above``: others were given by criteria before it."""

    criteria: str
    chip: Chip
    parts: str
    reasons: tuple[Reason, ...]
    more_above: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerdictDay:
    day: str
    sets: tuple[tuple[str, tuple[Verdict, ...]], ...]


def cards(case: PatientResult) -> tuple[Card, ...]:
    """All, in-field and out-of-field lesions on the last date."""
    if not case.course.timepoints:
        return ()
    last = case.course.timepoints[-1].day
    return tuple(_card(case, scope, last) for scope in Scope)


def _card(case: PatientResult, scope: Scope, day: int) -> Card:
    first = case.course.timepoints[0].day
    here = [a for a in case.assessments if a.scope is scope and a.day == day]
    shown = tuple((title_of(a.criteria), chip(a, first)) for a in here)
    recist = next((a for a in here if a.criteria == "recist11"), here[0] if here else None)
    immune = next((a for a in here if a.criteria == "irecist"), None)
    if scope is not Scope.ALL and not _field_known(case):
        sentence, shown = no_field(case), ()
    elif day == first:
        sentence, shown = f"Baseline: {wording.baseline(case, scope)}.", ()
    elif recist is None or recist.overall is Response.NA:
        sentence, shown = "No lesion in this set.", ()
    else:
        words = wording.clause(recist)
        sentence = words[0].upper() + words[1:] + "."
    remark = wording.immune_remark(immune) if immune and shown else ""
    ends = tuple(
        _outcome_words(case.course, outcome)
        for outcome in case.outcomes
        if outcome.scope is scope and shown and day != first
    )
    certainty = _certainty(case, scope, day) if shown else ""
    return Card(SCOPE_NAMES[scope], scope.value, shown, sentence, remark, ends, certainty)


def _certainty(case: PatientResult, scope: Scope, day: int) -> str:
    """What reading the diameters again could change; empty where nothing would."""
    for each in case.certainties:
        if (each.scope, each.day) == (scope, day) and "," in each.sentence:
            names = " or ".join(each.possible)
            doubt = f"Uncertain, {names}. " if len(each.possible) > 1 else ""
            return f"{doubt}If the diameters were measured again: {each.sentence}."
    return ""


def no_field(case: PatientResult) -> str:
    """Why no side of the field is known: nothing was found, or what was found gave no class."""
    reasons = dict.fromkeys(
        finding.reason for finding in case.fields if finding.reason != NOTHING_GIVEN
    )
    if not reasons:
        return NO_FIELD
    return f"The irradiated field is not known: {'; '.join(reasons)}."


def _field_known(case: PatientResult) -> bool:
    return any(lesion.field is not Field.UNKNOWN for lesion in case.course.lesions)


def _outcome_words(course: Course, outcome: Outcome) -> str:
    when = (
        f" ({day_name(course, outcome.best_overall_day)})"
        if outcome.best_overall_day is not None
        else ""
    )
    words = f"{title_of(outcome.criteria)}: best response {outcome.best_overall.value}{when}"
    if outcome.confirmed_best_overall is not outcome.best_overall:
        words += f", confirmed {outcome.confirmed_best_overall.value}"
    if outcome.pfs_days is not None:
        event = "progression or death" if outcome.pfs_event else "censored"
        words += f"; progression-free {outcome.pfs_days} days ({event})"
    return words


def chip(assessment: Assessment, first_day: int) -> Chip:
    title = wording.VERDICTS[assessment.overall]
    if assessment.day == first_day and assessment.overall in (Response.NA, Response.NE):
        return Chip("baseline", "none", "baseline")
    return Chip(assessment.overall.value, tone(assessment.overall), title)


def matrix(case: PatientResult) -> tuple[MatrixRow, ...]:
    """Responses: a row per set and criteria, a chip per date."""
    days = [timepoint.day for timepoint in case.course.timepoints]
    found = {(a.scope, a.criteria, a.day): a for a in case.assessments}
    criteria = list(dict.fromkeys(a.criteria for a in case.assessments))
    rows = []
    for scope in Scope:
        first = True
        for name in criteria:
            here = [found.get((scope, name, day)) for day in days]
            if not any(a is not None and a.overall is not Response.NA for a in here):
                continue
            chips = tuple(None if a is None else chip(a, days[0]) for a in here)
            rows.append(MatrixRow(SCOPE_NAMES[scope], title_of(name), chips, first))
            first = False
    return tuple(rows)


def verdicts(case: PatientResult) -> tuple[VerdictDay, ...]:
    """Every assessment with its reasons, by date and set of lesions."""
    days = []
    first = case.course.timepoints[0].day if case.course.timepoints else 0
    for timepoint in case.course.timepoints:
        sets = []
        for scope in Scope:
            here = tuple(_verdicts(case, scope, timepoint.day, first))
            if here:
                sets.append((SCOPE_NAMES[scope], here))
        if sets:
            days.append(VerdictDay(day_name(case.course, timepoint.day), tuple(sets)))
    return tuple(days)


def _verdicts(case: PatientResult, scope: Scope, day: int, first_day: int) -> Iterator[Verdict]:
    """The assessments of a set on a date; a reason that was given before is not repeated."""
    given: set[tuple[str, str]] = set()
    for assessment in case.assessments:
        if assessment.scope is scope and assessment.day == day:
            if assessment.overall is not Response.NA:
                yield _verdict(assessment, first_day, given)
            given |= {(reason.rule, reason.sentence) for reason in assessment.reasons}


def _verdict(assessment: Assessment, first_day: int, given: set[tuple[str, str]]) -> Verdict:
    parts = [f"targets {assessment.target.value}", f"non-targets {assessment.non_target.value}"]
    parts.append("new lesion" if assessment.new_lesion else "no new lesion")
    return Verdict(
        title_of(assessment.criteria),
        chip(assessment, first_day),
        " · ".join(parts),
        tuple(r for r in assessment.reasons if (r.rule, r.sentence) not in given),
        any((r.rule, r.sentence) in given for r in assessment.reasons),
        assessment.warnings,
    )
