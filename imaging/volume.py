"""Grids, volumes and masks in patient space.

One axis order everywhere: ``array[i, j, k]`` where ``i`` counts columns, ``j`` rows and ``k``
slices, and the affine maps voxel indices to DICOM patient coordinates (LPS, millimetres). Arrays
that come from DICOM or SimpleITK are transposed views, so ``array.T`` is C-contiguous.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.errors import GeometryError

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Index3 = tuple[int, int, int]

#: Two grids are the same when no corner differs by more than this fraction of a voxel.
SAME_GRID_TOLERANCE_VOXELS = 0.01


class Unit(StrEnum):
    """The unit of a voxel value (UCUM where it has one)."""

    HU = "[hnsf'U]"
    BQML = "Bq/ml"
    SUV_BW = "g/ml{SUVbw}"
    SUV_LBM = "g/ml{SUVlbm}"
    SUV_BSA = "cm2/ml{SUVbsa}"
    SUV_IBW = "g/ml{SUVibw}"
    CNTS = "{counts}"
    GY = "Gy"
    PROBABILITY = "{probability}"
    LABEL = "{label}"
    OTHER = "1"


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where voxels lie: shape and affine, in a frame of reference.

    Attributes:
        shape: voxels along (i, j, k).
        affine: 4 x 4 float64, voxel index (centre) to LPS in mm.
        frame_of_reference_uid: DICOM Frame of Reference UID, None when the source has none.
    """

    shape: Index3
    affine: FloatArray
    frame_of_reference_uid: str | None = None
    #: Worked out when first asked for: they are asked for at every point.
    _spacing_mm: tuple[float, float, float] | None = field(init=False, repr=False, default=None)
    _to_voxel: FloatArray | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError(f"the affine is not a finite 4 x 4 matrix: {affine.tolist()}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise GeometryError("the affine is singular: two voxel axes are parallel")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise GeometryError(f"a grid needs three positive dimensions, not {self.shape}")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along (i, j, k)."""
        if self._spacing_mm is None:
            i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
            object.__setattr__(self, "_spacing_mm", (float(i), float(j), float(k)))
        assert self._spacing_mm is not None
        return self._spacing_mm

    @property
    def directions(self) -> FloatArray:
        """3 x 3, columns are the unit vectors of the i, j and k axes in LPS."""
        return np.asarray(self.affine[:3, :3] / np.array(self.spacing_mm), dtype=np.float64)

    @property
    def origin_mm(self) -> FloatArray:
        """LPS position of the centre of voxel (0, 0, 0)."""
        return np.asarray(self.affine[:3, 3], dtype=np.float64)

    @property
    def voxel_volume_mm3(self) -> float:
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def to_world_mm(self, index: npt.ArrayLike) -> FloatArray:
        """Voxel indices (..., 3), fractional allowed, to LPS mm (..., 3)."""
        points = np.asarray(index, dtype=np.float64)
        return np.asarray(points @ self.affine[:3, :3].T + self.affine[:3, 3], dtype=np.float64)

    def to_voxel(self, world_mm: npt.ArrayLike) -> FloatArray:
        """LPS mm (..., 3) to fractional voxel indices (..., 3)."""
        if self._to_voxel is None:
            object.__setattr__(self, "_to_voxel", np.linalg.inv(self.affine))
        inverse = self._to_voxel
        assert inverse is not None
        points = np.asarray(world_mm, dtype=np.float64)
        return np.asarray(points @ inverse[:3, :3].T + inverse[:3, 3], dtype=np.float64)

    def corners_mm(self) -> FloatArray:
        """The eight outermost voxel centres, (8, 3) LPS mm."""
        last = np.array(self.shape) - 1
        return self.to_world_mm(np.array(list(np.ndindex(2, 2, 2))) * last)

    def same_as(self, other: Grid, tolerance_voxels: float = SAME_GRID_TOLERANCE_VOXELS) -> bool:
        """Same shape and the same place; frames of reference are compared where both are known."""
        if other is self:
            return True
        if self.shape != other.shape:
            return False
        known = (self.frame_of_reference_uid, other.frame_of_reference_uid)
        if None not in known and known[0] != known[1]:
            return False
        apart_mm = np.abs(self.corners_mm() - other.corners_mm()).max()
        return bool(apart_mm <= tolerance_voxels * min(self.spacing_mm))

    def crop(self, start: Index3, shape: Index3) -> Grid:
        """The grid of a box of this grid; ``start`` may lie outside (padding)."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_world_mm(start)
        return Grid(shape, affine, self.frame_of_reference_uid)


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A scalar image: ``array[i, j, k]`` on a grid, with its unit and where it came from.

    The array is made read-only. ``source`` names the series or file (never the patient).
    """

    array: Array
    grid: Grid
    unit: Unit
    source: str = ""

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape:
            raise GeometryError(
                f"array of shape {self.array.shape} on a grid of shape {self.grid.shape}",
                where=self.source or None,
            )
        view = self.array.view()
        view.setflags(write=False)
        object.__setattr__(self, "array", view)

    def region(self, low: Sequence[int], high: Sequence[int]) -> Array:
        """The voxels from ``low`` to before ``high``, which lie inside of the grid."""
        return self.array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A set of voxels of a grid, kept as its bounding box.

    Attributes:
        array: bool, the box only; read-only.
        start: index of the box's first voxel in ``grid``.
        grid: the whole grid that the voxels belong to.
    """

    array: BoolArray
    start: Index3
    grid: Grid

    def __post_init__(self) -> None:
        end = np.add(self.start, self.array.shape)
        if min(self.start) < 0 or (end > np.array(self.grid.shape)).any():
            raise GeometryError(
                f"mask box {self.start}..{tuple(end)} leaves grid {self.grid.shape}"
            )
        array = np.asarray(self.array, dtype=np.bool_).view()
        array.setflags(write=False)
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "start", tuple(int(n) for n in self.start))

    @classmethod
    def of(cls, full: Array, grid: Grid) -> Mask:
        """A mask from an array of the whole grid; an empty one keeps an empty box."""
        if full.shape != grid.shape:
            raise GeometryError(f"mask of shape {full.shape} on a grid of shape {grid.shape}")
        i, j, k = box_around(full) or (slice(0, 0),) * 3
        return cls(np.array(full[i, j, k], dtype=np.bool_), (i.start, j.start, k.start), grid)

    @classmethod
    def placed(cls, array: Array, start: Index3, grid: Grid) -> Mask:
        """A mask from an array that begins at ``start`` of the grid, and may reach beyond it.

        What lies beyond the grid is cut off; the box is as small as it can be.
        """
        cuts, begin = [], []
        for axis in range(3):
            others = tuple(other for other in range(3) if other != axis)
            hit = np.flatnonzero(np.any(array, axis=others)) + start[axis]
            hit = hit[(hit >= 0) & (hit < grid.shape[axis])]
            if not hit.size:
                return cls(np.zeros((0, 0, 0), dtype=np.bool_), (0, 0, 0), grid)
            begin.append(int(hit[0]))
            cuts.append(slice(int(hit[0]) - start[axis], int(hit[-1]) + 1 - start[axis]))
        return cls(array[cuts[0], cuts[1], cuts[2]], (begin[0], begin[1], begin[2]), grid)

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Slices of the whole grid that the box covers."""
        i, j, k = (slice(a, a + n) for a, n in zip(self.start, self.array.shape, strict=True))
        return i, j, k

    @property
    def box_grid(self) -> Grid:
        """The grid of the box; an empty mask has none."""
        i, j, k = self.array.shape
        return self.grid.crop(self.start, (i, j, k))

    @property
    def voxels(self) -> int:
        return int(np.count_nonzero(self.array))

    @property
    def volume_ml(self) -> float:
        return self.voxels * self.grid.voxel_volume_mm3 / 1000.0

    @property
    def radius_mm(self) -> float:
        """The radius of the sphere of the same volume."""
        return float((self.volume_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3))

    @property
    def centre_mm(self) -> FloatArray:
        """Centre of gravity in LPS mm."""
        if not self.voxels:
            raise GeometryError("an empty mask has no centre")
        return self.grid.to_world_mm(np.argwhere(self.array).mean(axis=0) + np.array(self.start))

    def full(self) -> BoolArray:
        """The mask on the whole grid."""
        whole = np.zeros(self.grid.shape, dtype=np.bool_, order="F")
        whole[self.box] = self.array
        return whole

    def values(self, volume: Volume) -> Array:
        """The voxel values of a volume on the same grid, inside the mask."""
        if not self.grid.same_as(volume.grid):
            raise GeometryError("mask and volume lie on different grids", where=volume.source)
        end = [a + n for a, n in zip(self.start, self.array.shape, strict=True)]
        return volume.region(self.start, end)[self.array]

    def slices(self) -> Iterator[tuple[int, BoolArray]]:
        """Each axial slice of the box that holds a voxel: (k in the whole grid, mask [i, j])."""
        for k in range(self.array.shape[2]):
            if self.array[:, :, k].any():
                yield self.start[2] + k, self.array[:, :, k]


def box_around(full: Array) -> tuple[slice, slice, slice] | None:
    """The smallest box that holds all of a mask (i, j, k); None of an empty one."""
    sides: list[slice] = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(np.any(full, axis=others))
        if not hit.size:
            return None
        sides.append(slice(int(hit[0]), int(hit[-1]) + 1))
        full = full[(slice(None),) * axis + (sides[axis],)]  # the next axis looks through less
    return sides[0], sides[1], sides[2]
