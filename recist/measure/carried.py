"""The diameters of a lesion whose outline was carried to another date, as sure as its change.

Measured on the voxels of the later date they would hang on where its pixels and slices happen to
lie: of two scans of one patient within an hour, in slices of 2 and of 5 mm, they differed by 5 %.
The outline that was drawn is one, so its diameters are taken from it: each is what was measured on
it, times how much the outline's own grew in the plane of the later scan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.registration import LesionTransform
from imaging.volume import FloatArray, Grid, Mask
from recist.course import Axis, Caliper, Point3
from recist.measure.axes import TIE_MM, DrawnAxis, direction_of, hull_chord
from recist.measure.diameters import plane_normal
from recist.measure.outline import hull_polygon, mid_edges, rows_of


@dataclass(frozen=True, slots=True, eq=False)
class _Section:
    """The hull of an outline in one slice, in a plane: both axes of it, mm.

    Attributes:
        corners: (n, 2) in order.
        height_mm: of its middle, along the normal of the plane.
    """

    corners: FloatArray
    height_mm: float

    def long(self) -> DrawnAxis:
        apart = np.linalg.norm(self.corners[:, None] - self.corners[None], axis=-1)
        n, m = np.unravel_index(int(apart.argmax()), apart.shape)
        return DrawnAxis(self.corners[min(n, m)], self.corners[max(n, m)])

    def short(self, long: DrawnAxis) -> DrawnAxis:
        along = direction_of(long)
        return hull_chord(self.corners, along, np.array([-along[1], along[0]]))


def carried_axes(
    drawn: Mask, measured: Caliper, change: LesionTransform, carried: Mask
) -> tuple[Axis, Axis] | None:
    """The longest diameter and the one across it, in a slice of the later date.

    Args:
        drawn: the outline on the earlier date.
        measured: its diameters there, as a reader drew them where one did.
        change: of the earlier date to the later one.
        carried: the outline on the later date, which says which slices show it.

    Returns:
        None where the outline has no extent in the plane.
    """
    before = _widest(_sections(drawn, drawn.grid, None))
    after = _widest(_sections(drawn, carried.grid, change))
    long_before, long = before.long(), after.long()
    short_before, short = before.short(long_before), after.short(long)
    if min(long_before.length_mm, short_before.length_mm) < TIE_MM:
        return None
    long = _resized(long, float(measured.long_axis_mm) / long_before.length_mm)
    short = _resized(short, float(measured.short_axis_mm) / short_before.length_mm)
    place = _Slice.nearest(carried, after.height_mm)
    return place.axis(long), place.axis(short)


def _sections(mask: Mask, plane: Grid, change: LesionTransform | None) -> list[_Section]:
    """The hull of each slice, moved, as the plane of acquisition of a grid shows it."""
    found = []
    for k, pixels in mask.slices():
        hull = hull_polygon(mid_edges(rows_of(pixels)))
        index = np.column_stack([hull + np.array(mask.start[:2]), np.full(len(hull), k)])
        points = mask.grid.to_world_mm(index)
        points = points if change is None else change.to_moving_mm(points)
        heights = points @ plane_normal(plane)
        found.append(_Section(points @ plane.directions[:, :2], float(heights.mean())))
    return found


def _widest(sections: list[_Section]) -> _Section:
    return max(sections, key=lambda section: section.long().length_mm)


def _resized(line: DrawnAxis, factor: float) -> DrawnAxis:
    return line.lengthened(line.length_mm * factor, direction_of(line))


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    """A slice of a grid: its two directions, and how high it lies along its normal."""

    grid: Grid
    height_mm: float

    @classmethod
    def nearest(cls, mask: Mask, height_mm: float) -> _Slice:
        """The slice of a mask's own that lies nearest to a height."""
        normal = plane_normal(mask.grid)
        shown = [k for k, _ in mask.slices()]
        heights = mask.grid.to_world_mm([[0, 0, k] for k in shown]) @ normal
        return cls(mask.grid, float(heights[np.abs(heights - height_mm).argmin()]))

    def axis(self, line: DrawnAxis) -> Axis:
        return Axis(self._point(line.start_mm), self._point(line.end_mm))

    def _point(self, at: FloatArray) -> Point3:
        plane = self.grid.directions[:, :2]
        x, y, z = (float(v) for v in plane @ at + self.height_mm * plane_normal(self.grid))
        return x, y, z
