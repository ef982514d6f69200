"""Whether anything in the images says where an outline ends.

A click in tissue that looks the same all around gives a ball: the network draws as much as it saw
most in training. Along an outline that follows a border the CT or the PET changes; here it is
looked at piece by piece, so that a lesion that lies half in fat and half against muscle has a
border on half of its surface and not on the mean of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaging.distances import away_mm
from imaging.resampling import isotropic_grid, resample, resample_mask
from imaging.volume import Array, BoolArray, Mask, Volume
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from segmentation.placement import meant
from segmentation.prompts import Click
from segmentation.uptake_thresholds import Threshold, ThresholdMethod, delineate_by

#: Tissue is compared on voxels of this size, at most so far inside and outside of the surface.
STEP_MM, BAND_MM = 3.0, 7.5
#: The surface is looked at in cubes of this side that hold so many voxels of either band.
PIECE_MM, FEWEST_VOXELS = 18.0, 6
#: There is a border where HU differ by this much; muscle and fat are 150 apart, muscle and most
#: sarcomas 10 to 30.
BORDER_HU = 12.0
#: Or SUV by this share of the larger of both, where that is uptake at all.
BORDER_UPTAKE, LEAST_SUV = 0.2, 0.5
#: An outline with a border along less of its surface follows nothing that is seen.
UNBOUNDED = 0.15
#: Uptake at the click is taken instead where it has a border along this much of its surface.
BOUNDED = 0.5


def bounded(found: Delineation, ct: Volume, suv: Volume | None, click: Click) -> Delineation:
    """An answer to a click; where it follows no border, one that does, or a flag that says so."""
    if not found.candidates:
        return found
    (lesion,) = found.candidates
    share = border_share(lesion.mask, ct, suv)
    if share >= UNBOUNDED:
        return found
    told = f"CT{'' if suv is None else ' and PET'} change along {100 * share:.0f} % of the outline"
    if suv is not None and (hot := _uptake_in(lesion, click, ct, suv)) is not None:
        why = f"no boundary found by the network ({told}): this is by {hot.model}"
        return replace(hot, warnings=(*found.warnings, why))
    doubt = f"no boundary found ({told}): its size is a guess; draw a line"
    return replace(found, candidates=(replace(lesion, flags=(*lesion.flags, doubt)),))


def _uptake_in(lesion: Candidate, click: Click, ct: Volume, suv: Volume) -> Delineation | None:
    """What takes up tracer at a click, where that is less than a lesion and ends somewhere."""
    near = _around(suv, lesion.mask)
    found = delineate_by(Threshold(ThresholdMethod.PERCENT), near, ct.grid, click=click)
    hot = meant(found.candidates, click, [])
    if not hot or hot[0].mask.volume_ml > lesion.mask.volume_ml:
        return None
    corners = near.grid.to_voxel(hot[0].mask.box_grid.corners_mm())
    goes_on = (corners < 1).any() or (corners > np.array(near.grid.shape) - 2).any()
    if goes_on or border_share(hot[0].mask, ct, suv) < BOUNDED:
        return None
    return replace(found, candidates=hot)


def _around(suv: Volume, mask: Mask) -> Volume:
    """The PET around an outline."""
    corners = suv.grid.to_voxel(mask.box_grid.corners_mm())
    margin = BAND_MM / np.array(suv.grid.spacing_mm) + 1
    size = np.array(suv.array.shape)
    low = np.clip(np.floor(corners.min(axis=0) - margin).astype(int), 0, size - 1)
    high = np.clip(np.ceil(corners.max(axis=0) + margin).astype(int) + 1, low + 1, size)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    array = suv.array[i, j, k]
    shape = array.shape[0], array.shape[1], array.shape[2]
    return Volume(array, suv.grid.crop((i.start, j.start, k.start), shape), suv.unit, suv.source)


def border_share(mask: Mask, ct: Volume, suv: Volume | None) -> float:
    """The share of the surface along which the CT or the PET changes, 0..1.

    Args:
        mask: an outline of at least one voxel.
        ct: HU.
        suv: SUVbw, None without PET.
    """
    margin = np.ceil(2.0 * BAND_MM / np.array(mask.grid.spacing_mm)).astype(int)
    # Beyond the image there is nothing to compare with.
    low = np.maximum(np.array(mask.start) - margin, 0)
    high = np.minimum(np.add(mask.start, mask.array.shape) + margin, mask.grid.shape)
    (a, b, c), (i, j, k) = ((int(n) for n in three) for three in (low, high - low))
    grid = isotropic_grid(mask.grid.crop((a, b, c), (i, j, k)), STEP_MM)
    inside = resample_mask(mask, grid).full()
    if not inside.any():
        return 1.0  # smaller than the voxels that it would be judged on
    if inside.all():
        return 0.0
    spacing = grid.spacing_mm
    within = inside & (away_mm(~inside, spacing) <= BAND_MM)
    beyond = ~inside & (away_mm(inside, spacing) <= BAND_MM)
    piece = _pieces(grid.shape)
    hu = _by_piece(np.clip(resample(ct, grid).array, -200.0, 300.0), within, beyond, piece)
    border = np.abs(hu[0] - hu[1]) >= BORDER_HU
    if suv is not None:
        up = _by_piece(resample(suv, grid).array, within, beyond, piece)
        most = np.maximum(*up)
        border |= (np.abs(up[0] - up[1]) >= BORDER_UPTAKE * most) & (most >= LEAST_SUV)
    judged = ~np.isnan(hu[0] - hu[1])
    if not judged.any():
        return 1.0
    counts = np.bincount(piece[within | beyond], minlength=len(judged))
    return float(counts[judged & border].sum() / counts[judged].sum())


def _pieces(shape: tuple[int, int, int]) -> Array:
    """The number of the cube that each voxel lies in."""
    sides = [np.arange(n) // round(PIECE_MM / STEP_MM) for n in shape]
    _, b, c = (int(side[-1]) + 1 for side in sides)
    return np.asarray((sides[0][:, None, None] * b + sides[1][:, None]) * c + sides[2])


def _by_piece(values: Array, within: BoolArray, beyond: BoolArray, piece: Array) -> Array:
    """(2, pieces): the mean of each piece inside and outside; NaN where too few voxels lie."""
    count = int(piece.max()) + 1
    means = []
    for band in (within, beyond):
        number = np.bincount(piece[band], minlength=count)
        total = np.bincount(piece[band], values[band], minlength=count)
        means.append(np.where(number >= FEWEST_VOXELS, total / np.maximum(number, 1), np.nan))
    return np.array(means)
