"""Where a point of one image lies on another, and how far that can be trusted."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy

from imaging.registration.places import Places
from imaging.volume import Array, BoolArray, FloatArray, Grid, Index3, Mask

#: Fixed-point steps and stopping distance of the inverse.
INVERSE_STEPS = 40
INVERSE_TOLERANCE_MM = 0.01
#: A step that leaves more than this share of the distance is followed by one half as long.
SLOW_INVERSE = 0.7
#: Points mapped at once when a mask is carried over: bounds the memory.
POINTS_AT_ONCE = 1_000_000


class RegistrationMethod(StrEnum):
    """How far a registration got."""

    IDENTITY = "identity"
    RIGID = "rigid"
    DEFORMABLE = "deformable"


#: What a mapped point near a lesion may be off by, mm. Deformable and rigid: twice the mean
#: landmark error of the simulated studies around shrinking lesions; identity: two table positions.
EXPECTED_ERROR_MM = {
    RegistrationMethod.DEFORMABLE: 8.0,
    RegistrationMethod.RIGID: 12.0,
    RegistrationMethod.IDENTITY: 30.0,
}


@dataclass(frozen=True, slots=True)
class RegistrationQuality:
    """How well two dates agree, and what was given up.

    Attributes:
        similarity_before, similarity_after: correlation of clamped HU inside the fixed body, -1..1,
            by scanner coordinates alone and by the registration; 0 where the images do not overlap.
        overlap: share of the fixed body that lies inside the moving image.
        jacobian_min, jacobian_max: local volume change of the deformation (1 when there is none).
        flags: what failed and what was done instead; empty when all went well.
        good: the alignment is believed: neither given up nor doubted.
        steps: registrations that were put one after the other.
    """

    method: RegistrationMethod
    similarity_before: float
    similarity_after: float
    overlap: float
    jacobian_min: float = 1.0
    jacobian_max: float = 1.0
    flags: tuple[str, ...] = ()
    good: bool = True
    steps: int = 1

    @property
    def expected_error_mm(self) -> float:
        """The error by the method; a doubted alignment counts as by the next worse one."""
        methods = [
            RegistrationMethod.IDENTITY,
            RegistrationMethod.RIGID,
            RegistrationMethod.DEFORMABLE,
        ]
        worse = methods[max(methods.index(self.method) - 1, 0)]
        error_mm = EXPECTED_ERROR_MM[self.method if self.good else worse]
        return error_mm * math.sqrt(self.steps)


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Maps points of the fixed image (one date) to the moving image (another) and back.

    A point x of the fixed image goes to ``rigid @ (x + displacement(x))``.

    Attributes:
        fixed_grid, moving_grid: of the images that were registered.
        rigid: 4 x 4, LPS mm of the fixed image to LPS mm of the moving image.
        field_grid: where the displacement is sampled; None without a deformation. Outside of it
            the displacement of its nearest edge holds.
        displacement_mm: (i, j, k, 3) float32 on ``field_grid``.
        places: where it was looked at more closely; None where nowhere.
    """

    fixed_grid: Grid
    moving_grid: Grid
    rigid: FloatArray
    quality: RegistrationQuality
    field_grid: Grid | None = None
    displacement_mm: Array | None = None
    places: Places | None = None

    @classmethod
    def identity(cls, fixed_grid: Grid, moving_grid: Grid, *, flag: str = "") -> Registration:
        """No motion: scanner coordinates are taken as they are."""
        flags = (flag,) if flag else ()
        quality = RegistrationQuality(
            RegistrationMethod.IDENTITY, 0.0, 0.0, 0.0, flags=flags, good=False
        )
        return cls(fixed_grid, moving_grid, np.eye(4), quality)

    @property
    def bent(self) -> bool:
        """Whether more than a rigid motion was found."""
        return self.field_grid is not None or self.places is not None

    def to_moving_mm(self, points: Array) -> FloatArray:
        """LPS mm (n, 3) of the fixed image to LPS mm (n, 3) of the moving image."""
        fixed = rows_of(points)
        return moved(self.rigid, fixed + self.displacement_at(fixed))

    def to_fixed_mm(self, points: Array) -> FloatArray:
        """LPS mm (n, 3) of the moving image to LPS mm (n, 3) of the fixed image.

        The inverse is found by fixed-point steps, x = y - displacement(x), which contract because
        deformations that fold are refused. Each point goes its own way, whatever is asked with it.
        """
        target = moved(np.linalg.inv(self.rigid), rows_of(points))
        fixed = target.copy()
        left = np.arange(len(fixed) if self.bent else 0)
        share, before = np.ones(len(left)), np.full(len(left), np.inf)
        for _ in range(INVERSE_STEPS):
            if not len(left):
                break
            missed = target[left] - self.displacement_at(fixed[left]) - fixed[left]
            apart = np.abs(missed).max(axis=1)
            # Smaller steps where the field is steep, so that the sequence cannot swing.
            share = np.where(apart > SLOW_INVERSE * before, share / 2, share)
            fixed[left] += share[:, None] * missed
            far = apart >= INVERSE_TOLERANCE_MM
            left, share, before = left[far], share[far], apart[far]
        return fixed

    def covers_moving(self, points_fixed_mm: Array, *, margin_mm: float = 0.0) -> BoolArray:
        """Whether points of the fixed image (n, 3) fall inside the moving image.

        Args:
            margin_mm: how far inside of its outer voxel faces they must lie.
        """
        return inside(self.moving_grid, self.to_moving_mm(points_fixed_mm), margin_mm)

    def error_mm(self, points_fixed_mm: Array) -> FloatArray:
        """What covers the error of each point (n, 3) of the fixed image in nine cases of ten."""
        points = rows_of(points_fixed_mm)
        otherwise = self.quality.expected_error_mm
        if self.places is None:
            return np.full(len(points), otherwise)
        return self.places.error_at(points, otherwise)

    def warp_mask(self, mask_on_moving: Mask, fixed_grid: Grid) -> Mask:
        """A mask of the moving image on a grid of the fixed image (nearest voxel).

        Only the neighbourhood that the mask can come from is computed; parts outside of the grid
        are lost, and the result may be empty.
        """
        start, shape = self._reached_box(mask_on_moving, fixed_grid)
        if min(shape) < 1:
            nothing = np.zeros((0, 0, 0), dtype=np.bool_)
            return Mask(nothing, (0, 0, 0), fixed_grid)
        box = fixed_grid.crop(start, shape)
        inside = np.zeros(int(np.prod(shape)), dtype=np.bool_)
        for first in range(0, inside.size, POINTS_AT_ONCE):
            flat = np.arange(first, min(first + POINTS_AT_ONCE, inside.size))
            index = np.column_stack(np.unravel_index(flat, shape))
            at = mask_on_moving.grid.to_voxel(self.to_moving_mm(box.to_world_mm(index)))
            inside[flat] = _taken(mask_on_moving, np.rint(at).astype(np.intp))
        tight = Mask.of(inside.reshape(shape), box)
        a, b, c = (x + y for x, y in zip(start, tight.start, strict=True))
        return Mask(tight.array, (a, b, c), fixed_grid)

    def displacement_at(self, fixed_mm: FloatArray) -> FloatArray:
        """What is added to points (n, 3) of the fixed image, LPS mm, before the rigid motion."""
        shift = np.zeros_like(fixed_mm) if self.places is None else self.places.shift_at(fixed_mm)
        if self.field_grid is None or self.displacement_mm is None:
            return shift
        at = self.field_grid.to_voxel(fixed_mm).T
        sampled = [
            scipy.ndimage.map_coordinates(
                self.displacement_mm[..., axis], at, order=1, mode="nearest", output=np.float64
            )
            for axis in range(3)
        ]
        return np.asarray(np.stack(sampled, axis=-1) + shift, dtype=np.float64)

    def _reached_box(self, mask: Mask, grid: Grid) -> tuple[Index3, Index3]:
        """First voxel and shape of the part of a grid that a moving mask can come from."""
        if not mask.voxels:
            return (0, 0, 0), (0, 0, 0)
        edges = [np.linspace(-1, n, min(n + 2, 12)) for n in mask.array.shape]
        samples = np.array(list(itertools.product(*edges))) + np.array(mask.start)
        reached = grid.to_voxel(self.to_fixed_mm(mask.grid.to_world_mm(samples)))
        first = np.maximum(np.floor(reached.min(axis=0)) - 2, 0).astype(int)
        last = np.minimum(np.ceil(reached.max(axis=0)) + 2, np.array(grid.shape) - 1).astype(int)
        a, b, c = (int(n) for n in first)
        i, j, k = (int(n) for n in last - first + 1)
        return (a, b, c), (i, j, k)


def rows_of(points: Array) -> FloatArray:
    """(n, 3) float64."""
    return np.asarray(points, dtype=np.float64).reshape(-1, 3)


def translation(shift_mm: FloatArray) -> FloatArray:
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    return matrix


def moved(matrix: Array, points: Array) -> FloatArray:
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3], dtype=np.float64)


def inside_voxels(index: FloatArray, shape: Index3) -> BoolArray:
    return np.asarray(np.all((index > -0.5) & (index < np.array(shape) - 0.5), axis=-1))


def inside(grid: Grid, points_mm: FloatArray, margin_mm: float) -> BoolArray:
    margin = margin_mm / np.array(grid.spacing_mm)
    index = grid.to_voxel(points_mm)
    low, high = -0.5 + margin, np.array(grid.shape) - 0.5 - margin
    return np.asarray(np.all((index >= low) & (index <= high), axis=-1))


def _taken(mask: Mask, index: Array) -> BoolArray:
    """Whether voxels (n, 3) of the mask's grid belong to it."""
    local = index - np.array(mask.start)
    within = np.all((local >= 0) & (local < np.array(mask.array.shape)), axis=1)
    taken = np.zeros(len(index), dtype=np.bool_)
    taken[within] = mask.array[tuple(local[within].T)]
    return taken
