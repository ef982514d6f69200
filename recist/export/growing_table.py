"""A table file that grows row by row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imaging.tables.rows import csv_text
from imaging.writing import named_failure, write_text

__all__ = ["LINE_END", "GrowingTable", "csv_text"]

LINE_END = "\r\n"


class GrowingTable:
    """A table file that holds every row as soon as it is known, and is written whole at the end.

    A row is appended; only a row with a column that no other had has all written again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Mapping[str, object]] = []
        self.columns: list[str] = []

    def add(self, row: Mapping[str, object]) -> None:
        self.rows.append(row)
        new = [name for name in row if name not in self.columns]
        if new or not self.path.is_file():
            self.columns += new
            self.finish()
            return
        text = csv_text([row], self.columns, line_end=LINE_END)
        with named_failure(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(text.split(LINE_END, 1)[1])

    def finish(self) -> None:
        write_text(self.path, csv_text(self.rows, self.columns, line_end=LINE_END))
