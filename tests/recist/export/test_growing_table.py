"""A table that grows by a row at a time is the table written at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from recist.export import growing_table
from recist.export.growing_table import LINE_END, GrowingTable, csv_text

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


def test_an_older_table_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text("of an earlier run")
    table = GrowingTable(tmp_path / "summary.csv")
    table.add({"subject": "P1"})
    assert table.path.read_bytes() == b"subject\r\nP1\r\n"
