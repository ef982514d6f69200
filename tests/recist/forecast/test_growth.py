"""Growth rates and curves: published values and values computed apart, to their printed digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.forecast.growth_rate import growth_rate
from recist.forecast.kinetics import Claret, Stein, Wang, gd_phi


def test_growth_rates() -> None:
    first = growth_rate(20, 24, 60)
    assert first.tg_per_month == pytest.approx(0.27747, abs=5e-6)
    assert first.tgr_percent_per_month == pytest.approx(31.979, abs=5e-4)
    assert first.sgr_percent_per_day == pytest.approx(0.9116, abs=5e-5)
    assert first.doubling_days == pytest.approx(76.04, abs=5e-3)
    second = growth_rate(50, 60, 56)
    assert second.tg_per_month == pytest.approx(0.29729, abs=5e-6)
    assert second.tgr_percent_per_month == pytest.approx(34.621, abs=5e-4)
    assert growth_rate(30, 21, 42).tgr_percent_per_month == pytest.approx(-53.950, abs=5e-4)


def test_the_error_of_five_percent_in_a_diameter_six_weeks_apart() -> None:
    found = growth_rate(20, 20, 42)
    assert found.tg_error == pytest.approx(0.154, abs=5e-4)
    assert [round(end) for end in found.tgr_interval] == [-14, 17]  # 15 points either way
    assert found.doubling_days is None


def test_no_growth_rate_from_nothing() -> None:
    for sizes in ((0, 20, 42), (20, 0, 42), (20, 20, 0)):
        with pytest.raises(InputError, match="no growth rate"):
            growth_rate(*sizes)


def test_stein() -> None:
    model = Stein(kg=0.003, ks=0.02)
    assert model.time_to_growth == pytest.approx(82.4835, abs=5e-5)
    assert model.nadir == pytest.approx(0.472869, abs=5e-7)
    # It falls through 70 % on day 23.2902, and is 20 % above its nadir on day 135.2959.
    assert model.relative([23.2902, 135.2959]) == pytest.approx([0.7, 1.2 * model.nadir], abs=1e-6)
    assert model.relative([56, 168, 364]) == pytest.approx([0.50922, 0.69006, 1.98092], abs=5e-6)


@pytest.mark.parametrize(
    ("kg", "ks", "time", "nadir"),
    [
        (0.0038, 0.0081, 63.602, 0.87079),  # ctDNA in OAK, days
        (0.00651, 0.0170, 40.828, 0.80400),  # pembrolizumab, weeks (Struemper 2025)
        (0.01822, 0.03566, 12.463, 0.89611),  # docetaxel
        (0.008105, 0.01615, 28.425, 0.89096),  # dostarlimab
    ],
)
def test_published_rates(kg: float, ks: float, time: float, nadir: float) -> None:
    model = Stein(kg, ks)
    assert model.time_to_growth == pytest.approx(time, abs=5e-4)
    assert model.nadir == pytest.approx(nadir, abs=6e-6)


@given(st.floats(1e-4, 0.05), st.floats(1e-4, 0.05))
def test_nothing_is_smaller_than_the_nadir(kg: float, ks: float) -> None:
    model = Stein(kg, ks)
    assert model.relative(np.linspace(0, 600, 400)).min() >= model.nadir - 1e-12


def test_claret_with_its_erratum() -> None:
    model = Claret(y0=90, kl=0.00107, kde=0.0103, wearing_off=0.0193)
    before, nadir, after = model.size([116.3308, 117.3308, 118.3308])  # the nadir: 63.2513 mm
    assert nadir == pytest.approx(63.2513, abs=5e-5)
    assert min(before, after) > nadir
    assert model.size([42, 84, 168, 365]) == pytest.approx(
        [69.9891, 64.1676, 64.5049, 78.0341], abs=5e-5
    )


def test_wang() -> None:
    model = Wang(b=80, shrinkage=0.05, growth=0.6)
    assert model.size(8) == pytest.approx(58.4256, abs=5e-5)
    before, nadir, after = model.size([37.8424, 37.9424, 38.0424])
    assert min(before, after) > nadir


def test_a_share_that_shrinks_and_one_that_grows() -> None:
    assert gd_phi(0, 0.003, 0.02, 0.7) == pytest.approx(1)
    assert gd_phi([100], 0.003, 0.02, 1.0) == pytest.approx(np.exp([-2.0]))
