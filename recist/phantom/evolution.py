"""A later date of a real CT: lesions that grew, shrank, came or went in a patient who moved.

For benchmarks that need to know what became of every lesion. A lesion is stretched about its own
middle; the tissue around it gives way and is at rest again some way off, so that nothing tears. The
patient lies turned and shifted, breathes a little differently (a smooth bend), and is scanned on
another grid with other noise. Image and outlines go through one map, so that they agree exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.resampling import resample_mask
from imaging.volume import Array, FloatArray, Grid, Mask, Unit, Volume

#: The shift of a large lesion is computed on voxels of this share of its radius.
PULL_STEP = 1.0 / 12.0
#: Tissue is at rest again at this many times the largest shift of the surface, at least so many mm.
REST_SHIFTS, REST_MM = 2.0, 8.0
#: The stretch is exact to so many voxels beyond the outline.
BORDER_VOXELS = 1.5
#: Knots of the bend lie this far apart.
KNOT_MM = 80.0
#: Width of the edge of a drawn lesion.
EDGE_MM = 0.8
#: What is inpainted reaches this far beyond the outline, where partial volume shows the lesion.
BEYOND_MM = 2.5
AIR_HU = -1000.0
#: A sharp kernel enhances what a blur of this standard deviation takes away.
ENHANCED_MM = 1.0


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


def stretch(random: np.random.Generator, scale: float, *, uneven: float = 0.0) -> FloatArray:
    """A change of shape, 3 x 3: the mean diameter times ``scale``, the axes unequal by a share."""
    axes = np.exp(random.uniform(-uneven, uneven, 3))
    axes *= scale / np.cbrt(axes.prod())
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return np.asarray(turn @ np.diag(axes) @ turn.T)


def evolved(
    ct: Volume,
    lesions: Sequence[Mask],
    stretches: Sequence[FloatArray],
    motion: Motion,
    grid: Grid,
    *,
    noise_hu: float = 0.0,
    random: np.random.Generator,
) -> tuple[Volume, tuple[Mask, ...]]:
    """The CT and its lesions at a later date.

    Args:
        lesions: on the grid of the CT.
        stretches: of each lesion, 3 x 3, about its middle.
        grid: of the later scan.
        noise_hu: standard deviation that is added.
    """
    shape = grid.shape
    middle = ct.grid.corners_mm().mean(axis=0)
    labels = np.zeros(ct.grid.shape, dtype=np.uint16)
    for number, lesion in enumerate(lesions, start=1):
        labels[lesion.box][lesion.array] = number
    pulls = [_Pull.of(lesion, matrix) for lesion, matrix in zip(lesions, stretches, strict=True)]
    hu = np.empty(shape, np.float32)
    found = np.zeros(shape, np.uint16)
    plane = np.moveaxis(np.indices(shape[:2]), 0, -1).reshape(-1, 2)
    for k in range(shape[2]):
        index = np.column_stack([plane, np.full(len(plane), k)])
        points = motion.to_earlier_mm(grid.to_world_mm(index), middle)
        points = motion.bent_mm(points, ct.grid)
        points = points + sum((pull.at(points) for pull in pulls), np.zeros(3))
        at = ct.grid.to_voxel(points).T
        hu[:, :, k] = ndimage.map_coordinates(
            ct.array, at, order=1, mode="constant", cval=AIR_HU, output=np.float32
        ).reshape(shape[:2])
        near = ndimage.map_coordinates(labels, at, order=0, mode="constant", cval=0)
        found[:, :, k] = near.reshape(shape[:2])
    hu += random.normal(0.0, noise_hu, shape).astype(np.float32)
    masks = tuple(Mask.of(found == n, grid) for n in range(1, len(lesions) + 1))
    return Volume(hu, grid, Unit.HU), masks


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


def by_kernel(ct: Volume, sharpness: float) -> Volume:
    """The CT as another kernel would show it, noise and all.

    Args:
        sharpness: 0 as it is; below, blurred in the plane by so many mm (standard deviation);
            above, edges enhanced by that share of what a blur of ``ENHANCED_MM`` takes away.
    """
    spacing = np.array(ct.grid.spacing_mm)
    sigma_mm = -sharpness if sharpness < 0 else ENHANCED_MM
    sigma = np.array([sigma_mm, sigma_mm, 0.0]) / spacing
    blurred = ndimage.gaussian_filter(ct.array.astype(np.float32), sigma)
    shown = blurred if sharpness < 0 else ct.array + sharpness * (ct.array - blurred)
    return Volume(np.asarray(shown, np.float32), ct.grid, Unit.HU, ct.source)


def drawn_lesion(
    ct: Volume,
    centre_mm: FloatArray,
    radii_mm: FloatArray,
    hu: float,
    random: np.random.Generator,
) -> tuple[Volume, Mask]:
    """A lumpy lesion drawn into a CT, with the noise that lies there, and its outline."""
    grid = ct.grid
    reach = np.ceil(1.6 * radii_mm.max() / np.array(grid.spacing_mm)).astype(int) + 2
    middle = np.rint(grid.to_voxel(centre_mm)).astype(int)
    low = np.maximum(middle - reach, 0)
    high = np.minimum(middle + reach + 1, grid.shape)
    a, b, c = (int(n) for n in low)
    i, j, k = (int(n) for n in high - low)
    points = grid.crop((a, b, c), (i, j, k)).to_world_mm(np.moveaxis(np.indices((i, j, k)), 0, -1))
    offset = (points - centre_mm) / radii_mm
    radius = np.linalg.norm(offset, axis=-1)
    waves = random.uniform(1.0, 2.5, (4, 3)), random.uniform(0, 2 * np.pi, 4)
    lumps = sum(0.06 * np.sin(offset @ w + p) for w, p in zip(*waves, strict=True))
    depth_mm = (1.0 + lumps - radius) * float(radii_mm.mean())
    share = np.clip(0.5 + depth_mm / (2 * EDGE_MM), 0, 1)
    array = np.array(ct.array, np.float32)
    part = array[a : a + i, b : b + j, c : c + k]
    grain = part - ndimage.gaussian_filter(part, 1.5)
    drawn = hu + np.clip(grain, -60, 60)
    part[:] = part + share * (drawn - part)
    mask = Mask.placed(depth_mm > 0, (a, b, c), grid)
    return Volume(array, grid, Unit.HU, ct.source), mask


def erased(ct: Volume, lesion: Mask, random: np.random.Generator) -> Volume:
    """The CT without a lesion: filled in from around it, with the grain of what lies there."""
    spacing = np.array(lesion.grid.spacing_mm)
    pad = np.ceil(15.0 / spacing).astype(int)
    low = np.maximum(np.array(lesion.start) - pad, 0)
    high = np.minimum(np.add(lesion.start, lesion.array.shape) + pad, ct.grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    hole = np.zeros(tuple(high - low), np.bool_)
    hole[
        tuple(
            slice(int(s - a), int(s - a) + n)
            for s, a, n in zip(lesion.start, low, lesion.array.shape, strict=True)
        )
    ] = lesion.array
    hole = ndimage.distance_transform_edt(~hole, sampling=spacing) <= BEYOND_MM
    array = np.array(ct.array, np.float32)
    part = array[box]
    filled = np.where(hole, np.median(part[~hole]), part)
    for _ in range(60):  # heat flows in from the rim
        filled = np.where(hole, ndimage.gaussian_filter(filled, 2.0), part)
    grain = part - ndimage.gaussian_filter(part, 1.5)
    spread = float(np.clip(grain[~hole], -60, 60).std())
    filled = filled + hole * random.normal(0.0, spread, filled.shape)
    array[box] = filled
    return Volume(array, ct.grid, Unit.HU, ct.source)
