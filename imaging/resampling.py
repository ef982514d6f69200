"""Volumes and masks on another grid.

Between grids whose axes run along each other values are interpolated axis by axis
(:mod:`imaging.along_axes`). Anything else SimpleITK does on voxel indices: both images are handed
over without geometry and the affine between their indices as the transform, so that oblique,
sheared and left-handed grids need no special case. Values are computed in float32; an int16 output
would truncate.
"""

from __future__ import annotations

import itertools
import math
from enum import StrEnum

import numpy as np

from imaging.along_axes import between_voxels
from imaging.errors import GeometryError
from imaging.itk import sitk
from imaging.volume import Array, FloatArray, Grid, Index3, Mask, Unit, Volume

#: What lies outside of a volume: air for a CT, nothing for anything else.
AIR_HU = -1000.0

#: A mask resampled linearly holds a voxel when at least this share of it is inside.
MASK_THRESHOLD = 0.5


class Interpolation(StrEnum):
    NEAREST = "nearest"
    LINEAR = "linear"
    CUBIC = "cubic"  # cubic B-spline; overshoots at edges


_KERNEL = {
    Interpolation.NEAREST: "sitkNearestNeighbor",
    Interpolation.LINEAR: "sitkLinear",
    Interpolation.CUBIC: "sitkBSpline",
}


def isotropic_grid(grid: Grid, spacing_mm: float) -> Grid:
    """A grid of cubic voxels with the same axes, covering the same box of voxel faces.

    The box is centred: where it is no multiple of the spacing, the new grid is larger on both
    sides by the same amount (less than half a voxel).
    """
    if not (math.isfinite(spacing_mm) and spacing_mm > 0):
        raise GeometryError(f"a grid cannot have a spacing of {spacing_mm} mm")
    extent_mm = np.array(grid.shape) * np.array(grid.spacing_mm)
    # An extent that is a whole number of voxels but for rounding gets no further voxel.
    i, j, k = (int(n) for n in np.maximum(1, np.ceil(extent_mm / spacing_mm - 1e-6)))
    affine = np.eye(4)
    affine[:3, :3] = grid.directions * spacing_mm
    middle_mm = grid.to_world_mm((np.array(grid.shape) - 1) / 2)
    affine[:3, 3] = middle_mm - affine[:3, :3] @ ((np.array([i, j, k]) - 1) / 2)
    return Grid((i, j, k), affine, grid.frame_of_reference_uid)


def resample(
    volume: Volume,
    grid: Grid,
    *,
    interpolation: Interpolation | str = Interpolation.LINEAR,
    fill: float | None = None,
) -> Volume:
    """A volume on another grid, point by point: nothing is averaged on a coarser grid.

    Args:
        interpolation: nearest keeps the type of the values, the others give float32.
        fill: value outside of the volume; None is air for HU and zero otherwise.
    """
    kernel = Interpolation(interpolation)
    if fill is None:
        fill = AIR_HU if volume.unit is Unit.HU else 0.0
    values = _resampled(volume.array, index_map(grid, volume.grid), grid.shape, kernel, fill)
    return Volume(values, grid, volume.unit, volume.source)


def resample_mask(
    mask: Mask, grid: Grid, *, interpolation: Interpolation | str = Interpolation.LINEAR
) -> Mask:
    """A mask on another grid; only the mask's box is computed.

    Linear (the default) keeps a voxel whose interpolated membership is at least one half, nearest
    asks the nearest voxel. What lies outside of the grid is lost; the result may be empty.
    """
    kernel = Interpolation(interpolation)
    if kernel is Interpolation.CUBIC:
        raise GeometryError("a mask is resampled by nearest or linear interpolation")
    if mask.grid.same_as(grid) or not mask.voxels:
        inside = mask.grid.same_as(grid)
        return Mask(mask.array if inside else _nothing(), mask.start if inside else (0, 0, 0), grid)
    # A rim of background, so that the interpolation falls to zero outside the box.
    rim = np.pad(mask.array, 1).astype(np.float32)
    source = mask.grid.crop(_shifted(mask.start, -1), _shape(rim))
    start, shape = _box_within(grid, source)
    if min(shape) < 1:
        return Mask(_nothing(), (0, 0, 0), grid)
    box = grid.crop(start, shape)
    values = _resampled(rim, index_map(box, source), shape, kernel, 0.0)
    # Half a voxel's rounding noise must not decide on a tie.
    tight = Mask.of(values >= MASK_THRESHOLD - 1e-6, box)
    first = tuple(a + b for a, b in zip(start, tight.start, strict=True))
    return Mask(tight.array, (first[0], first[1], first[2]), grid)


def index_map(to_grid: Grid, from_grid: Grid) -> FloatArray:
    """4 x 4: voxel indices of ``to_grid`` to those of ``from_grid`` at the same place."""
    return np.asarray(np.linalg.inv(from_grid.affine) @ to_grid.affine, dtype=np.float64)


def _resampled(
    array: Array, indices: FloatArray, shape: Index3, kernel: Interpolation, fill: float
) -> Array:
    """Values at ``indices @ (i, j, k, 1)`` of an array."""
    nearest = kernel is Interpolation.NEAREST
    if kernel is not Interpolation.CUBIC:  # a spline's coefficients are of the whole array
        array, indices = _reached(array, indices, shape)
    if kernel is Interpolation.LINEAR:
        between = between_voxels(array, indices, shape, fill=fill)
        if between is not None:
            return between
    values = array if nearest and array.dtype != np.bool_ else array.astype(np.float32, order="K")
    image = sitk.GetImageFromArray(values.T)
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(indices[:3, :3].ravel())
    transform.SetTranslation(indices[:3, 3])
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(shape)
    resampler.SetTransform(transform)
    resampler.SetInterpolator(getattr(sitk, _KERNEL[kernel]))
    resampler.SetDefaultPixelValue(fill)
    # GetArrayFromImage copies: a view would die with the image.
    return np.asarray(sitk.GetArrayFromImage(resampler.Execute(image)).T)


def _reached(array: Array, indices: FloatArray, shape: Index3) -> tuple[Array, FloatArray]:
    """The part of an array that a grid's voxels lie in, and their indices in it.

    A lesion in a whole body costs what the lesion does. A rim of two voxels keeps every voxel that
    is interpolated with.
    """
    last = np.array(list(np.ndindex(2, 2, 2))) * (np.array(shape) - 1)
    corners = last @ indices[:3, :3].T + indices[:3, 3]
    size = np.array(array.shape)
    # Where nothing is reached, a voxel is left: all that is asked for lies outside of it too.
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, size - 1)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, low + 1, size)
    moved = indices.copy()
    moved[:3, 3] -= low
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return array[i, j, k], moved


def _box_within(grid: Grid, source: Grid) -> tuple[Index3, Index3]:
    """The part of a grid (first voxel, shape) that another grid's box can reach."""
    corners = np.array(list(itertools.product(*((0, n - 1) for n in source.shape))))
    reached = grid.to_voxel(source.to_world_mm(corners))
    first = np.maximum(np.floor(reached.min(axis=0)), 0).astype(int)
    last = np.minimum(np.ceil(reached.max(axis=0)), np.array(grid.shape) - 1).astype(int)
    a, b, c = (int(n) for n in first)
    i, j, k = (int(n) for n in last - first + 1)
    return (a, b, c), (i, j, k)


def _shifted(start: Index3, by: int) -> Index3:
    return start[0] + by, start[1] + by, start[2] + by


def _shape(array: Array) -> Index3:
    i, j, k = array.shape
    return i, j, k


def _nothing() -> Array:
    return np.zeros((0, 0, 0), dtype=np.bool_)
