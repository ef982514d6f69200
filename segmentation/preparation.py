"""Images onto the grid of the network."""

from __future__ import annotations

import numpy as np

from imaging.resampling import AIR_HU, isotropic_grid, resample
from imaging.volume import Array, Grid, Volume
from segmentation.network import SPACING_MM, encode_ct, encode_suv


def network_grid(grid: Grid, spacing_mm: float = SPACING_MM) -> Grid:
    """The isotropic grid over the field of view of a CT, along the same axes."""
    return isotropic_grid(grid, spacing_mm)


def on_grid(volume: Volume, grid: Grid, *, fill: float) -> Array:
    """Values at the voxel centres of another grid, float32.

    Linear interpolation. An axis that becomes about twice as coarse or more is averaged over whole
    voxels first: without it a thin-slice CT would hand all its noise to the network.
    """
    return resample(_binned(volume, grid), grid, fill=fill).array


def _binned(volume: Volume, grid: Grid) -> Volume:
    array, affine = volume.array, np.array(volume.grid.affine)
    along = np.abs(grid.directions.T @ volume.grid.directions)
    for axis in range(3):
        target = grid.spacing_mm[int(along[:, axis].argmax())]
        factor = int(target / volume.grid.spacing_mm[axis] + 0.25)
        if factor < 2 or array.shape[axis] < factor:
            continue
        whole = array.shape[axis] // factor * factor
        before = (slice(None),) * axis
        total = array[(*before, slice(0, whole, factor))].astype(np.float32, order="K")
        for n in range(1, factor):
            total += array[(*before, slice(n, whole, factor))]
        array = total / np.float32(factor)
        affine[:3, 3] += affine[:3, axis] * (factor - 1) / 2.0
        affine[:3, axis] *= factor
    if array is volume.array:
        return volume
    i, j, k = array.shape
    grid_of_means = Grid((i, j, k), affine, volume.grid.frame_of_reference_uid)
    return Volume(array, grid_of_means, volume.unit, volume.source)


def encoded(ct: Volume, suv: Volume | None, grid: Grid) -> tuple[Array, Array | None]:
    """CT and PET channel on the network's grid, float32; None without PET."""
    hu = encode_ct(on_grid(ct, grid, fill=AIR_HU))
    return hu, None if suv is None else encode_suv(on_grid(suv, grid, fill=0.0))
