"""What a course says of the rate of new lesions: when they came, and how the known ones grow."""

from __future__ import annotations

import numpy as np

from recist.course import Course, Role, Status
from recist.endpoints import time_zero_of
from recist.forecast.emission import Emission
from recist.forecast.growth_rate import growth_rate
from recist.forecast.new_lesion_rate import NewLesionHistory
from recist.forecast.size_series import series_of
from recist.protocol import Protocol

DAYS_PER_YEAR, MONTHS_PER_YEAR = 365.25, 12
#: Power of their size with which tumours shed (Iwata 2000, alpha), and the error of taking it so.
SHED_POWER, SHED_ERROR = Emission().power, 0.5
#: A growth over fewer days says more of the error of reading than of growth.
FEWEST_DAYS_OF_GROWTH = 42


def history_of(course: Course, protocol: Protocol) -> tuple[int, NewLesionHistory]:
    """Lesions in all, and the new ones by the scan that first shows them."""
    start = time_zero_of(course, protocol)
    roles = {lesion.id: lesion.role for lesion in course.lesions}
    known: set[str] = set()
    years: list[float] = []
    counts: list[int] = []
    for timepoint in course.timepoints:
        seen = {
            m.lesion_id
            for m in timepoint.measurements
            if m.status not in (Status.ABSENT, Status.EQUIVOCAL, Status.NOT_EVALUABLE)
        }
        since = max(0, timepoint.day - start) / DAYS_PER_YEAR
        years.append(since)
        counts.append(sum(roles[name] is Role.NEW for name in seen - known))
        known |= seen
    return len(known), NewLesionHistory(tuple(years), tuple(counts))


def growth_of_own_lesions(course: Course) -> tuple[float, float] | None:
    """Growth of the rate of new lesions to expect from that of the known ones, and its error.

    The mean growth of the volume of single lesions that were not irradiated, from their first to
    their last scan, by the power of their size with which tumours shed. Lesions that shrink say
    only that nothing grows. None where no lesion was measured twice six weeks apart.
    """
    rates, errors = [], []
    for series in series_of(course):
        if series.left_out or series.is_sum or len(series.sizes) < 2:
            continue
        first, last = series.sizes[0], series.sizes[-1]
        days = last.day - first.day
        if days < FEWEST_DAYS_OF_GROWTH:
            continue
        found = growth_rate(first.mm, last.mm, days, log_sd=first.log_sd)
        rates.append(max(0.0, found.tg_per_month) * MONTHS_PER_YEAR)
        errors.append(found.tg_error * MONTHS_PER_YEAR)
    if not rates:
        return None
    mean, n = float(np.mean(rates)), len(rates)
    error = (float(np.square(errors).sum()) ** 0.5 / n, Emission().doubling_spread * mean / n**0.5)
    return SHED_POWER * mean, float(np.hypot(SHED_POWER * float(np.hypot(*error)), SHED_ERROR))
