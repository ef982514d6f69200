"""Shapes in a cube by numpy alone are those that scipy gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmentation.fine import cube_shapes

SEEDS = st.integers(0, 2**31)


def blob(seed: int, side: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(side, side + 1, side - 2)), 1.5)
    return np.asarray(noise > np.quantile(noise, rng.uniform(0.3, 0.95)))


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_depth(seed: int) -> None:
    lesion = blob(seed)
    np.testing.assert_allclose(
        cube_shapes.depth_of(lesion), ndimage.distance_transform_edt(lesion), rtol=1e-12
    )


def test_nothing_has_no_depth() -> None:
    assert not cube_shapes.depth_of(np.zeros((4, 4, 4), bool)).any()


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 3))
def test_growing_and_wearing(seed: int, steps: int) -> None:
    lesion = blob(seed)
    grown = ndimage.binary_dilation(lesion, iterations=steps)
    worn = ndimage.binary_erosion(lesion, iterations=steps)
    assert np.array_equal(cube_shapes.grown(lesion, steps), grown)
    assert np.array_equal(cube_shapes.worn(lesion, steps), worn)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.tuples(*[st.floats(-2.5, 2.5)] * 3))
def test_shifting(seed: int, by: tuple[float, float, float]) -> None:
    lesion = blob(seed)
    wanted = ndimage.shift(lesion.astype(np.float32), by, order=0) > 0.5
    # Half a voxel is nearest to two: scipy and rounding may differ there by a rounding error.
    assume(all(abs(abs(step) % 1 - 0.5) > 1e-6 for step in by))
    assert np.array_equal(cube_shapes.shifted(lesion, np.array(by)), wanted)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_averaging_in_the_plane(width: int) -> None:
    image = np.random.default_rng(width).normal(size=(9, 11, 5)).astype(np.float32)
    wanted = ndimage.uniform_filter(image, [width, width, 1], mode="nearest")
    np.testing.assert_allclose(cube_shapes.averaged_in_plane(image, width), wanted, atol=1e-5)
