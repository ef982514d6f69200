"""Patients in the notation of the trade, with the field of every lesion in its name's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

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

WORDS = {
    "gone": Status.ABSENT,
    "tiny": Status.TOO_SMALL,
    "NE": Status.NOT_EVALUABLE,
    "here": Status.PRESENT,
    "PD": Status.PROGRESSION,
    "maybe": Status.EQUIVOCAL,
}
ROLES = {"T": Role.TARGET, "X": Role.NON_TARGET, "N": Role.NEW}


def measurement(lesion: str, cell: Any) -> Measurement:
    """``30`` mm, or a word for what was seen."""
    if isinstance(cell, str) and cell in WORDS:
        return Measurement(lesion, WORDS[cell])
    return Measurement(lesion, Status.MEASURED, (Decimal(str(cell)),))


@pytest.fixture(scope="session")
def patient() -> Callable[..., Course]:
    """A patient from sizes per visit: ``{"T1": [30, 10]}`` on ``days``; None: no record.

    Lesions T... are targets, X... non-targets, N... new; ``out``, ``low``, ``partial`` and
    ``unknown`` name those that are not in the field. Events by day.
    """

    def build(
        sizes: Mapping[str, Sequence[Any]],
        *,
        days: Sequence[int] = (-7, 56),
        out: Sequence[str] = (),
        low: Sequence[str] = (),
        partial: Sequence[str] = (),
        unknown: Sequence[str] = (),
        nodes: Sequence[str] = (),
        events: Sequence[tuple[int, str]] = ((0, "radiotherapy-start"), (10, "radiotherapy-end")),
        subject: str = "S1",
    ) -> Course:
        fields = {
            **dict.fromkeys(out, Field.OUT),
            **dict.fromkeys(low, Field.LOW_DOSE),
            **dict.fromkeys(partial, Field.PARTIAL),
            **dict.fromkeys(unknown, Field.UNKNOWN),
        }
        return Course(
            subject,
            tuple(
                Lesion(name, "lung", name in nodes, ROLES[name[0]], fields.get(name, Field.IN))
                for name in sizes
            ),
            tuple(
                Timepoint(
                    day,
                    tuple(
                        measurement(name, cells[k])
                        for name, cells in sizes.items()
                        if cells[k] is not None
                    ),
                )
                for k, day in enumerate(days)
            ),
            tuple(Event(day, EventKind(kind)) for day, kind in events),
        )

    return build
