"""The tables that hold corrections: read, written, and laid out for a reader to fill in.

``overrides.csv`` says what a lesion is, ``links.csv`` which delineation is which lesion,
``measurements.csv`` how large it is or what was seen, ``dates.csv`` which dates were gone through,
``drawn.csv`` what was drawn. An empty cell leaves what was proposed.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

from imaging.errors import InputError
from imaging.tables.cells import CellError, as_recorded, decimal_of, ordinal
from imaging.tables.columns import Columns
from imaging.tables.rows import csv_text
from imaging.tables.source import small_rows
from imaging.volume import Mask
from imaging.writing import write_text
from recist.course import Axis, Point3, Status
from recist.patient import overrides
from recist.patient.corrections.checked import CheckedDate
from recist.patient.corrections.corrected_measurements import CorrectedMeasurement
from recist.patient.corrections.drawn import DrawnLesion
from recist.patient.corrections.said import NOTHING_SAID, Corrections
from recist.patient.overrides import Override, read_overrides
from recist.patient.result_folder import folder_name
from recist.table.layout import MEASUREMENTS
from recist.tracking import Link, read_all_links

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
_DRAWN = Columns(_PLACE, DRAWN_COLUMNS[3:], is_dated=False)

Said = TypeVar("Said")
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProposedRow:
    """One lesion at one date as it stands without corrections, for the table to fill in."""

    lesion: str
    date: dt.date
    words: str


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
                tuple(lines.get(subject, ())),
            )
        except InputError as error:
            raise InputError(error.what, where=subject, remedy=error.remedy) from error
    return found


def corrections_in(folder: Path, subject: str) -> Corrections:
    """What is said of a subject in the tables of a folder; nothing where there are none."""
    given = {kind: folder / name for kind, name in FILE_NAMES.items() if (folder / name).is_file()}
    return read_corrections(**given).get(subject, NOTHING_SAID)


def write_corrections(
    folder: Path,
    subject: str,
    said: Corrections,
    *,
    lesions: Sequence[str] = (),
    proposals: Sequence[ProposedRow] = (),
    dates: Sequence[dt.date] = (),
) -> None:
    """Write the five tables of a subject into a folder; what is read back is the same.

    Args:
        lesions, proposals, dates: get a row to fill in where nothing is said of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, tuple[Sequence[str], list[dict[str, str]]]] = {
        "overrides": (overrides.COLUMNS, _override_rows(said, lesions)),
        "links": (LINK_COLUMNS, [_link_row(each) for each in said.links]),
        "measurements": ((*MEASUREMENT_COLUMNS, PROPOSED), _measurement_rows(said, proposals)),
        "dates": (DATE_COLUMNS, _date_rows(said, dates)),
        "drawn": (DRAWN_COLUMNS, [_drawn_row(each, folder) for each in said.drawn]),
    }
    for kind, (columns, rows) in written.items():
        named = ({"subject": subject} | row for row in rows)
        write_text(folder / FILE_NAMES[kind], csv_text(named, columns))


# --- reading -------------------------------------------------------------------------------------


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


def _drawn(folder: Path) -> Callable[[Row], DrawnLesion]:
    def read(row: Row) -> DrawnLesion:
        if not row["lesion"]:
            raise CellError(
                "a lesion without a name", "name it: one of the patient's, or a new one"
            )
        outline = folder / row["outline"] if row.get("outline") else None
        if outline is not None and not outline.is_file():
            raise CellError(
                f"no file {row['outline'][:60]!r}", "name a NIfTI file beside the table"
            )
        return DrawnLesion(
            row["lesion"],
            _date(row),
            _points(row, "points"),
            outline,
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


# --- writing -------------------------------------------------------------------------------------


def _signed(said: Link | CorrectedMeasurement | CheckedDate | DrawnLesion) -> dict[str, str]:
    return {name: getattr(said, name) for name in SAID}


def _override_rows(said: Corrections, lesions: Sequence[str]) -> list[dict[str, str]]:
    choices = said.choices
    names = dict.fromkeys((*lesions, *choices))
    return [choices.get(name, Override(name)).cells() for name in names]


def _link_row(link: Link) -> dict[str, str]:
    return {"date": link.when, "candidate": link.candidate, "lesion": link.lesion, **_signed(link)}


def _measurement_rows(said: Corrections, proposals: Sequence[ProposedRow]) -> list[dict[str, str]]:
    left = {(each.lesion, each.date): each for each in said.measurements}
    rows = []
    for proposal in proposals:
        place = {"date": proposal.date.isoformat(), "lesion": proposal.lesion}
        own = left.pop((proposal.lesion, proposal.date), None)
        cells = [place] if own is None else _measurement_cells(own)
        rows += [row | {PROPOSED: proposal.words} for row in cells]
    return [*rows, *(row for each in left.values() for row in _measurement_cells(each))]


def _measurement_cells(said: CorrectedMeasurement) -> list[dict[str, str]]:
    def shown(value: object) -> str:
        return "" if value is None else str(value)

    first = {
        "date": said.date.isoformat(),
        "lesion": said.lesion,
        "status": shown(said.status),
        "long_axis_mm": shown(said.long_axis_mm),
        "short_axis_mm": shown(said.short_axis_mm),
        "long_axis": _written(said.long_axis),
        "short_axis": _written(said.short_axis),
        "merged_into": shown(said.merged_into),
        **_signed(said),
    }
    place = {name: first[name] for name in ("date", "lesion")}
    return [
        (first if n == 0 else place) | {"diameter_mm": shown(part_mm)}
        for n, part_mm in enumerate(said.parts_mm or (None,))
    ]


def _written(axis: Axis | None) -> str:
    return "" if axis is None else _joined((axis.start_mm, axis.end_mm))


def _joined(points: Iterable[Point3]) -> str:
    return " ".join(repr(float(number)) for point in points for number in point)


def _date_rows(said: Corrections, dates: Sequence[dt.date]) -> list[dict[str, str]]:
    checked = {each.date: each for each in said.dates}
    return [
        {"date": date.isoformat()}
        | ({"checked": "yes", **_signed(checked[date])} if date in checked else {})
        for date in sorted({*dates, *checked})
    ]


def _drawn_row(drawn: DrawnLesion, folder: Path) -> dict[str, str]:
    return {
        "date": drawn.date.isoformat(),
        "lesion": drawn.lesion,
        "points": _joined(drawn.points_mm),
        "outline": _kept_outline(drawn, folder),
        "organ": drawn.organ or "",
        "nodal": {True: "yes", False: "no", None: ""}[drawn.is_node],
        **_signed(drawn),
    }


def _kept_outline(drawn: DrawnLesion, folder: Path) -> str:
    """The name of the file that holds an outline beside the tables, written or copied there."""
    if drawn.outline is None:
        return ""
    name = f"{OUTLINES}/{folder_name(drawn.lesion)}-{drawn.date.isoformat()}.nii.gz"
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(drawn.outline, Mask):
        from imaging.nifti import write_label_map  # noqa: PLC0415 - nibabel is long to load

        write_label_map(place, {1: drawn.outline}, drawn.outline.grid)
    elif drawn.outline.resolve() != place.resolve():
        shutil.copyfile(drawn.outline, place)
    return name
