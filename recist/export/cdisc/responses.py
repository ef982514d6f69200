"""RS: the responses at every visit and the best one, by each criterion and set of lesions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from recist.answers import AssessedCourse
from recist.criteria.criterion import CRITERIA, title_of
from recist.criteria.family import IMMUNE
from recist.export.cdisc.evaluators import Evaluator
from recist.export.cdisc.subjects import Visits, iso, usubjid, visits_by_subject
from recist.export.cdisc.terminology import Terminology
from recist.export.cdisc.trial_dataset import Cell, Dataset, Variable, numbered
from recist.export.cdisc.tumours import NEW_STATE
from recist.export.cdisc.variables import (
    EXPECTED,
    KEY,
    NOT_DONE,
    NOT_EVALUABLE,
    PERMISSIBLE,
    REQUIRED,
    by_whom,
    evaluation,
    identity,
)
from recist.response import Assessment, Outcome, Response, Scope

RS_VARIABLES = (
    *identity("RS"),
    Variable("RSLNKGRP", "Link Group", PERMISSIBLE),
    Variable("RSTESTCD", "Assessment Short Name", REQUIRED, "RSTESTCD"),
    Variable("RSTEST", "Assessment Name", REQUIRED),
    Variable("RSCAT", "Category for Assessment", EXPECTED),
    Variable("RSSCAT", "Subcategory", PERMISSIBLE),
    Variable("RSORRES", "Result or Finding in Original Units", EXPECTED),
    Variable("RSSTRESC", "Character Result/Finding in Std Format", EXPECTED),
    Variable("RSSTAT", "Completion Status", PERMISSIBLE),
    Variable("RSREASND", "Reason Not Done", PERMISSIBLE),
    *evaluation("RS"),
)

#: The sets of lesions in the words of ``RSSCAT``; all lesions need none.
SETS = {
    Scope.ALL: "",
    Scope.IN_FIELD: "LESIONS IN THE IRRADIATED FIELD",
    Scope.OUT_OF_FIELD: "LESIONS OUTSIDE THE IRRADIATED FIELD",
}


class MetabolicResponse(NamedTuple):
    """A response of PET at a date, as ``pet_timepoints.csv`` has it."""

    subject: str
    date: str
    criteria: str
    response: str


def responses(
    answers: Sequence[AssessedCourse],
    evaluators: Mapping[str, Evaluator],
    words: Terminology,
    *,
    study: str,
    metabolic: Sequence[MetabolicResponse] = (),
) -> Dataset:
    """RS: target, non-target, new lesion and overall responses, and the best overall response.

    Args:
        answers: of all subjects and readers.
        evaluators: by reader.
        study: STUDYID.
        metabolic: responses of PET, by their dates.
    """
    rows: list[dict[str, Cell]] = []
    subjects: dict[str, list[AssessedCourse]] = {}
    for each in answers:
        subjects.setdefault(each.course.subject, []).append(each)
    all_visits = visits_by_subject(each.course for each in answers)
    for subject, own in subjects.items():
        visits = all_visits[subject]
        common: dict[str, Cell] = {
            "STUDYID": study,
            "DOMAIN": "RS",
            "USUBJID": usubjid(study, subject),
        }
        for each in own:
            rows += [common | row for row in _of_course(each, evaluators, visits, words)]
        rows += [
            common | row
            for row in _of_pet(
                own[0], [m for m in metabolic if m.subject == subject], visits, words
            )
        ]
    key = (*KEY, "RSEVALID", "RSCAT", "RSSCAT", "RSTESTCD", "VISITNUM", "RSDTC")
    return Dataset("RS", "Disease Response and Clin Classification", RS_VARIABLES,
                   numbered(rows, "RSSEQ"), key)  # fmt: skip


def _of_course(
    answer: AssessedCourse, evaluators: Mapping[str, Evaluator], visits: Visits, words: Terminology
) -> Iterator[dict[str, Cell]]:
    course = answer.course
    who = evaluators[course.reader]
    for each in answer.timepoints:
        of_visit = {
            "RSLNKGRP": f"{who.prefix}A{visits.number[each.day]}",
            **_of_set(each.criteria, each.scope),
            **by_whom(who, "RS"),
            **visits.cells(course, each.day, "RS"),
        }
        for code, word in _tests(each):
            yield of_visit | _result(code, word, words)
    for outcome in answer.outcomes:
        day = _best_day(outcome, answer)
        at = (
            {} if day is None else visits.cells(course, day, "RS") | {"VISITNUM": None, "VISIT": ""}
        )
        yield (
            _of_set(outcome.criteria, outcome.scope)
            | by_whom(who, "RS")
            | at
            | _result("BESTRESP", str(_best(outcome, answer)), words)
        )


def _best(outcome: Outcome, answer: AssessedCourse) -> Response:
    """The best response that the protocol counts: confirmed where it asks for confirmation."""
    if answer.protocol.confirmation_required:
        return outcome.confirmed_best_overall
    return outcome.best_overall


def _best_day(outcome: Outcome, answer: AssessedCourse) -> int | None:
    """Its date, where the outcome has one for it."""
    same = _best(outcome, answer) == outcome.best_overall
    return outcome.best_overall_day if same else None


def _tests(each: Assessment) -> Iterator[tuple[str, str]]:
    """What a time point says, test by test; a kind of lesion that there is not is left out."""
    missing = (Response.NA, Response.MISSING)
    if each.target not in missing:
        yield "TRGRESP", str(each.target)
    if each.non_target not in missing:
        yield "NTRGRESP", str(each.non_target)
    row = CRITERIA.get(each.criteria)
    if row is not None and row.family is IMMUNE:
        yield "NEWLIND", "Y" if each.new_lesion else "N"
    elif each.new_lesion:
        yield "NEWLPROG", NEW_STATE
    yield "OVRLRESP", str(each.overall)


def _of_set(criteria: str, scope: Scope) -> dict[str, Cell]:
    return {"RSCAT": title_of(criteria), "RSSCAT": SETS[scope]}


def _result(code: str, word: str, words: Terminology) -> dict[str, Cell]:
    found: dict[str, Cell] = {"RSTESTCD": code, "RSTEST": words.meaning("RSTESTCD", code)}
    if word == Response.ND:
        return found | {"RSSTAT": NOT_DONE, "RSREASND": NOT_EVALUABLE}
    return found | {"RSORRES": word, "RSSTRESC": word}


def _of_pet(
    answer: AssessedCourse, found: Sequence[MetabolicResponse], visits: Visits, words: Terminology
) -> Iterator[dict[str, Cell]]:
    course = answer.course
    day_of = {iso(course, day) or str(day): day for day in visits.number}
    for each in found:
        day = day_of.get(each.date)
        if day is not None:
            yield (
                _of_set(each.criteria, Scope.ALL)
                | {"RSEVAL": "", "RSLNKGRP": f"A{visits.number[day]}"}
                | visits.cells(course, day, "RS")
                | _result("METBRESP", each.response, words)
            )
