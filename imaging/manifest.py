"""NIfTI as a second way in: a table that names the images of each subject and date.

``manifest.csv`` in the root of the tree, one row per visit::

    subject,date,ct,pet,pet_unit,labels
    P1,2020-01-06,P1/base_ct.nii.gz,P1/base_suv.nii.gz,SUVbw,P1/base_lesions.nii.gz

``date`` may be ``day``, whole days from a common origin. A row needs a CT or a PET, and a PET its
unit: SUVbw, SUVlbm, SUVbsa, SUVibw or Bq/ml; ``labels`` are optional. Paths are relative to the
manifest.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from pathlib import Path

from imaging.errors import InputError
from imaging.series import (
    Catalogue,
    Problem,
    ProblemLevel,
    Series,
    SeriesFormat,
    Subject,
    Visit,
    visit_label,
)
from imaging.tables.columns import Columns
from imaging.tables.source import small_rows
from imaging.volume import Unit

MANIFEST_NAME = "manifest.csv"
#: Day 0 of a manifest with days: any date would do, this one is easily recognised.
DAY_ZERO = dt.date(2000, 1, 1)
_UNITS = {
    "suvbw": Unit.SUV_BW,
    "suv": Unit.SUV_BW,
    "suvlbm": Unit.SUV_LBM,
    "sul": Unit.SUV_LBM,
    "suvbsa": Unit.SUV_BSA,
    "suvibw": Unit.SUV_IBW,
    "bq/ml": Unit.BQML,
    "bqml": Unit.BQML,
}
_COLUMNS = Columns(("subject",), ("ct", "pet", "pet_unit", "labels"))


def read_manifest(path: Path) -> Catalogue:
    """The catalogue of a manifest; a row that cannot be used is a problem, the others stay.

    Raises:
        InputError: no rows, or a needed column is missing or unknown.
    """
    rows = small_rows(path, _COLUMNS, others=False)
    visits: dict[str, dict[dt.date, Visit]] = defaultdict(dict)
    problems: list[Problem] = []
    for number, row in rows:
        name = row.get("subject", "")
        try:
            visit = _visit(row, path.parent)
            _check_new(name, visit.date in visits[name])
        except InputError as error:
            where = f"{path.name} row {number}"
            problems.append(Problem(where, str(error), "correct the row", name or None))
            continue
        visits[name][visit.date] = visit
    subjects = tuple(_subject(name, visits[name]) for name in sorted(visits) if visits[name])
    for alone in (subject for subject in subjects if len(subject.visits) == 1):
        what = "one date only: nothing to compare with"
        problems.append(Problem(alone.id, what, "", alone.id, ProblemLevel.NOTE))
    return Catalogue(subjects, tuple(problems), len(rows))


def _check_new(subject: str, known: bool) -> None:
    if not subject:
        raise InputError("no subject")
    if known:
        raise InputError("a second row of this subject and date")


def _subject(name: str, visits: dict[dt.date, Visit]) -> Subject:
    ordered = [visits[date] for date in sorted(visits)]
    return Subject(
        name,
        tuple(
            Visit(v.date, visit_label(n), ct=v.ct, pet=v.pet, labels=v.labels)
            for n, v in enumerate(ordered)
        ),
    )


def _visit(row: dict[str, str], folder: Path) -> Visit:
    date = _date(row)
    pet = None
    if row.get("pet"):
        unit = _UNITS.get(row.get("pet_unit", "").lower())
        if unit is None:
            known = "SUVbw, SUVlbm, SUVbsa, SUVibw or Bq/ml"
            raise InputError(f"pet_unit is '{row.get('pet_unit', '')}', not {known}")
        pet = _series("PT", row["pet"], folder, date, unit)
    ct = _series("CT", row["ct"], folder, date, Unit.HU) if row.get("ct") else None
    if ct is None and pet is None:
        raise InputError("neither ct nor pet")
    labels = _existing(row["labels"], folder) if row.get("labels") else None
    return Visit(date, "", ct=ct, pet=pet, labels=labels)


def _date(row: dict[str, str]) -> dt.date:
    try:
        if row.get("date"):
            return dt.date.fromisoformat(row["date"])
        return DAY_ZERO + dt.timedelta(days=int(row["day"]))
    except (ValueError, KeyError, OverflowError) as error:
        given = row.get("date") or row.get("day") or ""
        raise InputError(f"date or day is '{given}'", remedy="YYYY-MM-DD, or a number") from error


def _series(modality: str, name: str, folder: Path, date: dt.date, unit: Unit) -> Series:
    return Series(
        uid=name,
        modality=modality,
        files=(_existing(name, folder),),
        description=Path(name).name,
        date=date,
        kind=SeriesFormat.NIFTI,
        unit=unit,
    )


def _existing(name: str, folder: Path) -> Path:
    path = folder / name
    if not path.is_file():
        raise InputError("file not found", where=name)
    return path
