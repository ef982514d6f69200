"""The outline of a set of pixels, by a convention, and its convex hull."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from imaging.volume import Array, BoolArray, FloatArray


class Convention(StrEnum):
    """Where the outline of a set of pixels lies.

    Mean error of the longest diameter of ellipses, in pixels, at 20 pixels: centres -0.48,
    mid-edges +0.42, corners +0.84, centres plus half a pixel +0.02.
    """

    #: Distance of the farthest pixel centres plus half a pixel; the default, least biased.
    #: Under eight pixels it passes over to the mid-edges (see ``SMALL_PIXELS``).
    CENTRES_PLUS_HALF_PIXEL = "centres_plus_half_pixel"
    CENTRES = "centres"
    CORNERS = "corners"
    #: The outline through the mid-points of pixel edges (pyradiomics, scikit-image).
    MID_EDGES = "mid_edges"


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Extreme points of each row of a slice, by a convention; pixels of the mask's box.

    Every convex-hull vertex of the outline is among (low, row) and (high, row).
    """

    row: FloatArray
    low: FloatArray
    high: FloatArray

    def points(self) -> FloatArray:
        """(2 n, 2) as (column, row)."""
        return np.concatenate(
            [np.column_stack([self.low, self.row]), np.column_stack([self.high, self.row])]
        )


def rows_of(plane: BoolArray) -> Outline:
    """First and last pixel centre of each occupied row."""
    return rows_of_slices(plane[:, :, None])[1]


def rows_of_slices(array: BoolArray) -> tuple[Array, Outline]:
    """First and last pixel centre of each occupied row of each slice, and the slice (k) of each.

    Rows are looked at as they lie in memory, so that each is one short scan for its first pixel.
    """
    columns, count, _ = array.shape
    lines = np.ascontiguousarray(array.T).reshape(-1, columns)
    low = lines.argmax(axis=1)
    held = np.flatnonzero(lines[np.arange(len(lines)), low])
    back = np.ascontiguousarray(lines[held, ::-1])
    slices, row = np.divmod(held, count)
    high = columns - 1 - back.argmax(axis=1)
    return slices, Outline(
        row.astype(np.float64), low[held].astype(np.float64), high.astype(np.float64)
    )


def corners(rows: Outline) -> Outline:
    row = np.concatenate([rows.row - 0.5, rows.row + 0.5])
    return Outline(row, np.tile(rows.low - 0.5, 2), np.tile(rows.high + 0.5, 2))


def mid_edges(rows: Outline) -> Outline:
    """Mid-points of the outer pixel edges; those between two rows lie inside the hull or on it."""
    row = np.concatenate([rows.row, rows.row - 0.5, rows.row + 0.5])
    low = np.concatenate([rows.low - 0.5, rows.low, rows.low])
    return Outline(row, low, np.concatenate([rows.high + 0.5, rows.high, rows.high]))


def centres(rows: Outline) -> Outline:
    return rows


OUTLINE_OF = {
    Convention.CENTRES_PLUS_HALF_PIXEL: centres,
    Convention.CENTRES: centres,
    Convention.CORNERS: corners,
    Convention.MID_EDGES: mid_edges,
}


def hull_polygon(outline: Outline) -> FloatArray:
    """Vertices of the convex hull in order, (n, 2); a straight outline gives its ends.

    Counter-clockwise from the leftmost vertex, the lowest of these.
    """
    # Rows are whole or half numbers: each has a place of its own among the halves.
    half = np.rint(2 * outline.row).astype(np.intp)
    half -= half.min()
    low, high = np.full(half.max() + 1, np.inf), np.full(half.max() + 1, -np.inf)
    np.minimum.at(low, half, outline.low)
    np.maximum.at(high, half, outline.high)
    kept = np.flatnonzero(np.isfinite(low))
    row, low, high = kept / 2 + outline.row.min(), low[kept], high[kept]
    left = _bulging(zip(low[::-1].tolist(), row[::-1].tolist(), strict=True))
    right = _bulging(zip(high.tolist(), row.tolist(), strict=True))
    # A first or last row of one pixel is the end of both sides.
    ring = [*right, *left[left[0] == right[-1] :]]
    ring = ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring
    begin = ring.index(min(ring))
    return np.array(ring[begin:] + ring[:begin])


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A slice of a lesion: its pixels, the ends of its rows, and its hull.

    Attributes:
        hull: the rows that the hull needs.
        polygon, mid_edges_polygon: the hull (n, 2) of the outline by the convention asked for, and
            by the mid-edges, in pixels.
    """

    plane: BoolArray
    rows: Outline
    hull: Outline
    polygon: FloatArray
    mid_edges_polygon: FloatArray

    @classmethod
    def of(cls, plane: BoolArray, convention: Convention) -> Section:
        rows = rows_of(plane)
        hull = hull_rows(rows)
        of_edges = hull_polygon(mid_edges(hull))
        is_edges = convention is Convention.MID_EDGES
        polygon = of_edges if is_edges else hull_polygon(OUTLINE_OF[convention](hull))
        return cls(plane, rows, hull, polygon, of_edges)


def hull_rows(rows: Outline) -> Outline:
    """The rows, rising, that hold a vertex of the convex hull: all that its outlines need.

    An outline by any convention is that of the centres, each widened to the same small figure; so
    its hull is that of the widened vertices.
    """
    left = _bulging(zip((-rows.low).tolist(), rows.row.tolist(), strict=True))
    right = _bulging(zip(rows.high.tolist(), rows.row.tolist(), strict=True))
    kept = np.searchsorted(rows.row, sorted({y for _, y in (*left, *right)}))
    return Outline(rows.row[kept], rows.low[kept], rows.high[kept])


def _bulging(side: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The vertices of a side of an outline that a band pulled round it would touch.

    A point on or inside of the line between its neighbours is no vertex of the hull (Andrew, Inf
    Process Lett 1979;9:216; the rows are in order already). Exact: whole and half numbers.
    """
    band: list[tuple[float, float]] = []
    for x, y in side:
        while len(band) > 1:
            (ax, ay), (bx, by) = band[-2:]
            if (bx - ax) * (y - by) - (by - ay) * (x - bx) > 0:
                break
            band.pop()
        band.append((x, y))
    return band


def interpolated(plane: BoolArray, at: FloatArray) -> FloatArray:
    """Bilinear interpolation of a mask at (..., 2) pixel positions; zero outside."""
    padded = np.pad(plane, 2).astype(np.float64)
    shifted = np.clip(at + 2, 0, np.array(padded.shape) - 1.001)
    base = np.floor(shifted).astype(np.intp)
    i, j = base[..., 0], base[..., 1]
    x, y = np.moveaxis(shifted - base, -1, 0)
    near = padded[i, j] * (1 - y) + padded[i, j + 1] * y
    far = padded[i + 1, j] * (1 - y) + padded[i + 1, j + 1] * y
    return np.asarray(near * (1 - x) + far * x, dtype=np.float64)
