"""Where the liver and the descending aorta lie on a CT: landmarks for reference regions.

No network: lungs, spine and homogeneous soft tissue are found by their density. What is not found
is ``None``, never guessed; the reader then gives the place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cc3d
import numpy as np
import scipy

from imaging.body import without_holes
from imaging.resampling import AIR_HU, resample
from imaging.volume import BoolArray, FloatArray, Grid, Mask, Volume

#: Landmarks are searched on a grid of this spacing, along LPS.
SPACING_MM = 3.0
#: Body, lung (inside the body), soft tissue and bone by density, after slight smoothing.
BODY_HU = -400.0
LUNG_HU = -450.0
SOFT_HU = (0.0, 250.0)
BONE_HU = 180.0
SMOOTHING_MM = 2.5
#: Smaller pockets of air are bowel.
SMALLEST_LUNG_ML = 300.0
#: The right lobe is searched this far around the base of the right lung, in mm.
LIVER_BELOW_BASE_MM = 120.0
LIVER_ABOVE_BASE_MM = 70.0
#: ... and this far right of the midline: the heart and the left lobe lie nearer.
LIVER_FROM_MIDLINE_MM = 40.0
#: How deep a place lies is known up to here, in mm: far beyond what any liver holds.
DEEPEST_MM = 120.0
#: A soft organ that does not hold a sphere of this radius is not the liver.
SMALLEST_LIVER_RADIUS_MM = 22.0
#: The descending aorta is searched in this part of the height of the lungs, from their base.
AORTA_HEIGHT = (0.25, 0.65)
#: Its centre relative to the spine: left of its middle, around its anterior face.
AORTA_LEFT_MM = (3.0, 45.0)
AORTA_ANTERIOR_MM = (-22.0, 15.0)
#: A disc of this radius lies within the aorta and is homogeneous: blood, enhanced or not ...
AORTA_RADIUS_MM = 6.0
BLOOD_HU = (5.0, 500.0)
ENHANCED_HU = 230.0
LARGEST_DEVIATION_HU = 15.0
LARGEST_VARIATION = 0.1
#: ... and lung lies beside it: in at least this share of the ring between these radii.
RING_MM = (14.0, 24.0)
SMALLEST_LUNG_SHARE = 0.15
#: Half the width of a vertebral body; fewer pixels of bone are none.
VERTEBRA_HALF_MM = 18.0
SMALLEST_VERTEBRA_PIXELS = 20
#: Slices on either side whose median place of the spine is taken.
SPINE_REACH = 7
#: How far (standard deviation) its centres may lie from a straight line along z.
AORTA_DRIFT_MM = 5.0
AORTA_LENGTH_MM = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """A CT on the search grid (axes along LPS), its body and its lungs."""

    grid: Grid
    hu: FloatArray
    body: BoolArray
    lungs: BoolArray

    @property
    def midline_mm(self) -> float:
        """LPS x of the middle of the body at the lungs, of which one may be missing."""
        chest = self.body[:, :, self.lungs.any(axis=(0, 1))]
        weight = np.count_nonzero(chest, axis=(1, 2))
        middle = float(np.average(np.arange(len(weight)), weights=weight))
        return float(self.grid.origin_mm[0]) + middle * SPACING_MM

    def index(self, axis: int, position_mm: float) -> int:
        """Nearest index along an axis, clipped to the grid."""
        found = round((position_mm - float(self.grid.origin_mm[axis])) / SPACING_MM)
        return min(max(found, 0), self.grid.shape[axis] - 1)


def read_anatomy(ct: Volume) -> Anatomy | None:
    """The landmarks of a CT in HU; None where no lungs are in the field."""
    corners = ct.grid.corners_mm()
    low = corners.min(axis=0)
    count = np.maximum(np.ceil((corners.max(axis=0) - low) / SPACING_MM).astype(int), 1) + 1
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = low
    grid = Grid((int(count[0]), int(count[1]), int(count[2])), affine)
    plain = resample(Volume(ct.array, ct.grid, ct.unit), grid, fill=AIR_HU).array
    hu = scipy.ndimage.gaussian_filter(plain.astype(np.float32), SMOOTHING_MM / SPACING_MM)
    body = _body(hu)
    lungs = _pockets(body & (hu < LUNG_HU))
    return Anatomy(grid, hu, body, lungs) if lungs.any() else None


def _body(hu: FloatArray) -> BoolArray:
    """The largest solid, filled slice by slice."""
    solid = cc3d.largest_k(np.ascontiguousarray(hu > BODY_HU), k=1, connectivity=6) > 0
    return without_holes(np.asarray(solid, dtype=np.bool_))


def _pockets(air: BoolArray) -> BoolArray:
    least = int(SMALLEST_LUNG_ML * 1000.0 / SPACING_MM**3)
    kept = cc3d.dust(np.ascontiguousarray(air), threshold=least, connectivity=6)
    return np.asarray(kept > 0, dtype=np.bool_)


def right_lobe(anatomy: Anatomy, clear_of: BoolArray | None = None) -> FloatArray:
    """Centres (n, 3) LPS mm deep in the right liver lobe, the deepest first; none if not found.

    Args:
        clear_of: voxels of the search grid to keep away from (lesions).
    """
    base = _right_lung_base_mm(anatomy)
    if base is None:
        return np.empty((0, 3))
    low = anatomy.index(2, base - LIVER_BELOW_BASE_MM)
    high = anatomy.index(2, base + LIVER_ABOVE_BASE_MM)
    right = anatomy.index(0, anatomy.midline_mm - LIVER_FROM_MIDLINE_MM)
    # Only what can be the nearest edge of a place in the search is looked at.
    reach = math.ceil(DEEPEST_MM / SPACING_MM)
    below = max(low - reach, 0)
    near = np.s_[: right + reach, :, below : high + 1 + reach]
    soft = (anatomy.hu[near] > SOFT_HU[0]) & (anatomy.hu[near] < SOFT_HU[1]) & anatomy.body[near]
    # One voxel of air around the image: a liver cut by the field of view ends there.
    rims = (
        (1, int(right + reach >= anatomy.grid.shape[0])),
        (1, 1),
        (int(below == 0), int(high + 1 + reach >= anatomy.grid.shape[2])),
    )
    padded = scipy.ndimage.distance_transform_edt(np.pad(soft, rims))
    depth = padded[1:, 1:, rims[2][0] :][tuple(map(slice, soft.shape))] * SPACING_MM
    if clear_of is not None and clear_of[near].any():
        away = scipy.ndimage.distance_transform_edt(~clear_of[near]) * SPACING_MM
        depth = np.minimum(depth, away)
    found = depth[:right, :, low - below : high + 1 - below]
    if not found.size or found.max() < SMALLEST_LIVER_RADIUS_MM:
        return np.empty((0, 3))
    enough = found >= max(SMALLEST_LIVER_RADIUS_MM, 0.7 * float(found.max()))
    order = np.argsort(-found[enough], kind="stable")
    picked = np.argwhere(enough)[order] + (0, 0, low)
    return anatomy.grid.to_world_mm(picked)


def _right_lung_base_mm(anatomy: Anatomy) -> float | None:
    """LPS z of the lower end of the right lung (patient's right has the smaller x)."""
    middle = anatomy.index(0, anatomy.midline_mm)
    right = anatomy.lungs[:middle]
    if np.count_nonzero(right) * SPACING_MM**3 < 1000.0 * SMALLEST_LUNG_ML:
        return None
    heights = np.nonzero(right)[2]
    # The posterior recess reaches far down: the base is where a tenth of the lung lies below.
    return float(anatomy.grid.origin_mm[2] + np.quantile(heights, 0.1) * SPACING_MM)


def descending_aorta(anatomy: Anatomy) -> FloatArray | None:
    """Centres (n, 3) LPS mm of a straight piece of the descending thoracic aorta, or None.

    In each slice the discs of blood beside the spine are found; those that continue from slice to
    slice are vessels, and of them the aorta is the longest.
    """
    heights = np.flatnonzero(anatomy.lungs.any(axis=(0, 1)))
    bottom, height = int(heights[0]), int(heights[-1] - heights[0])
    low, high = (bottom + round(part * height) for part in AORTA_HEIGHT)
    scores = _scores(anatomy, range(low, high + 1))
    vessels = cc3d.connected_components(np.ascontiguousarray(scores < 1.0), connectivity=26)
    hu = anatomy.hu[:, :, low : high + 1]
    spans = [
        (box[2].stop - box[2].start, float(hu[vessels == number].mean()), number)
        for number, box in enumerate(cc3d.statistics(vessels)["bounding_boxes"])
        if number > 0
    ]
    # Of equally long ones the denser: enhanced blood is brighter than muscle.
    length, _, number = max(spans, default=(0, 0.0, 0))
    if length * SPACING_MM < AORTA_LENGTH_MM:
        return None
    inside = np.where(vessels == number, scores, np.inf)
    track = [
        anatomy.grid.to_world_mm([*divmod(int(np.argmin(plane)), plane.shape[1]), low + k])
        for k, plane in enumerate(np.moveaxis(inside, 2, 0))
        if np.isfinite(plane).any()
    ]
    return _straightest(np.array(track))


def _straightest(track: FloatArray) -> FloatArray | None:
    """The piece of the wanted length whose centres lie closest to their mean, if close enough."""
    count = math.ceil(AORTA_LENGTH_MM / SPACING_MM)
    pieces = [track[first : first + count] for first in range(len(track) - count + 1)]
    apart = [float(piece[:, :2].std(axis=0).max()) for piece in pieces]
    best = int(np.argmin(apart))
    return pieces[best] if apart[best] <= AORTA_DRIFT_MM else None


def _scores(anatomy: Anatomy, heights: range) -> FloatArray:
    """(i, j, height): heterogeneity of the disc at each place over its limit; below 1 is blood."""
    disc, ring = _disc(0.0, AORTA_RADIUS_MM), _disc(*RING_MM)
    block = (slice(None), slice(None), slice(heights.start, heights.stop))
    hu = anatomy.hu[block].astype(np.float64)
    mean = scipy.ndimage.convolve(hu, disc[:, :, None] / disc.sum())
    square = scipy.ndimage.convolve(hu**2, disc[:, :, None] / disc.sum())
    limit = LARGEST_DEVIATION_HU + LARGEST_VARIATION * np.maximum(mean, 0.0)
    scores = np.sqrt(np.maximum(square - mean**2, 0.0)) / limit
    share = scipy.ndimage.convolve(
        anatomy.lungs[block].astype(float), ring[:, :, None] / ring.sum()
    )
    vessel = (mean > BLOOD_HU[0]) & (mean < BLOOD_HU[1]) & (share >= SMALLEST_LUNG_SHARE)
    enhanced = (mean > ENHANCED_HU) & (scores < 1.0)
    spines = [_spine(anatomy, k, enhanced[:, :, n]) for n, k in enumerate(heights)]
    known = np.array([(n, *spine) for n, spine in enumerate(spines) if spine is not None])
    if not len(known):
        return np.full(scores.shape, np.inf)
    for n in range(len(heights)):
        near = known[np.abs(known[:, 0] - n) <= SPINE_REACH]
        beside = len(near) and _beside(anatomy, *np.median(near[:, 1:], axis=0))
        vessel[:, :, n] &= beside
    return np.where(vessel, scores, np.inf)


def _beside(anatomy: Anatomy, middle_mm: float, face_mm: float) -> BoolArray:
    """Where the centre of the aorta can be in a slice: left of and before the vertebra."""
    left = anatomy.grid.origin_mm[0] + np.arange(anatomy.grid.shape[0]) * SPACING_MM - middle_mm
    behind = anatomy.grid.origin_mm[1] + np.arange(anatomy.grid.shape[1]) * SPACING_MM - face_mm
    window = (left >= AORTA_LEFT_MM[0])[:, None] & (left <= AORTA_LEFT_MM[1])[:, None]
    window = window & (behind >= AORTA_ANTERIOR_MM[0]) & (behind <= AORTA_ANTERIOR_MM[1])
    vertebra = (left < VERTEBRA_HALF_MM)[:, None] & (behind > -AORTA_RADIUS_MM)
    beside: BoolArray = window & ~vertebra
    return beside


def _disc(inner_mm: float, outer_mm: float) -> FloatArray:
    """1 within an annulus of pixels, odd sides."""
    reach = math.floor(outer_mm / SPACING_MM)
    steps = np.arange(-reach, reach + 1) * SPACING_MM
    away = np.hypot(steps[:, None], steps[None])
    return np.asarray((away >= inner_mm) & (away <= outer_mm), dtype=np.float64)


def _spine(anatomy: Anatomy, k: int, enhanced: BoolArray) -> tuple[float, float] | None:
    """LPS x of the middle and y of the anterior face of the vertebra in a slice.

    Args:
        enhanced: (i, j) centres of discs of enhanced blood, which is as dense as bone.
    """
    columns = np.flatnonzero(anatomy.lungs[:, :, k].any(axis=1))
    rows = np.flatnonzero(anatomy.lungs[:, :, k].any(axis=0))
    if not rows.size:
        return None
    blood = scipy.ndimage.binary_dilation(enhanced, _disc(0.0, AORTA_RADIUS_MM + SPACING_MM) > 0)
    bone = (anatomy.hu[:, :, k] > BONE_HU) & anatomy.body[:, :, k] & ~blood
    # The posterior half, between the lungs' outer borders; ribs lie on either side alike.
    bone[: columns[0]], bone[columns[-1] :], bone[:, : int(rows.mean())] = False, False, False
    if np.count_nonzero(bone) < SMALLEST_VERTEBRA_PIXELS:
        return None
    middle = int(np.median(np.nonzero(bone)[0]))
    half = round(VERTEBRA_HALF_MM / SPACING_MM)
    depth = np.nonzero(bone[max(middle - half, 0) : middle + half + 1])[1]
    if not depth.size:
        return None
    x, y = (float(start) for start in anatomy.grid.origin_mm[:2])
    return x + middle * SPACING_MM, y + float(np.quantile(depth, 0.05)) * SPACING_MM


def on_search_grid(anatomy: Anatomy, masks: list[Mask]) -> BoolArray:
    """The voxels of masks of any grid on the search grid (nearest voxel)."""
    found = np.zeros(anatomy.grid.shape, dtype=np.bool_)
    for mask in masks:
        points = mask.grid.to_world_mm(np.argwhere(mask.array) + np.array(mask.start))
        index = np.rint(anatomy.grid.to_voxel(points)).astype(int)
        inside = ((index >= 0) & (index < anatomy.grid.shape)).all(axis=1)
        found[tuple(index[inside].T)] = True
    return found
