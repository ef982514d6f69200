"""A reader's worksheet as a measurement table: a lesion in each row, a date in each column.

The form that sites keep in a spreadsheet::

    subject, lesion, role,   organ, nodal, 2024-01-08, 2024-03-04, 2024-05-06
    P1,      T1,     target, lung,  no,    32,         24.5,       too small
    P1,      NT1,    non-target, bone, no, present,    present,    absent
    P1,      N1,     new,    liver, no,    ,           ,           12

A cell holds a diameter in mm or a word for what was seen; an empty cell says nothing of the lesion
at that date. Columns of days are headed ``day 0``, ``day 56``.
"""

from __future__ import annotations

import re
from pathlib import Path

from imaging.errors import InputError
from imaging.tables.columns import Columns
from imaging.tables.source import opened, small_rows
from recist.course import Status

_REQUIRED = ("subject", "lesion", "role", "organ")
_FIXED = (*_REQUIRED, "nodal", "field", "reader")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
_DAY = re.compile(r"day\s*(-?\d+)$")
_NUMBER = re.compile(r"[<>]?\s*\d+([.,]\d+)?$")


def worksheet_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a measurement table from a worksheet (CSV, xlsx or parquet).

    Raises:
        InputError: no such table, a column that is missing, or none that is a date or a day.
    """
    if not path.is_file():
        raise InputError("cannot be read: no such file", where=path)
    with opened(path, Columns(_REQUIRED[:1], _FIXED[1:], is_dated=False)) as table:
        found, others = table.layout.position, table.layout.unknown
    missing = [name for name in _REQUIRED if name not in found]
    if missing:
        raise InputError(
            f"no column {', '.join(missing)}",
            where=path,
            remedy=f"it has {', '.join((*found, *others))}",
        )
    times = {name: _time(name) for name in others}
    odd = [name for name, time in times.items() if time is None]
    if odd or not times:
        raise InputError(
            f"column {odd[0]!r} is no date" if odd else "no column of a date",
            where=path,
            remedy="head the columns of measurements 2024-03-04, or day 56",
        )
    if len({time[0] for time in times.values() if time}) > 1:
        raise InputError("dates and days in one worksheet", where=path)
    rows = []
    for _, line in small_rows(path, Columns(_REQUIRED, (*_FIXED, *times), is_dated=False)):
        fixed = {name: line[name] for name in _FIXED if name in line}
        for name, time in times.items():
            if time and line[name]:
                kind, when = time
                rows.append({"nodal": _nodal(fixed), **fixed, kind: when} | _seen(line[name]))
    return rows


def _time(name: str) -> tuple[str, str] | None:
    """Column of the measurement table, and what goes into it."""
    if _DATE.match(name):
        return "date", name
    day = _DAY.match(name)
    return ("day", day.group(1)) if day else None


def _seen(cell: str) -> dict[str, str]:
    if _NUMBER.match(cell):
        return {"status": str(Status.MEASURED), "diameter_mm": cell}
    return {"status": cell, "diameter_mm": ""}


def _nodal(fixed: dict[str, str]) -> str:
    """Whether it is a node, from its organ where no column says so."""
    organ = fixed.get("organ", "").lower()
    return "yes" if "node" in organ or "nodal" in organ else "no"
