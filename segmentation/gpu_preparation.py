"""Volumes onto the network's grid by a GPU: averaged and interpolated where the network runs.

The network's grid has the axes of the CT, so that linear interpolation goes axis by axis. The same
rule as :func:`segmentation.preparation.on_grid`, which every other case is left to.
"""

from __future__ import annotations

import numpy as np
import torch

from imaging.volume import Array, FloatArray, Grid, Volume

#: Axes are the same when no voxel is moved by more than this across them, in voxels.
ASIDE_VOXELS = 0.01


def on_grid_by(
    device: torch.device, volume: Volume, grid: Grid, factors: tuple[int, int, int], *, fill: float
) -> Array | None:
    """Values at the voxel centres of another grid, float32; None where the axes differ.

    Args:
        factors: voxels that are averaged along each axis before, see ``preparation.bins``.
    """
    places = _along_axes(volume.grid, grid, factors)
    if places is None:
        return None
    # In the order in which they lie in memory; a copy, for torch takes no read-only array.
    values = torch.from_numpy(np.array(volume.array.T, order="C")).to(device).float()
    for axis in range(3):
        values = _between(_averaged(values, 2 - axis, factors[axis]), 2 - axis, places[axis])
    for axis, at in enumerate(places):
        size = volume.grid.shape[axis] // factors[axis]
        outside = torch.from_numpy((at < -0.5) | (at > size - 0.5)).to(device)
        values.index_fill_(2 - axis, torch.nonzero(outside)[:, 0], fill)
    return np.asarray(values.cpu().numpy().T)


def _along_axes(
    own: Grid, grid: Grid, factors: tuple[int, int, int]
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """The place of each voxel of a grid along each axis of a volume's own, in averaged voxels."""
    to_own = np.linalg.inv(own.affine) @ grid.affine
    across = to_own[:3, :3] * ~np.eye(3, dtype=np.bool_)
    if np.abs(across).max() * max(grid.shape) > ASIDE_VOXELS:
        return None
    i, j, k = (
        (to_own[a, a] * np.arange(grid.shape[a]) + to_own[a, 3] - (factors[a] - 1) / 2) / factors[a]
        for a in range(3)
    )
    return i, j, k


def _averaged(values: torch.Tensor, axis: int, factor: int) -> torch.Tensor:
    if factor == 1:
        return values
    whole = values.shape[axis] // factor
    shape = [*values.shape[:axis], whole, factor, *values.shape[axis + 1 :]]
    return values.narrow(axis, 0, whole * factor).reshape(shape).mean(dim=axis + 1)


def _between(values: torch.Tensor, axis: int, places: FloatArray) -> torch.Tensor:
    """Linear interpolation at places along an axis; beyond the ends their value holds."""
    last = values.shape[axis] - 1
    at = np.clip(places, 0, last)
    low = np.minimum(np.floor(at).astype(np.int64), max(last - 1, 0))
    form = [1, 1, 1]
    form[axis] = len(at)
    share = torch.from_numpy((at - low).astype(np.float32)).to(values.device).reshape(form)
    below = torch.from_numpy(low).to(values.device)
    first = values.index_select(axis, below)
    return first + share * (values.index_select(axis, (below + 1).clamp_max(last)) - first)
