"""What was lung at an earlier date and is dense now: new lesions that a comparison shows.

Looking for something new, a radiologist lays both dates side by side; subtraction of registered
images does the same (temporal subtraction: Kano et al. 1994, Med Phys 21:453). In the lung, where a
new spot of a few millimetres stands out and a network of PET/CT sees no uptake to go by, it finds
nodules by what they are: dense, compact, and where aerated lung was before.
"""

from __future__ import annotations

from collections.abc import Sequence

import cc3d
import numpy as np
import scipy

from imaging.distances import away_mm
from imaging.registration import Registration
from imaging.registration.reduction import Reduced, reduced, toned
from imaging.volume import BoolArray, FloatArray, Mask, Volume

#: Working resolution, mm.
SPACING_MM = 3.0
#: Denser than this is no lung; less dense than the second is aerated.
DENSE_HU, AERATED_HU = -400.0, -650.0
#: What was dense before may have moved by so much, beyond the registration, mm.
MOVED_MM = 4.0
#: A ball of this radius fits into what is new: thinner things are vessels and folds, mm.
LEAST_RADIUS_MM = 2.5
#: Volumes of spots that are looked at, ml: a nodule of 5 mm, and one of 60 mm.
VOLUMES_ML = (0.06, 110.0)
#: Spots fill at least this share of the ball around them, and lung lies around this share of them.
LEAST_FILL, LEAST_LUNG = 0.15, 0.3
AROUND_MM = 6.0
#: Denser tissue farther from aerated lung than this is not looked at, mm.
MOST_DEPTH_MM = 15.0
#: No more spots than this are looked at, the thickest first.
MOST_SPOTS = 8


def compared(ct: Volume) -> Reduced:
    """A CT in HU as it is compared with another one."""
    return reduced(ct, SPACING_MM)


def new_in_lung(
    now: Volume,
    before: Reduced,
    registrations: tuple[Registration | None, Registration | None],
    known: Sequence[tuple[Mask, float]],
) -> tuple[FloatArray, ...]:
    """The middles, LPS mm, of spots that are dense now and were aerated lung at an earlier date.

    Args:
        now: CT in HU.
        before: that of the earlier date, see :func:`compared`.
        registrations: of both dates to the first one, in this order; None for the first itself.
        known: lesions that are accounted for, on the grid of ``now``, and how far around each
            nothing is looked for, mm: what lies beside a lesion that shrinks is drawn after it.
    """
    here = compared(now)
    dense_tone, aerated_tone = (float(toned(np.array([hu]))[0]) for hu in (DENSE_HU, AERATED_HU))
    lung = (here.toned < aerated_tone) & here.body & here.known
    if not lung.any():
        return ()
    reach = away_mm(lung, (SPACING_MM,) * 3)
    dense = (here.toned > dense_tone) & here.known & (reach <= MOST_DEPTH_MM)
    dense &= ~_covered(known, here)
    index = np.argwhere(dense)
    if not len(index):
        return ()
    points = here.grid.to_world_mm(index)
    own, other = registrations
    points = points if own is None else own.to_fixed_mm(points)
    points = points if other is None else other.to_moving_mm(points)
    # Dense before, or next to it: it moved. Not imaged before: nothing can be said.
    quiet = before.known & before.body & (before.toned <= aerated_tone)
    quiet &= ~_within(before.toned > dense_tone, MOVED_MM)
    at = np.rint(before.grid.to_voxel(points)).astype(int)
    inside = ((at >= 0) & (at < np.array(quiet.shape))).all(axis=1)
    fresh = np.zeros_like(inside)
    fresh[inside] = quiet[tuple(at[inside].T)]
    spots = np.zeros(dense.shape, np.bool_)
    spots[tuple(index[fresh].T)] = True
    return _middles(spots, lung, here)


def _within(region: BoolArray, reach_mm: float) -> BoolArray:
    """Voxels no farther than a few steps from a region, itself included."""
    steps = int(reach_mm / SPACING_MM)
    offsets = np.indices((2 * steps + 1,) * 3) - steps
    ball = SPACING_MM * np.linalg.norm(offsets, axis=0) <= reach_mm
    padded = np.pad(region, steps)
    near = np.zeros_like(region)
    for place in np.argwhere(ball):
        near |= padded[tuple(slice(a, a + n) for a, n in zip(place, region.shape, strict=True))]
    return near


def _middles(spots: BoolArray, lung: BoolArray, here: Reduced) -> tuple[FloatArray, ...]:
    """The deepest points of the spots that can be a lesion, the thickest first."""
    labels = cc3d.connected_components(spots.astype(np.uint8), connectivity=6)
    found: list[tuple[float, FloatArray]] = []
    for number, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        spot = labels[box] == number
        volume_ml = np.count_nonzero(spot) * SPACING_MM**3 / 1000
        if not VOLUMES_ML[0] <= volume_ml <= VOLUMES_ML[1]:
            continue
        extent_mm = float(np.linalg.norm(np.array(spot.shape) * SPACING_MM)) / np.sqrt(3)
        fill = volume_ml * 1000 / (np.pi / 6 * extent_mm**3)
        if fill < LEAST_FILL:
            continue
        depths = np.where(spot, _depth_mm(spots, box), 0.0)
        if depths.max() < LEAST_RADIUS_MM:
            continue
        if _lung_around(spot, box, lung) < LEAST_LUNG:
            continue
        deepest = np.argwhere(depths == depths.max())
        middle = deepest[np.linalg.norm(deepest - deepest.mean(axis=0), axis=1).argmin()]
        first = np.array([side.start for side in box])
        found.append((float(depths.max()), here.grid.to_world_mm(middle + first)))
    found.sort(key=lambda spot: -spot[0])
    return tuple(middle for _, middle in found[:MOST_SPOTS])


def _depth_mm(spots: BoolArray, box: tuple[slice, ...]) -> FloatArray:
    """How deep each voxel of a box around one spot lies in what is new.

    What is nearest outside of a spot lies no farther off than one voxel beside its box.
    """
    wide = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
    before = [side.start - out.start for side, out in zip(box, wide, strict=True)]
    # Beyond the image nothing is new.
    padded = np.pad(spots[wide], 1)
    depth = scipy.ndimage.distance_transform_edt(padded, sampling=SPACING_MM)
    inner = tuple(
        slice(1 + first, 1 + first + side.stop - side.start)
        for first, side in zip(before, box, strict=True)
    )
    return np.asarray(depth[inner])


def _lung_around(spot: BoolArray, box: tuple[slice, ...], lung: BoolArray) -> float:
    """The share of aerated lung in the shell around a spot."""
    steps = int(np.ceil(AROUND_MM / SPACING_MM))
    wide = tuple(
        slice(max(side.start - steps, 0), min(side.stop + steps, n))
        for side, n in zip(box, lung.shape, strict=True)
    )
    padded = np.pad(
        spot,
        [
            (side.start - out.start, out.stop - side.stop)
            for side, out in zip(box, wide, strict=True)
        ],
    )
    shell = scipy.ndimage.binary_dilation(padded, iterations=steps) & ~padded
    return float(lung[wide][shell].mean()) if shell.any() else 0.0


def _covered(known: Sequence[tuple[Mask, float]], here: Reduced) -> BoolArray:
    """Voxels of lesions that are accounted for, with what lies around them."""
    shape = np.array(here.grid.shape)
    all_covered = np.zeros(here.grid.shape, np.bool_)
    for mask, around_mm in known:
        index = np.argwhere(mask.array) + np.array(mask.start)
        at = np.rint(here.grid.to_voxel(mask.grid.to_world_mm(index))).astype(int)
        at = at[((at >= 0) & (at < shape)).all(axis=1)]
        if not len(at):
            continue
        room_mm = max(around_mm, AROUND_MM)
        rim = int(np.ceil(room_mm / SPACING_MM)) + 1
        low, high = np.maximum(at.min(axis=0) - rim, 0), np.minimum(at.max(axis=0) + rim + 1, shape)
        free = np.ones(tuple(high - low), np.bool_)
        free[tuple((at - low).T)] = False
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        all_covered[box] |= (
            scipy.ndimage.distance_transform_edt(free, sampling=SPACING_MM) <= room_mm
        )
    return all_covered
