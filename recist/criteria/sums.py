"""The sum of an assessment in figures: its changes, its limits, and whether it is only a bound.

Everything that is shown of a sum - rows, charts, sentences - is read here, so that a page and a
table never differ. Where a target was not evaluable the rest of the sum is a lower bound: it may
prove progression (Eisenhauer 2009, section 4.4.2), but it has no change in percent.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from recist.course import Course
from recist.criteria.diameter import (
    exactly,
    partial_response_mm,
    percent_cut,
    progression_mm,
)
from recist.criteria.observation import read
from recist.protocol import Protocol
from recist.response import Assessment, Scope


class SumFigures(NamedTuple):
    """What can be said of the sum of a time point.

    Attributes:
        change_from_baseline_percent, change_from_nadir_percent: cut off after one decimal, never
            rounded up to a threshold that was not reached; None for a lower bound, without a
            reference, and for a reference of 0.
        baseline_mm, nadir_mm: what it is compared with.
    """

    change_from_baseline_percent: Decimal | None
    change_from_nadir_percent: Decimal | None
    baseline_mm: Decimal | None
    nadir_mm: Decimal | None

    # Tables have no column for the limits: they are worked out where somebody asks.

    @property
    @exactly
    def partial_response_mm(self) -> Decimal | None:
        """The largest sum that is a partial response."""
        return None if self.baseline_mm is None else partial_response_mm(self.baseline_mm)

    @property
    @exactly
    def progression_mm(self) -> Decimal | None:
        """The smallest sum that is progression."""
        return None if self.nadir_mm is None else progression_mm(self.nadir_mm)


@exactly
def figures_of(assessment: Assessment) -> SumFigures:
    """The figures of an assessment."""
    total, baseline, nadir = assessment.sum_mm, assessment.baseline_mm, assessment.nadir_mm
    from_baseline, from_nadir = changes(None if assessment.lower_bound else total, baseline, nadir)
    return SumFigures(from_baseline, from_nadir, baseline, nadir)


def changes(
    whole: Decimal | None, baseline: Decimal | None, nadir: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """The change of a whole sum from the baseline and from the nadir; to be run exactly."""
    from_baseline = _change(whole, baseline)
    return from_baseline, from_baseline if nadir is baseline else _change(whole, nadir)


def _change(now: Decimal | None, reference: Decimal | None) -> Decimal | None:
    return None if now is None or not reference else percent_cut(now, reference)


class BaselineSum(NamedTuple):
    """The targets of a set of lesions at the baseline.

    Attributes:
        targets: how many there are.
        sum_mm: of those that were evaluable; None where none was.
        lower_bound: one of them was not evaluable.
    """

    scope: Scope
    targets: int
    sum_mm: Decimal | None
    lower_bound: bool


@exactly
def baseline_sum(course: Course, protocol: Protocol, scope: Scope = Scope.ALL) -> BaselineSum:
    """The sum that the follow-ups are compared with.

    Args:
        course: of one subject, or restricted to the lesions of a set.
    """
    if not course.timepoints:
        return BaselineSum(scope, 0, None, lower_bound=False)
    observed = read(course, protocol)
    first = observed.seen[0]
    return BaselineSum(scope, len(observed.target_nodes), first.sum_mm, not first.complete)


class LesionSize(NamedTuple):
    """One diameter of a lesion; its change is from the first one, None at that date."""

    day: int
    diameter_mm: Decimal
    change_percent: Decimal | None


@exactly
def lesion_sizes(
    course: Course, only: Collection[str] | None = None
) -> dict[str, tuple[LesionSize, ...]]:
    """The diameters of each lesion, at the dates at which it was measured.

    Args:
        only: these lesions; all unless given.
    """
    sizes: dict[str, list[LesionSize]] = {
        lesion.id: [] for lesion in course.lesions if only is None or lesion.id in only
    }
    for timepoint in course.timepoints:
        for measurement in timepoint.measurements:
            if measurement.lesion_id not in sizes:
                continue
            size = measurement.diameter_mm
            if size is None:
                continue
            known = sizes[measurement.lesion_id]
            first = known[0].diameter_mm if known else None
            known.append(LesionSize(timepoint.day, size, _change(size, first)))
    return {lesion: tuple(found) for lesion, found in sizes.items()}
