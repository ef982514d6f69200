"""Emission, renewal and new lesions: closed forms and converged values to their printed digits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imaging.errors import InputError
from recist.forecast.calibration import World, calibrate
from recist.forecast.emission import (
    Emission,
    cells_of,
    chance_of_none,
    new_visible_days,
    visible_from_mm,
)
from recist.forecast.immune_balance import Kuznetsov
from recist.forecast.iwata import Iwata
from recist.forecast.new_lesion_rate import (
    WEAK,
    GammaPrior,
    NewLesionHistory,
    expected,
    exposure_years,
    prior_of,
)


def test_iwatas_patient() -> None:
    model = Iwata()
    days = (500, 1000, 1110, 1500)
    assert float(model.cells(1110)) == pytest.approx(cells_of(36.6), rel=0.005)
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
    sharp = expected(0, NewLesionHistory((), ()), GammaPrior(rate * 1e7, 1e7, "known"))
    assert sharp.chance_poly(1) == pytest.approx(twelve, abs=6e-6)
    assert sharp.chance_poly(2) == pytest.approx(twenty_four, abs=6e-6)
    assert sharp.chance_none(0.5) == pytest.approx(chance_of_none(rate, 0.5), abs=1e-6)


CONSTANT = GammaPrior(1.0, 0.5, "a rate that does not grow")


def test_the_posterior_is_the_prior_and_what_was_seen() -> None:
    found = expected(4, NewLesionHistory((0.2, 0.5), (0, 2)), CONSTANT)
    assert found.per_year == pytest.approx(3)
    assert found.chance_at_most(5, 1) == pytest.approx(float(stats.nbinom.cdf(1, 3, 0.5)))
    assert found.chance_at_most(5, 1) + found.chance_poly(1) == pytest.approx(1)
    low, high = found.count_interval(1, 0.9)
    assert stats.nbinom.cdf(high, 3, 0.5) - stats.nbinom.cdf(low - 1, 3, 0.5) >= 0.9
    assert found.per_year_interval == pytest.approx(
        stats.gamma.ppf([0.05, 0.95], 3, scale=1), abs=1e-6
    )
    assert expected(6, NewLesionHistory((0.5,), (2,))).chance_poly(0.5) == pytest.approx(1)


def test_a_rate_of_known_growth_is_a_poisson_process_by_its_integral() -> None:
    """Rate 2 exp(1.5 t): from half a year to one and a half, 4/3 (e^2.25 - e^0.75) on average."""
    sharp = GammaPrior(2e7, 1e7, "known", growth=1.5)
    found = expected(0, NewLesionHistory((0.5,), (0,)), sharp)
    mean = 4 / 3 * (np.exp(2.25) - np.exp(0.75))
    assert found.chance_none(1) == pytest.approx(np.exp(-mean), rel=1e-4)
    assert found.chance_at_most(9, 1) == pytest.approx(float(stats.poisson.cdf(9, mean)), rel=1e-4)
    assert found.per_year == pytest.approx(2 * np.exp(0.75), rel=1e-4)


@given(st.floats(-3, 3), st.floats(0, 2), st.floats(0, 2), st.floats(0, 2))
def test_exposures_of_adjoining_times_add_up(k: float, a: float, b: float, c: float) -> None:
    first, middle, last = sorted((a, b, c))
    parts = exposure_years(k, first, middle) + exposure_years(k, middle, last)
    assert parts == pytest.approx(exposure_years(k, first, last), rel=1e-9, abs=1e-12)


def test_the_same_lesions_seen_late_let_more_be_expected_than_seen_early() -> None:
    scans = (0.25, 0.5, 0.75)
    early = expected(5, NewLesionHistory(scans, (3, 0, 0)))
    late = expected(5, NewLesionHistory(scans, (0, 0, 3)))
    assert late.per_year > early.per_year
    assert late.chance_poly(1) > early.chance_poly(1)


def test_lesions_that_grow_fast_let_more_new_ones_be_expected() -> None:
    history = NewLesionHistory((0.5,), (1,))
    slow, fast = (expected(4, history, growth=(k, 0.5)) for k in (0.0, 3.0))
    assert slow.per_year < expected(4, history).per_year < fast.per_year


@pytest.mark.parametrize(
    ("lesions", "years", "counts"), [(1, (0.5,), (2,)), (2, (0.5,), (-1,)), (2, (-0.5,), (1,))]
)
def test_counts_that_cannot_be_are_refused(
    lesions: int, years: tuple[float, ...], counts: tuple[int, ...]
) -> None:
    with pytest.raises(InputError):
        expected(lesions, NewLesionHistory(years, counts))


@pytest.mark.parametrize("growth", [0.0, 2.0])
def test_the_prior_is_learned_where_the_cohort_is_large_enough(growth: float) -> None:
    """Rates of mean 1.5 per year at first, that grow alike in all."""
    random = np.random.default_rng(8)
    scans = (0.25, 0.5, 0.75, 1.0)
    spans = [float(exposure_years(growth, a, b)) for a, b in pairwise((0.0, *scans))]
    rates = random.gamma(2.0, 0.75, 500)
    histories = [
        NewLesionHistory(scans, tuple(map(int, random.poisson([rate * s for s in spans]))))
        for rate in rates
    ]
    found = prior_of(histories)
    assert found.shape == pytest.approx(2.0, rel=0.3)
    assert found.shape / found.years == pytest.approx(1.5, rel=0.15)
    assert found.growth == pytest.approx(growth, abs=0.3)
    assert prior_of(histories[:2]) is WEAK
    assert prior_of([NewLesionHistory((1.0,), (0,))] * 50) is WEAK


def test_the_balances_of_tumour_and_immune_cells() -> None:
    dormant, between, escaped = Kuznetsov().balances()
    found = [(each.tumour_cells, each.immune_cells) for each in (dormant, between, escaped)]
    published = [(8.186e6, 1.608e6), (2.680e8, 7.585e5), (4.470e8, 1.732e5)]
    for pair, truth in zip(found, published, strict=True):
        assert pair == pytest.approx(truth, rel=5e-4)
    assert (dormant.is_stable, between.is_stable, escaped.is_stable) == (True, False, True)


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
    invisible = 1e-9 * (1e10 / growth) * (1 - np.exp(-growth * 1557.8))  # from one cell to 5 mm
    assert np.mean(seen) == pytest.approx(invisible, rel=0.01)


@pytest.mark.parametrize("world", list(World))
@pytest.mark.parametrize("learned", [True, False], ids=["learned", "weak"])
def test_forecasts_are_as_sure_as_they_say(world: World, *, learned: bool) -> None:
    """Where the rate is constant, and where seeds of a growing tumour become visible."""
    patients = 300
    found = calibrate(world, patients=patients, seed=2, learned=learned)
    print(f"\n{world}, {found.prior}: {found.exact_50:.3f} {found.exact_90:.3f}")
    assert abs(found.exact_50 - 0.5) < 0.03 + 3 * (0.25 / patients) ** 0.5
    assert abs(found.exact_90 - 0.9) < 0.015 + 3 * (0.09 / patients) ** 0.5
    assert found.coverage_50 >= 0.5 and found.coverage_90 >= 0.9 - 3 * (0.09 / patients) ** 0.5
    assert found.brier < found.brier_of_rate
