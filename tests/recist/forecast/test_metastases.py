"""Emission, renewal and new lesions: closed forms and converged values to their printed digits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from imaging.errors import InputError
from recist.forecast.calibration import World, calibrate
from recist.forecast.emission import (
    Emission,
    chance_of_none,
    diameter_mm_of,
    emitted,
    lag_days,
    new_visible_days,
    visible_from_mm,
)
from recist.forecast.iwata import Iwata
from recist.forecast.new_lesion_rate import WEAK, GammaPrior, expected, prior_of


def test_iwatas_patient() -> None:
    model = Iwata()
    days = (500, 1000, 1110, 1500)
    assert diameter_mm_of(float(model.cells(1110))) == pytest.approx(36.6, abs=0.05)
    assert [model.first_generation(day) for day in days] == [
        pytest.approx(value, abs=tolerance)
        for value, tolerance in ((1.1592, 5e-5), (70.5339, 5e-5), (111.7764, 5e-5), (330.562, 5e-4))
    ]
    assert [model.colonies(day) for day in days] == [
        pytest.approx(value, abs=tolerance)
        for value, tolerance in ((1.1598, 5e-5), (76.421, 5e-4), (134.908, 5e-4), (1227.7, 0.05))
    ]
    assert (model.age_at(5), model.age_at(10)) == pytest.approx((444.4, 567.3), abs=0.05)
    visible = [model.colonies(day, 5) for day in days]
    assert visible == pytest.approx([0, 2.3745, 7.6603, 102.074], abs=5e-4)
    assert visible[:3] == pytest.approx([0, 2.3745, 7.6603], abs=5e-5)
    assert [model.colonies(day, 10) for day in days] == [
        pytest.approx(value, abs=tolerance)
        for value, tolerance in ((0, 1e-9), (0.4234, 5e-5), (2.0277, 6e-5), (52.86, 5e-3))
    ]
    assert model.malthus_per_day() == pytest.approx(0.00580566, abs=5e-9)


def test_emission_of_an_exponential_tumour() -> None:
    found = [emitted(cells, 1e-11, 60) for cells in (1e9, 1e10, 1e11)]
    assert found[0] == pytest.approx(0.86562, abs=5e-6)
    assert found[1] == pytest.approx(8.65617, abs=5e-6)
    assert found[2] == pytest.approx(86.5617, abs=5e-5)
    assert lag_days(5, 60) == pytest.approx(1557.8, abs=0.05)
    assert lag_days(10, 60) == pytest.approx(1737.8, abs=0.05)


def test_a_constant_rate() -> None:
    for rate, six, twelve in ((1, 0.6065, 0.3679), (2, 0.3679, 0.1353)):
        assert chance_of_none(rate, 0.5) == pytest.approx(six, abs=5e-5)
        assert chance_of_none(rate, 1) == pytest.approx(twelve, abs=5e-5)


@pytest.mark.parametrize(
    ("rate", "twelve", "twenty_four"),
    [(1, 0.00059, 0.01656), (2, 0.01656, 0.21487), (4, 0.21487, 0.80876)],
)
def test_six_new_lesions_at_a_known_rate(rate: float, twelve: float, twenty_four: float) -> None:
    """With a posterior as sharp as a point the forecast is Poisson's."""
    sharp = expected(0, 0, 0, GammaPrior(rate * 1e7, 1e7, "known"))
    assert sharp.chance_poly(1) == pytest.approx(twelve, abs=6e-6)
    assert sharp.chance_poly(2) == pytest.approx(twenty_four, abs=6e-6)
    assert sharp.chance_none(0.5) == pytest.approx(chance_of_none(rate, 0.5), abs=1e-6)


def test_the_posterior_is_the_prior_and_what_was_seen() -> None:
    found = expected(4, 2, 0.5, WEAK)
    assert (found.shape, found.rate_years) == (3, 1)
    assert found.per_year == 3
    assert found.chance_at_most(5, 1) == pytest.approx(float(stats.nbinom.cdf(1, 3, 0.5)))
    assert found.chance_at_most(5, 1) + found.chance_poly(1) == pytest.approx(1)
    low, high = found.count_interval(1, 0.9)
    assert stats.nbinom.cdf(high, 3, 0.5) - stats.nbinom.cdf(low - 1, 3, 0.5) >= 0.9
    assert expected(6, 2, 0.5).chance_poly(0.5) == 1


def test_counts_that_cannot_be_are_refused() -> None:
    for counts in ((1, 2, 0.5), (2, -1, 0.5), (2, 1, -0.5)):
        with pytest.raises(InputError):
            expected(*counts)


def test_the_prior_is_learned_where_the_cohort_is_large_enough() -> None:
    random = np.random.default_rng(8)
    rates = random.gamma(2.0, 0.75, 600)
    counts = random.poisson(rates)
    found = prior_of(counts.tolist(), [1.0] * 600)
    assert found.shape == pytest.approx(2.0, rel=0.3)
    assert found.shape / found.years == pytest.approx(1.5, rel=0.1)
    assert prior_of([3, 1], [1.0, 1.0]) is WEAK
    assert prior_of([0] * 50, [1.0] * 50) is WEAK


def test_thin_slices_see_more_and_slow_growth_shows_less() -> None:
    def mean(emission: Emission) -> float:
        random = np.random.default_rng(4)
        return float(np.mean([len(new_visible_days(emission, 365.25, random)) for _ in range(300)]))

    assert visible_from_mm(5.0) == 10 and visible_from_mm(1.0) == 5
    usual = mean(Emission())
    assert mean(Emission(therapy_factor=0.4)) < usual
    assert mean(Emission(rate_per_cell_day=8e-7)) == pytest.approx(2 * usual, rel=0.15)
    assert mean(Emission(slice_thickness_mm=5.0)) != usual


def test_the_simulated_number_of_seeds_is_that_of_the_closed_form() -> None:
    """All seeds, grown at one rate, become visible in the end; those that were are ablated."""
    emission = Emission(doubling_days=60, doubling_spread=0, power=1, rate_per_cell_day=1e-9,
                        source_cells=1e10)  # fmt: skip
    random = np.random.default_rng(9)
    seen = [len(new_visible_days(emission, 1e6, random)) for _ in range(300)]
    growth = np.log(2) / 60
    invisible = 1e-9 * (1e10 / growth) * (1 - np.exp(-growth * lag_days(5, 60)))
    assert np.mean(seen) == pytest.approx(invisible, rel=0.01)


def test_forecasts_are_as_sure_as_they_say_where_the_assumption_holds() -> None:
    found = calibrate(World.CONSTANT, patients=250, seed=2)
    assert abs(found.exact_50 - 0.5) < 4 * (0.25 / 250) ** 0.5
    assert abs(found.exact_90 - 0.9) < 4 * (0.09 / 250) ** 0.5
    assert found.coverage_90 >= 0.87
    assert found.brier < found.brier_of_rate
    foretold, seen = np.array([(p, o) for p, o, _ in found.bins]).T
    assert np.abs(foretold - seen).max() < 0.25
