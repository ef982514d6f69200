"""Patients in the notation of the trade, for all tests: millimetres and words, visit by visit.

    course({0: {"T1": 30, "X1": "here"}, 56: {"T1": [12, 8], "N1": "PD"}})

A cell is a diameter in mm, a list of the fragments of a lesion, a word for what was seen, or
``>T1`` for a lesion that merged into T1. Lesions T... are targets, X... non-targets, N... new.

:func:`followed` gives a patient one step earlier, as tracking and measuring leave him.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from imaging.read import Reading
from imaging.series import Series, SeriesFormat, Visit
from imaging.volume import Grid, Mask, Unit, Volume
from recist.abscopal import AbscopalFinding
from recist.abscopal.definition_results import DefinitionResult
from recist.course import (
    Axis,
    Caliper,
    Course,
    Event,
    EventKind,
    Field,
    Lesion,
    Measurement,
    Role,
    Status,
    Timepoint,
)
from recist.patient.examination import Examination, Sized
from recist.tracking import Sighting, State, Track, Tracks
from segmentation.instances import Candidate

#: Short words for what was seen, beside those of the vocabulary.
WORDS = {
    "gone": Status.ABSENT,
    "tiny": Status.TOO_SMALL,
    "NE": Status.NOT_EVALUABLE,
    "here": Status.PRESENT,
    "more": Status.INCREASED,
    "less": Status.DECREASED,
    "PD": Status.PROGRESSION,
    "maybe": Status.EQUIVOCAL,
}
ROLES = {"T": Role.TARGET, "X": Role.NON_TARGET, "N": Role.NEW}

Visits = Mapping[int, Mapping[str, Any]]


def measurement(lesion: str, cell: Any) -> Measurement:
    """What a cell says was seen of a lesion."""
    if isinstance(cell, str) and cell.startswith(">"):
        return Measurement(lesion, Status.MERGED, merged_into=cell[1:])
    if isinstance(cell, str) and not cell[:1].isdigit():
        return Measurement(lesion, WORDS.get(cell) or Status(cell))
    parts = cell if isinstance(cell, list) else [cell]
    return Measurement(lesion, Status.MEASURED, tuple(Decimal(str(part)) for part in parts))


def call_of(found: AbscopalFinding, name: str) -> DefinitionResult:
    """The call of a definition by its name."""
    (call,) = [each for each in found.calls if each.definition.name == name]
    return call


def by_visit(sizes: Mapping[str, Sequence[Any]], days: Sequence[int]) -> Visits:
    """Visits from a row of cells per lesion; None where nothing was recorded."""
    return {
        day: {name: cells[k] for name, cells in sizes.items() if cells[k] is not None}
        for k, day in enumerate(days)
    }


def course(
    visits: Visits,
    *,
    nodes: Iterable[str] = (),
    organs: Mapping[str, str] | str = "liver",
    fields: Mapping[str, Field] | Field = Field.UNKNOWN,
    roles: Mapping[str, Role] | None = None,
    events: Mapping[int, str] | Iterable[tuple[int, str]] = (),
    subject: str = "S1",
    day_zero: dt.date | None = None,
    reader: str = "",
) -> Course:
    """A patient from visits by day, the first being the baseline.

    Args:
        organs, fields: by lesion, or one for all.
        roles: by lesion, where its letter does not say; who stands here needs not be seen.
        events: day and kind.
    """
    names = sorted({name for visit in visits.values() for name in visit} | set(roles or ()))
    listed = events.items() if isinstance(events, Mapping) else events
    return Course(
        subject,
        tuple(
            Lesion(
                name,
                organs if isinstance(organs, str) else organs.get(name, "liver"),
                name in set(nodes),
                (roles or {}).get(name) or ROLES[name[0]],
                fields if isinstance(fields, Field) else fields.get(name, Field.UNKNOWN),
            )
            for name in names
        ),
        tuple(
            Timepoint(day, tuple(measurement(name, cell) for name, cell in visit.items()))
            for day, visit in sorted(visits.items())
        ),
        tuple(Event(day, EventKind(kind)) for day, kind in listed),
        day_zero,
        reader,
    )


BASELINE = dt.date(2024, 1, 1)
GRID = Grid((4, 4, 4), np.eye(4), "1.2.3")

#: A size "long x short" in mm, a list of such pieces, or the state of a lesion without one.
Seen = str | list[str] | State


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """What tracking and measuring give; candidates of each date in the order of their lesions."""

    tracks: Tracks
    sized: tuple[tuple[Sized, ...], ...]
    examinations: tuple[Examination, ...]


def drawn(size: str, place: int, *, organ: str | None, is_node: bool | None) -> Sized:
    long_mm, short_mm = (Decimal(part) for part in size.split("x"))
    axis = Axis((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    mask = Mask(np.ones((1, 1, 1), dtype=np.bool_), (place % 4, place // 4, 1), GRID)
    candidate = Candidate("1", mask, organ=organ, is_node=is_node)
    return Sized(candidate, Caliper(axis, axis, long_mm, short_mm, 1), None)


def examination(day: int, slice_mm: float) -> Examination:
    date = BASELINE + dt.timedelta(days=day)
    series = Series(f"1.2.3.{day}", "CT", (Path("1.nii.gz"),), date=date, kind=SeriesFormat.NIFTI)
    ct = Volume(np.zeros(GRID.shape, dtype=np.int16), GRID, Unit.HU, "")
    return Examination(Visit(date, f"day {day}", ct=series), day, Reading(ct, (), (), slice_mm))


def sighting(day: int, seen: Seen, position: int, first: bool, into: str | None) -> Sighting:
    if isinstance(seen, State):
        return Sighting(day, seen, (), 1.0, "", merged_into=into)
    state = State.MATCHED
    if first:
        state = State.BASELINE if day == 0 else State.NEW
    pieces = seen if isinstance(seen, list) else [seen]
    return Sighting(day, state, tuple(range(position, position + len(pieces))), 1.0, "")


def followed(
    lesions: Mapping[str, Mapping[int, Seen]],
    *,
    organs: Mapping[str, str] | None = None,
    nodes: tuple[str, ...] = (),
    merged_into: str | None = None,
    slice_mm: float = 3.0,
) -> Patient:
    """A patient as tracked: ``{"L1": {0: "30x20", 56: "22x15"}}``, lesion, day, what was seen."""
    days = sorted({day for seen in lesions.values() for day in seen})
    found: dict[int, list[Sized]] = {day: [] for day in days}
    tracks = []
    for name, seen in lesions.items():
        sightings = []
        for day in sorted(seen):
            here = seen[day]
            first = not sightings
            into = merged_into if here is State.MERGED else None
            sightings.append(sighting(day, here, len(found[day]), first, into))
            if not isinstance(here, State):
                organ, is_node = (organs or {}).get(name), name in nodes or None
                for size in here if isinstance(here, list) else [here]:
                    found[day].append(drawn(size, len(found[day]), organ=organ, is_node=is_node))
        tracks.append(Track(name, tuple(sightings)))
    return Patient(
        Tracks(tuple(tracks), tuple(days)),
        tuple(tuple(found[day]) for day in days),
        tuple(examination(day, slice_mm) for day in days),
    )
