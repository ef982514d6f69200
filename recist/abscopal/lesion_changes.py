"""Each lesion by itself: its size over the scans, and whether it shrank by 30 %."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from recist.abscopal.baseline import measurable_mm
from recist.abscopal.timeline import Timeline
from recist.course import Course, Field, Lesion, Role
from recist.criteria.diameter import diameter_of, has_shrunk
from recist.protocol import Protocol

SizesByDay = tuple[tuple[int, Decimal], ...]


@dataclass(frozen=True, slots=True)
class SizesOfLesion:
    """A lesion with a size at baseline.

    Attributes:
        sizes_mm: day and size at each scan after radiotherapy that counts.
        response_day: the first scan 30 % or more below the baseline.
        confirmed_day: the same of a response that the next scan four weeks later or more shows.
    """

    lesion: Lesion
    baseline_mm: Decimal
    sizes_mm: SizesByDay
    response_day: int | None
    confirmed_day: int | None

    @property
    def field(self) -> Field:
        return self.lesion.field

    @property
    def best(self) -> tuple[int, Decimal] | None:
        """The day and size of the smallest size; the first of equals."""
        return min(self.sizes_mm, key=lambda each: (each[1], each[0]), default=None)

    @property
    def best_change_percent(self) -> float | None:
        """For charts: the best change from baseline."""
        best = self.best
        return None if best is None else 100 * (float(best[1]) / float(self.baseline_mm) - 1)


def lesion_changes(
    course: Course, timeline: Timeline, protocol: Protocol
) -> tuple[SizesOfLesion, ...]:
    """The lesions of the baseline that are large enough to be followed singly.

    Args:
        course: with the baseline before radiotherapy as its first time point.
    """
    return tuple(_changes(course, timeline, protocol))


def _changes(course: Course, timeline: Timeline, protocol: Protocol) -> Iterator[SizesOfLesion]:
    if not course.timepoints:
        return
    at_baseline = {each.lesion_id: each for each in course.timepoints[0].measurements}
    counted = set(timeline.follow_up_days)
    for lesion in course.lesions:
        if lesion.role is Role.NEW:
            continue
        baseline_mm = measurable_mm(lesion, at_baseline.get(lesion.id), protocol)
        if baseline_mm is None:
            continue
        sizes = tuple(
            (timepoint.day, size_mm)
            for timepoint in course.timepoints
            if timepoint.day in counted
            for measurement in timepoint.measurements
            if measurement.lesion_id == lesion.id
            if (size_mm := diameter_of(measurement, protocol, is_node=lesion.is_node)) is not None
        )
        yield SizesOfLesion(lesion, baseline_mm, sizes, *shrinkage(sizes, baseline_mm, protocol))


def shrinkage(
    sizes_mm: SizesByDay, baseline_mm: Decimal, protocol: Protocol
) -> tuple[int | None, int | None]:
    """The first day 30 % or more below a baseline, and the first such day that is confirmed.

    The next scan at least ``confirmation_days`` later has to show it again.
    """
    small = [has_shrunk(size, baseline_mm) for _, size in sizes_mm]
    response = next((day for (day, _), met in zip(sizes_mm, small, strict=True) if met), None)
    confirmed = next(
        (
            day
            for k, (day, _) in enumerate(sizes_mm)
            if small[k] and _again(sizes_mm, small, k, protocol)
        ),
        None,
    )
    return response, confirmed


def _again(sizes_mm: SizesByDay, small: Sequence[bool], k: int, protocol: Protocol) -> bool:
    due = sizes_mm[k][0] + protocol.confirmation_days
    return next((small[j] for j in range(k + 1, len(small)) if sizes_mm[j][0] >= due), False)
