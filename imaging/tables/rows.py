"""Rows of named cells as CSV text, and back from a file that was written so.

Tables that people fill in are read by :mod:`imaging.tables.source`, which takes other encodings,
delimiters and spellings.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from imaging.errors import InputError
from imaging.tables.cells import inert, without_apostrophe


class WrittenTable(NamedTuple):
    """What a table holds that :func:`csv_text` made: its columns, and its rows by column."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]


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


def written_columns(path: Path) -> tuple[str, ...]:
    """The columns of a table that :func:`csv_text` made; none where there is no file.

    Raises:
        InputError: the file is no UTF-8 text.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return tuple(next((line for line in csv.reader(stream) if line), ()))
    except FileNotFoundError:
        return ()
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no table of this program: {error}", where=path) from error


def written_rows(path: Path) -> WrittenTable:
    """Read back a table that :func:`csv_text` made; an empty one where there is no file.

    Raises:
        InputError: the file is no UTF-8 text, or a row has more cells than there are columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            lines = [line for line in csv.reader(stream) if line]
    except FileNotFoundError:
        return WrittenTable((), ())
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no table of this program: {error}", where=path) from error
    if not lines:
        return WrittenTable((), ())
    columns, *rows = lines
    for number, row in enumerate(rows, start=2):
        if len(row) > len(columns):
            what = f"row {number} has {len(row)} cells under {len(columns)} columns"
            raise InputError(what, where=path, remedy="put cells with commas in quotes")
    return WrittenTable(
        tuple(columns),
        tuple(
            dict(zip_longest(columns, map(without_apostrophe, row), fillvalue="")) for row in rows
        ),
    )
