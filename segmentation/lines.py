"""A reader's line is the truth about a lesion's length: no slice of the outline is longer.

Whatever delineates from a line, a network or a statistic, its answer is held to the line here. The
length that is reported is the line's own; the outline tells the rest.
"""

from __future__ import annotations

import contextlib

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from imaging.volume import BoolArray, FloatArray, Mask
from segmentation.prompts import LINE_SLACK, Line, corners_mm

#: Fewer points than this are compared pair by pair.
FEW_POINTS = 8


def held_to(mask: Mask, line: Line) -> Mask:
    """The part of a mask that leaves no slice longer than the line and a tenth.

    A diameter is recorded as the distance of the farthest pixel centres and half a pixel; a tenth
    of a short line is less than this half pixel, so the distance of the centres may always be that
    of the line. From a slice that is longer, what lies farthest off the line goes first.
    """
    spacing = np.array(mask.grid.spacing_mm[:2])
    length = float(np.linalg.norm(np.subtract(line.end_mm, line.start_mm)))
    allowed = max(LINE_SLACK * length - float(spacing.mean()) / 2.0, length) + 1e-6
    ends = mask.grid.to_voxel(corners_mm(line)) - np.array(mask.start)
    kept: BoolArray = mask.array.copy()
    for k in np.flatnonzero(kept.any(axis=(0, 1))):
        kept[:, :, k] = _shortened(kept[:, :, k], ends[:, :2], spacing, allowed)
    return Mask.placed(kept, mask.start, mask.grid)


def _shortened(
    plane: BoolArray, ends: FloatArray, spacing: FloatArray, allowed: float
) -> BoolArray:
    pixels = np.argwhere(plane)
    points = pixels * spacing
    if _longest(points) <= allowed:
        return plane
    off = _off_line(points, ends * spacing)
    order = np.argsort(off, kind="stable")
    # The nearer n pixels are the longer the larger n is: the largest n that fits is bisected.
    fits, too_many = 1, len(order)
    while too_many - fits > 1:
        n = (fits + too_many) // 2
        fits, too_many = (n, too_many) if _longest(points[order[:n]]) <= allowed else (fits, n)
    shortened = np.zeros_like(plane)
    shortened[tuple(pixels[order[:fits]].T)] = True
    return shortened


def _longest(points: FloatArray) -> float:
    """The largest distance of two points."""
    corners = points
    if len(points) > FEW_POINTS:
        # Points of one row or column have no hull and are compared as they are.
        with contextlib.suppress(QhullError):
            corners = points[ConvexHull(points).vertices]
    return float(pdist(corners).max()) if len(corners) > 1 else 0.0


def _off_line(points: FloatArray, ends: FloatArray) -> FloatArray:
    """Distance of each point to the line, in its plane."""
    start, direction = ends[0], ends[1] - ends[0]
    length2 = float(direction @ direction)
    if length2 == 0.0:
        return np.asarray(np.linalg.norm(points - start, axis=1))
    along = np.clip((points - start) @ direction / length2, 0.0, 1.0)
    return np.asarray(np.linalg.norm(points - start - along[:, None] * direction, axis=1))
