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

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path

from imaging.errors import InputError
from imaging.tables.columns import plain_names
from recist.course import Status

_REQUIRED = ("subject", "lesion", "role", "organ")
_FIXED = (*_REQUIRED, "nodal", "field", "reader")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
_DAY = re.compile(r"day\s*(-?\d+)$")
_NUMBER = re.compile(r"[<>]?\s*\d+([.,]\d+)?$")


def worksheet_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a measurement table from a worksheet (CSV or xlsx).

    Raises:
        InputError: no such table, a column that is missing, or none that is a date or a day.
    """
    lines = list(_cells(path))
    if not lines:
        raise InputError("an empty worksheet", where=path)
    header = plain_names(lines[0])
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise InputError(
            f"no column {', '.join(missing)}", where=path, remedy=f"it has {', '.join(header)}"
        )
    times = {at: _time(name) for at, name in enumerate(header) if name not in _FIXED}
    odd = [header[at] for at, time in times.items() if time is None and header[at]]
    if odd or not any(times.values()):
        raise InputError(
            f"column {odd[0]!r} is no date" if odd else "no column of a date",
            where=path,
            remedy="head the columns of measurements 2024-03-04, or day 56",
        )
    kinds = {time[0] for time in times.values() if time}
    if len(kinds) > 1:
        raise InputError("dates and days in one worksheet", where=path)
    place = {name: header.index(name) for name in _FIXED if name in header}
    rows = []
    for line in lines[1:]:
        fixed = {name: line[at].strip() if at < len(line) else "" for name, at in place.items()}
        if not any(fixed.values()):
            continue
        for at, time in times.items():
            cell = line[at].strip() if at < len(line) else ""
            if time and cell:
                kind, when = time
                rows.append({"nodal": _nodal(fixed), **fixed, kind: when} | _seen(cell))
    return rows


def _cells(path: Path) -> Iterator[Sequence[str]]:
    try:
        if path.suffix.lower() == ".xlsx":
            from openpyxl import load_workbook  # noqa: PLC0415 - an extra, for this format only

            book = load_workbook(path, read_only=True, data_only=True)
            for row in book.worksheets[0].iter_rows(values_only=True):
                yield [_text(value) for value in row]
            return
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError, KeyError) as error:
        raise InputError(f"cannot be read: {error}", where=path) from error
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    yield from csv.reader(StringIO(text, newline=""), delimiter=delimiter)


def _text(value: object) -> str:
    """A cell of a workbook; a date without its time, a whole number without a point."""
    if value is None:
        return ""
    if hasattr(value, "date"):
        return str(value.date().isoformat())
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


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
