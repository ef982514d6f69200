"""Figures whose values can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import GeometryError, InputError
from imaging.volume import BoolArray, Grid, Mask
from segmentation.evaluation import bootstrap, dice, kappa, paired_p, score

SHAPE = (30, 30, 20)


def block(*corners: tuple[int, int, int, int, int, int]) -> BoolArray:
    """A mask of blocks, each (i0, i1, j0, j1, k0, k1)."""
    mask = np.zeros(SHAPE, np.bool_)
    for a, b, c, d, e, f in corners:
        mask[a:b, c:d, e:f] = True
    return mask


def along_i(mask: Mask) -> float:
    return mask.array.shape[0] * mask.grid.spacing_mm[0]


def test_a_shifted_block(grid: Callable[..., Grid]) -> None:
    place = grid(SHAPE, (2.0, 2.0, 3.0))
    true, found = block((5, 15, 5, 15, 5, 15)), block((7, 17, 5, 15, 5, 15))
    scores = score(true, found, place, diameter=along_i)
    assert scores.dice == pytest.approx(0.8)
    assert scores.hd95_mm == pytest.approx(4.0)
    assert (scores.lesions, scores.found_lesions, scores.false_components) == (1, 1, 0)
    assert scores.volume_bias_ml == 0.0
    assert scores.diameter_error_mm == 0.0
    assert scores.lesion_f1 == 1.0


def test_one_found_one_missed_one_false(grid: Callable[..., Grid]) -> None:
    place = grid(SHAPE, (1.0, 1.0, 1.0))
    true = block((2, 8, 2, 8, 2, 8), (20, 25, 20, 25, 10, 14))
    found = block((2, 8, 2, 8, 2, 8), (20, 23, 2, 5, 2, 5))
    scores = score(true, found, place)
    assert scores.false_negative_ml == pytest.approx(0.1)
    assert scores.false_positive_ml == pytest.approx(0.027)
    assert scores.lesion_f1 == pytest.approx(0.5)
    assert scores.diameter_error_mm is None


def test_nothing_found_errs_by_the_whole_diameter(grid: Callable[..., Grid]) -> None:
    true = block((5, 15, 5, 15, 5, 15))
    scores = score(true, block(), grid(SHAPE, (2.0, 2.0, 3.0)), diameter=along_i)
    assert (scores.dice, scores.hd95_mm, scores.surface_dice) == (0.0, None, None)
    assert scores.diameter_error_mm == -20.0


def test_nothing_there_and_nothing_found_is_perfect(grid: Callable[..., Grid]) -> None:
    scores = score(block(), block(), grid(SHAPE))
    assert (scores.dice, scores.lesion_f1, scores.false_positive_ml) == (1.0, 1.0, 0.0)


def test_a_touch_of_less_than_a_tenth_is_no_find(grid: Callable[..., Grid]) -> None:
    true, found = block((0, 10, 0, 10, 0, 10)), block((9, 12, 0, 9, 0, 10))
    assert score(true, found, grid(SHAPE)).found_lesions == 0


def test_surface_dice_counts_what_is_within_three_millimetres(grid: Callable[..., Grid]) -> None:
    true, found = block((5, 15, 5, 15, 5, 15)), block((6, 16, 5, 15, 5, 15))
    assert score(true, found, grid(SHAPE, (2.0, 2.0, 2.0))).surface_dice == 1.0
    assert score(true, found, grid(SHAPE, (9.0, 9.0, 9.0))).surface_dice < 1.0  # type: ignore[operator]


@given(st.integers(1, 9), st.integers(1, 9))
def test_dice_is_symmetric(a: int, b: int) -> None:
    one, other = block((0, a, 0, 5, 0, 5)), block((0, b, 0, 5, 0, 5))
    assert dice(one, other) == dice(other, one) == pytest.approx(2 * min(a, b) / (a + b))


def test_masks_of_different_shape_are_refused(grid: Callable[..., Grid]) -> None:
    with pytest.raises(GeometryError, match="masks of shape"):
        score(block(), np.zeros((3, 3, 3), np.bool_), grid(SHAPE))


def test_an_interval_holds_its_value_and_narrows_with_patients() -> None:
    few = bootstrap([0.5, 0.7, 0.9, 0.6])
    many = bootstrap([0.5, 0.7, 0.9, 0.6] * 20)
    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low
    assert few == bootstrap([0.5, 0.7, 0.9, 0.6])
    with pytest.raises(InputError):
        bootstrap([])


def test_a_paired_test_sees_a_steady_gain() -> None:
    worse = list(np.linspace(0.4, 0.8, 20))
    better = [x + 0.02 + 0.001 * n for n, x in enumerate(worse)]
    assert paired_p(better, worse) < 0.001
    assert paired_p(worse, better) > 0.99
    assert paired_p(worse, worse) == 1.0


def test_kappa_of_a_worked_table() -> None:
    one = ["PR"] * 25 + ["SD"] * 25
    other = ["PR"] * 20 + ["SD"] * 5 + ["PR"] * 10 + ["SD"] * 15
    assert kappa(one, other) == pytest.approx(0.4)
    assert kappa(one, one) == 1.0
