"""Criteria are found by one table, under every name that people use."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import recist
from recist import cli
from recist.assessment import assess_course
from recist.course import Course
from recist.criteria.criterion import (
    ASSESSING,
    CRITERIA,
    DEFAULT_CRITERIA,
    CriterionError,
    criterion_named,
    names_of_criteria,
    title_of,
)
from recist.patient.options import Options
from recist.protocol import DEFAULT
from recist.run.outcomes import outcomes_file
from recist.run.table import assess_file
from tests.recist.patients import course as patients_course

TABLE = """subject,day,lesion,role,organ,nodal,status,diameter_mm
P1,0,T1,target,liver,no,measured,60
P1,56,T1,target,liver,no,measured,40
"""


def course() -> Course:
    return patients_course({0: {"T1": "60.0"}, 56: {"T1": "40.0"}}, subject="P1")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize("name", ASSESSING)
def test_a_row_assesses_under_its_own_name_and_words(name: str) -> None:
    assessments, outcomes = assess_course(course(), [name], DEFAULT)
    family = CRITERIA[name].family
    assert [(each.criteria, each.overall) for each in assessments] == [(name, family.partial)]
    assert [(each.criteria, each.best_overall) for each in outcomes] == [(name, family.partial)]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("recist", "recist11"), ("RECIST 1.1", "recist11"), ("recist1.1", "recist11"),
        ("recist-1.1", "recist11"), ("recist11", "recist11"), ("iRECIST", "irecist"),
        ("irRECIST", "irrecist"), ("imRECIST", "imrecist"),
    ],
)  # fmt: skip
def test_a_criterion_answers_to_what_people_call_it(given: str, meant: str, table: Path) -> None:
    assert criterion_named(given).name == meant
    assert recist.assess(course(), [given]).outcomes[0].criteria == meant
    assert Options.create(lesions="dicom", criteria=[given]).criteria == (meant,)
    done = CliRunner().invoke(
        cli.app, ["assess", str(table), "-o", str(table.parent / "out"), "--criteria", given]
    )
    assert done.exit_code == 0, done.output
    first = (table.parent / "out" / "outcomes.csv").read_text().splitlines()[1]
    assert first.split(",")[:2] == ["P1", meant]


@pytest.mark.parametrize("given", ["irecst", "recist2", "who", ""])
def test_an_unknown_criterion_is_refused_by_every_way_in(given: str, table: Path) -> None:
    out = table.parent / "out"
    for way_in in (
        lambda: assess_course(course(), [given], DEFAULT),
        lambda: recist.assess(course(), [given]),
        lambda: recist.assess_table(table, criteria=[given]),
        lambda: Options.create(lesions="dicom", criteria=[given]),
        lambda: assess_file(table, out, criteria=[given]),
    ):
        with pytest.raises(CriterionError, match="unknown criterion"):
            way_in()


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(CriterionError) as refused:
        criterion_named("irecst")
    assert refused.value.remedy.startswith("did you mean 'irecist'?")


def test_percist_concludes_responses_but_assesses_no_diameters(table: Path) -> None:
    with pytest.raises(CriterionError, match="does not assess diameters"):
        names_of_criteria(["percist"])
    responses = table.parent / "responses.csv"
    responses.write_text("subject,day,overall\nP1,56,PMR\n")
    outcomes_file(responses, table.parent / "out", criteria=["percist"])
    assert "P1,percist,all,PMR" in (table.parent / "out" / "outcomes.csv").read_text()


def test_titles_and_the_help_name_every_row() -> None:
    assert [title_of(name) for name in ("recist11", "irecist", "own")] == [
        "RECIST 1.1", "iRECIST", "own",
    ]  # fmt: skip
    help_text = CliRunner().invoke(cli.app, ["assess", "--help"]).output
    assert set(DEFAULT_CRITERIA) <= set(ASSESSING)
    for name in ASSESSING:
        assert name in help_text


def test_no_criteria_at_all_are_refused() -> None:
    with pytest.raises(CriterionError, match="no criteria"):
        names_of_criteria([])
    assert names_of_criteria([], of_responses=True) == ()
