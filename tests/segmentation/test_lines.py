"""A line is the truth about a lesion's length, whatever delineated it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.volume import Grid, Mask
from recist.measure import caliper
from segmentation.lines import held_to
from segmentation.prompts import LINE_SLACK, Line


def grid(spacing_mm: tuple[float, float, float] = (0.8, 0.8, 2.0)) -> Grid:
    return Grid((60, 60, 12), np.diag([*spacing_mm, 1.0]))


def line(start: tuple[float, float], end: tuple[float, float], k: int = 6) -> Line:
    """From voxel to voxel of a slice."""
    ends = grid().to_world_mm(np.array([[*start, k], [*end, k]]))
    (a, b, c), (d, e, f) = ((float(x) for x in end) for end in ends)
    return Line((a, b, c), (d, e, f))


def leaked() -> Mask:
    """A ball of 16 mm, and a vessel that runs out of it through the whole slice."""
    i, j, k = np.indices((60, 60, 12))
    ball = ((i - 30) * 0.8) ** 2 + ((j - 30) * 0.8) ** 2 + ((k - 6) * 2.0) ** 2 <= 8.0**2
    return Mask.of(ball | ((abs(j - 30) <= 2) & (abs(k - 6) <= 1)), grid())


def test_what_leaked_is_cut_off_and_the_lesion_stays() -> None:
    given_line = line((30, 20), (30, 40))
    held = held_to(leaked(), given_line)
    assert float(caliper(leaked()).long_axis_mm) > 40
    for k, _ in held.slices():
        one = np.zeros((60, 60, 12), np.bool_)
        one[:, :, k] = held.full()[:, :, k]
        assert float(caliper(Mask.of(one, grid())).long_axis_mm) <= 16.0 * LINE_SLACK
    assert held.full()[24:37, 30, 6].all()


def test_an_outline_that_fits_is_left_alone() -> None:
    i, j, k = np.indices((60, 60, 12))
    ball = ((i - 30) * 0.8) ** 2 + ((j - 30) * 0.8) ** 2 + ((k - 6) * 2.0) ** 2 <= 8.0**2
    mask = Mask.of(ball, grid())
    held = held_to(mask, line((20, 30), (40, 30)))
    assert np.array_equal(held.full(), mask.full())


@given(
    seed=st.integers(0, 10_000),
    start=st.tuples(st.integers(5, 54), st.integers(5, 54)),
    end=st.tuples(st.integers(5, 54), st.integers(5, 54)),
)
def test_no_slice_is_longer_than_the_line(
    seed: int, start: tuple[int, int], end: tuple[int, int]
) -> None:
    noise = np.random.default_rng(seed).random((60, 60, 12)) < 0.02
    noise[30, 30, 6] = True
    drawn = line(start, end)
    length = float(np.linalg.norm(np.subtract(drawn.end_mm, drawn.start_mm)))
    held = held_to(Mask.of(noise, grid()), drawn)
    assert held.voxels
    for _, plane in held.slices():
        points = np.argwhere(plane) * 0.8
        apart = np.linalg.norm(points[:, None] - points[None], axis=-1).max()
        assert apart <= max(LINE_SLACK * length, length) + 1e-5


def test_the_calipers_are_the_line() -> None:
    drawn = line((30, 20), (30, 40))
    measured = caliper(held_to(leaked(), drawn), long_axis=(drawn.start_mm, drawn.end_mm))
    assert str(measured.long_axis_mm) == "16.0"
    assert measured.slice_index == 6
    assert measured.long_axis.start_mm == drawn.start_mm
    assert 12.0 <= float(measured.short_axis_mm) <= 16.0


@pytest.mark.parametrize("length", [4, 8])
def test_nothing_across_a_line_is_longer_than_it(length: int) -> None:
    drawn = line((30, 30 - length / 2), (30, 30 + length / 2))
    measured = caliper(leaked(), long_axis=(drawn.start_mm, drawn.end_mm))
    assert measured.short_axis_mm == measured.long_axis_mm
