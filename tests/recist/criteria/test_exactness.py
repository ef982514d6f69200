"""Thresholds are judged as rational arithmetic judges them, for every pair of 0.1 mm sums."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest

from recist.course import Course, CourseError
from recist.criteria import irecist, recist11
from recist.criteria.diameter import has_grown, has_shrunk, in_mm, percent
from recist.protocol import DEFAULT

TENTHS = np.arange(100, 2001)
SUMS_MM = [Decimal(int(tenth)) / 10 for tenth in TENTHS]


def judged(rule: Callable[[Decimal, Decimal], bool]) -> np.ndarray:
    """[reference, sum] by the engine's own comparison."""
    flat = (rule(total, reference) for reference in SUMS_MM for total in SUMS_MM)
    return np.fromiter(flat, dtype=bool, count=len(SUMS_MM) ** 2).reshape(2 * [len(SUMS_MM)])


def test_a_partial_response_is_exactly_30_percent() -> None:
    reference, total = TENTHS[:, None], TENTHS[None, :]
    assert np.array_equal(judged(has_shrunk), 10 * (reference - total) >= 3 * reference)


def test_progression_is_exactly_20_percent_and_5_mm() -> None:
    nadir, total = TENTHS[:, None], TENTHS[None, :]
    rational = (10 * (total - nadir) >= 2 * nadir) & (total - nadir >= 50)
    assert np.array_equal(judged(has_grown), rational)


@pytest.mark.parametrize("tenths", range(100, 2001, 7))
def test_the_last_tenth_of_a_millimetre_decides(
    tenths: int, patient: Callable[..., Course]
) -> None:
    bar = -(-12 * tenths // 10) if tenths >= 250 else tenths + 50
    for total, expected in ((bar, "PD"), (bar - 1, "SD")):
        visits = {0: {"T1": Decimal(tenths) / 10}, 56: {"T1": Decimal(total) / 10}}
        (got,) = recist11.assess(patient(visits), DEFAULT)
        assert got.overall == expected


def test_the_order_of_the_targets_does_not_change_a_sum(patient: Callable[..., Course]) -> None:
    # 0.1 + 0.2 + ... in floats depends on the order; 5 x 10.1 to 5 x 12.12 is exactly 20 %.
    baseline = {f"T{k}": "10.1" for k in range(5)}
    visits = {0: baseline, 56: {f"T{k}": "12.12" for k in range(5)}}
    (got,) = recist11.assess(patient(visits), DEFAULT)
    assert (got.sum_mm, got.overall) == (Decimal("60.60"), "PD")


def test_a_context_of_the_caller_does_not_matter(patient: Callable[..., Course]) -> None:
    with localcontext() as context:
        context.prec = 2
        (got,) = recist11.assess(patient({0: {"T1": "102.5"}, 56: {"T1": "123.0"}}), DEFAULT)
    assert got.overall == "PD"


def test_a_diameter_of_hundreds_of_digits_is_refused(patient: Callable[..., Course]) -> None:
    visits = {0: {"T1": "10", "T2": "1e-300"}, 56: {"T1": "10", "T2": "10"}}
    for criteria in (recist11, irecist):
        with pytest.raises(CourseError, match="cannot be added exactly"):
            criteria.assess(patient(visits), DEFAULT)


@pytest.mark.parametrize(
    ("now", "then", "shown"),
    [
        ("70.04", "100", "-29.9 %"),
        ("70", "100", "-30.0 %"),
        ("119.97", "100", "+19.9 %"),
        ("100", "100", "+0.0 %"),
        ("99.99", "100", "+0.0 %"),
        ("4", "0", "from nothing"),
    ],
)
def test_a_percentage_is_never_shown_as_a_threshold_that_was_missed(
    now: str, then: str, shown: str
) -> None:
    assert percent(Decimal(now), Decimal(then)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("61", "61.0"),
        ("61.0", "61.0"),
        ("61.00", "61.0"),
        ("7.07", "7.07"),
        ("42.840", "42.84"),
        ("1E+2", "100.0"),
        ("1.23E-7", "0.000000123"),
        ("0", "0.0"),
    ],
)
def test_millimetres_are_shown_as_recorded(value: str, shown: str) -> None:
    assert in_mm(Decimal(value)) == shown
