"""No cell that comes from elsewhere is a formula in what is written."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from imaging.tables.cells import inert, without_apostrophe
from imaging.tables.rows import csv_text
from recist.run.table import assess_file

EVIL = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    '@SUM(1+1)*cmd|" /C calc"!A0',
    "\t=1",
]
PLAIN = ["", "-7", "+0.5", "-40.0 %", "-1e-5", "O'Neill", "'quoted", "a=b"]


@pytest.mark.parametrize("text", EVIL)
def test_what_could_begin_a_formula_does_not(text: str) -> None:
    assert inert(text) == f"'{text}"
    assert without_apostrophe(inert(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert inert(text) == text
    assert without_apostrophe(text) == text


@pytest.mark.parametrize("subject", EVIL[:4])
def test_identifiers_are_inert_in_every_table(tmp_path: Path, subject: str) -> None:
    rows = [[subject, day, "T1", "target", "liver", "no", "measured", 30] for day in (0, 56)]
    header = ["subject", "day", "lesion", "role", "organ", "nodal", "status", "diameter_mm"]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    (tmp_path / "e.csv").write_text(csv_text([{"subject": subject, "day": 90, "event": "death"}]))
    result = assess_file(tmp_path / "t.csv", tmp_path / "out", events=tmp_path / "e.csv")
    assert result.exit_code == 0
    written = list((tmp_path / "out").glob("*.csv"))
    assert len(written) > 2
    for path in written:
        for row in csv.reader(path.read_text().splitlines()):
            assert not any(cell.startswith(("=", "+", "@", "-2+")) for cell in row)
    (first, *_) = csv.DictReader((tmp_path / "out" / "outcomes.csv").read_text().splitlines())
    assert first["subject"] == f"'{subject}"
    assert first["pfs_event"] == "yes"  # the events of the subject were found
