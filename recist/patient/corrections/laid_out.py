"""The tables of corrections, written and laid out for a reader to fill in.

What is read back is the same: see :mod:`recist.patient.corrections.correction_tables`.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.tables.rows import csv_text
from imaging.volume import Mask
from imaging.writing import write_text
from recist.course import Axis, Point3
from recist.patient import overrides
from recist.patient.corrections.checked import CheckedDate
from recist.patient.corrections.corrected_measurements import CorrectedMeasurement
from recist.patient.corrections.correction_tables import (
    DATE_COLUMNS,
    DRAWN_COLUMNS,
    FILE_NAMES,
    LINK_COLUMNS,
    MEASUREMENT_COLUMNS,
    OUTLINES,
    PROPOSED,
    SAID,
)
from recist.patient.corrections.drawn import DrawnLesion, WaistPart
from recist.patient.corrections.said import Corrections
from recist.patient.overrides import Override
from recist.patient.result_folder import folder_name
from recist.tracking import Link


@dataclass(frozen=True, slots=True)
class ProposedRow:
    """One lesion at one date as it stands without corrections, for the table to fill in."""

    lesion: str
    date: dt.date
    words: str


@dataclass(frozen=True, slots=True)
class ProposedPart:
    """A part of an outline that a reader may take for a lesion, for the table to fill in."""

    date: dt.date
    part: WaistPart
    size_mm: str


def write_corrections(
    folder: Path,
    subject: str,
    said: Corrections,
    *,
    lesions: Sequence[str] = (),
    proposals: Sequence[ProposedRow] = (),
    dates: Sequence[dt.date] = (),
    parts: Sequence[ProposedPart] = (),
) -> None:
    """Write the five tables of a subject into a folder; what is read back is the same.

    Args:
        lesions, proposals, dates, parts: get a row to fill in where nothing is said of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, tuple[Sequence[str], list[dict[str, str]]]] = {
        "overrides": (overrides.COLUMNS, _override_rows(said, lesions)),
        "links": (LINK_COLUMNS, [_link_row(each) for each in said.links]),
        "measurements": ((*MEASUREMENT_COLUMNS, PROPOSED), _measurement_rows(said, proposals)),
        "dates": (DATE_COLUMNS, _date_rows(said, dates)),
        "drawn": ((*DRAWN_COLUMNS, PROPOSED), _drawn_rows(said, parts, folder)),
    }
    for kind, (columns, rows) in written.items():
        named = ({"subject": subject} | row for row in rows)
        write_text(folder / FILE_NAMES[kind], csv_text(named, columns))


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


def _drawn_rows(
    said: Corrections, parts: Sequence[ProposedPart], folder: Path
) -> list[dict[str, str]]:
    """What was drawn, and the parts that could be: the larger for the lesion, the other for one
    that is yet to be named."""
    rows = [_drawn_row(each, folder) for each in said.drawn]
    for each in parts:
        lesion = each.part.lesion if each.part.number == 1 else ""
        words = f"{each.part} ({each.size_mm} mm)"
        rows.append({"date": each.date.isoformat(), "lesion": lesion, PROPOSED: words})
    return rows


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
    if drawn.outline is None or isinstance(drawn.outline, WaistPart):
        return str(drawn.outline or "")
    name = f"{OUTLINES}/{folder_name(drawn.lesion)}-{drawn.date.isoformat()}.nii.gz"
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(drawn.outline, Mask):
        from imaging.nifti import write_label_map  # noqa: PLC0415 - nibabel is long to load

        write_label_map(place, {1: drawn.outline}, drawn.outline.grid)
    elif drawn.outline.resolve() != place.resolve():
        shutil.copyfile(drawn.outline, place)
    return name
