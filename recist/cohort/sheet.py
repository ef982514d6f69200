"""A result table: what it is called, what its columns hold, its rows; for CSV, page and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from recist.cohort.proportion import Range
from recist.table.results import csv_line
from recist.table.streams import write_line

SheetRow = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of results.

    Attributes:
        name: of its file, without ending.
        note: what is assumed and how it was computed, in a sentence or two.
        shown: columns that the page shows; all of them unless given.
    """

    name: str
    title: str
    rows: tuple[SheetRow, ...]
    note: str = ""
    shown: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for row in self.rows for name in row))

    @property
    def shown_columns(self) -> tuple[str, ...]:
        return self.shown or self.columns


def percent(share: float | None, decimals: int = 1) -> str:
    return "" if share is None or math.isnan(share) else f"{100 * share:.{decimals}f}"


def days(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def figure(value: float | None, digits: int = 3) -> str:
    if value is None or math.isnan(value):
        return ""
    return "infinite" if math.isinf(value) else f"{value:.{digits}f}"


def p_value(p: float | None) -> str:
    if p is None:
        return ""
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def span(found: Range | Sequence[float | None] | None, scale: float = 1, decimals: int = 1) -> str:
    """An interval as "low to high"; an end that is not reached is left open."""
    if found is None:
        return ""
    low, high = ("not reached" if end is None else f"{scale * end:.{decimals}f}" for end in found)
    return f"{low} to {high}"


def write_rows(file: BinaryIO, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Rows as CSV, columns that a row lacks as empty cells."""
    write_line(file, csv_line(columns))
    for row in rows:
        write_line(file, csv_line([row.get(column, "") for column in columns]))


def in_words(column: str) -> str:
    """The heading of a column."""
    return column.replace("_", " ")


def sheets_json(sheets: Iterable[Sheet]) -> dict[str, dict[str, object]]:
    """Tables as plain values for JSON, by name."""
    return {
        sheet.name: {"title": sheet.title, "note": sheet.note, "rows": list(sheet.rows)}
        for sheet in sheets
    }
