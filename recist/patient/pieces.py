"""Whether an outline holds one lesion or several: pieces of one, and lesions grown together.

RECIST 1.1 (Eisenhauer 2009, section 4.3.2) adds the longest diameters of the fragments of a lesion,
and measures lesions that have coalesced as one, unless a plane between them can still be made out.
How such a plane looks, the paper does not say. Here it is one in which the image falls back towards
what surrounds both lesions; and lesions that meet in a narrow neck only touch, plane or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cc3d
import numpy as np
import scipy

from imaging.spread import robust_deviation
from imaging.volume import Array, BoolArray, FloatArray, Grid, Mask, Volume
from segmentation.instances import SMALLEST_CANDIDATE_ML

#: Smoothing before tissue is told from what surrounds it, mm.
SMOOTHED_MM = 0.8
#: What surrounds a lesion is looked at within this distance of its outline, beyond the first, mm.
AROUND_MM = (2.0, 7.0)
#: A lesion that stands out by less than this from what surrounds it shows no cleft, HU; nor one
#: that stands out by less than so many standard deviations of the noise.
LEAST_CONTRAST_HU, LEAST_NOISES = 30.0, 3.0
#: Tissue stands out by this share of the lesion's contrast: half, where an edge is drawn. Between
#: two lesions a thin plane does not fall back as far: these are tried.
TISSUE, PLANES = 0.5, (0.6, 0.7, 0.8)
#: A piece holds this share of the lesion; of two lesions with a plane between them each keeps so
#: much of itself.
LEAST_PIECE, LEAST_KEPT = 0.1, 0.4
#: A piece lies in the outline by this share: what reaches far beyond it is something else.
MOSTLY = 0.6
#: Pieces lie this far apart, mm.
LEAST_CLEFT_MM = 2.0
#: Lesions have grown together where they meet over this share of the smaller one's diameter.
LEAST_NECK = 0.5
#: Between the label of a lesion and the number of its piece.
PIECE = ", piece "


@dataclass(frozen=True, slots=True, eq=False)
class _Surroundings:
    """A part of an image around an outline.

    Attributes:
        height: how far each voxel stands out from what surrounds the lesion, as a share of how far
            the lesion does: 0 there, 1 inside.
        start: of the part, in voxels of the whole grid.
    """

    height: Array
    start: tuple[int, int, int]
    grid: Grid

    def of(self, mask: Mask) -> BoolArray:
        """A mask of the whole grid on this part."""
        return _in_box(mask, np.array(self.start), np.add(self.start, self.height.shape))

    def mask(self, array: BoolArray) -> Mask:
        return Mask.placed(array, self.start, self.grid)


def united(pieces: Sequence[Mask]) -> Mask:
    """Several masks of one grid as one; at least one."""
    if len(pieces) == 1:
        return pieces[0]
    low, high = _box(pieces)
    whole = np.any([_in_box(piece, low, high) for piece in pieces], axis=0)
    a, b, c = (int(n) for n in low)
    return Mask.placed(whole, (a, b, c), pieces[0].grid)


def in_pieces(
    mask: Mask, ct: Volume, *, level_hu: float | None = None, off_mm: float = 0.0
) -> tuple[Mask, ...]:
    """The pieces of the lesion in an outline, largest first; the outline itself where it is one.

    What is not tissue of the lesion is in none of the pieces: gas, or tissue that came between.

    Args:
        ct: HU, on the grid of the mask.
        level_hu: of the lesion's tissue; None reads it in the outline.
        off_mm: how far the outline may be off: pieces may reach beyond it by so much.
    """
    around = _surroundings([mask], ct, level_hu=level_hu)
    if around is None:
        return (mask,)
    inside = around.of(mask)
    spacing = mask.grid.spacing_mm
    room = scipy.ndimage.distance_transform_edt(~inside, sampling=spacing) <= off_mm
    labels = cc3d.connected_components(
        ((around.height >= TISSUE) & room).astype(np.uint8), connectivity=26
    )
    sizes = np.bincount(labels.ravel())[1:]
    within = np.bincount(labels[inside], minlength=len(sizes) + 1)[1:]
    sizes = np.where(within >= MOSTLY * sizes, sizes, 0)
    least = max(
        LEAST_PIECE * sizes.sum(), SMALLEST_CANDIDATE_ML * 1000 / mask.grid.voxel_volume_mm3
    )
    apart: list[BoolArray] = []
    for number in np.argsort(-sizes, kind="stable"):
        if sizes[number] < least:
            break
        piece = labels == number + 1
        # A crack of less than the least cleft is none: what it parts is one piece.
        far = scipy.ndimage.distance_transform_edt(~piece, sampling=spacing)
        near = [n for n, other in enumerate(apart) if float(far[other].min()) < LEAST_CLEFT_MM]
        joined = np.any([piece, *(apart[n] for n in near)], axis=0)
        apart = [other for n, other in enumerate(apart) if n not in near] + [joined]
    if len(apart) < 2:
        return (mask,)
    return tuple(sorted((around.mask(piece) for piece in apart), key=lambda each: -each.volume_ml))


def level_of(mask: Mask, ct: Volume) -> float:
    """The HU of a lesion's tissue."""
    return float(np.median(mask.values(ct)))


def have_coalesced(one: Mask, other: Mask, ct: Volume) -> bool:
    """Whether two outlines that meet are of lesions that can no longer be told apart.

    Args:
        one, other: of one grid, sharing no voxel.
        ct: HU, on that grid.
    """
    neck_mm2 = contact_mm2(one, other)
    neck_mm = 2 * np.sqrt(neck_mm2 / np.pi)
    if neck_mm < LEAST_NECK * 2 * min(one.radius_mm, other.radius_mm):
        return False
    around = _surroundings([one, other], ct)
    return around is None or not _has_plane(around, around.of(one), around.of(other))


def _has_plane(around: _Surroundings, one: BoolArray, other: BoolArray) -> bool:
    """Whether both lie in different pieces of what stands out by some share of the contrast."""
    for share in PLANES:
        tissue = (around.height >= share) & (one | other)
        labels = cc3d.connected_components(tissue.astype(np.uint8), connectivity=6)
        counts = [np.bincount(labels[each], minlength=2)[1:] for each in (one, other)]
        first, second = (int(count.argmax()) for count in counts)
        kept = [
            counts[0][first] / np.count_nonzero(one),
            counts[1][second] / np.count_nonzero(other),
        ]
        if first != second and min(kept) >= LEAST_KEPT:
            return True
    return False


def contact_mm2(one: Mask, other: Mask) -> float:
    """The area over which two outlines of one grid meet, seen along the line of their middles."""
    low, high = _box([one, other])
    a, b = (_in_box(mask, low, high) for mask in (one, other))
    spacing = np.array(one.grid.spacing_mm)
    faces = np.zeros(3)
    for axis in range(3):
        front = [slice(None)] * 3
        back = [slice(None)] * 3
        front[axis], back[axis] = slice(1, None), slice(None, -1)
        ahead = a[tuple(back)] & b[tuple(front)]
        behind = b[tuple(back)] & a[tuple(front)]
        faces[axis] = (int(ahead.sum()) - int(behind.sum())) * spacing.prod() / spacing[axis]
    # The faces of a staircase add up to the plane that it follows, each along its own axis.
    return float(np.linalg.norm(faces))


def _box(masks: Sequence[Mask]) -> tuple[Array, Array]:
    """First voxel and the one after the last, of all masks."""
    low = np.min([mask.start for mask in masks], axis=0)
    return low, np.max([np.add(mask.start, mask.array.shape) for mask in masks], axis=0)


def _in_box(mask: Mask, low: Array, high: Array) -> BoolArray:
    found = np.zeros(tuple((high - low).tolist()), np.bool_)
    at = tuple(
        slice(int(s - a), int(s - a) + n)
        for s, a, n in zip(mask.start, low, mask.array.shape, strict=True)
    )
    found[at] = mask.array
    return found


def _surroundings(
    masks: Sequence[Mask], ct: Volume, *, level_hu: float | None = None
) -> _Surroundings | None:
    """The image around some outlines; None where they do not stand out from what surrounds them."""
    grid = ct.grid
    spacing = np.array(grid.spacing_mm)
    rim = np.ceil(AROUND_MM[1] / spacing).astype(int) + 1
    low, high = _box(masks)
    low, high = np.maximum(low - rim, 0), np.minimum(high + rim, grid.shape)
    a, b, c = (int(n) for n in low)
    values = ct.region(low, high).astype(np.float32)
    part = _Surroundings(values, (a, b, c), grid)
    inside = np.any([part.of(mask) for mask in masks], axis=0)
    apart = scipy.ndimage.distance_transform_edt(~inside, sampling=spacing)
    shell = (apart > AROUND_MM[0]) & (apart <= AROUND_MM[1])
    if not shell.any():
        return None
    smooth = scipy.ndimage.gaussian_filter(values, SMOOTHED_MM / spacing, mode="nearest")
    rough = values - scipy.ndimage.median_filter(values, 3)
    noise_hu = robust_deviation(rough[inside])
    without = float(np.median(smooth[shell]))
    levels = [
        _contrast_hu(smooth[part.of(mask)] - without) if level_hu is None else level_hu - without
        for mask in masks
    ]
    contrast = min(levels, key=abs)
    if abs(contrast) < max(LEAST_CONTRAST_HU, LEAST_NOISES * noise_hu):
        return None
    return _Surroundings((smooth - without) / contrast, part.start, grid)


def _contrast_hu(values: FloatArray) -> float:
    """The contrast of the voxels that stand out most: much of an outline of pieces is no lesion."""
    return max((float(np.quantile(values, q)) for q in (0.25, 0.75)), key=abs)
