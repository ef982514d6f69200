"""Where disease progressed first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from recist import abscopal
from recist.abscopal.pattern import Pattern, Site
from recist.course import Course
from recist.protocol import DEFAULT

Build = Callable[..., Course]
DAYS = (-7, 56, 112)


@pytest.mark.parametrize(
    ("sizes", "sides", "pattern", "day"),
    [
        ({"T1": [30, 10, 10], "T2": [20, 19, 18]}, {"out": ["T2"]}, Pattern.NONE, None),
        ({"T1": [30, 40, 45], "T2": [20, 19, 18]}, {"out": ["T2"]}, Pattern.IN_FIELD, 56),
        ({"T1": [30, 10, 10], "T2": [20, 26, 40]}, {"out": ["T2"]}, Pattern.KNOWN_OUT, 56),
        (
            {"T1": [30, 10, 10], "T2": [20, 19, 18], "N1": [None, None, 12]},
            {"out": ["T2", "N1"]},
            Pattern.NEW_OUT,
            112,
        ),
        (
            {"T1": [30, 10, 10], "T2": [20, 19, 40], "N1": [None, None, 12]},
            {"out": ["T2", "N1"]},
            Pattern.MIXED,
            112,
        ),
        ({"T1": [30, 40, 45], "T2": [20, 26, 40]}, {"out": ["T2"]}, Pattern.MIXED, 56),
        (
            {"T1": [30, 10, 10], "T2": [20, 19, 18], "X3": ["here", "PD", "PD"]},
            {"out": ["T2"], "partial": ["X3"]},
            Pattern.MARGINAL,
            56,
        ),
        (
            {"T1": [30, 10, 10], "T2": [20, 19, 18], "N1": [None, 12, 12]},
            {"out": ["T2"], "unknown": ["N1"]},
            Pattern.UNKNOWN,
            56,
        ),
        ({"T1": [30, 10, 10], "N1": [None, 12, 12]}, {"out": ["N1"]}, Pattern.NEW_OUT, 56),
    ],
)
def test_the_pattern_of_first_failure(
    sizes: Mapping[str, Sequence[Any]],
    sides: Mapping[str, Sequence[str]],
    pattern: Pattern,
    day: int | None,
    patient: Build,
) -> None:
    found = abscopal.assess(patient(sizes, days=DAYS, **sides), DEFAULT).failure
    assert (found.pattern, found.day) == (pattern, day)


def test_a_mixed_failure_names_its_sites_and_why(patient: Build) -> None:
    course = patient(
        {"T1": [30, 40, 45], "T2": [20, 19, 18], "N1": [None, 12, 12]},
        out=["T2", "N1"],
        days=DAYS,
    )
    found = abscopal.assess(course, DEFAULT).failure
    assert found.sites == (Site.IN_FIELD, Site.NEW_OUT)
    for word in ("40.0 mm", "N1", "may be fibrosis"):
        assert word in found.reason.sentence


def test_small_growth_everywhere_is_progression_of_the_whole_sum_only(patient: Build) -> None:
    course = patient({"T1": [14, 17, 17], "T2": [14, 17, 17]}, out=["T2"], days=DAYS)
    found = abscopal.assess(course, DEFAULT).failure
    assert (found.pattern, found.sites, found.day) == (Pattern.MIXED, (), 56)
    assert "no single site" in found.reason.sentence


def test_growth_that_the_whole_body_hides_is_still_a_failure(patient: Build) -> None:
    course = patient({"T1": [40, "gone"], "T2": [20, 26]}, out=["T2"])
    found = abscopal.assess(course, DEFAULT)
    assert found.whole and found.whole.best.response == "PR"
    assert found.failure.pattern is Pattern.KNOWN_OUT
    assert "Whole-body response is not PD" in found.failure.reason.sentence


def test_failure_is_observed_for_longer_than_a_response_counts(patient: Build) -> None:
    course = patient({"T1": [30, 10, 10], "T2": [20, 19, 30]}, out=["T2"], days=(-7, 56, 500))
    found = abscopal.assess(course, DEFAULT)
    assert found.timeline.follow_up_days == (56,)
    assert (found.failure.pattern, found.failure.day) == (Pattern.KNOWN_OUT, 500)
    assert found.out_of_field and found.out_of_field.progression_day == 500
