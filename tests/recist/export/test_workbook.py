"""The workbook of a batch: the cells of the tables in their kinds, the same bytes for the same."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest
from openpyxl import load_workbook

from imaging.errors import InputError
from recist.export.results_workbook import write_workbook

SUMMARY = "subject,status,dates,first\n007,done,2,2024-01-08\n=cmd(),done,1,2024-02-01\n"
LESIONS = (
    "subject,date,lesion,diameter_mm,tracking_uid\n"
    "007,2024-01-08,1,32.4,1.2.3\n007,2024-03-04,1,20.04,1.2.3\n"
)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "summary.csv").write_text(SUMMARY)
    (tmp_path / "measurements.csv").write_text(LESIONS)
    (tmp_path / "field.csv").write_text("subject,lesion\n")
    (tmp_path / "P").mkdir()
    (tmp_path / "P" / "warnings.txt").write_text("baseline is 40 days old\n")
    return tmp_path


def test_numbers_and_dates_are_what_they_are_and_identifiers_stay_text(results: Path) -> None:
    write_workbook(results, results / "r.xlsx", [("007", results / "P")])
    book = load_workbook(results / "r.xlsx")
    assert book.sheetnames == ["About", "Summary", "Lesions", "Warnings"]
    assert "Research use only" in book["About"]["A1"].value
    rows = list(book["Lesions"].iter_rows(min_row=2, values_only=True))
    assert rows == [
        ("007", dt.datetime(2024, 1, 8), "1", 32.4, "1.2.3"),
        ("007", dt.datetime(2024, 3, 4), "1", 20.04, "1.2.3"),
    ]
    with (results / "measurements.csv").open(newline="") as file:
        assert [str(row[3]) for row in rows] == [r["diameter_mm"] for r in csv.DictReader(file)]
    assert list(book["Warnings"].iter_rows(min_row=2, values_only=True)) == [
        ("007", "baseline is 40 days old")
    ]
    assert book["Lesions"].freeze_panes == "C2"


def test_no_cell_is_a_formula(results: Path) -> None:
    write_workbook(results, results / "r.xlsx", [])
    sheet = load_workbook(results / "r.xlsx")["Summary"]
    assert (sheet["A3"].value, sheet["A3"].data_type) == ("'=cmd()", "s")


def test_the_same_results_give_the_same_bytes(results: Path) -> None:
    first = write_workbook(results, results / "a.xlsx", []).read_bytes()
    second = write_workbook(results, results / "b.xlsx", []).read_bytes()
    assert first == second


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table of results"):
        write_workbook(tmp_path, tmp_path / "r.xlsx", [])
