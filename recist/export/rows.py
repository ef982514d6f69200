"""Rows of named cells as CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from imaging.tables.cells import inert
from imaging.writing import named_failure, write_text

LINE_END = "\r\n"


def csv_text(
    rows: Iterable[Mapping[str, object]],
    columns: Iterable[str] = (),
    *,
    line_end: str = "\n",
) -> str:
    """A table of rows; a cell that a row lacks is empty, and no columns give an empty text.

    No cell is one that a spreadsheet takes for a formula.

    Args:
        columns: first, and in this order; those of the rows follow as they come.
    """
    listed = [
        {name: inert(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
        for row in rows
    ]
    names = list(dict.fromkeys((*columns, *(name for row in listed for name in row))))
    if not names:
        return ""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="", lineterminator=line_end)
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()


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
