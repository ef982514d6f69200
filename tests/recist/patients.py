"""Patients in the notation of the trade, for all tests: millimetres and words, visit by visit.

    course({0: {"T1": 30, "X1": "here"}, 56: {"T1": [12, 8], "N1": "PD"}})

A cell is a diameter in mm, a list of the fragments of a lesion, a word for what was seen, or
``>T1`` for a lesion that merged into T1. Lesions T... are targets, X... non-targets, N... new.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from recist.course import (
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
) -> Course:
    """A patient from visits by day, the first being the baseline.

    Args:
        organs, fields: by lesion, or one for all.
        roles: by lesion, where its letter does not say.
        events: day and kind.
    """
    names = sorted({name for visit in visits.values() for name in visit})
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
    )
