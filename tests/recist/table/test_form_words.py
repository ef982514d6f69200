"""Numbers, dates and words as Excel and case report forms write them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recist.protocol import DEFAULT
from recist.run.outcomes import outcomes_file
from recist.run.table import assess_file
from recist.table.finding import Severity
from recist.table.output import TableResult

HEADER = "subject,day,lesion,role,organ,nodal,status,diameter_mm\n"
BASELINE = "P1,0,T1,target,liver,no,measured,10.8\nP1,0,N1,non-target,lung,no,present,\n"
STABLE = "P1,56,N1,non-target,lung,no,present,\n"


def assessed(
    folder: Path, text: str, header: str = HEADER, **settings: Any
) -> tuple[TableResult, list[dict[str, str]]]:
    (folder / "t.csv").write_text(header + text, encoding="utf-8")
    protocol = replace(DEFAULT, **settings)
    result = assess_file(folder / "t.csv", folder / "out", criteria=["recist11"], protocol=protocol)
    with (folder / "out" / "timepoints.csv").open(newline="", encoding="utf-8") as file:
        return result, list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("written", "read", "overall"),
    [
        ("7.5600000000000005", "7.56", "PR"),  # 0.7 x 10.8 with the noise of a binary fraction
        ("7.559999999999999", "7.56", "PR"),
        ("7.56000000000001", "7.56000000000001", "SD"),  # 15 digits are as recorded
        ('"7,56"', "7.56", "PR"),
        ("7.56 mm", "7.56", "PR"),
    ],
)
def test_a_diameter_has_the_digits_that_were_recorded(
    tmp_path: Path, written: str, read: str, overall: str
) -> None:
    result, (row,) = assessed(
        tmp_path, f"{BASELINE}P1,56,T1,target,liver,no,measured,{written}\n{STABLE}"
    )
    assert (row["sum_mm"], row["overall"]) == (read, overall)
    said = {found.code for found in result.findings}
    assert ("decimal-comma" in said) is ("," in written)


@pytest.mark.parametrize("day", ["1e999999", "1e99", "50001", "-60000", "5_6", "٥٦", "inf"])
def test_a_day_that_is_none_costs_its_subject_alone(tmp_path: Path, day: str) -> None:
    other = BASELINE.replace("P1", "P2") + "P2,56.0,T1,target,liver,no,measured,9\n"
    result, rows = assessed(tmp_path, f"{BASELINE}P1,{day},T1,target,liver,no,measured,9\n{other}")
    assert (result.failed, result.exit_code) == (("P1",), 1)
    assert {row["subject"] for row in rows} == {"P2"}


@pytest.mark.parametrize(
    ("order", "date", "read"),
    [
        ("iso", "2024-03-01", "2024-03-01"),
        ("iso", "2024-03-01T09:30:15.5Z", "2024-03-01"),
        ("iso", "2024-03-01 09:30", "2024-03-01"),
        ("iso", "01-MAR-2024", "2024-03-01"),
        ("iso", "01MAR2024", "2024-03-01"),
        ("day_first", "01/03/2024", "2024-03-01"),
        ("day_first", "1.3.2024", "2024-03-01"),
        ("month_first", "03-01-2024", "2024-03-01"),
        ("day_first", "2024-03-01", "2024-03-01"),
        ("iso", "01/03/2024", 'date_order = "day_first"'),
        ("iso", "2024-03-0134", "YYYY-MM-DD"),
        ("iso", "2024-03", "YYYY-MM-DD"),
        ("iso", "45352", "day count of Excel"),
        ("day_first", "03/31/2024", "YYYY-MM-DD"),
        ("month_first", "31/03/2024", "YYYY-MM-DD"),
    ],
)
def test_a_date_is_read_where_it_is_one_date(
    tmp_path: Path, order: str, date: str, read: str
) -> None:
    text = (
        f"P1,2024-01-01,T1,target,liver,no,measured,30\nP1,{date},T1,target,liver,no,measured,9\n"
    )
    result, rows = assessed(tmp_path, text, HEADER.replace("day", "date"), date_order=order)
    if rows:
        assert [row["date"] for row in rows] == [read]
    else:
        assert read in result.findings[0].remedy


@pytest.mark.parametrize(
    ("row", "code", "level", "target"),
    [
        ("P1,56,T1,TL,liver,no,measured,5", "role-word", Severity.CHECK, "PR"),
        ("P1,56,T1,target,liver,no,NE,", "status-word", Severity.CHECK, "NE"),
        ("P1,56,T1,target,liver,no,TSTM,", "status-word", Severity.CHECK, "PR"),
        ("P1,56,T1,target,liver,no,,NE", "diameter-word", Severity.CHECK, "NE"),
        ("P1,56,T1,target,liver,no,measured,NE", "diameter-word", Severity.WARNING, "NE"),
        ("P1,56,T1,target,liver,no,,<5", "diameter-word", Severity.CHECK, "PR"),
        ("P1,56,T1,target,liver,no,too-small,< 5 mm", "diameter-word", Severity.CHECK, "PR"),
        ("P1,56,T1,target,liver,no,measured,<5", "diameter-word", Severity.WARNING, "PR"),
    ],
)
def test_words_of_forms_that_can_mean_one_thing_only(
    tmp_path: Path, row: str, code: str, level: Severity, target: str
) -> None:
    result, (found,) = assessed(tmp_path, f"{BASELINE}{row}\n{STABLE}")
    assert found["target"] == target
    assert [(each.code, each.level) for each in result.findings] == [(code, level)]


@pytest.mark.parametrize(
    ("row", "remedy"),
    [
        ("P1,56,T1,target,liver,no,UNK,", "not-evaluable"),
        ("P1,56,T1,targ,liver,no,measured,9", "did you mean 'target'"),
        ("P1,56,T1,target,liver,no,absent,<5", "empty that cell"),
        ("P1,56,T1,target,liver,no,measured,<10", "a number in mm"),
        ("P1,56,T1,target,liver,no,measured,3 cm", "a number in mm"),
    ],
)
def test_other_words_are_refused_with_the_right_one(tmp_path: Path, row: str, remedy: str) -> None:
    result, _ = assessed(tmp_path, f"{BASELINE}{row}\n{STABLE}")
    assert result.failed == ("P1",)
    assert remedy in result.findings[0].remedy


def test_a_word_is_told_once_for_the_whole_table(tmp_path: Path) -> None:
    text = "".join(f"P{n},0,T1,TL,liver,no,measured,30\n" for n in range(20))
    result, _ = assessed(tmp_path, text)
    told = [each for each in result.findings if each.code == "role-word"]
    assert [(each.subject, each.what) for each in told] == [("", "role 'TL' is read as target")]


def test_responses_in_words(tmp_path: Path) -> None:
    source = tmp_path / "r.csv"
    source.write_text("subject,day,overall\nP1,56,Partial Response\nP1,112,Progressive disease\n")
    outcomes_file(source, tmp_path / "out")
    with (tmp_path / "out" / "outcomes.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["best_overall"], row["progression_day"]) == ("PR", "112")


@pytest.mark.parametrize(
    ("cell", "column"), [("P\x1b[31m1", "subject"), ("T\x071", "lesion"), ('"T\n1"', "lesion")]
)
def test_control_characters_refuse_the_subject(tmp_path: Path, cell: str, column: str) -> None:
    row = f"P1,56,{cell},target,liver,no,measured,9\n"
    if column == "subject":
        row = f"{cell},0,T1,target,liver,no,measured,9\n"
    result, _ = assessed(tmp_path, BASELINE + row)
    errors = [each for each in result.findings if each.level is Severity.ERROR]
    assert [each.code for each in errors] == ["control-character"]
    assert column in errors[0].what
