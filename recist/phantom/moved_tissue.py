"""Where the tissue of a patient lay at an earlier date: how the patient lies, what lesions pull.

The patient lies turned and shifted and breathes a little differently (a smooth bend). A lesion is
stretched about its own middle; the tissue around it gives way and is at rest again some way off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.registration.change import depth_at
from imaging.resampling import resample_mask
from imaging.volume import Array, FloatArray, Grid, Mask

#: The shift of a large lesion is computed on voxels of this share of its radius.
PULL_STEP = 1.0 / 12.0
#: Tissue is at rest again at this many times the largest shift of the surface, at least so many mm.
REST_SHIFTS, REST_MM = 2.0, 8.0
#: The stretch is exact to so many voxels beyond the outline.
BORDER_VOXELS = 1.5
#: Knots of the bend lie this far apart.
KNOT_MM = 80.0
#: A lesion is outlined anew on voxels of this share of its half length, at least so many mm.
FINE_SHARE, FINE_MM = 0.025, 0.4
#: Room around it, since its middle alone is sent to the later date, mm.
FINE_ROOM_MM = 4.0
#: Motion and bend are smooth: there they are read off every so many voxels.
SMOOTH_STEP = 5
#: Rounds after which a point of the earlier date is found at the later one, and their length.
INVERTED_IN, INVERTED_BY = 40, 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How the patient lies at a later date.

    Attributes:
        degrees: turn about each axis.
        shift_mm: LPS.
        bend_mm: knots (i, j, k, 3) of a smooth shift over the box of the image; None: no bend.
    """

    degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bend_mm: FloatArray | None = None

    @classmethod
    def drawn(
        cls, random: np.random.Generator, grid: Grid, *, degrees: float, mm: float, bend_mm: float
    ) -> Motion:
        """A motion drawn at random, each part up to the largest given."""
        extent = np.ptp(grid.corners_mm(), axis=0)
        knots = (*(int(n) for n in np.maximum(np.ceil(extent / KNOT_MM), 1) + 3), 3)
        turn, shift = random.uniform(-degrees, degrees, 3), random.uniform(-mm, mm, 3)
        return cls(
            (float(turn[0]), float(turn[1]), float(turn[2])),
            (float(shift[0]), float(shift[1]), float(shift[2])),
            random.uniform(-bend_mm, bend_mm, knots),
        )

    @property
    def rotation(self) -> FloatArray:
        """3 x 3, how the patient lies turned."""
        return _rotation(self.degrees)

    def to_earlier_mm(self, points: FloatArray, middle_mm: FloatArray) -> FloatArray:
        """Points (n, 3) of the later date to where that tissue lay at the earlier one."""
        turned = (points - middle_mm - np.array(self.shift_mm)) @ self.rotation
        return np.asarray(turned + middle_mm)

    def bent_mm(self, points: FloatArray, grid: Grid) -> FloatArray:
        """Points (n, 3) moved by the bend."""
        if self.bend_mm is None:
            return points
        corners = grid.corners_mm()
        low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
        knots = np.array(self.bend_mm.shape[:3])
        at = ((points - low) / extent * (knots - 3) + 1).T
        shift = [
            ndimage.map_coordinates(self.bend_mm[..., axis], at, order=3, mode="nearest")
            for axis in range(3)
        ]
        return np.asarray(points + np.stack(shift, axis=-1))


def _rotation(degrees: tuple[float, float, float]) -> FloatArray:
    a, b, c = np.radians(degrees)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(z @ y @ x)


@dataclass(frozen=True, slots=True, eq=False)
class TissueMap:
    """Where the tissue of a later date lay at the earlier one.

    Attributes:
        grid: of the earlier CT.
        motion: of the patient.
    """

    grid: Grid
    motion: Motion
    pulls: tuple[_Pull, ...]

    @classmethod
    def of(
        cls, grid: Grid, lesions: Sequence[Mask], stretches: Sequence[FloatArray], motion: Motion
    ) -> TissueMap:
        """The map by which :func:`evolved` makes the later date of these lesions."""
        both = zip(lesions, stretches, strict=True)
        return cls(grid, motion, tuple(_Pull.of(lesion, matrix) for lesion, matrix in both))

    def to_earlier_mm(self, points: FloatArray) -> FloatArray:
        """Points (n, 3) of the later date, LPS mm, to the earlier one."""
        return self.pulled_mm(self.unpulled_mm(points))

    def unpulled_mm(self, points: FloatArray) -> FloatArray:
        """The same, but for the shift that lesions give to tissue."""
        earlier = self.motion.to_earlier_mm(points, self._middle_mm)
        return self.motion.bent_mm(earlier, self.grid)

    def pulled_mm(self, points: FloatArray) -> FloatArray:
        """What is missing to :meth:`to_earlier_mm`."""
        low, high = points.min(axis=0), points.max(axis=0)
        near = [pull for pull in self.pulls if pull.meets(low, high)]
        return np.asarray(points + sum((pull.at(points) for pull in near), np.zeros(3)))

    def outlined(self, lesion: Mask, matrix: FloatArray, directions: FloatArray) -> Mask:
        """A lesion at the later date on fine voxels: its size as if pixels had none.

        The masks that :func:`evolved` gives lie on the voxels of the scan, and take the steps of
        the earlier outline along: on them a lesion is up to 1.4 mm too long.

        Args:
            lesion, matrix: as they were given to :meth:`of`.
            directions: 3 x 3, the axes of the later scan.
        """
        voxels = lesion.grid.to_world_mm(np.argwhere(lesion.array) + np.array(lesion.start))
        extent_mm = float(np.linalg.norm(voxels - lesion.centre_mm, axis=1).max())
        spacing_mm = max(FINE_SHARE * extent_mm, FINE_MM)
        reach_mm = extent_mm * float(np.linalg.norm(matrix, 2)) + FINE_ROOM_MM
        half = int(np.ceil(reach_mm / spacing_mm))
        affine = np.eye(4)
        affine[:3, :3] = directions * spacing_mm
        affine[:3, 3] = self._to_later_mm(lesion.centre_mm) - affine[:3, :3].sum(axis=1) * half
        size = 2 * half + 1
        box = Grid((size, size, size), affine)
        inside = depth_at(lesion, self.pulled_mm(self._unpulled_on(box))) > 0
        return Mask.of(inside.reshape(box.shape), box)

    def _unpulled_on(self, box: Grid) -> FloatArray:
        """:meth:`unpulled_mm` of every voxel (n, 3); motion and bend are smooth, and read off
        every ``SMOOTH_STEP``-th voxel."""
        i, j, k = (int(np.ceil((n - 1) / SMOOTH_STEP)) + 1 for n in box.shape)
        few = np.moveaxis(np.indices((i, j, k)), 0, -1).reshape(-1, 3) * SMOOTH_STEP
        smooth = self.unpulled_mm(box.to_world_mm(few)).reshape(i, j, k, 3)
        at = np.indices(box.shape).reshape(3, -1) / SMOOTH_STEP
        return np.stack(
            [ndimage.map_coordinates(smooth[..., axis], at, order=1) for axis in range(3)], axis=-1
        )

    @property
    def _middle_mm(self) -> FloatArray:
        return np.asarray(self.grid.corners_mm().mean(axis=0))

    def _to_later_mm(self, point: FloatArray) -> FloatArray:
        """A point (3,) of the earlier date; lesions leave the middle of each where it is."""
        bent = found = point[None]
        for _ in range(INVERTED_IN):
            found = found - INVERTED_BY * (self.motion.bent_mm(found, self.grid) - bent)
        shifted = (found - self._middle_mm) @ self.motion.rotation.T + self._middle_mm
        return np.asarray(shifted[0] + np.array(self.motion.shift_mm))


@dataclass(frozen=True, slots=True, eq=False)
class _Pull:
    """The shift that a stretched lesion gives to the tissue around it, on a grid of its own."""

    shift_mm: Array
    box: Grid

    @classmethod
    def of(cls, lesion: Mask, matrix: FloatArray) -> _Pull:
        centre = lesion.centre_mm
        lesion = _coarsened(lesion)
        spacing = np.array(lesion.grid.spacing_mm)
        inverse = np.linalg.inv(matrix)
        extent_mm = np.array(lesion.array.shape) * spacing * float(np.linalg.norm(matrix, 2))
        most_mm = float(np.linalg.norm(inverse - np.eye(3), 2) * extent_mm.max() / 2)
        rest_mm = max(REST_SHIFTS * most_mm, REST_MM)
        reach = np.ceil((extent_mm / 2 + rest_mm) / spacing).astype(int) + 2
        middle = np.rint(lesion.grid.to_voxel(centre)).astype(int)
        a, b, c = (int(n) for n in middle - reach)
        i, j, k = (int(n) for n in 2 * reach + 1)
        box = lesion.grid.crop((a, b, c), (i, j, k))
        points = box.to_world_mm(np.moveaxis(np.indices(box.shape), 0, -1))
        inside = _holds(lesion, centre + (points - centre) @ inverse.T)
        if not inside.any():  # shrunk to less than a voxel
            inside[tuple(reach)] = True
        # The stretch holds a little beyond the outline: it lies between voxels.
        beyond_mm = BORDER_VOXELS * float(spacing.max())
        inside = ndimage.distance_transform_edt(~inside, sampling=spacing) <= beyond_mm
        apart, nearest = ndimage.distance_transform_edt(
            ~inside, sampling=spacing, return_indices=True
        )
        anchors = points[tuple(nearest)]
        shift = (anchors - centre) @ (inverse - np.eye(3)).T
        fade = 0.5 * (1 + np.cos(np.pi * np.clip(apart / rest_mm, 0, 1)))
        return cls((shift * fade[..., None]).astype(np.float32), box)

    def meets(self, low_mm: FloatArray, high_mm: FloatArray) -> bool:
        """Whether it can reach into a box."""
        corners = self.box.corners_mm()
        return bool(
            (corners.min(axis=0) <= high_mm).all() and (corners.max(axis=0) >= low_mm).all()
        )

    def at(self, points: FloatArray) -> FloatArray:
        """(n, 3) mm, to be added to points of the later date."""
        index = self.box.to_voxel(points)
        near = ((index > -1) & (index < np.array(self.box.shape))).all(axis=1)
        found = np.zeros(points.shape)
        if near.any():
            found[near] = np.stack(
                [
                    ndimage.map_coordinates(self.shift_mm[..., axis], index[near].T, order=1)
                    for axis in range(3)
                ],
                axis=-1,
            )
        return found


def _coarsened(lesion: Mask) -> Mask:
    """A lesion of many voxels on fewer; small ones as they are."""
    grid = lesion.grid
    spacing = np.maximum(grid.spacing_mm, PULL_STEP * lesion.radius_mm)
    if np.allclose(spacing, grid.spacing_mm):
        return lesion
    i, j, k = (int(n) for n in np.ceil(np.array(grid.shape) * grid.spacing_mm / spacing) + 1)
    affine = grid.affine.copy()
    affine[:3, :3] = grid.directions * spacing
    return resample_mask(lesion, Grid((i, j, k), affine))


def _holds(mask: Mask, points: FloatArray) -> Array:
    index = np.rint(mask.grid.to_voxel(points) - np.array(mask.start)).astype(int)
    within = ((index >= 0) & (index < np.array(mask.array.shape))).all(axis=-1)
    found = np.zeros(within.shape, np.bool_)
    found[within] = mask.array[tuple(index[within].T)]
    return found
