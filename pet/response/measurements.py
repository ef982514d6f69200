"""The table of measured uptake that PET criteria are assessed from.

One row per subject, date and lesion (CSV, xlsx or parquet):

================  ==============================================================================
column            meaning
================  ==============================================================================
subject           identifier
date *or* day     ISO date, or whole days from treatment start; the first is the baseline
lesion            identifier, the same at every date; empty for a date without lesions
sul_peak          SULpeak (the unit must be the same at every date); empty if not measured
organ             decides "two per organ" (optional)
status            measured (default), resolved (indistinguishable from background), new
suv_max           for EORTC, Deauville (optional)
tlg, diameter_cm  glycolysis; functional diameter of new lesions (optional)
================  ==============================================================================

Facts of the date, the same in all its rows (each optional): ``liver_mean, liver_sd, blood_mean,
blood_sd`` (same unit), ``uptake_min``, ``dose_mbq``, ``scanner``, ``cycles``, ``progression`` and
``deterioration`` (yes/no), ``liver_max`` and ``blood_max`` (SUVmax of the regions, for Deauville),
``uptake_vs_baseline`` (decrease, no_change, increase; for Lugano), ``recist11`` (for PECRIT).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from imaging.errors import InputError, without_frames
from imaging.tables import cells
from imaging.tables.chunk import Chunk
from imaging.tables.columns import Columns, Layout
from imaging.tables.letters import folded
from imaging.tables.named_cells import named_rows
from imaging.tables.source import Table
from pet.response.scan import LesionUptake, PetScan, ReferenceUptake

REQUIRED = ("subject", "lesion", "sul_peak")
SCAN_COLUMNS = (
    "liver_mean",
    "liver_sd",
    "liver_max",
    "blood_mean",
    "blood_sd",
    "blood_max",
    "uptake_min",
    "dose_mbq",
    "scanner",
    "cycles",
    "progression",
    "deterioration",
    "uptake_vs_baseline",
    "recist11",
)
LESION_COLUMNS = ("lesion", "sul_peak", "organ", "status", "suv_max", "tlg", "diameter_cm")
COLUMNS = Columns(REQUIRED, tuple(dict.fromkeys((*SCAN_COLUMNS, *LESION_COLUMNS[2:]))))
YES_NO = {"": False, "no": False, "yes": True}
STATUS = ("", "measured", "resolved", "new")
CellsByColumn = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DatedScan:
    """A scan with its date as written and its facts for single criteria."""

    when: str
    scan: PetScan
    facts: CellsByColumn


@dataclass(frozen=True, slots=True)
class PetCourse:
    """The scans of a subject in order of date; ``time`` is the column they are dated by."""

    subject: str
    time: str
    scans: tuple[DatedScan, ...]


def no_rows(table: Path) -> InputError:
    """What is said of a table that is only a header."""
    return InputError("the table has no rows", where=table)


class UptakeForm(NamedTuple):
    """How the rows of a table are read, as it can be sent to another process.

    Attributes:
        name: of the table.
        date_order: in which dates are written.
    """

    name: str
    layout: Layout
    delimiter: str
    date_order: str

    @classmethod
    def of(cls, table: Table, date_order: str) -> UptakeForm:
        return cls(table.name, table.layout, table.delimiter, date_order)

    @property
    def time(self) -> str:
        """The column of the dates."""
        return self.layout.time_column


class UnreadSubject(NamedTuple):
    """A subject with a cell that cannot be read."""

    subject: str
    error: InputError


def courses_in(chunk: Chunk, form: UptakeForm) -> Iterator[PetCourse | UnreadSubject]:
    """The subjects of a chunk in order of appearance, each read or refused."""
    subjects, refused = _subjects(chunk, form)
    for subject, dates in subjects.items():
        try:
            if subject in refused:
                raise refused[subject]
            where = f"{form.name}, subject {subject}"
            scans = _scans(dates, form.time, where)
            _check_names(scans, where)
        except InputError as error:
            yield UnreadSubject(subject, without_frames(error))
            continue
        yield PetCourse(subject, form.time, scans)


def _subjects(
    chunk: Chunk, form: UptakeForm
) -> tuple[dict[str, dict[int, list[CellsByColumn]]], dict[str, InputError]]:
    """The rows of each subject by day, and why a subject cannot be read."""
    subjects: dict[str, dict[int, list[CellsByColumn]]] = {}
    refused: dict[str, InputError] = {}
    above, time = "", form.time
    for number, row in named_rows(form.name, form.layout, chunk.rows(form.delimiter)):
        where = f"{form.name}, row {number}"
        subject = row["subject"] or above
        dates = subjects.setdefault(subject, {})
        if not row["subject"]:
            what = "a row without subject"
            error = InputError(what, where=where, remedy="name its subject")
            refused.setdefault(subject, error)
        try:
            dates.setdefault(_day(row[time], time, where, form.date_order), []).append(row)
        except InputError as failed:
            refused.setdefault(subject, failed)
        above = subject
    return subjects, refused


def remarks_on(subject: str, dates: Sequence[str], known: dict[str, str]) -> Iterator[str]:
    """What may be wrong with a subject although it can be assessed.

    Args:
        dates: of its scans, as written.
        known: names of the subjects before, as they look; receives that of this one.
    """
    other = known.setdefault(folded(subject), subject)
    if other != subject:
        yield f"{subject}: its name looks like {other!a}: if they are one, use one name"
    if len(dates) == 1:
        yield f"{subject}: one date only ({dates[0]}): nothing to compare"


def _check_names(scans: Sequence[DatedScan], where: str) -> None:
    """Refuse lesions whose names look alike: one would be lost, and a new one progression.

    Raises:
        InputError: naming both.
    """
    first: dict[str, str] = {}
    for name in (lesion.lesion for dated in scans for lesion in dated.scan.lesions):
        other = first.setdefault(folded(name), name)
        if other != name:
            what = f"two lesions whose names look alike: {other!a} and {name!a}"
            raise InputError(what, where=where, remedy="write the name of a lesion in one way")


def _scans(
    dates: Mapping[int, list[CellsByColumn]], time: str, where: str
) -> tuple[DatedScan, ...]:
    first = min(dates) if time == "date" else 0
    scans = []
    for day in sorted(dates):
        when = dt.date.fromordinal(day).isoformat() if time == "date" else str(day)
        scans.append(_dated(when, day - first, dates[day], f"{where}, {time} {when}"))
    return tuple(scans)


def _day(when: str, time: str, where: str, date_order: str) -> int:
    """The day, or the ordinal of the date; a time of day does not part two rows of one scan."""
    try:
        return cells.ordinal(when, date_order) if time == "date" else cells.day(when)
    except cells.CellError as error:
        raise InputError(error.what, where=where, remedy=error.remedy) from error


def _dated(when: str, day: int, rows: Sequence[CellsByColumn], where: str) -> DatedScan:
    facts = {name: _one(rows, name, where) for name in SCAN_COLUMNS}
    cycles = number(facts, "cycles", where)
    scan = PetScan(
        day=day,
        lesions=tuple(_lesion(row, where) for row in rows if row["lesion"]),
        liver=_reference(facts, "liver", where),
        blood_pool=_reference(facts, "blood", where),
        uptake_min=number(facts, "uptake_min", where),
        dose_mbq=number(facts, "dose_mbq", where),
        scanner=facts["scanner"] or None,
        cycles=None if cycles is None else round(cycles),
        progression=_flag(facts, "progression", where),
        deterioration=_flag(facts, "deterioration", where),
    )
    return DatedScan(when, scan, facts)


def _one(rows: Sequence[CellsByColumn], name: str, where: str) -> str:
    """The fact of a date: rows may repeat it or leave it out, not contradict it."""
    values = {row.get(name, "") for row in rows} - {""}
    if len({_plain(value) for value in values}) > 1:
        raise InputError(f"{name} differs within a date: {', '.join(sorted(values))}", where=where)
    return min(values, default="")


def _plain(value: str) -> object:
    """A number however it is written (2, 2.0 and 2,0), or the text."""
    try:
        return cells.number(value)
    except cells.CellError:
        return value


def _lesion(row: CellsByColumn, where: str) -> LesionUptake:
    place = f"{where}, lesion {row['lesion']}"
    status = row.get("status", "").lower()
    if status not in STATUS:
        raise InputError(f"status {status!r}", where=place, remedy=f"use {', '.join(STATUS[1:])}")
    return LesionUptake(
        lesion=row["lesion"],
        peak=number(row, "sul_peak", place),
        organ=row.get("organ", ""),
        new=status == "new",
        resolved=status == "resolved",
        suv_max=number(row, "suv_max", place),
        tlg=number(row, "tlg", place),
        diameter_cm=number(row, "diameter_cm", place),
    )


def _reference(facts: CellsByColumn, name: str, where: str) -> ReferenceUptake | None:
    mean, sd = (number(facts, f"{name}_{what}", where) for what in ("mean", "sd"))
    if mean is None and sd is None:
        return None
    if mean is None or sd is None:
        raise InputError(f"{name} needs both {name}_mean and {name}_sd", where=where)
    return ReferenceUptake(mean, sd)


def number(row: CellsByColumn, name: str, where: str = "") -> float | None:
    """A cell as a number; None where it is empty."""
    try:
        return cells.number(row.get(name, ""))
    except cells.CellError as error:
        raise InputError(f"{name} {error.what}", where=where, remedy=error.remedy) from error


def _flag(facts: CellsByColumn, name: str, where: str) -> bool:
    text = facts[name].lower()
    if text not in YES_NO:
        raise InputError(f"{name} is {text!r}, not yes or no", where=where)
    return YES_NO[text]
