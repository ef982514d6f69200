"""Sizes of trials: Schoenfeld's events, and simulation that agrees with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.errors import InputError
from recist.cohort.design import (
    Design,
    log_rank_z,
    patients_for,
    schoenfeld_events,
    schoenfeld_power,
    simulate,
)
from recist.cohort.hazards import log_rank

TWO_TO_ONE = Design(hazard_ratio=0.6, control_median_months=6)


def test_events_of_schoenfeld() -> None:
    assert schoenfeld_events(TWO_TO_ONE) == pytest.approx(135.36, abs=0.005)
    assert schoenfeld_events(replace(TWO_TO_ONE, allocation=1)) == pytest.approx(120.32, abs=0.005)
    phase_2 = replace(TWO_TO_ONE, alpha=0.10, one_sided=True)
    assert schoenfeld_events(phase_2) == pytest.approx(77.74, abs=0.005)


def test_power_undoes_events() -> None:
    assert schoenfeld_power(TWO_TO_ONE, schoenfeld_events(TWO_TO_ONE)) == pytest.approx(0.8)


def test_the_simulation_finds_the_power_of_the_formula() -> None:
    n = patients_for(TWO_TO_ONE)
    found = simulate(TWO_TO_ONE, n, trials=1000)
    low, high = found.rejected.clopper_pearson or (0, 1)
    assert low - 0.02 < 0.8 < high + 0.02  # the formula itself is an approximation
    assert found.events == pytest.approx(schoenfeld_events(TWO_TO_ONE), rel=0.02)


def test_the_statistic_of_the_simulation_is_the_log_rank_test() -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        time = random.integers(1, 15, 40).astype(float)
        event, arm = random.random(40) < 0.7, random.random(40) < 0.6
        z, test = log_rank_z(time, event, arm), log_rank(time, event, arm)
        assert z is not None and test is not None
        assert z**2 == pytest.approx(test.chi_squared)


def test_scans_at_intervals_cost_little_power() -> None:
    seen_late = simulate(replace(TWO_TO_ONE, scan_interval_days=56), 169, trials=500)
    assert seen_late.rejected.x / seen_late.rejected.n > 0.7


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hazard_ratio": 1.0}, "no effect"),
        ({"hazard_ratio": -1.0}, "hazard ratio"),
        ({"alpha": 0.9}, "alpha"),
        ({"dropout_per_year": 1.0}, "drop-out"),
        ({"control_median_months": 0.0}, "median"),
    ],
)
def test_designs_that_cannot_be_are_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(TWO_TO_ONE, **changes)
