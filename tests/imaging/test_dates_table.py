"""Studies without a date in any header, dated by the user's table."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.catalogue import ProblemLevel, scan
from imaging.dates_table import read_dates_table
from imaging.errors import InputError

UNDATED = {"without": ("StudyDate", "SeriesDate")}


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("subject,study,date", *rows)) + "\n")
    return path


@pytest.fixture
def undated(dicom):
    """Two studies of P1 in folders of their own, without a date."""
    dicom.ct("first/CT", study="one", **UNDATED)
    dicom.ct("second/CT", study="two", series="b", **UNDATED)
    return dicom


def test_without_the_table_each_study_is_named(undated) -> None:
    catalogue = scan(undated.root)
    lines = [str(p) for p in catalogue.problems if p.level is ProblemLevel.ERROR]
    assert sum("without a date" in line and "--dates" in line for line in lines) == 2


def test_a_study_is_dated_by_its_folder_or_its_uid(undated, tmp_path: Path) -> None:
    uid = next(iter(scan_uids(undated)))
    given = read_dates_table(
        table(tmp_path / "d.csv", f"P1,{uid},2024-01-08", "P1,Second,2024-03-04")
    )
    catalogue = scan(undated.root, dates_table=given)
    (subject,) = catalogue.subjects
    assert [str(visit.date) for visit in subject.visits] == ["2024-01-08", "2024-03-04"]
    assert any("2 studies without a date" in p.what for p in catalogue.problems)
    assert not [p for p in catalogue.problems if p.level is ProblemLevel.ERROR]


def scan_uids(dicom) -> list[str]:
    import pydicom  # noqa: PLC0415

    first = next(iter(sorted((dicom.root / "first" / "CT").iterdir())))
    return [str(pydicom.dcmread(first).StudyInstanceUID)]


def test_a_date_of_the_headers_is_never_replaced(dicom, tmp_path: Path) -> None:
    dicom.ct("first", date="20200106")
    given = read_dates_table(table(tmp_path / "d.csv", "P1,first,2024-01-08"))
    catalogue = scan(dicom.root, dates_table=given)
    assert str(catalogue.subjects[0].visits[0].date) == "2020-01-06"
    assert any("no study lacks a date" in p.what for p in catalogue.problems)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (["P1,first,8 January"], "date is '8 January'"),
        (["P1,,2024-01-08"], "row 2"),
        (["P1,first,2024-01-08", "P1,FIRST,2024-01-09"], "a second date of FIRST"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, rows, what: str) -> None:
    with pytest.raises(InputError, match=what):
        read_dates_table(table(tmp_path / "d.csv", *rows))
