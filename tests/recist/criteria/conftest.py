"""Builders of patients, in the notation of the trade: millimetres and words per visit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from recist.course import (
    Course,
    Event,
    EventKind,
    Lesion,
    Measurement,
    Role,
    Status,
    Timepoint,
)

#: What a cell may say instead of millimetres.
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


def measurement(lesion: str, cell: Any) -> Measurement:
    """``30`` mm, ``[12, 8]`` fragments, ``"gone"``, ``">T1"`` merged into T1."""
    if isinstance(cell, str) and cell.startswith(">"):
        return Measurement(lesion, Status.MERGED, merged_into=cell[1:])
    if isinstance(cell, str) and cell in WORDS:
        return Measurement(lesion, WORDS[cell])
    parts = cell if isinstance(cell, list) else [cell]
    return Measurement(lesion, Status.MEASURED, tuple(Decimal(str(part)) for part in parts))


@pytest.fixture(scope="session")
def patient() -> Callable[..., Course]:
    """A patient from visits by day, the first being the baseline.

    Lesions T... are targets, X... non-targets, N... new; ``nodes`` by name.
    """

    def build(
        visits: Mapping[int, Mapping[str, Any]],
        *,
        nodes: Sequence[str] = (),
        organs: Mapping[str, str] | None = None,
        events: Mapping[int, str] | None = None,
    ) -> Course:
        names = sorted({name for visit in visits.values() for name in visit})
        return Course(
            "S1",
            tuple(
                Lesion(name, (organs or {}).get(name, "liver"), name in nodes, ROLES[name[0]])
                for name in names
            ),
            tuple(
                Timepoint(day, tuple(measurement(name, cell) for name, cell in visit.items()))
                for day, visit in sorted(visits.items())
            ),
            tuple(Event(day, EventKind(kind)) for day, kind in (events or {}).items()),
        )

    return build
