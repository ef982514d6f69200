"""Kaplan-Meier against what R's ``survival`` prints for its own tables."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.cohort.survival import IntervalScale, KaplanMeier, kaplan_meier

from .conftest import Table

#: Weeks to relapse under 6-MP and placebo (Freireich 1963); 0 after the comma: censored.
SIX_MP = [(6, 1), (6, 1), (6, 1), (6, 0), (7, 1), (9, 0), (10, 1), (10, 0), (11, 0), (13, 1)]
SIX_MP += [(16, 1), (17, 0), (19, 0), (20, 0), (22, 1), (23, 1), (25, 0), (32, 0), (32, 0)]
SIX_MP += [(34, 0), (35, 0)]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def of(table: Table, chosen: npt.NDArray[np.bool_] | None = None) -> KaplanMeier:
    days, died = table.numbers("days"), table.numbers("status") == table.numbers("status").max()
    chosen = np.full(len(days), True) if chosen is None else chosen
    return kaplan_meier(days[chosen], died[chosen])


def test_lung_as_r_prints_it(lung: Table) -> None:
    curve = of(lung)
    assert (curve.n, curve.n_events, curve.median) == (228, 165, 310)
    assert curve.quantile_interval(0.5, IntervalScale.LOG) == (285, 363)
    assert curve.quantile_interval(0.5, IntervalScale.LOG_LOG) == (284, 361)
    assert curve.quantile_interval(0.5, IntervalScale.PLAIN) == (284, 361)


def test_lung_at_six_months(lung: Table) -> None:
    curve = of(lung)
    assert curve.at(182.625) == pytest.approx(0.708054, abs=5e-7)
    assert curve.standard_error(182.625) == pytest.approx(0.030269, abs=5e-7)
    assert curve.interval(182.625, IntervalScale.LOG) == pytest.approx((0.6511, 0.7699), abs=5e-5)
    assert curve.interval(182.625, IntervalScale.LOG_LOG) == pytest.approx(
        (0.6440, 0.7627), abs=5e-5
    )
    assert curve.interval(182.625, IntervalScale.PLAIN) == pytest.approx((0.6487, 0.7674), abs=5e-5)
    assert curve.at(365) == pytest.approx(0.409242, abs=5e-7)


@pytest.mark.parametrize(
    ("sex", "counts", "log", "log_log"),
    [(1, (138, 112, 270), (212, 310), (210, 306)), (2, (90, 53, 426), (348, 550), (345, 524))],
)
def test_lung_by_sex(
    lung: Table,
    sex: int,
    counts: tuple[int, int, int],
    log: tuple[int, int],
    log_log: tuple[int, int],
) -> None:
    curve = of(lung, lung.numbers("sex") == sex)
    assert (curve.n, curve.n_events, curve.median) == counts
    assert curve.quantile_interval(0.5, IntervalScale.LOG) == log
    assert curve.quantile_interval(0.5, IntervalScale.LOG_LOG) == log_log


def test_bounds_never_reached_are_none(aml: Table) -> None:
    group = np.array(aml.words("group"))
    expected = {
        "Maintained": (11, 7, 31, (18, None), (13, None)),
        "Nonmaintained": (12, 11, 23, (8, None), (5, 33)),
    }
    for name, (n, events, median, log, log_log) in expected.items():
        own = group == name
        curve = kaplan_meier(aml.numbers("weeks")[own], aml.numbers("status")[own])
        assert (curve.n, curve.n_events, curve.median) == (n, events, median)
        assert curve.quantile_interval(0.5, IntervalScale.LOG) == log
        assert curve.quantile_interval(0.5, IntervalScale.LOG_LOG) == log_log
        if name == "Maintained":
            assert curve.at(9) == pytest.approx(0.909, abs=5e-4)
            assert curve.standard_error(9) == pytest.approx(0.0867, abs=5e-5)
            assert curve.interval(9, IntervalScale.LOG) == pytest.approx((0.7541, 1.0), abs=5e-5)


def test_the_median_of_a_flat_stretch_is_its_middle_as_in_r(veteran: Table) -> None:
    treatment = veteran.numbers("treatment")
    first, second = of(veteran, treatment == 1), of(veteran, treatment == 2)
    assert (first.median, first.quantile_interval()) == (103, (59, 132))
    assert (second.median, second.quantile_interval()) == (52.5, (44, 95))  # others print 52


def test_every_quantile_of_a_small_table() -> None:
    """R's own test of ``quantile.survfit``: S is 6/7, 18/35 and 9/35; 10 is censored."""
    curve = kaplan_meier([9, 1, 1, 6, 6, 8, 10], [1, 1, 0, 1, 1, 0, 0])
    assert curve.survival[curve.events > 0] == pytest.approx([6 / 7, 18 / 35, 9 / 35])
    levels = (13 / 14, 6 / 7, 2 / 3, 0.5, 9 / 35, 0.1)
    assert [curve.quantile(1 - level) for level in levels] == [1, 3.5, 6, 9, 9.5, None]


def test_six_mercaptopurine() -> None:
    treated = kaplan_meier([time for time, _ in SIX_MP], [event for _, event in SIX_MP])
    placebo = kaplan_meier(PLACEBO, [1] * len(PLACEBO))
    assert (treated.median, placebo.median) == (23, 8)
    assert treated.at(10) == pytest.approx(0.752941, abs=5e-7)
    assert placebo.at(10) == pytest.approx(0.380952, abs=5e-7)


def test_restricted_mean_as_r_prints_it(lung: Table) -> None:
    """``print(survfit(Surv(time, status) ~ 1, lung), rmean = 365)``."""
    found = of(lung).restricted_mean(365)
    assert found == pytest.approx((263.22187, 7.7988591), abs=5e-6)


def test_nothing_is_said_beyond_the_follow_up() -> None:
    curve = kaplan_meier([10, 20, 30], [1, 0, 0])
    assert curve.restricted_mean(31) is None
    assert kaplan_meier([10, 20, 30], [1, 1, 1]).restricted_mean(100) == pytest.approx(
        (20, math.sqrt(np.var([10, 20, 30]) / 3))
    )


def test_numbers_at_risk_count_who_is_followed_just_before() -> None:
    curve = kaplan_meier([5, 5, 8, 12], [1, 0, 1, 0])
    assert curve.at_risk_on([0, 5, 6, 8, 12, 13]) == [4, 4, 2, 2, 1, 0]


def test_where_a_scale_has_no_interval_it_says_none() -> None:
    curve = kaplan_meier([5, 6], [1, 1])
    assert curve.interval(1, IntervalScale.LOG_LOG) is None
    assert curve.interval(6, IntervalScale.LOG) is None
    assert curve.standard_error(6) is None


@pytest.mark.parametrize(
    ("days", "events", "words"),
    [
        ([-1], [1], "a time of -1 days"),
        ([math.nan], [1], "no number"),
        ([1, 2], [1], "2 times and 1"),
        ([], [], "nobody"),
    ],
)
def test_times_that_cannot_be_are_refused(days: list[float], events: list[int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        kaplan_meier(days, events)


TIMES = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=30)


@given(TIMES, st.sampled_from(IntervalScale))
def test_a_curve_falls_within_its_band(times: list[tuple[int, bool]], kind: IntervalScale) -> None:
    curve = kaplan_meier(*zip(*times, strict=True))
    assert (np.diff(curve.survival) <= 1e-12).all()
    low, high = curve.band(kind)
    known = ~np.isnan(low)
    assert (low[known] <= curve.survival[known] + 1e-12).all()
    assert (high[known] >= curve.survival[known] - 1e-12).all()
    assert ((low[known] >= 0) & (high[known] <= 1)).all()


@given(TIMES)
def test_without_censoring_it_is_the_empirical_distribution(
    times: list[tuple[int, bool]],
) -> None:
    days = [day for day, _ in times]
    curve = kaplan_meier(days, [True] * len(days))
    for day in range(-1, 42):
        assert curve.at(day) == pytest.approx(sum(each > day for each in days) / len(days))
