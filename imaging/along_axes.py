"""Interpolation and means between grids whose axes run along each other.

Most images of a patient lie so, and every image beside the grid that a network or a registration
makes of it: the same directions, other steps. What lies between eight voxels is then found along
one axis after the other, plane by plane, in a fifth of the time that SimpleITK takes (a whole body
of 400 x 400 x 326 to 3 mm on one processor: 0.6 for 3.1 s); means of blocks in a quarter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from imaging.volume import Array, BoolArray, FloatArray, Index3

#: Voxels a voxel by which axes may part before a grid counts as turned.
TURNED = 1e-6
#: A place nearer to the middle of a voxel than this, in voxels, is that middle but for rounding.
ROUNDING = 1e-9

#: So many planes are copied at once where each is strewn over the memory of its image.
SLAB = 32


def axes_along(indices: FloatArray) -> list[tuple[int, float]] | None:
    """For each axis of an image the axis of a grid that runs along it, and voxels a step.

    None where one runs along several: the grid is turned.

    Args:
        indices: 4 x 4, voxels of the grid to those of the image.
    """
    along = np.abs(indices[:3, :3]) > TURNED
    if (along.sum(axis=0) != 1).any() or (along.sum(axis=1) != 1).any():
        return None
    return [(int(row.argmax()), float(indices[n, row.argmax()])) for n, row in enumerate(along)]


def between_voxels(
    values: Array, indices: FloatArray, shape: Index3, *, fill: float | None
) -> Array | None:
    """Values at ``indices @ (i, j, k, 1)``, float32; None where the grid is turned.

    Args:
        values: (i, j, k) of an image.
        indices: 4 x 4, voxels of the grid to those of the image.
        shape: of the grid.
        fill: for voxels whose middle lies in none of the image's; None gives those of its edge.
    """
    axes = axes_along(indices)
    if axes is None:
        return None
    order = [0, 0, 0]
    places = [_AxisPlaces.of(0, np.zeros(0))] * 3
    for own, (axis, step) in enumerate(axes):
        order[axis] = own
        at = step * np.arange(shape[axis]) + indices[own, 3]
        places[axis] = _AxisPlaces.of(values.shape[own], at)
    i, j, k = places
    planes = np.transpose(values, order).T
    found = np.empty(shape[::-1], dtype=np.float32)
    held, held_from = planes[:0], -1
    for number, (low, high, share) in enumerate(zip(k.low, k.high, k.share, strict=True)):
        first = low - low % SLAB
        if first != held_from:
            held, held_from = _together(planes, first), first
        plane = held[low - first].astype(np.float32)
        if share:
            plane += share * (held[high - first].astype(np.float32) - plane)
        found[number] = i.between(np.ascontiguousarray(j.between(plane).T)).T
    if fill is not None:
        found[k.outside] = fill
        found[:, j.outside] = fill
        found[:, :, i.outside] = fill
    return found.T


def _together(planes: Array, first: int) -> Array:
    """A slab of planes and the one after it, each in one piece.

    Where an image lies in memory by its columns, a plane of it touches as much memory as a slab.
    """
    slab = planes[first : first + SLAB + 1]
    return slab if slab[0].flags.c_contiguous else np.ascontiguousarray(slab)


def block_means(values: Array, factors: Sequence[int]) -> Array:
    """Means over blocks of voxels, float32; what fills no block at an axis' end is left out.

    Args:
        values: (i, j, k) of an image.
        factors: voxels of a block along each axis, none above the image's.
    """
    i, j, k = (size // factor for size, factor in zip(values.shape, factors, strict=True))
    along_i, along_j, along_k = factors
    planes = values.T[:, : j * along_j, : i * along_i]
    found = np.empty((k, j, i), dtype=np.float32)
    for number in range(k):
        first = number * along_k
        plane = planes[first : first + along_k].sum(axis=0, dtype=np.float32)
        plane = plane.reshape(j, along_j, -1).sum(axis=1)
        total = plane[:, ::along_i].copy()
        for n in range(1, along_i):
            total += plane[:, n::along_i]
        np.divide(total, np.float32(along_i * along_j * along_k), out=found[number])
    return found.T


@dataclass(frozen=True, slots=True, eq=False)
class _AxisPlaces:
    """Where the voxels of a grid lie along an axis of an image.

    Attributes:
        low, high: the voxels to their sides; the same one where a place is its middle.
        share: of the way from the one to the other, float32.
        outside: in no voxel.
    """

    low: npt.NDArray[np.intp]
    high: npt.NDArray[np.intp]
    share: Array
    outside: BoolArray

    @classmethod
    def of(cls, size: int, at: FloatArray) -> Self:
        """Of places in voxels along an axis; beyond its ends they lie on the last voxel."""
        middle = np.rint(at)
        held = np.clip(np.where(np.abs(at - middle) < ROUNDING, middle, at), 0, size - 1)
        low = np.floor(held).astype(np.intp)
        share = (held - low).astype(np.float32)
        return cls(low, low + (share > 0), share, (at < -0.5) | (at >= size - 0.5))

    def between(self, rows: Array) -> Array:
        """Values (places, n) of rows (voxels, n)."""
        # No place is outside of the rows; "clip" spares the copy that looking for one takes.
        found = rows.take(self.low, axis=0, mode="clip")
        if self.share.any():
            higher = rows.take(self.high, axis=0, mode="clip")
            higher -= found
            higher *= self.share[:, np.newaxis]
            found += higher
        return found
