"""A worksheet with a lesion in each row and a date in each column."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook

import recist
from imaging.errors import InputError
from recist.table.worksheet import worksheet_rows

LINES = [
    ["subject", "lesion", "role", "organ", "2024-01-08", "2024-03-04", "2024-05-06"],
    ["P1", "T1", "target", "lung", "32", "24.5", "too small"],
    ["P1", "T2", "target", "axillary lymph node", "18", "12", "9"],
    ["P1", "NT1", "non-target", "bone", "present", "present", "absent"],
    ["P1", "N1", "new", "liver", "", "", "12"],
]


def written(path: Path, lines: list[list[str]], delimiter: str = ",") -> Path:
    path.write_text("".join(f"{delimiter.join(line)}\n" for line in lines))
    return path


def workbook(path: Path) -> Path:
    book = Workbook()
    for line in LINES:
        book.worksheets[0].append([float(c) if c.replace(".", "").isdigit() else c for c in line])
    book.save(path)
    return path


@pytest.mark.parametrize("kind", ["comma", "semicolon", "xlsx"])
def test_the_response_is_that_of_the_same_measurements(kind: str, tmp_path: Path) -> None:
    path = (
        workbook(tmp_path / "w.xlsx")
        if kind == "xlsx"
        else written(tmp_path / "w.csv", LINES, ";" if kind == "semicolon" else ",")
    )
    course = recist.read_table(worksheet_rows(path))["P1"]
    assert [lesion.id for lesion in course.lesions if lesion.is_node] == ["T2"]
    found = recist.assess(course, ["recist11"]).timepoints
    assert [(str(each.sum_mm), str(each.overall)) for each in found] == [
        ("36.5", "SD"),
        ("14", "PD"),
    ]


def test_days_may_stand_in_the_place_of_dates(tmp_path: Path) -> None:
    lines = [[*LINES[0][:4], "day 0", "day 56", "day 112"], *LINES[1:]]
    rows = worksheet_rows(written(tmp_path / "w.csv", lines))
    assert [row["day"] for row in rows[:3]] == ["0", "56", "112"]


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (["subject", "lesion", "role", "2024-01-08"], "no column organ"),
        (["subject", "lesion", "role", "organ"], "no column of a date"),
        (["subject", "lesion", "role", "organ", "baseline"], "'baseline' is no date"),
        (["subject", "lesion", "role", "organ", "2024-01-08", "day 5"], "dates and days"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused(
    header: list[str], what: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=what):
        worksheet_rows(written(tmp_path / "w.csv", [header, ["P1", "T1", "target", "lung", "3"]]))


def test_an_empty_file_and_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="empty"):
        worksheet_rows(written(tmp_path / "w.csv", []))
    with pytest.raises(InputError, match="cannot be read"):
        worksheet_rows(tmp_path / "none.csv")
