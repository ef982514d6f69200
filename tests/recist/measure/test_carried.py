"""Diameters of an outline that was carried to another scan do not hang on that scan's voxels."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.registration import LesionTransform
from imaging.volume import FloatArray, Grid, Mask
from recist.measure import caliper
from recist.measure.carried import carried_axes

RADII_MM = np.array([13.0, 9.0, 11.0])
#: Pixels and slices of later scans, mm, and where their first voxel lies.
SCANS = (
    ((0.8, 1.0), (0.1, 0.3, 0.2)),
    ((0.9, 5.0), (0.4, 0.0, 1.7)),
    ((2.1, 2.0), (1.0, 0.7, 0.4)),
    ((2.1, 5.0), (0.2, 1.3, 3.9)),
)


def grid(pixel_mm: float, slice_mm: float, first_mm: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Grid:
    affine = np.diag([pixel_mm, pixel_mm, slice_mm, 1.0])
    affine[:3, 3] = first_mm
    i, j, k = (int(60 / step) for step in (pixel_mm, pixel_mm, slice_mm))
    return Grid((i, j, k), affine)


def ellipsoid(on: Grid) -> Mask:
    points = on.to_world_mm(np.moveaxis(np.indices(on.shape), 0, -1))
    lumps = 0.06 * np.sin(points[..., 0] / 4) * np.cos(points[..., 2] / 3)
    return Mask.of(np.linalg.norm((points - 30.0) / RADII_MM, axis=-1) + lumps <= 1, on)


def changed(mask: Mask, matrix: FloatArray) -> LesionTransform:
    centre = mask.centre_mm
    return LesionTransform(centre, centre + np.array([1.3, -2.1, 0.8]), matrix, 0.95, 2.6)


def lengths(mask: Mask, change: LesionTransform, on: Grid) -> tuple[float, float]:
    carried = change.carried(mask, on)
    found = carried_axes(mask, caliper(mask), change, carried)
    assert found is not None
    (long, across) = ((axis.start_mm, axis.end_mm) for axis in found)
    drawn = caliper(carried, long_axis=long, across=across)
    # Both lie in one slice that shows the lesion, across each other.
    assert on.to_voxel([*long, *across])[:, 2] == pytest.approx(drawn.slice_index, abs=1e-6)
    assert carried.array[:, :, drawn.slice_index - carried.start[2]].any()
    one, other = (
        np.subtract(*ends) / np.linalg.norm(np.subtract(*ends)) for ends in (long, across)
    )
    assert abs(one @ other) < 1e-6
    return float(drawn.long_axis_mm), float(drawn.short_axis_mm)


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.4])
def test_they_are_what_was_drawn_times_the_change_on_every_scan(scale: float) -> None:
    drawn = ellipsoid(grid(0.9, 3.0))
    measured = caliper(drawn)
    change = changed(drawn, scale * np.eye(3))
    for (pixel_mm, slice_mm), first_mm in SCANS:
        long, short = lengths(drawn, change, grid(pixel_mm, slice_mm, first_mm))
        assert long == pytest.approx(scale * float(measured.long_axis_mm), abs=0.11)
        assert short == pytest.approx(scale * float(measured.short_axis_mm), abs=0.11)


def test_another_axis_may_become_the_longest() -> None:
    drawn = ellipsoid(grid(0.9, 3.0))
    change = changed(drawn, np.diag([0.6, 1.3, 1.0]))
    found = [lengths(drawn, change, grid(*scan, first))[0] for scan, first in SCANS]
    assert found[0] == pytest.approx(2 * 1.3 * RADII_MM[1], abs=1.5)
    assert np.ptp(found) < 0.11
