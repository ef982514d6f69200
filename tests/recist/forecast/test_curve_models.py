"""Every curve is found again from what it draws, and told from the others."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.errors import InputError
from recist.forecast.curve_models import MODELS, fit_curves

DAYS = np.arange(9) * 42.0
#: Parameters that scans over a year can tell: size at the start, then those of the curve.
TRUE = {
    "growth": (40.0, 0.004),
    "shrinkage": (80.0, 0.006),
    "growth and shrinkage": (80.0, 0.003, 0.02),
    "shrinking share": (80.0, 0.003, 0.02, 0.7),
    "Claret": (90.0, 0.00107, 0.0103, 0.0193),
    "Wang": (80.0, 0.05 / 7, 0.6 / 7),
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_curve_is_found_again_from_its_own_sizes(model) -> None:  # type: ignore[no-untyped-def]
    sizes = model.size(DAYS, TRUE[model.name])
    found = {each.model.name: each for each in fit_curves(DAYS + 10, sizes)}
    own = found[model.name]
    assert list(own.parameters.values()) == pytest.approx(TRUE[model.name], rel=0.02)
    assert own.aic == pytest.approx(2 * len(model.names), abs=1e-3)
    assert not own.flags


def test_claret_and_wang_smallest_sizes() -> None:
    """Claret by the corrected values of 2014: day 117.33, 63.25 mm; Wang by those of the test."""
    for name, day, size in (("Claret", 117.33, 63.2513), ("Wang", 7 * 37.9424, 34.76)):
        (model,) = [each for each in MODELS if each.name == name]
        sizes = model.size(DAYS, TRUE[name])
        (own,) = [each for each in fit_curves(DAYS, sizes) if each.model.name == name]
        assert own.nadir_day == pytest.approx(day, abs=2)
        assert own.nadir_mm == pytest.approx(size, abs=0.02)


def test_curves_of_as_many_parameters_as_scans_are_not_fitted() -> None:
    assert fit_curves(DAYS[:4], [50, 40, 30, 35]) == ()
    five = fit_curves(DAYS[:5], [50, 40, 32, 35, 39])
    assert all(len(each.model.names) < 5 for each in five) and len(five) == len(MODELS)
    assert five[0].model.name != "growth"
    assert [each.aic for each in five] == sorted(each.aic for each in five)


def test_sizes_of_nothing_are_refused() -> None:
    with pytest.raises(InputError):
        fit_curves([0, 42], [10])
    with pytest.raises(InputError):
        fit_curves([0, 42], [10, 0])
