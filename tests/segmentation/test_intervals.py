"""The interval of a diameter holds the truth as often as it says, and on which side."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from segmentation.bundle import FINE_BUNDLE, load_bundle
from segmentation.intervals import (
    LINE_ERROR,
    DiameterError,
    errors_from,
    measured_error,
)

LENGTHS = st.floats(1.0, 300.0)


def lesions(count: int, seed: int) -> tuple[list[float], list[float], list[str]]:
    """Lesions of 5 to 100 mm, each found 10 % too short with an error of 8 %."""
    rng = np.random.default_rng(seed)
    true = np.exp(rng.uniform(np.log(5.0), np.log(100.0), count))
    found = true * (0.9 + rng.normal(0.0, 0.08, count))
    return found.tolist(), true.tolist(), [f"P{n // 2}" for n in range(count)]


def test_a_new_lesion_lies_in_its_interval_in_nine_of_ten() -> None:
    error = measured_error(*lesions(200, 1))
    assert 0.85 <= error.covered <= 0.95
    found, true, _ = lesions(1000, 2)
    inside = [
        low <= length <= high
        for (low, high), length in zip(map(error.interval_mm, found), true, strict=True)
    ]
    assert 0.85 <= np.mean(inside) <= 0.95


def test_a_model_that_draws_too_short_gets_an_interval_that_reaches_up() -> None:
    low, high = measured_error(*lesions(200, 1)).interval_mm(50.0)
    assert high - 50.0 > 2 * (50.0 - low)


@given(LENGTHS, st.lists(LENGTHS, max_size=4), st.floats(-5.0, 5.0), st.floats(0.0, 5.0))
def test_the_diameter_and_what_others_say_lie_within(
    diameter_mm: float, others_mm: list[float], low: float, width: float
) -> None:
    error = DiameterError(low, low + width, 20, 0.9)
    bottom, top = error.interval_mm(diameter_mm, others_mm)
    assert 0.0 <= bottom <= top
    assert all(bottom <= each <= top for each in (diameter_mm, *others_mm))


def test_a_line_is_as_uncertain_as_a_reader_on_the_same_day() -> None:
    """Zhao 2009: 95 % limits -7.3 to +6.2 %, so 90 % of -6.1 to +5.2 %."""
    low, high = LINE_ERROR.interval_mm(100.0)
    assert (low, high) == (pytest.approx(93.9, abs=0.05), pytest.approx(105.2, abs=0.05))


def test_few_lesions_tell_nothing() -> None:
    with pytest.raises(InputError, match="19 lesions say too little"):
        measured_error(*lesions(19, 1))
    with pytest.raises(InputError, match="an error from 2 to 1"):
        DiameterError(2.0, 1.0, 20, 0.9)
    with pytest.raises(InputError, match="no error of a diameter"):
        errors_from({"click": {"low": 1.0}})


def test_the_bundles_that_ship_tell_their_errors() -> None:
    coarse, fine = load_bundle(), load_bundle(name=FINE_BUNDLE)
    for bundle, kinds in ((coarse, ("click", "automatic")), (fine, ("click",))):
        for kind in kinds:
            error = bundle.error_of(kind)
            assert error is not None
            assert 0.85 <= error.covered <= 0.95
    assert fine.error_of("automatic") is None
    errors = dict(coarse.errors)
    assert errors_from({kind: asdict(error) for kind, error in errors.items()}) == errors
