"""Slices at uneven distances: refused, or interpolated where the user asks for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.catalogue import scan
from imaging.errors import GeometryError
from imaging.read import read_ct
from imaging.series import Series
from imaging.uneven import even_heights_mm, even_step_mm, interpolated, nearest

#: Heights of a scan that goes over from 2.5 to 5 mm, and of one whose table jittered.
COARSER = (0.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 25.0)
JITTERED = (0.0, 3.0, 5.2, 9.1, 12.0, 14.4)


def series(dicom, heights: tuple[float, ...]) -> Series:
    """A CT whose values rise evenly with height: 10 HU per mm from -500."""

    def place(k: int, dataset) -> None:
        dataset.ImagePositionPatient = [-10.0, 20.0, heights[k]]

    ramp = np.array([524 + 10 * height for height in heights]).round()
    stored = np.broadcast_to(ramp[:, None, None], (len(heights), 5, 7)).copy()
    files = dicom.ct(stored=stored, change=place)
    return Series("1", "CT", tuple(files))


@pytest.mark.parametrize("heights", [COARSER, JITTERED], ids=["coarser", "jittered"])
def test_refused_unless_asked_for_then_what_lies_between(dicom, heights) -> None:
    found = series(dicom, heights)
    with pytest.raises(GeometryError):
        read_ct(found)
    reading = read_ct(replace(found, uneven_slices=True))
    array, grid = reading.volume.array, reading.volume.grid
    step = grid.spacing_mm[2]
    assert step == pytest.approx(heights[-1] / (grid.shape[2] - 1))
    assert grid.shape[2] > len(heights) == len(reading.headers)
    expected = -500 + 10 * step * np.arange(grid.shape[2])
    assert np.abs(array[3, 2] - expected).max() <= 1.0
    assert len(reading.sop_instance_uids) == grid.shape[2]
    assert any("interpolated onto" in warning for warning in reading.warnings)


def test_even_slices_are_the_same_either_way(dicom) -> None:
    found = series(dicom, (0.0, 3.0, 6.0, 9.0))
    plain, asked = read_ct(found), read_ct(replace(found, uneven_slices=True))
    assert np.array_equal(plain.volume.array, asked.volume.array)
    assert plain.volume.grid.same_as(asked.volume.grid)
    assert plain.warnings == asked.warnings


def test_a_gap_that_may_hide_a_lesion_stays_a_refusal(dicom) -> None:
    found = series(dicom, (0.0, 2.5, 5.0, 16.0, 18.5))
    with pytest.raises(GeometryError, match=r"a gap of 11.00 mm"):
        read_ct(replace(found, uneven_slices=True))


def test_the_catalogue_hands_the_wish_on(dicom) -> None:
    dicom.ct("a")
    for asked in (False, True):
        (subject,) = scan(dicom.root, uneven_slices=asked).subjects
        assert subject.visits[0].ct.uneven_slices is asked


@given(st.lists(st.floats(0.5, 9.5), min_size=2, max_size=20), st.integers(0, 2**32 - 1))
def test_interpolated_values_stay_between_their_neighbours(steps: list[float], seed: int) -> None:
    heights = np.concatenate([[0.0], np.cumsum(steps)])
    values = np.random.default_rng(seed).integers(-1000, 1000, (len(heights), 2, 2)).astype("i2")
    step = even_step_mm(heights)
    found = interpolated(values, heights, step)
    even = even_heights_mm(heights, step)
    assert len(found) == len(even) == len(nearest(heights, step)) > len(heights)
    assert even[-1] == pytest.approx(heights[-1])
    assert np.array_equal(found[0], values[0]) and np.array_equal(found[-1], values[-1])
    for height, plane in zip(even[1:-1], found[1:-1], strict=True):
        above = int(np.searchsorted(heights, height))
        pair = values[above - 1], values[min(above, len(values) - 1)]
        assert (plane >= np.minimum(*pair) - 1).all() and (plane <= np.maximum(*pair) + 1).all()
