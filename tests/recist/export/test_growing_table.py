"""A table that grows by a row at a time is the table written at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from recist.export import growing_table
from recist.export.growing_table import LINE_END, GrowingTable, csv_text
from recist.export.joined import write_joined

PATIENTS = [
    {"subject": "P1", "best": "PR"},
    {"subject": "P2", "best": 'SD, "confirmed"'},
    {"subject": "P3", "status": "failed"},  # a column that was not there before
    {"subject": "P4", "best": "PD\nin two lines"},
]


def test_every_row_is_in_the_file_as_soon_as_it_is_added(tmp_path: Path) -> None:
    table = GrowingTable(tmp_path / "summary.csv")
    for n, patient in enumerate(PATIENTS, start=1):
        table.add(patient)
        assert table.path.read_bytes() == csv_text(PATIENTS[:n], line_end=LINE_END).encode()
    table.finish()
    assert table.path.read_bytes() == csv_text(PATIENTS, line_end=LINE_END).encode()


def test_a_row_is_appended_not_all_of_them_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    original = growing_table.csv_text

    def counted(listed: list[dict[str, str]], *columns: object, **how: str) -> str:
        written.append(len(listed))
        return original(listed, *columns, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(growing_table, "csv_text", counted)
    table = GrowingTable(tmp_path / "summary.csv")
    for n in range(50):
        table.add({"subject": f"P{n}"})
    assert sum(written) == 50


def test_a_row_can_take_the_place_of_another_at_the_end(tmp_path: Path) -> None:
    table = GrowingTable(tmp_path / "summary.csv")
    for patient in PATIENTS:
        table.add(patient)
    gone = {"subject": "P2", "status": "failed", "why": "=gone"}
    table.finish({1: gone})
    expected = [PATIENTS[0], gone, *PATIENTS[2:]]
    columns = ["subject", "best", "status", "why"]
    assert table.path.read_bytes() == csv_text(expected, columns, line_end=LINE_END).encode()


def test_a_table_that_is_taken_away_is_whole_again(tmp_path: Path) -> None:
    table = GrowingTable(tmp_path / "summary.csv")
    for patient in PATIENTS[:2]:
        table.add(patient)
    table.path.unlink()
    table.add(PATIENTS[2])
    assert table.path.read_bytes() == csv_text(PATIENTS[:3], line_end=LINE_END).encode()


def test_tables_of_patients_are_joined_one_at_a_time(tmp_path: Path) -> None:
    wide, narrow = [{"a": "1", "c": "=x"}, {"a": "2", "c": 'q"'}], [{"b": "3", "a": "4"}]
    for name, rows in (("A", wide), ("B", None), ("C", narrow)):
        (tmp_path / name).mkdir()
        if rows:
            (tmp_path / name / "all.csv").write_text(csv_text(rows))
    write_joined(tmp_path, "all.csv", ["A", "B", "C"])
    assert (tmp_path / "all.csv").read_text() == csv_text([*wide, *narrow])
    write_joined(tmp_path, "all.csv", ["B"])
    assert (tmp_path / "all.csv").read_bytes() == b""


def test_an_older_table_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text("of an earlier run")
    table = GrowingTable(tmp_path / "summary.csv")
    table.add({"subject": "P1"})
    assert table.path.read_bytes() == b"subject\r\nP1\r\n"
