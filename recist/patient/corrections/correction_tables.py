"""The tables that hold corrections, read.

``overrides.csv`` says what a lesion is, ``links.csv`` which delineation is which lesion,
``measurements.csv`` how large it is or what was seen, ``dates.csv`` which dates were gone through,
``drawn.csv`` what was drawn. An empty cell leaves what was proposed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

from imaging.errors import InputError
from imaging.tables.cells import CellError, as_recorded, decimal_of, ordinal
from imaging.tables.columns import Columns
from imaging.tables.source import small_rows
from recist.course import Axis, Point3, Status
from recist.patient.corrections.checked import CheckedDate
from recist.patient.corrections.corrected_measurements import CorrectedMeasurement
from recist.patient.corrections.drawn import DrawnLesion, WaistPart
from recist.patient.corrections.said import NOTHING_SAID, Corrections
from recist.patient.overrides import read_overrides
from recist.table.layout import MEASUREMENTS
from recist.tracking import read_all_links

FOLDER = "corrections"
#: Kind of correction to its table.
FILE_NAMES = {
    name: f"{name}.csv" for name in ("overrides", "links", "measurements", "dates", "drawn")
}
#: Where the outlines lie that ``drawn.csv`` names.
OUTLINES = "outlines"
#: Who says it, why and when: the last columns of each table.
SAID = ("reason", "reader", "recorded_at")
#: Written beside an empty cell, never read: what stands there without a correction.
PROPOSED = "proposed"

LINK_COLUMNS = ("subject", "date", "candidate", "lesion", *SAID)
MEASUREMENT_COLUMNS = (
    "subject",
    "date",
    "lesion",
    "status",
    "diameter_mm",
    "long_axis_mm",
    "short_axis_mm",
    "long_axis",
    "short_axis",
    "merged_into",
    *SAID,
)
DATE_COLUMNS = ("subject", "date", "checked", *SAID)
DRAWN_COLUMNS = ("subject", "date", "lesion", "points", "outline", "organ", "nodal", *SAID)

_PLACE = ("subject", "date", "lesion")
#: A table of measurements that a run wrote is taken as well: its other columns are passed over.
_MEASUREMENTS = Columns(
    _PLACE,
    tuple(
        name
        for name in dict.fromkeys((*MEASUREMENT_COLUMNS, *sorted(MEASUREMENTS.known), PROPOSED))
        if name not in (*_PLACE, "day")
    ),
    is_dated=False,
)
_DATES = Columns(("subject", "date"), DATE_COLUMNS[2:], is_dated=False)
_DRAWN = Columns(_PLACE, (*DRAWN_COLUMNS[3:], PROPOSED), is_dated=False)

Said = TypeVar("Said")
Row = Mapping[str, str]


def read_corrections(
    *,
    overrides: Path | None = None,
    links: Path | None = None,
    measurements: Path | None = None,
    dates: Path | None = None,
    drawn: Path | None = None,
) -> dict[str, Corrections]:
    """Subject to what is said of it in some tables; a table that is not given says nothing.

    Raises:
        InputError: a table that cannot be read, or a cell of it, with its row.
    """
    choices = read_overrides(overrides) if overrides else {}
    told = read_all_links(links) if links else {}
    sizes = _read_measurements(measurements) if measurements else {}
    checked = _by_subject(dates, _DATES, _checked) if dates else {}
    lines = _by_subject(drawn, _DRAWN, _drawn(drawn.parent)) if drawn else {}
    found = {}
    for subject in dict.fromkeys((*choices, *told, *sizes, *checked, *lines)):
        try:
            found[subject] = Corrections(
                tuple(each for each in choices.get(subject, {}).values() if not each.is_empty),
                told.get(subject, ()),
                tuple(sizes.get(subject, ())),
                tuple(each for each in checked.get(subject, ()) if each is not None),
                tuple(each for each in lines.get(subject, ()) if each is not None),
            )
        except InputError as error:
            raise InputError(error.what, where=subject, remedy=error.remedy) from error
    return found


def corrections_in(folder: Path, subject: str) -> Corrections:
    """What is said of a subject in the tables of a folder; nothing where there are none."""
    given = {kind: folder / name for kind, name in FILE_NAMES.items() if (folder / name).is_file()}
    return read_corrections(**given).get(subject, NOTHING_SAID)


def _by_subject(path: Path, columns: Columns, read: Callable[[Row], Said]) -> dict[str, list[Said]]:
    """The rows of a table by subject; a slip is named with its row."""
    found: dict[str, list[Said]] = {}
    for number, row in small_rows(path, columns, others=False):
        try:
            found.setdefault(_subject(row), []).append(read(row))
        except (InputError, CellError) as error:
            where = f"{path.name} row {number}"
            raise InputError(error.what, where=where, remedy=error.remedy) from error
    return found


def _subject(row: Row) -> str:
    if not row["subject"]:
        raise CellError("a row without a subject", "name the patient")
    return row["subject"]


def _date(row: Row) -> dt.date:
    return dt.date.fromordinal(ordinal(row["date"]))


def _said(row: Row) -> tuple[str, str, str]:
    reason, reader, recorded_at = (row.get(name, "") for name in SAID)
    if recorded_at:
        try:
            dt.datetime.fromisoformat(recorded_at)
        except ValueError:
            raise CellError(
                f"recorded_at {recorded_at[:40]!r} is no time", "write 2024-05-06T14:30:00+02:00"
            ) from None
    return reason, reader, recorded_at


def _length(row: Row, column: str) -> Decimal | None:
    text = row.get(column, "")
    if not text:
        return None
    try:
        return as_recorded(decimal_of(text))
    except InvalidOperation:
        raise CellError(f"{column} {text[:40]!r} is not a number", "write mm") from None


def _points(row: Row, column: str) -> tuple[Point3, ...]:
    """Points in LPS mm: three numbers each, blanks between all of them."""
    words = row.get(column, "").replace(";", " ").split()
    try:
        numbers = [float(decimal_of(word)) for word in words]
    except InvalidOperation:
        numbers = [0.0]
    if len(numbers) % 3:
        raise CellError(
            f"{column} {row[column][:40]!r} is no point", "write x y z in mm (LPS), blanks between"
        )
    return tuple((x, y, z) for x, y, z in zip(*[iter(numbers)] * 3, strict=True))


def _axis(row: Row, column: str) -> Axis | None:
    points = _points(row, column)
    if not points:
        return None
    if len(points) != 2:
        raise CellError(f"{column} has {len(points)} ends", "write both ends: x y z x y z in mm")
    return Axis(points[0], points[1])


def _yes_or_no(row: Row, column: str) -> bool | None:
    text = row.get(column, "").lower()
    if text not in ("", "yes", "no"):
        raise CellError(f"{column} = {text!r}", "one of yes, no")
    return {"yes": True, "no": False}.get(text)


def _checked(row: Row) -> CheckedDate | None:
    return CheckedDate(_date(row), *_said(row)) if _yes_or_no(row, "checked") else None


def _drawn(folder: Path) -> Callable[[Row], DrawnLesion | None]:
    def read(row: Row) -> DrawnLesion | None:
        if row.get(PROPOSED) and not (row.get("points") or row.get("outline")):
            return None
        if not row["lesion"]:
            raise CellError(
                "a lesion without a name", "name it: one of the patient's, or a new one"
            )
        text = row.get("outline", "")
        outline = folder / text if text else None
        part = WaistPart.named(text)
        if outline is not None and part is None and not outline.is_file():
            raise CellError(
                f"no file {text[:60]!r}",
                "name a NIfTI file beside the table, or a part that is proposed: L3 part 1",
            )
        return DrawnLesion(
            row["lesion"],
            _date(row),
            _points(row, "points"),
            part or outline,
            row.get("organ") or None,
            _yes_or_no(row, "nodal"),
            *_said(row),
        )

    return read


def _read_measurements(path: Path) -> dict[str, list[CorrectedMeasurement]]:
    """Several rows of one lesion and date are its pieces."""
    found: dict[str, list[CorrectedMeasurement]] = {}
    for subject, rows in _by_subject(path, _MEASUREMENTS, _measurement).items():
        whole: dict[tuple[str, dt.date], CorrectedMeasurement] = {}
        for each in rows:
            if not each.lesion or each.is_empty:
                continue
            known = whole.get((each.lesion, each.date))
            if known is not None:
                if not (known.parts_mm and each.parts_mm):
                    where = f"{path.name}: lesion {each.lesion}, {each.date}"
                    raise InputError("said twice", where=where, remedy="keep one of the two rows")
                parts_mm = (*known.parts_mm, *each.parts_mm)
                whole[each.lesion, each.date] = replace(known, parts_mm=parts_mm)
            else:
                whole[each.lesion, each.date] = each
        if whole:
            found[subject] = list(whole.values())
    return found


def _measurement(row: Row) -> CorrectedMeasurement:
    part_mm = _length(row, "diameter_mm")
    return CorrectedMeasurement(
        row["lesion"],
        _date(row),
        Status(row["status"]) if row.get("status") else None,
        () if part_mm is None else (part_mm,),
        _length(row, "long_axis_mm"),
        _length(row, "short_axis_mm"),
        _axis(row, "long_axis"),
        _axis(row, "short_axis"),
        row.get("merged_into") or None,
        *_said(row),
    )
