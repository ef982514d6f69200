"""Lines of equal dose and outlines of targets on an axial slice, in its pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import contourpy
import numpy as np

from imaging.contours import slabs
from imaging.exposure import ToPlanning
from imaging.target_volumes import TargetVolume
from imaging.treatment import Treatment
from imaging.volume import FloatArray, Grid

#: First column, first row, columns and rows of the part of a slice that is shown.
PixelWindow = tuple[int, int, int, int]
Lines = tuple[FloatArray, ...]

#: Dose is sampled at every second pixel: dose grids are coarser than that.
STRIDE_PX = 2


def isodoses(
    treatment: Treatment,
    grid: Grid,
    k: int,
    levels_gy: Sequence[float],
    *,
    window: PixelWindow,
    to_planning_mm: ToPlanning | None = None,
) -> Iterator[tuple[float, Lines]]:
    """Each level that occurs in the window, with its lines (n, 2): column, row of the window."""
    if not treatment.with_dose:
        return
    columns, rows, points = _lattice(grid, k, window)
    dose_gy = treatment.at_gy(points if to_planning_mm is None else to_planning_mm(points))
    field = np.ma.masked_invalid(dose_gy.reshape(len(rows), len(columns)))
    lines = contourpy.contour_generator(columns, rows, field, line_type="Separate")
    for level in levels_gy:
        found = tuple(np.asarray(line, dtype=np.float64) for line in lines.lines(level))
        if found:
            yield level, found


def target_lines(
    target: TargetVolume,
    grid: Grid,
    k: int,
    window: PixelWindow,
    to_planning_mm: ToPlanning | None = None,
) -> Lines:
    """The outlines of a target on a slice.

    The contours as drawn where the slice is axial in their frame of reference, else the edge of the
    target as sampled at the pixels.
    """
    drawn = _drawn(target, grid, k) if to_planning_mm is None else None
    if drawn is not None:
        return tuple(line - np.array(window[:2]) for line in drawn)
    columns, rows, points = _lattice(grid, k, window)
    held = target.holds(points if to_planning_mm is None else to_planning_mm(points))
    lines = contourpy.contour_generator(
        columns, rows, held.reshape(len(rows), len(columns)), line_type="Separate"
    )
    return tuple(np.asarray(line, dtype=np.float64) for line in lines.lines(0.5))


def _drawn(target: TargetVolume, grid: Grid, k: int) -> Lines | None:
    """The closed contours whose slab holds the slice; None when the slice is not axial."""
    if abs(abs(grid.directions[2, 2]) - 1.0) > 1e-4:
        return None
    closed = target.roi.closed
    z = np.array([float(contour.points_mm[:, 2].mean()) for contour in closed])
    planes = np.unique(np.round(z, 2))
    lower, upper = slabs(planes, default=grid.spacing_mm[2])
    height = float(grid.to_world_mm([0.0, 0.0, k])[2])
    at = np.flatnonzero((lower <= height) & (height < upper))
    if not at.size:
        return ()
    lines = [
        grid.to_voxel(contour.points_mm)[:, :2]
        for contour, level in zip(closed, z, strict=True)
        if abs(level - planes[at[0]]) < 0.02
    ]
    return tuple(np.concatenate([line, line[:1]]) for line in lines)


def _lattice(grid: Grid, k: int, window: PixelWindow) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Columns and rows of the window, and their points (rows x columns, 3) LPS mm."""
    column, row, width, height = window
    columns = np.arange(0, width, STRIDE_PX, dtype=np.float64)
    rows = np.arange(0, height, STRIDE_PX, dtype=np.float64)
    j, i = np.meshgrid(rows + row, columns + column, indexing="ij")
    index = np.column_stack([i.ravel(), j.ravel(), np.full(i.size, float(k))])
    return columns, rows, grid.to_world_mm(index)
