"""Calipers on a lesion: lengths as recorded, end points in the patient, and what to beware of."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

import numpy as np
import scipy

from imaging.errors import GeometryError
from imaging.volume import BoolArray, FloatArray, Grid, Mask
from recist.course import Axis, Caliper, Point3
from recist.measure.axes import (
    SMALL_PIXELS,
    TIE_MM,
    DrawnAxis,
    ShortAxis,
    across_axis,
    direction_of,
    drawn_long,
    longest_axes,
)
from recist.measure.outline import Convention, Section

#: Diameters are recorded in tenths of a millimetre, halves rounded up as a reader does.
RECORDED_MM = Decimal("0.1")
#: Step along an axis when asking whether it leaves the lesion, in pixels.
AXIS_STEP_PIXELS = 0.25
#: In-plane axes further from perpendicular than this (cosine) are refused.
SKEW_TOLERANCE = 1e-3
#: A plane tilted by more than this from the axial is named in the flags (the cosine of 30 degrees).
AXIAL_COSINE = 0.866


class Flag(StrEnum):
    """Remarks on a measurement that a reader should see."""

    LEAVES_LESION = "the longest axis leaves the lesion"
    SMALL = "shorter than four pixels: the diameter is uncertain by about half a pixel"
    TOUCHES_EDGE = "the lesion touches the edge of the image: it may be longer than measured"
    NOT_AXIAL = "measured in the plane of acquisition, which is not axial"


def caliper(
    mask: Mask,
    *,
    convention: Convention = Convention.CENTRES_PLUS_HALF_PIXEL,
    short_axis: ShortAxis = ShortAxis.HULL_CHORD,
    sop_instance_uids: Sequence[str] = (),
    long_axis: tuple[Point3, Point3] | None = None,
    across: tuple[Point3, Point3] | None = None,
) -> Caliper:
    """Longest diameter over all acquired slices, and the longest perpendicular in its slice.

    Of several equally long axes the one in the slice with the largest area is taken (the lowest of
    these), and within it the one with the shortest perpendicular: a line turned away from the long
    axis of an ellipse has a longer one. How the image is flipped in the plane does not matter.

    Args:
        mask: the lesion. The plane of acquisition is that of its i and j axes.
        sop_instance_uids: of the grid's slices in the order of k; names the slice measured on.
        long_axis: both ends, LPS mm, as a reader drew it or as it was carried over: it is taken as
            it is, and the perpendicular is measured in its slice.
        across: both ends of the perpendicular, where it is known with the long axis.

    Returns:
        Lengths rounded to 0.1 mm, halves up; end points unrounded, as far apart as the length
        before rounding.

    Raises:
        GeometryError: the mask is empty, or its in-plane axes are not perpendicular.
    """
    spacing = _in_plane_spacing(mask.grid)
    if not mask.voxels:
        raise GeometryError("an empty mask has no diameter")
    if long_axis is not None:
        k, chord = _on_axis(mask, long_axis, convention, short_axis)
        index = mask.start[2] + k
        short = _axis(mask, spacing, chord, k) if across is None else Axis(*across)
        return Caliper(
            long_axis=Axis(*long_axis),
            short_axis=short,
            long_axis_mm=recorded(float(np.linalg.norm(np.subtract(*long_axis)))),
            short_axis_mm=recorded(
                float(np.linalg.norm(np.subtract(short.start_mm, short.end_mm)))
            ),
            slice_index=index,
            sop_instance_uid=sop_instance_uids[index] if sop_instance_uids else "",
        )
    axes = longest_axes(mask, spacing, convention)
    largest = max(np.count_nonzero(mask.array[:, :, k]) for k, _ in axes)
    k = next(k for k, _ in axes if np.count_nonzero(mask.array[:, :, k]) == largest)
    section = Section.of(mask.array[:, :, k], convention)
    long, chord = min(
        (
            (line, across_axis(section, spacing, line, convention, short_axis))
            for n, line in axes
            if n == k
        ),
        key=lambda pair: round(pair[1].length_mm / TIE_MM),
    )
    long = drawn_long(section, spacing, long, convention)
    index = mask.start[2] + k
    return Caliper(
        long_axis=_axis(mask, spacing, long, k),
        short_axis=_axis(mask, spacing, chord, k),
        long_axis_mm=recorded(long.length_mm),
        short_axis_mm=recorded(chord.length_mm),
        slice_index=index,
        sop_instance_uid=sop_instance_uids[index] if sop_instance_uids else "",
    )


def _on_axis(
    mask: Mask, ends_mm: tuple[Point3, Point3], convention: Convention, short_axis: ShortAxis
) -> tuple[int, DrawnAxis]:
    """The slice (k in the box) of an axis that a reader drew, and what lies across it there.

    The perpendicular is no longer than the axis: the axis is the longest diameter.
    """
    spacing = _in_plane_spacing(mask.grid)
    ends = mask.grid.to_voxel(np.array(ends_mm)) - np.array(mask.start)
    filled = np.flatnonzero(mask.array.any(axis=(0, 1)))
    k = int(filled[np.abs(filled - ends[:, 2].mean()).argmin()])
    long = DrawnAxis(ends[0, :2] * spacing, ends[1, :2] * spacing)
    section = Section.of(mask.array[:, :, k], convention)
    across = across_axis(section, spacing, long, convention, short_axis)
    longest = long.length_mm
    if across.length_mm > longest:
        across = across.lengthened(longest, direction_of(across))
    return k, across


def diameter_mm(caliper: Caliper, is_node: bool) -> Decimal:
    """The diameter that counts: short axis of a node, longest diameter of any other lesion."""
    return caliper.short_axis_mm if is_node else caliper.long_axis_mm


def recorded(length_mm: float | Decimal) -> Decimal:
    """A length to 0.1 mm, halves up; noise of the arithmetic (a millionth) decides no half."""
    return Decimal(str(round(length_mm, 6))).quantize(RECORDED_MM, rounding=ROUND_HALF_UP)


def flags(mask: Mask, measured: Caliper) -> tuple[Flag, ...]:
    """What a reader should know about a measurement, worst first; empty when there is nothing."""
    first, last = np.array(mask.start), np.add(mask.start, mask.array.shape)
    found = {
        Flag.LEAVES_LESION: _leaves(mask, measured.long_axis),
        Flag.TOUCHES_EDGE: bool((first == 0).any() or (last == np.array(mask.grid.shape)).any()),
        Flag.SMALL: float(measured.long_axis_mm) < SMALL_PIXELS * max(_in_plane_spacing(mask.grid)),
        Flag.NOT_AXIAL: abs(float(plane_normal(mask.grid)[2])) < AXIAL_COSINE,
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
    distance = scipy.spatial.distance.cdist(points, points)
    a, b = np.unravel_index(int(distance.argmax()), distance.shape)
    length = float(distance[a, b])
    direction = (points[b] - points[a]) / length if length else mask.grid.directions[:, 0]
    voxel = np.array(mask.grid.spacing_mm) * (mask.grid.directions.T @ direction)
    length_mm = length + float(np.linalg.norm(voxel)) / 2
    middle = (points[a] + points[b]) / 2
    half = direction * length_mm / 2
    return Axis(_point(middle - half), _point(middle + half)), recorded(length_mm)


def _in_plane_spacing(grid: Grid) -> FloatArray:
    i, j = grid.directions[:, 0], grid.directions[:, 1]
    if abs(float(i @ j)) > SKEW_TOLERANCE:
        raise GeometryError(
            "rows and columns of the image are not perpendicular: no length can be measured",
            remedy="resample the image to a rectangular grid",
        )
    return np.array(grid.spacing_mm[:2])


def plane_normal(grid: Grid) -> FloatArray:
    """Unit vector across the plane of acquisition."""
    return np.cross(grid.directions[:, 0], grid.directions[:, 1])


def _axis(mask: Mask, spacing: FloatArray, line: DrawnAxis, k: int) -> Axis:
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
    """Whether an axis crosses background between the outermost pixels it touches.

    A cavity is no background: a hollow lesion is measured from rim to rim.
    """
    ends = mask.grid.to_voxel(np.array([axis.start_mm, axis.end_mm])) - np.array(mask.start)
    steps = int(np.abs(ends[1] - ends[0]).max() / AXIS_STEP_PIXELS) + 2
    samples = np.rint(ends[0] + np.linspace(0, 1, steps)[:, None] * (ends[1] - ends[0]))
    inside = np.all((samples >= 0) & (samples < mask.array.shape), axis=1)
    hit = np.zeros(steps, dtype=np.bool_)
    # Both ends lie in one slice.
    k = int(np.clip(samples[0, 2], 0, mask.array.shape[2] - 1))
    plane = mask.array[:, :, k]
    at = tuple(samples[inside, :2].astype(np.intp).T)
    hit[inside] = plane[at]
    if not _is_broken(hit):
        return False
    hit[inside] = scipy.ndimage.binary_fill_holes(plane)[at]
    return _is_broken(hit)


def _is_broken(hit: BoolArray) -> bool:
    """Whether a line that enters goes out and in again."""
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
        return np.asarray(points[scipy.spatial.ConvexHull(points).vertices], dtype=np.float64)
    except (scipy.spatial.QhullError, ValueError):
        return np.unique(points, axis=0)
