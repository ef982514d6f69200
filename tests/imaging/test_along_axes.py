"""Values between the voxels of an image, for grids whose axes run along its own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from imaging.along_axes import axes_along, between_voxels, block_means
from imaging.volume import Array, FloatArray, Index3

SHAPE = (7, 5, 4)
ORDERS = list(itertools.permutations(range(3)))
steps = st.tuples(*[st.sampled_from([-1.7, -1.0, -0.4, 0.3, 1.0, 2.5])] * 3)
firsts = st.tuples(*[st.floats(-4.0, 9.0).filter(lambda at: abs(at % 1 - 0.5) > 1e-3)] * 3)


def image(dtype: str = "int16") -> Array:
    values = np.random.default_rng(3).integers(-1000, 1000, SHAPE)
    return np.asfortranarray(values.astype(dtype))


def index_map(order: tuple[int, ...], step: tuple[float, ...], first: FloatArray) -> FloatArray:
    """Axis n of the image runs along axis ``order[n]`` of the grid."""
    indices = np.eye(4)
    indices[:3, :3] = 0.0
    for own in range(3):
        indices[own, order[own]] = step[own]
    indices[:3, 3] = first
    return indices


def by_scipy(values: Array, indices: FloatArray, shape: Index3) -> tuple[FloatArray, FloatArray]:
    """Between all eight voxels at once; and the places."""
    voxels = np.indices(shape).reshape(3, -1)
    at = indices[:3, :3] @ voxels + indices[:3, 3:]
    found = ndimage.map_coordinates(values.astype(np.float64), at, order=1, mode="nearest")
    return found.reshape(shape), at.reshape(3, *shape)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ORDERS), steps, firsts, st.sampled_from(["int16", "float32", "uint8"]))
def test_any_order_step_and_place(
    order: tuple[int, ...],
    step: tuple[float, ...],
    first: tuple[float, ...],
    dtype: str,
) -> None:
    values, shape = image(dtype), (6, 9, 5)
    indices = index_map(order, step, np.array(first))
    expected, at = by_scipy(values, indices, shape)
    held = between_voxels(values, indices, shape, fill=None)
    assert held is not None and held.dtype == np.float32 and held.shape == shape
    assert held == pytest.approx(expected, abs=1e-3)
    filled = between_voxels(values, indices, shape, fill=-1024.0)
    size = np.array(SHAPE)[:, np.newaxis, np.newaxis, np.newaxis]
    outside = ((at < -0.5) | (at >= size - 0.5)).any(axis=0)
    assert filled == pytest.approx(np.where(outside, -1024.0, expected), abs=1e-3)


@pytest.mark.parametrize("step", [0.7, -0.7, 31.5])
def test_how_an_image_lies_in_memory_moves_no_value(step: float) -> None:
    """More planes than are copied at once, upwards, downwards and by leaps."""
    values = np.random.default_rng(4).integers(-1000, 1000, (3, 4, 100)).astype(np.int16)
    indices = np.diag([1.0, 1.0, step, 1.0])
    indices[:3, 3] = (0.25, 0.5, 98.3 if step < 0 else 0.0)
    columns, planes = (
        between_voxels(each, indices, (3, 4, 140), fill=-1024.0)
        for each in (np.ascontiguousarray(values), np.asfortranarray(values))
    )
    assert columns is not None and planes is not None
    assert np.array_equal(columns, planes)
    expected, at = by_scipy(values, indices, (3, 4, 140))
    inside = (at[2] > -0.5) & (at[2] < 99.5) & (at[1] < 3.5)
    assert planes[inside] == pytest.approx(expected[inside], abs=1e-3)


def test_the_same_grid_gives_the_same_values() -> None:
    """Not between neighbours, of which one may be no number, for the rounding of an affine."""
    values = image("float32")
    values[3, 2, 1] = np.inf
    indices = np.eye(4)
    indices[:3, 3] = (1e-13, -1e-13, 0.0)
    assert np.array_equal(between_voxels(values, indices, SHAPE, fill=0.0), values)  # type: ignore[arg-type]


def test_a_turned_grid_has_no_axes_along() -> None:
    indices = np.eye(4)
    indices[0, 1] = 1e-3
    assert axes_along(indices) is None
    assert between_voxels(image(), indices, SHAPE, fill=None) is None


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 1, 3), (3, 5, 4), (7, 2, 1)])
def test_blocks_are_means_of_whole_blocks(factors: Index3, order: str) -> None:
    values = np.asarray(image(), order=order)  # type: ignore[call-overload]
    found = block_means(values, factors)
    assert found.shape == tuple(n // f for n, f in zip(SHAPE, factors, strict=True))
    for at in np.ndindex(found.shape):
        block = values[tuple(slice(a * f, a * f + f) for a, f in zip(at, factors, strict=True))]
        assert found[at] == pytest.approx(block.mean(), abs=1e-3)
