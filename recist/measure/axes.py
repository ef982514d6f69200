"""The longest axis over the slices, and the axis across it in its slice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from imaging.volume import Array, BoolArray, FloatArray, Mask
from recist.measure.outline import (
    OUTLINE_OF,
    Convention,
    Outline,
    Section,
    centres,
    interpolated,
    mid_edges,
    rows_of_slices,
)

#: Below this many pixels the outline through the pixels' edge mid-points is closest to the truth,
#: above the other centres plus half a pixel; in between the two are mixed linearly, so that a
#: lesion which shrinks never seems to grow. Mean error in pixels on analytic ellipses 3, 7
#: and 10 pixels long: mid-edges 0.0, +0.2, +0.3; centres plus half a pixel -0.4, -0.2, -0.1. Mixed
#: from four pixels on, digitised ellipsoids of four to six came out 0.15 pixels too long, from
#: three on 0.1.
FEWEST_PIXELS = 3.0
LARGE_PIXELS = 8.0
#: Below this many pixels a diameter is flagged as uncertain.
SMALL_PIXELS = 4.0

#: Lengths closer than this are one length: the same distance reached along another sum of squares.
TIE_MM = 1e-6
#: No more than this many equally long axes are compared.
MOST_TIES = 64

#: Directions in which widths are compared (unit vectors, 2 x n), evenly over half a turn; no axis
#: is farther than half a step from one of them.
DIRECTION_STEP = np.pi / 16
DIRECTIONS = np.array(
    [np.cos(np.arange(16) * DIRECTION_STEP), np.sin(np.arange(16) * DIRECTION_STEP)]
)
WIDEST_SHARE = float(np.cos(DIRECTION_STEP / 2))

#: Step of the lines cast through a mask for :attr:`ShortAxis.IN_MASK_CHORD`, in pixels.
CHORD_STEP_PIXELS = 0.2


class ShortAxis(StrEnum):
    """What "the longest perpendicular" means.

    The default is the hull chord: like the longest diameter itself it is a straight line between
    two points of the outline, and a notch (a vessel, a necrotic edge, one misclassified pixel) does
    not shorten it. The in-mask chord never crosses background and is up to 24 % shorter on
    irregular lesions; the projection width is no line on the image at all, since the two
    outermost points need not lie opposite each other.
    """

    HULL_CHORD = "hull_chord"
    IN_MASK_CHORD = "in_mask_chord"
    PROJECTION_WIDTH = "projection_width"


@dataclass(frozen=True, slots=True, eq=False)
class DrawnAxis:
    """A straight line in a slice: two ends (column, row) in mm from the box's first pixel."""

    start_mm: FloatArray
    end_mm: FloatArray

    @property
    def length_mm(self) -> float:
        return float(np.hypot(*(self.end_mm - self.start_mm)))

    def lengthened(self, length_mm: float, direction: FloatArray) -> DrawnAxis:
        """The same middle and direction with another length."""
        middle = (self.start_mm + self.end_mm) / 2
        return DrawnAxis(middle - direction * length_mm / 2, middle + direction * length_mm / 2)


def longest_axes(
    mask: Mask, spacing: FloatArray, convention: Convention
) -> list[tuple[int, DrawnAxis]]:
    """Every longest axis with its slice (k in the box), slices rising.

    Slices are searched from the widest down; one that is narrower in all directions than another
    is long in one cannot hold the longest axis.
    """
    outline_of = OUTLINE_OF[convention]
    slices, outlines, widths = _outlined_slices(mask.array, spacing)
    # Widths hold for centres; another outline reaches half a pixel farther at either end.
    slack = 0.0 if outline_of is centres else float(np.hypot(*spacing))
    best_mm = float(widths.max())
    found: list[tuple[int, DrawnAxis]] = []
    for n in np.argsort(-widths, kind="stable"):
        if widths[n] / WIDEST_SHARE + slack < best_mm - TIE_MM:
            break
        length_mm, lines = farthest(outline_of(outlines[n]), spacing)
        if length_mm > best_mm + TIE_MM:
            best_mm, found = length_mm, []
        if length_mm > best_mm - TIE_MM:
            found += [(int(slices[n]), line) for line in lines]
    return sorted(found, key=lambda item: item[0])[:MOST_TIES]


def _outlined_slices(
    array: BoolArray, spacing: FloatArray
) -> tuple[Array, list[Outline], FloatArray]:
    """Slices that hold a pixel, the outline of each, and its largest width in some directions.

    A width is at most the distance of the farthest two pixel centres, at least ``WIDEST_SHARE`` of
    it.
    """
    slices, rows = rows_of_slices(array)
    occupied, first = np.unique(slices, return_index=True)
    # In the directions to the right the high end of a row lies farthest out, in the others the low.
    right = int(np.count_nonzero(DIRECTIONS[0] > 0))
    low, high = (
        np.stack([end * spacing[0], rows.row * spacing[1]]) for end in (rows.low, rows.high)
    )
    out, back = (
        np.concatenate([DIRECTIONS[:, :right].T @ one, DIRECTIONS[:, right:].T @ other])
        for one, other in ((high, low), (low, high))
    )
    farthest_out = np.maximum.reduceat(out, first, axis=1)
    widths = (farthest_out - np.minimum.reduceat(back, first, axis=1)).max(axis=0)
    last = [*first[1:], len(slices)]
    outlines = [
        Outline(rows.row[a:b], rows.low[a:b], rows.high[a:b])
        for a, b in zip(first, last, strict=True)
    ]
    return occupied, outlines, widths


def farthest(outline: Outline, spacing: FloatArray) -> tuple[float, list[DrawnAxis]]:
    """The largest distance in mm between two points of an outline, and every line that has it."""
    low, high, row = outline.low * spacing[0], outline.high * spacing[0], outline.row * spacing[1]
    across = high[:, None] - low[None, :]
    down = row[:, None] - row[None, :]
    squared = across**2 + down**2
    longest = float(np.sqrt(squared.max()))
    floor = max(longest - TIE_MM, 0.0) ** 2
    lines = [
        DrawnAxis(np.array([low[b], row[b]]), np.array([high[a], row[a]]))
        for a, b in np.argwhere(squared >= floor)
    ]
    return longest, lines


def across_axis(
    section: Section, spacing: FloatArray, long: DrawnAxis, convention: Convention, kind: ShortAxis
) -> DrawnAxis:
    """The short axis in the slice of a longest axis."""
    along = direction_of(long)
    across = np.array([-along[1], along[0]])

    def axis_of(outline: Outline, polygon: FloatArray) -> DrawnAxis:
        if kind is ShortAxis.PROJECTION_WIDTH:
            return _width(outline, spacing, along, across)
        return hull_chord(polygon * spacing, along, across)

    line = axis_of(OUTLINE_OF[convention](section.rows), section.polygon)
    length = line.length_mm
    if convention is Convention.CENTRES_PLUS_HALF_PIXEL:
        edges_mm = axis_of(mid_edges(section.rows), section.mid_edges_polygon).length_mm
        length = _least_biased_mm(length, edges_mm, spacing, across)
    if kind is ShortAxis.IN_MASK_CHORD:
        # Measured in the outline through the mid-edges, then moved to the convention by as much
        # as the chord of the hull moves.
        edges = hull_chord(section.mid_edges_polygon * spacing, along, across)
        moved = length - edges.length_mm
        line = _in_mask_chord(section, spacing, along, across)
        length = max(line.length_mm + moved, 0.0)
    return line.lengthened(length, across)


def drawn_long(
    section: Section, spacing: FloatArray, long: DrawnAxis, convention: Convention
) -> DrawnAxis:
    """The longest axis with the length that its convention gives it."""
    if convention is not Convention.CENTRES_PLUS_HALF_PIXEL:
        return long
    along = direction_of(long)
    mid_edges_mm, _ = farthest(mid_edges(section.hull), spacing)
    return long.lengthened(_least_biased_mm(long.length_mm, mid_edges_mm, spacing, along), along)


def _least_biased_mm(
    centres_mm: float, mid_edges_mm: float, spacing: FloatArray, direction: FloatArray
) -> float:
    """Centres plus half a pixel, passing over to the mid-edges for lesions of few pixels."""
    pixel_mm = float(np.hypot(*(direction * spacing)))
    plus_half_mm = centres_mm + pixel_mm / 2
    pixels = plus_half_mm / pixel_mm
    weight = np.clip((pixels - FEWEST_PIXELS) / (LARGE_PIXELS - FEWEST_PIXELS), 0, 1)
    return float(weight * plus_half_mm + (1 - weight) * mid_edges_mm)


def direction_of(line: DrawnAxis) -> FloatArray:
    """Unit vector of a line; the row direction for a single pixel."""
    length = line.length_mm
    if length < TIE_MM:
        return np.array([1.0, 0.0])
    return np.asarray((line.end_mm - line.start_mm) / length, dtype=np.float64)


def _width(
    outline: Outline, spacing: FloatArray, along: FloatArray, across: FloatArray
) -> DrawnAxis:
    """Distance of the two lines along the longest axis that just hold the lesion between them."""
    points = outline.points() * spacing
    height = points @ across
    first, last = int(height.argmin()), int(height.argmax())
    place = (points[first] @ along + points[last] @ along) / 2 * along
    return DrawnAxis(place + height[first] * across, place + height[last] * across)


def hull_chord(vertices: FloatArray, along: FloatArray, across: FloatArray) -> DrawnAxis:
    """The longest chord of a convex polygon, (n, 2) mm, in a direction.

    A chord's length is concave between two vertices of the hull, so the longest one runs through a
    vertex: every vertex is tried against every edge.
    """
    place, height = vertices @ along, vertices @ across
    start, end = place, _next(place)
    run = end - start
    upright = np.abs(run) < TIE_MM
    fraction = (place[:, None] - start) / np.where(upright, 1.0, run)
    met = (fraction > -TIE_MM) & (fraction < 1 + TIE_MM)
    met = np.where(upright, np.abs(place[:, None] - start) < TIE_MM, met)
    crossing = height + np.where(upright, 0.0, fraction) * (_next(height) - height)
    top = np.where(met, crossing, -np.inf).max(axis=1)
    bottom = np.where(met, crossing, np.inf).min(axis=1)
    best = int((top - bottom).argmax())
    foot = place[best] * along
    return DrawnAxis(foot + bottom[best] * across, foot + top[best] * across)


def _next(ring: FloatArray) -> FloatArray:
    """Of each vertex of a ring the one after it."""
    return np.concatenate([ring[1:], ring[:1]])


def _in_mask_chord(
    section: Section, spacing: FloatArray, along: FloatArray, across: FloatArray
) -> DrawnAxis:
    """The longest run inside the lesion across the longest axis, by casting parallel lines.

    Inside is where the linearly interpolated mask is at least one half: the outline through the
    mid-points of the pixel edges.
    """
    step_mm = CHORD_STEP_PIXELS * float(spacing.min())
    points = section.rows.points() * spacing
    reach = float(spacing.max())
    place, height = (
        np.arange(values.min() - reach, values.max() + reach, step_mm)
        for values in (points @ along, points @ across)
    )
    at = (place[:, None, None] * along + height[None, :, None] * across) / spacing
    inside = interpolated(section.plane, at) >= 0.5
    edges = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    best = int((ends[:, 1] - starts[:, 1]).argmax())
    line, first = starts[best]
    foot = place[line] * along
    # A run of n samples is n steps long; its ends lie half a step beyond the outer samples.
    low = height[first] - step_mm / 2
    high = low + (ends[best, 1] - first) * step_mm
    return DrawnAxis(foot + low * across, foot + high * across)
