"""Rows of named cells as CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from imaging.tables.cells import inert


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
