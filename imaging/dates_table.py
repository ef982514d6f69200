"""Dates of studies whose headers have none, as anonymisers leave them: the user's table.

``subject, study, date`` in CSV; ``study`` is a Study Instance UID or the name of a folder above the
files, ``date`` an ISO date. A date of the headers is never replaced.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from imaging.errors import InputError
from imaging.tables.columns import Columns
from imaging.tables.source import small_rows

COLUMNS = ("subject", "study", "date")

#: By subject, then by study or folder in lower case.
DatesTable = Mapping[str, Mapping[str, dt.date]]


def read_dates_table(path: Path) -> DatesTable:
    """Read the table.

    Raises:
        InputError: not a table with these columns, a row that cannot be used, or two dates of one
            study.
    """
    found: dict[str, dict[str, dt.date]] = {}
    for number, row in small_rows(path, Columns(COLUMNS, is_dated=False)):
        subject, study, text = (row[name] for name in COLUMNS)
        try:
            date = dt.date.fromisoformat(text)
        except ValueError:
            date = None
        if not subject or not study or date is None:
            raise InputError(
                f"row {number}: date is '{text}'" if text else f"row {number} is not complete",
                where=path.name,
                remedy="give subject, study and an ISO date: 2024-03-31",
            )
        if found.setdefault(subject, {}).setdefault(study.lower(), date) != date:
            raise InputError(f"row {number}: a second date of {study}", where=path.name)
    return found


def date_given(given: Mapping[str, dt.date], study_uid: str, file: str) -> str:
    """The name by which the table dates a file: its study, else its nearest folder; "" if none."""
    names = (study_uid.lower(), *(part.lower() for part in reversed(Path(file).parent.parts)))
    return next((name for name in names if name in given), "")
