"""The slices of a body, filled."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from imaging.body import without_holes


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.floats(0.0, 1.0))
def test_each_slice_is_filled_as_by_morphology(seed: int, rows: int, columns: int, share: float):
    solid = np.random.default_rng(seed).random((rows, columns, 3)) < share
    expected = [ndimage.binary_fill_holes(solid[:, :, k]) for k in range(3)]
    assert np.array_equal(without_holes(solid), np.stack(expected, axis=2))


def test_a_ring_is_filled_and_a_bay_is_not() -> None:
    solid = np.zeros((5, 5, 2), dtype=np.bool_)
    solid[1:4, 1:4] = True
    solid[2, 2] = False
    solid[2, 3, 1] = False  # opens the ring of the second slice
    filled = without_holes(solid)
    assert filled[2, 2, 0]
    assert not filled[2, 2, 1]
    assert solid[2, 2, 0] == np.False_  # what was given is left as it was
