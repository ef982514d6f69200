"""The user's word on which series serves what: a table that overrides what the headers tell.

``subject, series, use`` in CSV, one row per series; ``series`` is a Series Instance UID or a whole
Series Description, ``use`` is ``response`` (a time point), ``field`` (contours, plan and dose only)
or ``no``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from imaging.errors import InputError
from imaging.tables.columns import Columns
from imaging.tables.source import small_rows

COLUMNS = ("subject", "series", "use")


class Use(StrEnum):
    """What a series serves."""

    RESPONSE = "response"
    FIELD = "field"
    NO = "no"


#: By subject, then by Series Instance UID or description in lower case.
SeriesTable = Mapping[str, Mapping[str, Use]]


def read_series_table(path: Path) -> SeriesTable:
    """Read the table.

    Raises:
        InputError: not a table with these columns, or a row that cannot be used.
    """
    found: dict[str, dict[str, Use]] = {}
    for number, row in small_rows(path, Columns(COLUMNS, is_dated=False)):
        subject, series, use = (row[name] for name in COLUMNS)
        if not subject or not series or use.lower() not in tuple(Use):
            raise InputError(
                f"row {number}: use is '{use}'" if use else f"row {number} is not complete",
                where=path.name,
                remedy=f"use is one of {', '.join(Use)}",
            )
        given = found.setdefault(subject, {}).setdefault(series.lower(), Use(use.lower()))
        if given != use.lower():
            raise InputError(f"row {number}: a second use of {series}", where=path.name)
    return found
