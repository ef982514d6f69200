"""Patients by lesion, with the field of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from recist.course import Course, Field
from tests.recist.patients import by_visit, course


@pytest.fixture(scope="session")
def patient() -> Callable[..., Course]:
    """A patient from cells per lesion: ``{"T1": [30, 10]}`` on ``days``; None: no record.

    ``out``, ``low``, ``partial`` and ``unknown`` name the lesions that are not in the field.
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
            **dict.fromkeys(sizes, Field.IN),
            **dict.fromkeys(out, Field.OUT),
            **dict.fromkeys(low, Field.LOW_DOSE),
            **dict.fromkeys(partial, Field.PARTIAL),
            **dict.fromkeys(unknown, Field.UNKNOWN),
        }
        return course(
            by_visit(sizes, days),
            nodes=nodes,
            organs=dict.fromkeys(sizes, "lung"),
            fields=fields,
            events=events,
            subject=subject,
        )

    return build
