"""A cube of isotropic voxels around a place in a CT, for what looks at one lesion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from imaging.resampling import resample
from imaging.volume import Grid, Index3, Volume

#: The plane is averaged first where a voxel of the cube is wider than this many of the image.
AVERAGED_FROM = 1.6


def cube(grid: Grid, centre_mm: npt.ArrayLike, spacing_mm: float, side: int) -> Grid:
    """``side`` cubic voxels to each side along the axes of a grid, centred on a point (LPS mm)."""
    affine = np.eye(4)
    affine[:3, :3] = grid.directions * spacing_mm
    affine[:3, 3] = np.asarray(centre_mm) - affine[:3, :3] @ np.full(3, (side - 1) / 2.0)
    return Grid((side, side, side), affine, grid.frame_of_reference_uid)


def close_up(ct: Volume, window: Grid) -> Volume:
    """The CT in a cube; what lies beyond the image repeats its border. Float32.

    Linear interpolation; where the cube is coarser, the plane is averaged over its voxels first.
    """
    part = _around(ct, window)
    factor = round(window.spacing_mm[0] / ct.grid.spacing_mm[0])
    if window.spacing_mm[0] / ct.grid.spacing_mm[0] > AVERAGED_FROM:
        mean = ndimage.uniform_filter(part.array, [factor, factor, 1], mode="nearest")
        part = Volume(mean, part.grid, part.unit, part.source)
    return resample(part, window, fill=float(part.array.min()))


def _around(ct: Volume, window: Grid) -> Volume:
    """The box of the CT that a cube reaches into, with its border repeated where it ends."""
    corners = ct.grid.to_voxel(window.corners_mm())
    low = np.floor(corners.min(axis=0)).astype(int) - 2
    high = np.ceil(corners.max(axis=0)).astype(int) + 3
    index = [
        np.clip(np.arange(a, b), 0, size - 1)
        for a, b, size in zip(low, high, ct.grid.shape, strict=True)
    ]
    inner = tuple(slice(int(i[0]), int(i[-1]) + 1) for i in index)
    local = [i - i[0] for i in index]
    array = ct.array[inner][np.ix_(*local)].astype(np.float32)
    shape: Index3 = (array.shape[0], array.shape[1], array.shape[2])
    start: Index3 = (int(low[0]), int(low[1]), int(low[2]))
    return Volume(array, ct.grid.crop(start, shape), ct.unit, ct.source)
