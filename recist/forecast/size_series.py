"""The sizes over time that growth may be read from: lesions, and their sums outside of the field.

Radiotherapy leaves fibrosis that no growth rate tells from tumour: irradiated lesions are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from recist.course import Course, EventKind, Field, Role
from recist.forecast.growth_rate import DIAMETER_LOG_SD

#: Fields whose lesions keep growing as they would.
UNTOUCHED = (Field.OUT, Field.LOW_DOSE)


class MeasuredSize(NamedTuple):
    """A size on a day, and the error of the logarithm of one reading of it."""

    day: int
    mm: float
    log_sd: float


class SizeSeries(NamedTuple):
    """Sizes of a lesion or a sum; ``left_out`` says why none is read from it."""

    name: str
    field: str
    sizes: tuple[MeasuredSize, ...]
    left_out: str = ""
    is_sum: bool = False


def series_of(course: Course) -> Iterator[SizeSeries]:
    """Every target lesion, and the sum of those that were not irradiated."""
    irradiated = course.first_day_of(EventKind.RADIOTHERAPY_START) is not None or any(
        lesion.field in (Field.IN, Field.PARTIAL) for lesion in course.lesions
    )
    together = []
    for lesion in course.lesions:
        if lesion.role is not Role.TARGET:
            continue
        why = ""
        if lesion.field in (Field.IN, Field.PARTIAL):
            why = "irradiated: fibrosis and tumour cannot be told apart"
        elif irradiated and lesion.field not in UNTOUCHED:
            why = "field unknown in an irradiated patient"
        sizes = tuple(_sizes(course, frozenset({lesion.id})))
        yield SizeSeries(lesion.id, str(lesion.field), sizes, why)
        if not why:
            together.append(lesion.id)
    if len(together) > 1:
        name = "sum outside of the field" if irradiated else "sum"
        yield SizeSeries(name, "", tuple(_sizes(course, frozenset(together))), is_sum=True)


def _sizes(course: Course, lesions: frozenset[str]) -> Iterator[MeasuredSize]:
    """Sizes at the dates on which all of the lesions were measured and something was left."""
    for timepoint in course.timepoints:
        found = [
            float(m.diameter_mm)
            for m in timepoint.measurements
            if m.lesion_id in lesions and m.diameter_mm is not None
        ]
        total = sum(found)
        if len(found) == len(lesions) and total > 0:
            error = DIAMETER_LOG_SD * math.sqrt(sum(size**2 for size in found)) / total
            yield MeasuredSize(timepoint.day, total, error)
