"""What scans can tell of growth, and what they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.errors import InputError
from recist.forecast.fitting import LOWEST_RATE, OAK, FitMethod, fit, fit_by
from recist.forecast.kinetics import Stein

TRUE = Stein(kg=0.003, ks=0.01)
EVERY_DAYS, ERROR = 42.0, 0.08


def test_the_method_follows_from_the_number_of_scans() -> None:
    days = np.arange(6) * EVERY_DAYS
    sizes = 80 * TRUE.relative(days)
    methods = [fit(days[:n], sizes[:n]).method for n in range(1, 7)]
    assert methods == [FitMethod.NONE] * 2 + [FitMethod.PRIOR] * 2 + [FitMethod.LIKELIHOOD] * 2
    assert fit(days[:2], sizes[:2]).model is None


def test_without_error_enough_scans_give_the_truth() -> None:
    days = np.arange(8) * EVERY_DAYS
    found = fit(days, 80 * TRUE.relative(days))
    assert (found.kg, found.ks) == pytest.approx((TRUE.kg, TRUE.ks), rel=1e-3)
    assert found.kg_interval is not None
    assert found.kg_interval[0] < TRUE.kg < found.kg_interval[1]
    assert found.kg_shrinkage is None


def test_few_scans_say_how_far_the_prior_speaks() -> None:
    found = fit([0, 42, 84], [80, 60, 50])
    assert found.prior == "OAK"
    assert found.kg_shrinkage is not None and found.kg_shrinkage > 0.5
    assert "prior-dominated" in found.flags


def test_sizes_of_nothing_are_refused() -> None:
    with pytest.raises(InputError):
        fit([0, 42, 84], [80, 0, 50])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scans", "by", "off", "at_bound"),
    [
        (3, FitMethod.LIKELIHOOD, 0.35, 0.24),
        (4, FitMethod.LIKELIHOOD, 0.11, None),
        (5, FitMethod.LIKELIHOOD, 0.01, None),
        (3, FitMethod.PRIOR, 0.04, 0.0),
    ],
)
def test_how_often_growth_is_missed_by_a_factor_of_two(
    scans: int, by: FitMethod, off: float, at_bound: float | None
) -> None:
    """The prior is centred at the truth, with the spread of OAK, as where the figures come from."""
    random = np.random.default_rng(6)
    prior = replace(OAK, kg=TRUE.kg, ks=TRUE.ks, additive_mm=0.0)
    days = np.arange(scans) * EVERY_DAYS
    patients = 80
    found = [
        fit_by(days, 80 * TRUE.relative(days) * np.exp(random.normal(0, ERROR, scans)), prior, by)
        for _ in range(patients)
    ]
    rates = np.array([each.kg for each in found])
    missed = float(((rates > 2 * TRUE.kg) | (rates < TRUE.kg / 2)).mean())
    low = float((rates < 1.5 * LOWEST_RATE).mean())
    print(f"\n{scans} scans, {by}: {missed:.3f} off by a factor of two, {low:.3f} at the bound")
    error = 4 * (off * (1 - off) / patients) ** 0.5
    assert abs(missed - off) < error + 0.02
    if at_bound is not None:
        assert abs(low - at_bound) < 0.13
