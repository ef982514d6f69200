"""What the checks of a table tell: a finding names subject, row and remedy."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
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

    level: Level
    code: str
    subject: str
    row: int | None
    what: str
    remedy: str

    def __str__(self) -> str:
        row = "" if self.row is None else f"row {self.row}"
        place = ", ".join(part for part in (self.subject, row) if part)
        return f"{self.level}: {place}: {self.what} ({self.remedy})"
