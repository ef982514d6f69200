"""Polygons and grids: which voxels a set of closed lines holds, by the even-odd rule.

Pure geometry in grid coordinates: ``x`` runs along ``i``, ``y`` along ``j``, and the centre of a
voxel lies at whole numbers. A horizontal line meets an edge when ``y_low <= y < y_high`` and a
point is inside when an odd number of edges lies to its right: both half-open, so of two polygons
that share an edge every point belongs to exactly one. All the lines of a plane count together, so
inner contours, keyholes and XOR contours need no special case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging.volume import BoolArray, FloatArray

IntArray = npt.NDArray[np.int64]
CoverageArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Polygons:
    """Closed polygons on numbered planes.

    Attributes:
        x, y: (n,) vertices of all polygons one after the other, not repeated at the end.
        sizes: (m,) vertices per polygon.
        planes: (m,) plane of each polygon, counted from zero.
    """

    x: FloatArray
    y: FloatArray
    sizes: IntArray
    planes: IntArray

    def shifted(self, x: float, y: float) -> Polygons:
        """The same polygons seen from another origin."""
        return Polygons(self.x - x, self.y - y, self.sizes, self.planes)


@dataclass(frozen=True, slots=True, eq=False)
class _Crossings:
    """Where edges meet horizontal lines: (n,) plane, row and abscissa each."""

    plane: IntArray
    row: IntArray
    x: FloatArray


def _crossings(polygons: Polygons, rows: int, subrows: int = 1) -> _Crossings:
    """All crossings with the lines of ``rows`` rows, each cut in ``subrows`` lines.

    ``row`` counts lines: line ``r`` lies at ``y = (r + 0.5) / subrows - 0.5``.
    """
    following = np.arange(1, len(polygons.x) + 1)
    ends = np.cumsum(polygons.sizes)
    following[ends - 1] = ends - polygons.sizes
    x0, y0 = polygons.x, (polygons.y + 0.5) * subrows - 0.5
    x1, y1 = x0[following], y0[following]
    first = np.clip(np.ceil(np.minimum(y0, y1)), 0, rows * subrows).astype(np.int64)
    past = np.clip(np.ceil(np.maximum(y0, y1)), 0, rows * subrows).astype(np.int64)
    met = np.flatnonzero(past > first)
    counts = (past - first)[met]
    edge = np.repeat(met, counts)
    begins = np.cumsum(counts) - counts
    row = np.arange(len(edge)) - np.repeat(begins - first[met], counts)
    slope = (x1[met] - x0[met]) / (y1[met] - y0[met])
    x = x0[edge] + (row - y0[edge]) * np.repeat(slope, counts)
    plane = np.repeat(polygons.planes, polygons.sizes)[edge]
    return _Crossings(plane, row, x)


def fill(polygons: Polygons, shape: tuple[int, int, int]) -> BoolArray:
    """The voxels whose centre lies inside.

    Args:
        shape: columns, rows and planes of the result.

    Returns:
        (columns, rows, planes) bool, ``.T`` C-contiguous.
    """
    columns, rows, planes = shape
    met = _crossings(polygons, rows)
    column = np.clip(np.ceil(met.x), 0, columns).astype(np.int64)
    toggles = np.zeros(planes * rows * (columns + 1), dtype=np.uint8)
    np.add.at(toggles, (met.plane * rows + met.row) * (columns + 1) + column, np.uint8(1))
    lines = toggles.reshape(planes, rows, columns + 1)[:, :, :columns]
    parity = np.bitwise_and(np.add.accumulate(lines, axis=2, dtype=np.uint8), 1)
    return parity.view(np.bool_).T


def coverage(polygons: Polygons, shape: tuple[int, int, int], subrows: int) -> CoverageArray:
    """The covered share of each pixel: exact along a row, ``subrows`` lines across it.

    Args:
        shape: columns, rows and planes of the result.
        subrows: lines per row; the error falls with its square for smooth outlines.

    Returns:
        (columns, rows, planes) float32 in 0..1, ``.T`` C-contiguous.
    """
    columns, rows, planes = shape
    met = _crossings(polygons, rows, subrows)
    # Sorted along each line, crossings enter and leave in turn (their number is even).
    order = np.lexsort((met.x, met.row, met.plane))
    x = met.x[order]
    sign = np.where(np.arange(len(x)) % 2 == 0, 1.0, -1.0) / subrows
    line = met.plane[order] * rows + met.row[order] // subrows
    pixel = np.clip(np.floor(x + 0.5), 0, columns).astype(np.int64)
    share = np.clip(pixel + 0.5 - x, 0.0, 1.0)
    steps = np.zeros(planes * rows * (columns + 2), dtype=np.float64)
    at = line * (columns + 2) + pixel
    np.add.at(steps, at, sign * share)
    np.add.at(steps, at + 1, sign * (1.0 - share))
    lines = steps.reshape(planes, rows, columns + 2)
    covered = np.cumsum(lines, axis=2, out=lines)[:, :, :columns]
    return np.clip(covered, 0.0, 1.0).astype(np.float32).T


def area(x: FloatArray, y: FloatArray) -> float:
    """The signed area of one closed polygon (shoelace), positive when counter-clockwise."""
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
