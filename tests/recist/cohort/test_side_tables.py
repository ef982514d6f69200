"""Quality of life, toxicity and multiplicity: scores and counts by hand."""

from __future__ import annotations

import subprocess
import sys

import pytest

from recist.cohort.arms import Arms
from recist.cohort.enrolment import Enrolled
from recist.cohort.quality_of_life import SCALES, holm, quality_sheets, scores
from recist.cohort.toxicity import toxicity_sheet
from recist.table.finding import Finding

ARMS = Arms(("drug", "control"))
PATIENTS = {
    name: Enrolled(name, arm, arm, True, {}, {})
    for name, arm in (("A", "drug"), ("B", "drug"), ("C", "control"))
}


def test_every_item_belongs_to_one_scale() -> None:
    items = sorted(item for scale in SCALES.values() for item in scale.items)
    assert items == list(range(1, 31))


def test_scores_at_the_ends_of_the_answers() -> None:
    """No problems and excellent health: functions and health 100, symptoms 0; and the reverse."""
    best = scores({k: 7 if k > 28 else 1 for k in range(1, 31)})
    worst = scores({k: 1 if k > 28 else 4 for k in range(1, 31)})
    for name, scale in SCALES.items():
        good = 100 if scale.functional or name == "global health" else 0
        assert best[name] == pytest.approx(good)
        assert worst[name] == pytest.approx(100 - good)


def test_half_of_the_items_must_be_answered() -> None:
    emotional: dict[int, int | None] = {21: 2, 22: 3, 23: None, 24: None}
    assert scores(emotional)["emotional"] == pytest.approx(100 * (1 - 1.5 / 3))
    assert scores(emotional | {22: None})["emotional"] is None
    physical: dict[int, int | None] = {1: 1, 2: 2}
    assert scores(physical)["physical"] is None  # two of five are fewer than half


def test_holm() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([None]) == [None]


def test_an_impossible_answer_costs_its_questionnaire_and_a_line() -> None:
    findings: list[Finding] = []
    row = {"subject": "A", "day": "0"} | {f"q{k}": "1" for k in range(1, 31)}
    rows = [row, row | {"day": "50", "q1": "9"}, row | {"subject": "X"}]
    found, _ = quality_sheets(rows, PATIENTS, ARMS, has_dates=False, findings=findings)
    assert [(each["subject"], each["day"]) for each in found.rows] == [("A", "0")]
    assert [each.row for each in findings] == [3, 4]
    assert "answers are 1 to 4" in str(findings[0])


def test_the_worst_grade_of_each_patient_counts() -> None:
    findings: list[Finding] = []
    rows = [
        {"subject": subject, "term": term, "grade": grade}
        for subject, term, grade in (
            ("A", "Fatigue", "1"), ("A", "fatigue", "3"), ("B", "rash", "2"), ("C", "fatigue", "2"),
            ("C", "rash", "6"), ("X", "rash", "1"),
        )
    ]  # fmt: skip
    sheet = toxicity_sheet(rows, PATIENTS, ARMS, findings)
    by_term = {row["term"]: row for row in sheet.rows}
    assert by_term["any term"]["drug: grade 3 or more"] == "1/2"
    assert by_term["any term"]["control: grade 3 or more"] == "0/1"
    assert by_term["fatigue"]["drug: grade 3"] == "1" and by_term["fatigue"]["drug: grade 1"] == "0"
    assert by_term["rash"]["drug: grade 2"] == "1" and by_term["rash"]["control: grade 1"] == "0"
    assert [each.row for each in findings] == [6, 7]


def test_the_commands_load_no_statistics_before_they_run() -> None:
    code = (
        "import sys, recist.cli; print(sorted({'scipy','statsmodels','pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
