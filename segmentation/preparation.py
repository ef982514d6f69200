"""Images onto the grid of the network."""

from __future__ import annotations

import numpy as np
import torch

from imaging.along_axes import block_means
from imaging.resampling import AIR_HU, isotropic_grid, resample
from imaging.volume import Array, Grid, Volume
from segmentation.gpu_preparation import on_grid_by
from segmentation.network import SPACING_MM, encode_ct, encode_suv


def network_grid(grid: Grid, spacing_mm: float = SPACING_MM) -> Grid:
    """The isotropic grid over the field of view of a CT, along the same axes."""
    return isotropic_grid(grid, spacing_mm)


def on_grid(volume: Volume, grid: Grid, *, fill: float) -> Array:
    """Values at the voxel centres of another grid, float32.

    Linear interpolation. An axis that becomes about twice as coarse or more is averaged over whole
    voxels first: without it a thin-slice CT would hand all its noise to the network.
    """
    return resample(_binned(_reached(volume, grid), grid), grid, fill=fill).array


def _reached(volume: Volume, grid: Grid) -> Volume:
    """The part of a volume that a grid sees, cut between the voxels that are averaged together."""
    whole = np.array(bins(volume, grid))
    corners = volume.grid.to_voxel(grid.corners_mm())
    size = np.array(volume.array.shape)
    low = (np.floor(corners.min(axis=0)).astype(int) // whole - 2) * whole
    low = np.clip(low, 0, (size - 1) // whole * whole)
    high = (np.ceil(corners.max(axis=0)).astype(int) // whole + 3) * whole
    high = np.clip(high, np.minimum(low + whole, size), size)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    array = volume.array[i, j, k]
    if array.shape == volume.array.shape:
        return volume
    start, shape = (i.start, j.start, k.start), (array.shape[0], array.shape[1], array.shape[2])
    return Volume(array, volume.grid.crop(start, shape), volume.unit, volume.source)


def bins(volume: Volume, grid: Grid) -> tuple[int, int, int]:
    """How many voxels along each axis of a volume make one of a grid."""
    along = np.abs(grid.directions.T @ volume.grid.directions)
    factors = []
    for axis in range(3):
        target = grid.spacing_mm[int(along[:, axis].argmax())]
        factor = int(target / volume.grid.spacing_mm[axis] + 0.25)
        factors.append(factor if 2 <= factor <= volume.array.shape[axis] else 1)
    return factors[0], factors[1], factors[2]


def _binned(volume: Volume, grid: Grid) -> Volume:
    factors = bins(volume, grid)
    if max(factors) == 1:
        return volume
    array, affine = block_means(volume.array, factors), np.array(volume.grid.affine)
    # The middle of a block lies between its voxels.
    affine[:3, 3] += affine[:3, :3] @ ((np.array(factors) - 1) / 2)
    affine[:3, :3] *= factors
    i, j, k = array.shape
    grid_of_means = Grid((i, j, k), affine, volume.grid.frame_of_reference_uid)
    return Volume(array, grid_of_means, volume.unit, volume.source)


def encoded(
    ct: Volume, suv: Volume | None, grid: Grid, device: torch.device | None = None
) -> tuple[Array, Array | None]:
    """CT and PET channel on the network's grid, float32; None without PET.

    Args:
        device: a GPU that does the work where it can.
    """

    def brought(volume: Volume, fill: float) -> Array:
        if device is not None and device.type != "cpu":
            found = on_grid_by(device, volume, grid, bins(volume, grid), fill=fill)
            if found is not None:
                return found
        return on_grid(volume, grid, fill=fill)

    return encode_ct(brought(ct, AIR_HU)), None if suv is None else encode_suv(brought(suv, 0.0))
