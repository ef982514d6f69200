"""The sum of the targets at every date at which all of them were evaluable."""

from __future__ import annotations

from decimal import Decimal

from recist.answers import AssessedCourse
from recist.criteria.criterion import ASSESSING
from recist.criteria.sums import baseline_sum
from recist.response import Scope


def whole_sums(answer: AssessedCourse) -> dict[int, Decimal]:
    """The sum by day, on all lesions, the baseline's too; a lower bound is none.

    Criteria that sum new lesions as well come last: that of the first one in
    :data:`~recist.criteria.criterion.CRITERIA` is taken.
    """
    listed = {each.criteria for each in answer.timepoints}
    first = next((name for name in ASSESSING if name in listed), "")
    found = {
        each.day: each.sum_mm
        for each in answer.timepoints
        if each.criteria == first
        and each.scope is Scope.ALL
        and each.sum_mm is not None
        and not each.lower_bound
    }
    base = baseline_sum(answer.course, answer.protocol)
    if base.sum_mm is not None and not base.lower_bound and answer.course.timepoints:
        found[answer.course.timepoints[0].day] = base.sum_mm
    return found
