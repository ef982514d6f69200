"""The finding of a patient in words: a line per question, and a row per definition."""

from __future__ import annotations

from typing import NamedTuple

from recist.abscopal.abscopal_finding import AbscopalFinding, chance_for
from recist.abscopal.attribution import Grade
from recist.abscopal.chance import ERROR_LOG_SD, Chance
from recist.abscopal.definition_results import DefinitionResult
from recist.abscopal.response_by_side import SetResponse
from recist.course import Course


class SummaryLine(NamedTuple):
    """A question and its answer."""

    name: str
    text: str


class DefinitionRow(NamedTuple):
    """A definition and what it says of the patient."""

    name: str
    paper: str
    asks: str
    answer: str
    when: str
    by_chance: str
    reason: str


def headline(finding: AbscopalFinding) -> str:
    """The finding in a sentence. A response is compatible with an effect, never proof of one."""
    if not finding.evaluable:
        return finding.evaluability.reason.sentence
    met = [each for each in finding.calls if each.met and not each.definition.asks_for_control]
    asked = [each for each in finding.calls if not each.definition.asks_for_control]
    if not met:
        return "No response out of the field by any definition."
    confirmed = sum(each.confirmed is True for each in met)
    words = "An abscopal-compatible response"
    if finding.attribution.grade in (Grade.C, Grade.D):
        words = "A response out of the field that systemic therapy may explain"
    return f"{words}: by {len(met)} of {len(asked)} definitions, confirmed by {confirmed}."


def summary(finding: AbscopalFinding, course: Course) -> tuple[SummaryLine, ...]:
    """What can be said of the patient, apart from the definitions."""
    lines = [
        SummaryLine("Evaluable", finding.evaluability.reason.sentence),
        SummaryLine("Out of the field", _set(finding.out_of_field, course)),
        SummaryLine("In the field", _set(finding.in_field, course)),
        SummaryLine(
            "First failure", f"{finding.failure.pattern}. {finding.failure.reason.sentence}"
        ),
        SummaryLine("Attribution", finding.attribution.reason.sentence),
    ]
    if finding.evaluable:
        lines.append(SummaryLine("By measurement error alone", by_chance(finding.chance)))
    lines += [SummaryLine("Remark", _sentence(remark)) for remark in finding.remarks]
    return tuple(lines)


def definition_rows(finding: AbscopalFinding, course: Course) -> tuple[DefinitionRow, ...]:
    """Every definition with its answer, its date and its reason."""
    return tuple(_row(each, finding, course) for each in finding.calls)


def by_chance(chance: Chance) -> str:
    """How often unchanged lesions would give a response."""
    return (
        f"With an error of {100 * ERROR_LOG_SD:.0f} % per diameter and no true change, "
        f"{_share(chance.single)} of such patients show a single lesion 30 % smaller at some scan "
        f"({_share(chance.single_confirmed)} at two scans in a row), and "
        f"{_share(chance.aggregate)} a sum 30 % smaller."
    )


def _set(found: SetResponse | None, course: Course) -> str:
    if found is None:
        return "no lesion"
    if not found.assessments:
        return "not assessed after radiotherapy"
    best = f"best {found.best.response}"
    if found.first_day is not None:
        best += f" (first on {_when(course, found.first_day)})"
    progression = (
        "no progression"
        if found.progression_day is None
        else f"progression on {_when(course, found.progression_day)}"
    )
    return (
        f"{best}, confirmed best {found.confirmed.response}, {progression}; iRECIST best "
        f"{found.immune.best_overall}."
    )


def _row(call: DefinitionResult, finding: AbscopalFinding, course: Course) -> DefinitionRow:
    definition = call.definition
    chance = chance_for(definition, finding.chance, confirmed=bool(call.confirmed))
    return DefinitionRow(
        definition.name,
        definition.paper,
        f"{definition.numerator}; {definition.time_rule}",
        _answer(call),
        ""
        if call.day is None
        else f"{_when(course, call.day)}, {call.days_from_radiotherapy} days from radiotherapy",
        _share(chance) if chance is not None and finding.evaluable else "",
        call.reason.sentence,
    )


def _answer(call: DefinitionResult) -> str:
    if call.met is None:
        return "not evaluable"
    if not call.met:
        return "no"
    return {True: "yes, confirmed", False: "yes, not confirmed", None: "yes"}[call.confirmed]


def _when(course: Course, day: int) -> str:
    date = course.date_of(day)
    return f"day {day}" if date is None else date.isoformat()


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
