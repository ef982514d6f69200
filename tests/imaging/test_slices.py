"""Order and affine of slices, and the faults that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import GeometryError
from imaging.slices import Stack, arrange, is_complete, plane

AXIAL = np.array([1.0, 0, 0, 0, 1, 0])


def stack_of(heights: list[float], **changes: np.ndarray) -> Stack:
    n = len(heights)
    positions = np.column_stack([np.full(n, -10.0), np.full(n, 20.0), heights])
    given_ = {
        "positions_mm": positions,
        "orientations": np.tile(AXIAL, (n, 1)),
        "pixel_spacing_mm": np.tile([2.0, 1.5], (n, 1)),
        **changes,
    }
    return arrange(**given_)


def test_slices_are_ordered_upwards_and_columns_come_before_rows() -> None:
    stack = stack_of([6.0, 0.0, 3.0])
    assert stack.order == (1, 2, 0)
    assert np.allclose(stack.affine, [[1.5, 0, 0, -10], [0, 2, 0, 20], [0, 0, 3, 0], [0, 0, 0, 1]])
    assert not stack.warnings
    assert not stack.is_sheared


def test_feet_first_slices_run_along_their_own_normal() -> None:
    orientations = np.tile([-1.0, 0, 0, 0, 1, 0], (3, 1))
    stack = stack_of([0.0, 3.0, 6.0], orientations=orientations)
    assert stack.order == (2, 1, 0)
    assert np.allclose(stack.affine[:3, 2], [0, 0, -3])
    assert np.linalg.det(stack.affine[:3, :3]) > 0


@pytest.mark.parametrize(
    ("heights", "words"),
    [
        ([0, 3, 6, 12, 15], r"1 of 6 slices missing, after 6.00 mm"),
        ([0, 3, 12, 15, 18, 24], r"3 of 9 slices missing, after 3.00, 18.00 mm"),
        ([0, 3, 3, 6], r"1 slice positions occur twice: 3.00 mm"),
        ([0, 3, 6, 11, 16, 21], r"spacing varies from 3.00 to 5.00 mm"),
        ([0, 3, 6, 7.3, 10.3], r"spacing varies"),
    ],
)
def test_irregular_stacks_are_refused_with_their_place(heights: list[float], words: str) -> None:
    with pytest.raises(GeometryError, match=words):
        stack_of([float(h) for h in heights])
    assert not is_complete(np.array(heights, dtype=float))


def test_positions_rounded_by_the_scanner_are_accepted_in_silence() -> None:
    stack = stack_of([0.0, 3.27, 6.53, 9.8])
    assert stack.affine[2, 2] == pytest.approx(9.8 / 3)
    assert not stack.warnings


def test_slightly_uneven_spacing_is_a_warning() -> None:
    stack = stack_of([0.0, 5.0, 10.2, 15.1])
    assert stack.affine[2, 2] == pytest.approx(15.1 / 3)
    assert "the mean, 5.03 mm, is used" in stack.warnings[0]


def test_mixed_orientation_and_mixed_pixel_spacing_are_refused() -> None:
    coronal = [1.0, 0, 0, 0, 0, -1]
    with pytest.raises(GeometryError, match="different orientation"):
        stack_of([0.0, 3, 6], orientations=np.array([AXIAL, AXIAL, coronal]))
    with pytest.raises(GeometryError, match="pixel spacing"):
        stack_of([0.0, 3, 6], pixel_spacing_mm=np.array([[2, 1.5], [2, 1.5], [2, 1.6]]))


def test_a_tilted_gantry_is_sheared_and_a_jump_is_refused() -> None:
    heights = np.arange(5) * 3.0
    even = np.column_stack([np.zeros(5), heights * 0.2, heights])
    stack = stack_of(list(heights), positions_mm=even)
    assert stack.is_sheared
    assert stack.shift_mm[-1].tolist() == pytest.approx([0.0, 2.4])
    even[2, 0] += 4.0
    with pytest.raises(GeometryError, match=r"shifted against each other by up to 4.0 mm"):
        stack_of(list(heights), positions_mm=even)


def test_one_slice_needs_its_thickness() -> None:
    with pytest.raises(GeometryError, match="Slice Thickness"):
        stack_of([0.0])


@pytest.mark.parametrize(
    "cosines", [[1, 0, 0], [2, 0, 0, 0, 1, 0], [1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 1, np.nan]]
)
def test_cosines_that_are_no_plane_are_refused(cosines: list[float]) -> None:
    with pytest.raises(GeometryError, match="0020,0037"):
        plane(np.array(cosines))


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 30),
    step=st.floats(0.5, 10),
    angles=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
)
def test_any_shuffled_oblique_stack_comes_back(
    seed: int, n: int, step: float, angles: tuple[float, float]
) -> None:
    (a, b), random = angles, np.random.default_rng(seed)
    along_i = np.array([np.cos(a), 0, np.sin(a)])
    along_j = np.cross([-np.sin(a), 0, np.cos(a)], along_i) * np.cos(b)
    along_j = along_j + np.cross(along_i, along_j) * np.tan(b)
    cosines = np.concatenate([along_i, along_j / np.linalg.norm(along_j)])
    normal = np.cross(cosines[:3], cosines[3:])
    positions = np.array([5.0, -7.0, 11.0]) + np.outer(np.arange(n) * step, normal)
    shuffled = random.permutation(n)
    stack = arrange(positions[shuffled], np.tile(cosines, (n, 1)), np.ones((n, 2)))
    assert shuffled[list(stack.order)].tolist() == list(range(n))
    assert np.allclose(stack.affine[:3, 2], normal * step)
