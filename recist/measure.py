"""The two diameters of a lesion: longest in an acquired slice, and the longest across it.

RECIST 1.1 (Eisenhauer 2009, section 3.1.1) measures a lesion by its longest diameter in the plane
of acquisition, a lymph node by its short axis: the longest diameter perpendicular to it in the
same slice. On voxels both need a convention of where a pixel ends (:class:`Convention`), and
"perpendicular diameter" can be read in three ways (:class:`ShortAxis`). Nothing but NumPy and SciPy
is used; all lengths are mm, points LPS mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

from imaging.errors import GeometryError
from imaging.volume import BoolArray, FloatArray, Grid, Mask
from recist.course import Axis, Caliper, Point3

#: Diameters are recorded in tenths of a millimetre, halves rounded up as a reader does.
RECORDED_MM = Decimal("0.1")

#: Below this many pixels the outline through the pixels' edge mid-points is closest to the truth,
#: above the other centres plus half a pixel; in between the two are mixed linearly, so that a
#: lesion which shrinks never seems to grow. Mean error in pixels on analytic ellipses 3, 7
#: and 10 pixels long: mid-edges 0.0, +0.2, +0.3; centres plus half a pixel -0.4, -0.2, -0.1.
SMALL_PIXELS = 4.0
LARGE_PIXELS = 8.0

#: Lengths closer than this are one length: the same distance reached along another sum of squares.
TIE_MM = 1e-6
#: No more than this many equally long axes are compared.
MOST_TIES = 64

#: Step of the lines cast through a mask for :attr:`ShortAxis.IN_MASK_CHORD`, in pixels.
CHORD_STEP_PIXELS = 0.2
#: Step along an axis when asking whether it leaves the lesion, in pixels.
AXIS_STEP_PIXELS = 0.25
#: In-plane axes further from perpendicular than this (cosine) are refused.
SKEW_TOLERANCE = 1e-3
#: A plane tilted by more than this from the axial is named in the flags (the cosine of 30 degrees).
AXIAL_COSINE = 0.866


class Convention(StrEnum):
    """Where the outline of a set of pixels lies. Bias by `scripts/benchmark_measure.py` and tests.

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


class Flag(StrEnum):
    """Remarks on a measurement that a reader should see."""

    LEAVES_LESION = "the longest axis leaves the lesion"
    SMALL = "shorter than four pixels: the diameter is uncertain by about half a pixel"
    TOUCHES_EDGE = "the lesion touches the edge of the image: it may be longer than measured"
    NOT_AXIAL = "measured in the plane of acquisition, which is not axial"


@dataclass(frozen=True, slots=True, eq=False)
class _Outline:
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


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """A straight line in a slice: two ends (column, row) in mm from the box's first pixel."""

    start_mm: FloatArray
    end_mm: FloatArray

    @property
    def length_mm(self) -> float:
        return float(np.hypot(*(self.end_mm - self.start_mm)))

    def lengthened(self, length_mm: float, direction: FloatArray) -> _Line:
        """The same middle and direction with another length."""
        middle = (self.start_mm + self.end_mm) / 2
        return _Line(middle - direction * length_mm / 2, middle + direction * length_mm / 2)


def caliper(
    mask: Mask,
    *,
    convention: Convention = Convention.CENTRES_PLUS_HALF_PIXEL,
    short_axis: ShortAxis = ShortAxis.HULL_CHORD,
    sop_instance_uids: Sequence[str] = (),
) -> Caliper:
    """Longest diameter over all acquired slices, and the longest perpendicular in its slice.

    Of several equally long axes the one in the slice with the largest area is taken (the lowest of
    these), and within it the one with the shortest perpendicular: a line turned away from the long
    axis of an ellipse has a longer one. How the image is flipped in the plane does not matter.

    Args:
        mask: the lesion. The plane of acquisition is that of its i and j axes.
        sop_instance_uids: of the grid's slices in the order of k; names the slice measured on.

    Returns:
        Lengths rounded to 0.1 mm, halves up; end points unrounded, as far apart as the length
        before rounding.

    Raises:
        GeometryError: the mask is empty, or its in-plane axes are not perpendicular.
    """
    spacing = _in_plane_spacing(mask.grid)
    if not mask.voxels:
        raise GeometryError("an empty mask has no diameter")
    axes = _longest_axes(mask, spacing, convention)
    largest = max(np.count_nonzero(mask.array[:, :, k]) for k, _ in axes)
    k = next(k for k, _ in axes if np.count_nonzero(mask.array[:, :, k]) == largest)
    plane = mask.array[:, :, k]
    long, across = min(
        (
            (line, _across(plane, spacing, line, convention, short_axis))
            for n, line in axes
            if n == k
        ),
        key=lambda pair: round(pair[1].length_mm / TIE_MM),
    )
    long = _drawn_long(plane, spacing, long, convention)
    index = mask.start[2] + k
    return Caliper(
        long_axis=_axis(mask, spacing, long, k),
        short_axis=_axis(mask, spacing, across, k),
        long_axis_mm=recorded(long.length_mm),
        short_axis_mm=recorded(across.length_mm),
        slice_index=index,
        sop_instance_uid=sop_instance_uids[index] if sop_instance_uids else "",
    )


def diameter_mm(caliper: Caliper, is_node: bool) -> Decimal:
    """The diameter that counts: short axis of a node, longest diameter of any other lesion."""
    return caliper.short_axis_mm if is_node else caliper.long_axis_mm


def recorded(length_mm: float) -> Decimal:
    """To 0.1 mm, halves up. Noise of the arithmetic (below a millionth) does not decide a half."""
    return Decimal(str(round(length_mm, 6))).quantize(RECORDED_MM, rounding=ROUND_HALF_UP)


def flags(mask: Mask, measured: Caliper) -> tuple[Flag, ...]:
    """What a reader should know about a measurement, worst first; empty when there is nothing."""
    first, last = np.array(mask.start), np.add(mask.start, mask.array.shape)
    found = {
        Flag.LEAVES_LESION: _leaves(mask, measured.long_axis),
        Flag.TOUCHES_EDGE: bool((first == 0).any() or (last == np.array(mask.grid.shape)).any()),
        Flag.SMALL: float(measured.long_axis_mm) < SMALL_PIXELS * max(_in_plane_spacing(mask.grid)),
        Flag.NOT_AXIAL: abs(float(_normal(mask.grid)[2])) < AXIAL_COSINE,
    }
    return tuple(flag for flag, holds in found.items() if holds)


def longest_3d(mask: Mask) -> tuple[Axis, Decimal]:
    """The longest diameter in any direction (exploratory: no RECIST version uses it).

    Distance of the two farthest voxel centres plus half a voxel's extent along that line.

    Raises:
        GeometryError: the mask is empty.
    """
    if not mask.voxels:
        raise GeometryError("an empty mask has no diameter")
    surface = _row_ends(mask.array) + np.array(mask.start)
    points = mask.grid.to_world_mm(_hull_vertices(surface))
    distance = cdist(points, points)
    a, b = np.unravel_index(int(distance.argmax()), distance.shape)
    length = float(distance[a, b])
    direction = (points[b] - points[a]) / length if length else mask.grid.directions[:, 0]
    voxel = np.array(mask.grid.spacing_mm) * (mask.grid.directions.T @ direction)
    length_mm = length + float(np.linalg.norm(voxel)) / 2
    middle = (points[a] + points[b]) / 2
    half = direction * length_mm / 2
    return Axis(_point(middle - half), _point(middle + half)), recorded(length_mm)


# --- the longest axis -----------------------------------------------------------------------------


def _longest_axes(
    mask: Mask, spacing: FloatArray, convention: Convention
) -> list[tuple[int, _Line]]:
    """Every longest axis with its slice (k in the box), slices rising.

    Slices are searched from the widest bounding octagon down; a slice whose octagon is shorter
    than the best so far cannot hold a longer axis.
    """
    outline_of = _POINTS_OF[convention]
    bounds = _upper_bounds(mask.array, spacing)
    # Bounds hold for centres; another outline reaches half a pixel farther at either end.
    slack = 0.0 if outline_of is _centres else float(np.hypot(*spacing))
    best_mm = -1.0
    found: list[tuple[int, _Line]] = []
    for k in (int(n) for n in np.argsort(-bounds, kind="stable")):
        if bounds[k] + slack < best_mm - TIE_MM or bounds[k] < 0:
            break
        length_mm, lines = _farthest(outline_of(_rows(mask.array[:, :, k])), spacing)
        if length_mm > best_mm + TIE_MM:
            best_mm, found = length_mm, []
        if length_mm > best_mm - TIE_MM:
            found += [(k, line) for line in lines]
    return sorted(found, key=lambda item: item[0])[:MOST_TIES]


def _upper_bounds(array: BoolArray, spacing: FloatArray) -> FloatArray:
    """No two pixel centres of slice k are farther apart than bounds[k]; -1 for an empty slice."""
    columns, rows = (np.arange(n) * step for n, step in zip(array.shape[:2], spacing, strict=True))
    hit = array.any(axis=0)
    low = np.where(hit, columns[array.argmax(axis=0)], np.inf)
    high = np.where(hit, columns[::-1][array[::-1].argmax(axis=0)], -np.inf)
    row = rows[:, None]
    with np.errstate(invalid="ignore"):  # inf - inf in empty slices, replaced below
        width = high.max(axis=0) - low.min(axis=0)
        height = np.where(hit, row, -np.inf).max(axis=0) - np.where(hit, row, np.inf).min(axis=0)
        rising = (high + row).max(axis=0) - (low + row).min(axis=0)
        falling = (high - row).max(axis=0) - (low - row).min(axis=0)
        bound = np.minimum(np.hypot(width, height), np.hypot(rising, falling) / np.sqrt(2))
    return np.where(hit.any(axis=0), bound, -1.0)


def _rows(plane: BoolArray) -> _Outline:
    """First and last pixel centre of each occupied row."""
    rows = np.flatnonzero(plane.any(axis=0))
    kept = plane[:, rows]
    low = kept.argmax(axis=0)
    high = plane.shape[0] - 1 - kept[::-1].argmax(axis=0)
    return _Outline(rows.astype(np.float64), low.astype(np.float64), high.astype(np.float64))


def _corners(rows: _Outline) -> _Outline:
    row = np.concatenate([rows.row - 0.5, rows.row + 0.5])
    return _Outline(row, np.tile(rows.low - 0.5, 2), np.tile(rows.high + 0.5, 2))


def _mid_edges(rows: _Outline) -> _Outline:
    """Mid-points of the outer pixel edges; those between two rows lie inside the hull or on it."""
    row = np.concatenate([rows.row, rows.row - 0.5, rows.row + 0.5])
    low = np.concatenate([rows.low - 0.5, rows.low, rows.low])
    return _Outline(row, low, np.concatenate([rows.high + 0.5, rows.high, rows.high]))


def _centres(rows: _Outline) -> _Outline:
    return rows


_POINTS_OF = {
    Convention.CENTRES_PLUS_HALF_PIXEL: _centres,
    Convention.CENTRES: _centres,
    Convention.CORNERS: _corners,
    Convention.MID_EDGES: _mid_edges,
}


def _farthest(outline: _Outline, spacing: FloatArray) -> tuple[float, list[_Line]]:
    """The largest distance in mm between two points of an outline, and every line that has it."""
    low, high, row = outline.low * spacing[0], outline.high * spacing[0], outline.row * spacing[1]
    across = high[:, None] - low[None, :]
    down = row[:, None] - row[None, :]
    squared = across**2 + down**2
    longest = float(np.sqrt(squared.max()))
    floor = max(longest - TIE_MM, 0.0) ** 2
    lines = [
        _Line(np.array([low[b], row[b]]), np.array([high[a], row[a]]))
        for a, b in np.argwhere(squared >= floor)
    ]
    return longest, lines


# --- across it ------------------------------------------------------------------------------------


def _across(
    plane: BoolArray, spacing: FloatArray, long: _Line, convention: Convention, kind: ShortAxis
) -> _Line:
    """The short axis in the slice of a longest axis."""
    along = _direction(long)
    across = np.array([-along[1], along[0]])
    rows = _rows(plane)
    if kind is ShortAxis.PROJECTION_WIDTH:
        line = _width(_POINTS_OF[convention](rows), spacing, along, across)
    else:
        line = _hull_chord(_POINTS_OF[convention](rows), spacing, along, across)
    wider = _width if kind is ShortAxis.PROJECTION_WIDTH else _hull_chord
    length = line.length_mm
    if convention is Convention.CENTRES_PLUS_HALF_PIXEL:
        mid_edges_mm = wider(_mid_edges(rows), spacing, along, across).length_mm
        length = _least_biased_mm(length, mid_edges_mm, spacing, across)
    if kind is ShortAxis.IN_MASK_CHORD:
        # Measured in the outline through the mid-edges, then moved to the convention by as much
        # as the chord of the hull moves.
        moved = length - _hull_chord(_mid_edges(rows), spacing, along, across).length_mm
        line = _in_mask_chord(plane, spacing, along, across)
        length = max(line.length_mm + moved, 0.0)
    return line.lengthened(length, across)


def _drawn_long(
    plane: BoolArray, spacing: FloatArray, long: _Line, convention: Convention
) -> _Line:
    """The longest axis with the length that its convention gives it."""
    if convention is not Convention.CENTRES_PLUS_HALF_PIXEL:
        return long
    along = _direction(long)
    mid_edges_mm, _ = _farthest(_mid_edges(_rows(plane)), spacing)
    return long.lengthened(_least_biased_mm(long.length_mm, mid_edges_mm, spacing, along), along)


def _least_biased_mm(
    centres_mm: float, mid_edges_mm: float, spacing: FloatArray, direction: FloatArray
) -> float:
    """Centres plus half a pixel, passing over to the mid-edges for lesions of few pixels."""
    pixel_mm = float(np.hypot(*(direction * spacing)))
    plus_half_mm = centres_mm + pixel_mm / 2
    weight = np.clip((plus_half_mm / pixel_mm - SMALL_PIXELS) / (LARGE_PIXELS - SMALL_PIXELS), 0, 1)
    return float(weight * plus_half_mm + (1 - weight) * mid_edges_mm)


def _direction(line: _Line) -> FloatArray:
    """Unit vector of a line; the row direction for a single pixel."""
    length = line.length_mm
    if length < TIE_MM:
        return np.array([1.0, 0.0])
    return np.asarray((line.end_mm - line.start_mm) / length, dtype=np.float64)


def _width(outline: _Outline, spacing: FloatArray, along: FloatArray, across: FloatArray) -> _Line:
    """Distance of the two lines along the longest axis that just hold the lesion between them."""
    points = outline.points() * spacing
    height = points @ across
    first, last = int(height.argmin()), int(height.argmax())
    place = (points[first] @ along + points[last] @ along) / 2 * along
    return _Line(place + height[first] * across, place + height[last] * across)


def _hull_chord(
    outline: _Outline, spacing: FloatArray, along: FloatArray, across: FloatArray
) -> _Line:
    """The longest chord of the convex hull across the longest axis.

    A chord's length is concave between two vertices of the hull, so the longest one runs through a
    vertex: every vertex is tried against every edge.
    """
    vertices = _hull_polygon(outline) * spacing
    place, height = vertices @ along, vertices @ across
    start, end = place, np.roll(place, -1)
    run = end - start
    upright = np.abs(run) < TIE_MM
    fraction = (place[:, None] - start) / np.where(upright, 1.0, run)
    met = (fraction > -TIE_MM) & (fraction < 1 + TIE_MM)
    met = np.where(upright, np.abs(place[:, None] - start) < TIE_MM, met)
    crossing = height + np.where(upright, 0.0, fraction) * (np.roll(height, -1) - height)
    top = np.where(met, crossing, -np.inf).max(axis=1)
    bottom = np.where(met, crossing, np.inf).min(axis=1)
    best = int((top - bottom).argmax())
    foot = place[best] * along
    return _Line(foot + bottom[best] * across, foot + top[best] * across)


def _hull_polygon(outline: _Outline) -> FloatArray:
    """Vertices of the convex hull in order, (n, 2); a straight outline gives its ends."""
    # Plain floats: Andrew's monotone chain takes one point after another.
    points = sorted({(x, y) for x, y in outline.points().tolist()})
    chains: list[list[tuple[float, float]]] = []
    for ordered in (points, points[::-1]):
        chain: list[tuple[float, float]] = []
        for point in ordered:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains.append(chain[:-1])
    return np.array([*chains[0], *chains[1]] if len(points) > 1 else points)


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Positive where the way a, b, c turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _in_mask_chord(
    plane: BoolArray, spacing: FloatArray, along: FloatArray, across: FloatArray
) -> _Line:
    """The longest run inside the lesion across the longest axis, by casting parallel lines.

    Inside is where the linearly interpolated mask is at least one half: the outline through the
    mid-points of the pixel edges.
    """
    step_mm = CHORD_STEP_PIXELS * float(spacing.min())
    points = _rows(plane).points() * spacing
    reach = float(spacing.max())
    place, height = (
        np.arange(values.min() - reach, values.max() + reach, step_mm)
        for values in (points @ along, points @ across)
    )
    at = (place[:, None, None] * along + height[None, :, None] * across) / spacing
    inside = _interpolated(plane, at) >= 0.5
    edges = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    best = int((ends[:, 1] - starts[:, 1]).argmax())
    line, first = starts[best]
    foot = place[line] * along
    # A run of n samples is n steps long; its ends lie half a step beyond the outer samples.
    low = height[first] - step_mm / 2
    high = low + (ends[best, 1] - first) * step_mm
    return _Line(foot + low * across, foot + high * across)


def _interpolated(plane: BoolArray, at: FloatArray) -> FloatArray:
    """Bilinear interpolation of a mask at (..., 2) pixel positions; zero outside."""
    padded = np.pad(plane, 2).astype(np.float64)
    shifted = np.clip(at + 2, 0, np.array(padded.shape) - 1.001)
    base = np.floor(shifted).astype(np.intp)
    i, j = base[..., 0], base[..., 1]
    x, y = np.moveaxis(shifted - base, -1, 0)
    near = padded[i, j] * (1 - y) + padded[i, j + 1] * y
    far = padded[i + 1, j] * (1 - y) + padded[i + 1, j + 1] * y
    return np.asarray(near * (1 - x) + far * x, dtype=np.float64)


# --- geometry -------------------------------------------------------------------------------------


def _in_plane_spacing(grid: Grid) -> FloatArray:
    i, j = grid.directions[:, 0], grid.directions[:, 1]
    if abs(float(i @ j)) > SKEW_TOLERANCE:
        raise GeometryError(
            "rows and columns of the image are not perpendicular: no length can be measured",
            remedy="resample the image to a rectangular grid",
        )
    return np.array(grid.spacing_mm[:2])


def _normal(grid: Grid) -> FloatArray:
    """Unit vector across the plane of acquisition."""
    return np.cross(grid.directions[:, 0], grid.directions[:, 1])


def _axis(mask: Mask, spacing: FloatArray, line: _Line, k: int) -> Axis:
    first = np.array(mask.start, dtype=np.float64)
    ends = (
        mask.grid.to_world_mm(first + np.array([*(end / spacing), k]))
        for end in (line.start_mm, line.end_mm)
    )
    start, end = (_point(world) for world in ends)
    return Axis(start, end)


def _point(world_mm: FloatArray) -> Point3:
    x, y, z = (float(value) for value in world_mm)
    return x, y, z


def _leaves(mask: Mask, axis: Axis) -> bool:
    """Whether an axis crosses background between the outermost pixels it touches."""
    ends = mask.grid.to_voxel(np.array([axis.start_mm, axis.end_mm])) - np.array(mask.start)
    steps = int(np.abs(ends[1] - ends[0]).max() / AXIS_STEP_PIXELS) + 2
    samples = np.rint(ends[0] + np.linspace(0, 1, steps)[:, None] * (ends[1] - ends[0]))
    inside = np.all((samples >= 0) & (samples < mask.array.shape), axis=1)
    hit = np.zeros(steps, dtype=np.bool_)
    hit[inside] = mask.array[tuple(samples[inside].astype(np.intp).T)]
    touched = np.flatnonzero(hit)
    return bool(touched.size) and not bool(hit[touched[0] : touched[-1] + 1].all())


def _row_ends(array: BoolArray) -> FloatArray:
    """(n, 3): the first and last voxel of each row along i; holds every vertex of the hull."""
    j, k = np.nonzero(array.any(axis=0))
    rows = array[:, j, k]
    low, high = rows.argmax(axis=0), array.shape[0] - 1 - rows[::-1].argmax(axis=0)
    ends = [np.column_stack([side, j, k]) for side in (low, high)]
    return np.concatenate(ends).astype(np.float64)


def _hull_vertices(points: FloatArray) -> FloatArray:
    """The vertices of the convex hull; all points where they lie in one plane or line."""
    try:
        return np.asarray(points[ConvexHull(points).vertices], dtype=np.float64)
    except (QhullError, ValueError):
        return np.unique(points, axis=0)
