"""Where the tracer lies of what was delineated on a CT, and how much it stands out."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from imaging.distances import away_mm
from imaging.resampling import resample, resample_mask
from imaging.volume import Grid, Mask, Volume

#: Uptake is looked for in the mask and this far around it.
SHIFT_REACH_MM = 15.0
#: How far around a lesion uptake like its own is looked for, on voxels of the second size.
BEYOND_MM, BEYOND_STEP_MM = 21.0, 3.0
#: Uptake is like a lesion's from this share of its median.
ALIKE = 0.5


def uptake_shift_mm(mask: Mask, suv: Volume) -> float | None:
    """How far the centre of the uptake in and around a mask lies from the centre of the mask.

    Uptake counts above half of the highest value there; None if nothing there takes up tracer.
    """
    around = _grown(mask, SHIFT_REACH_MM)
    values = resample(suv, around.box_grid).array
    inside = np.where(around.array, values, 0.0)
    highest = float(inside.max(initial=0.0))
    background = float(np.median(values))
    if highest <= 1.5 * max(background, 0.5):
        return None
    hot = np.argwhere(inside >= 0.5 * highest)
    centre = around.box_grid.to_world_mm(hot.mean(axis=0))
    return float(np.linalg.norm(centre - mask.centre_mm))


def uptake_contrast(mask: Mask, suv: Volume) -> float | None:
    """Mean SUV in a mask over the mean SUV around it; None where there is nothing around it."""
    around = _grown(mask, SHIFT_REACH_MM)
    values = resample(suv, around.box_grid).array
    inside = np.zeros(around.array.shape, np.bool_)
    at = tuple(
        slice(s - a, s - a + n)
        for s, a, n in zip(mask.start, around.start, mask.array.shape, strict=True)
    )
    inside[at] = mask.array
    shell = around.array & ~inside
    background = float(values[shell].mean()) if shell.any() else 0.0
    return float(values[inside].mean()) / background if background > 0 else None


def uptake_beyond(mask: Mask, suv: Volume) -> float | None:
    """How much tissue that takes up tracer like the lesion hangs together with it outside of it.

    Tissue within :data:`BEYOND_MM` of the mask counts, whose SUV (blurred by a voxel of 3 mm) is at
    least half of the lesion's median.

    Returns:
        its volume as a multiple of the lesion's; None where the lesion is smaller than a voxel.
    """
    corners = mask.box_grid.corners_mm() @ mask.grid.directions
    low = corners.min(axis=0) - 2 * BEYOND_MM
    shape = np.ceil((corners.max(axis=0) + 2 * BEYOND_MM - low) / BEYOND_STEP_MM).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = mask.grid.directions * BEYOND_STEP_MM
    affine[:3, 3] = mask.grid.directions @ low
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
    inside = resample_mask(mask, grid).full()
    if not inside.any():
        return None
    values = ndimage.gaussian_filter(resample(suv, grid, fill=0.0).array, 1.0)
    near = ndimage.binary_dilation(inside, iterations=round(BEYOND_MM / BEYOND_STEP_MM))
    like = near & (values >= ALIKE * np.median(values[inside]))
    joined, _ = ndimage.label(like | inside)
    beyond = np.isin(joined, np.unique(joined[inside])) & ~inside
    return float(np.count_nonzero(beyond) / np.count_nonzero(inside))


def _grown(mask: Mask, reach_mm: float) -> Mask:
    """A mask with everything within a distance of it, inside the image."""
    spacing = np.array(mask.grid.spacing_mm)
    steps = np.ceil(reach_mm / spacing).astype(int)
    low = np.maximum(np.array(mask.start) - steps, 0)
    high = np.minimum(np.add(mask.start, mask.array.shape) + steps, mask.grid.shape)
    wide = np.zeros(tuple(high - low), np.bool_)
    at = tuple(
        slice(int(s - a), int(s - a + n))
        for s, a, n in zip(mask.start, low, mask.array.shape, strict=True)
    )
    wide[at] = mask.array
    near = away_mm(wide, mask.grid.spacing_mm) <= reach_mm
    return Mask(near, (int(low[0]), int(low[1]), int(low[2])), mask.grid)
