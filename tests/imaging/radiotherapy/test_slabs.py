"""Contours stand for slabs: the volume of a label is theirs, on whatever slices it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.contours import Contour, ContourKind, Roi, rasterise, remarks
from imaging.polygons import area
from imaging.volume import Grid

PIXEL_MM = 1.0
#: The promise: volumes are right within this share.
WITHIN = 0.06
Laid = tuple[float, float, float]
TURN = np.linspace(0.0, 2.0 * np.pi, 72, endpoint=False)


@dataclass(frozen=True)
class Stack:
    """Outlines (n, 2) at heights in mm, each with the thickness that it stands for."""

    lines: tuple[np.ndarray, ...]
    heights: tuple[float, ...]
    thick_mm: tuple[float, ...]

    @property
    def roi(self) -> Roi:
        drawn = tuple(
            Contour(ContourKind.CLOSED_PLANAR, np.column_stack([line, np.full(len(line), z)]))
            for line, z in zip(self.lines, self.heights, strict=True)
        )
        return Roi(1, "lesion", "GTV", drawn, None)

    @property
    def volume_ml(self) -> float:
        """Planimetry: area times thickness."""
        parts = zip(self.lines, self.thick_mm, strict=True)
        return sum(abs(area(line[:, 0], line[:, 1])) * thick for line, thick in parts) / 1000.0

    def measured_on(self, slice_mm: float, phase: float) -> tuple[float, float]:
        """Volume in ml and the longest in-plane diameter in mm of the label on slices."""
        low = min(self.heights) - 40.0
        affine = np.diag([PIXEL_MM, PIXEL_MM, slice_mm, 1.0])
        affine[:3, 3] = (-59.7, -59.4, low + phase * slice_mm)
        count = int((max(self.heights) + 40.0 - low) / slice_mm)
        mask = rasterise(self.roi, Grid((121, 121, count), affine))
        return mask.volume_ml, max(longest_mm(pixels) for _, pixels in mask.slices())


def longest_mm(pixels: np.ndarray) -> float:
    """Between the far edges of the pixels that lie furthest apart."""
    at = np.argwhere(pixels) * PIXEL_MM
    steps = np.stack([np.cos(TURN), np.sin(TURN)])
    reach = at @ steps
    return float((reach.max(axis=0) - reach.min(axis=0)).max() + PIXEL_MM)


def outline(radius_mm: float, long: float = 1.0, lobes: float = 0.0, x: float = 0.0) -> np.ndarray:
    r = radius_mm * (1.0 + lobes * np.cos(3 * TURN))
    return np.column_stack([x + long * r * np.cos(TURN), r / long * np.sin(TURN)])


def stack(lines: list[np.ndarray], step: float, first: float = 0.0) -> Stack:
    heights = tuple(first + step * n for n in range(len(lines)))
    return Stack(tuple(lines), heights, (step,) * len(lines))


slices_mm = st.sampled_from([0.75, 1.0, 1.25, 2.0, 2.5, 3.0, 5.0])
#: Contour spacing over slice spacing, slice spacing in mm, where the first slice lies.
laid_on = st.tuples(st.floats(0.5, 4.0), slices_mm, st.floats(0.0, 1.0))
bases = st.builds(outline, st.floats(7.0, 20.0), st.floats(1.0, 1.4), st.sampled_from([0.0, 0.15]))


class TestTheVolumeIsThatOfTheSlabsAndTheDiameterThatOfTheContours:
    @given(bases, st.integers(2, 6), laid_on)
    @settings(max_examples=60)
    def test_of_a_blunt_piece(self, base: np.ndarray, count: int, laid: Laid) -> None:
        ratio, slice_mm, phase = laid
        drawn = stack([base] * count, ratio * slice_mm)
        found_ml, found_mm = drawn.measured_on(slice_mm, phase)
        assert found_ml == pytest.approx(drawn.volume_ml, rel=WITHIN)
        reach = base @ np.stack([np.cos(TURN), np.sin(TURN)])
        longest = float((reach.max(axis=0) - reach.min(axis=0)).max())
        assert found_mm == pytest.approx(longest, abs=1.5 * PIXEL_MM)

    @given(bases, st.integers(3, 6), laid_on, st.data())
    @settings(max_examples=40)
    def test_of_an_irregular_stack(
        self, base: np.ndarray, count: int, laid: Laid, data: st.DataObject
    ) -> None:
        ratio, slice_mm, phase = laid
        step = ratio * slice_mm
        moved = data.draw(st.lists(st.floats(-0.15, 0.15), min_size=count, max_size=count))
        heights = step * (np.arange(count) + np.array(moved))
        middle = (heights[1:] + heights[:-1]) / 2.0
        ends = [2 * heights[0] - middle[0], *middle, 2 * heights[-1] - middle[-1]]
        drawn = Stack((base,) * count, tuple(heights.tolist()), tuple(np.diff(ends).tolist()))
        found_ml, _ = drawn.measured_on(slice_mm, phase)
        assert found_ml == pytest.approx(drawn.volume_ml, rel=WITHIN)

    @given(bases, st.integers(3, 6), st.integers(3, 6), laid_on)
    @settings(max_examples=40)
    def test_of_two_pieces_with_a_gap(
        self, base: np.ndarray, lower: int, upper: int, laid: Laid
    ) -> None:
        ratio, slice_mm, phase = laid
        step = ratio * slice_mm
        one, two = stack([base] * lower, step), stack([base] * upper, step, (lower + 2) * step)
        drawn = Stack(one.lines + two.lines, one.heights + two.heights, one.thick_mm + two.thick_mm)
        found_ml, _ = drawn.measured_on(slice_mm, phase)
        assert found_ml == pytest.approx(drawn.volume_ml, rel=WITHIN)

    @given(st.floats(8.0, 20.0), st.integers(4, 8), laid_on)
    @settings(max_examples=40)
    def test_of_a_cone_whose_widest_contour_is_the_last(
        self, radius: float, count: int, laid: Laid
    ) -> None:
        ratio, slice_mm, phase = laid
        lines = [outline(radius * (n + 1) / count) for n in range(count)]
        drawn = stack(lines, ratio * slice_mm)
        found_ml, found_mm = drawn.measured_on(slice_mm, phase)
        assert found_ml == pytest.approx(drawn.volume_ml, rel=WITHIN)
        # A slice that two contours share lies between both.
        assert 2 * radius * (1 - 1 / count) - 2 < found_mm < 2 * radius + 1.5

    @given(bases, st.integers(2, 4), laid_on)
    @settings(max_examples=40)
    def test_of_a_short_piece_beside_a_long_one(
        self, base: np.ndarray, count: int, laid: Laid
    ) -> None:
        ratio, slice_mm, phase = laid
        beside = outline(9.0, x=-45.0)
        step = ratio * slice_mm
        one, two = stack([base] * count, step), stack([beside] * 8, step, -2 * step)
        drawn = Stack(one.lines + two.lines, one.heights + two.heights, one.thick_mm + two.thick_mm)
        found_ml, _ = drawn.measured_on(slice_mm, phase)
        assert found_ml == pytest.approx(drawn.volume_ml, rel=WITHIN)


@pytest.mark.parametrize("phase", [0.0, 0.2, 0.5, 0.9])
def test_one_contour_fills_one_slice_whole(phase: float) -> None:
    found_ml, found_mm = stack([outline(10.0)], 2.0).measured_on(2.0, phase)
    assert found_ml == pytest.approx(np.pi * 0.2, rel=0.03)
    assert found_mm == pytest.approx(20.0, abs=1.5)


def test_a_lesion_thinner_than_a_slice_keeps_its_outline_and_is_flagged() -> None:
    drawn = stack([outline(10.0)] * 2, 0.5)
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    affine[:3, 3] = (-20.0, -20.0, -6.2)
    on = Grid((41, 41, 5), affine)
    mask = rasterise(drawn.roi, on)
    assert [longest_mm(pixels) for _, pixels in mask.slices()] == [pytest.approx(20.0, abs=1.5)]
    assert "lesion: on 2 slices only, its volume is uncertain" in remarks(drawn.roi, on)
