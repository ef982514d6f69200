"""What the checks of a table tell: a finding names subject, row and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from imaging.tables.columns import listed
from imaging.tables.source import Table


class Severity(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"  # the subject cannot be assessed
    WARNING = "warning"  # assessed, but the answer may be wrong
    CHECK = "check"  # assessed; worth a second look


class Finding(NamedTuple):
    """One remark on the data.

    Attributes:
        code: short name of the check.
        row: number of the row in the file as an editor shows it (the header is row 1); None where
            no single row is meant.
        what: the fact, with the values concerned.
        remedy: what the user can do.
    """

    level: Severity
    code: str
    subject: str
    row: int | None
    what: str
    remedy: str

    def __str__(self) -> str:
        row = "" if self.row is None else f"row {self.row}"
        place = ", ".join(part for part in (self.subject, row) if part)
        return f"{self.level}: {f'{place}: ' if place else ''}{self.what} ({self.remedy})"


def about_table(table: Table) -> Iterator[Finding]:
    """What is to be said of a table as a whole: how it was read, and what of it is not."""
    for note in table.notes:
        level = Severity.WARNING if note.doubtful else Severity.CHECK
        yield Finding(level, "read-as", "", None, f"{table.name}: {note.what}", note.remedy)
    if table.layout.unknown:
        what = f"columns that are not read: {listed(table.layout.unknown)}"
        remedy = "rename them if they were meant to be read"
        yield Finding(Severity.CHECK, "unknown-columns", "", 1, f"{what}", remedy)
