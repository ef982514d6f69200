"""SUVpeak: the mean over a sphere of one cubic centimetre, in three named variants.

The sphere is realised in voxels: "1 cm3" is 0.5 to 1.2 ml depending on the spacing, so the
realised volume is kept with the value. Voxels outside the lesion count, and the sphere is clipped
at the border of the image (IBSI 1 reference manual, local intensity features).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from imaging.errors import InputError
from imaging.volume import Array, BoolArray, FloatArray, Mask, Volume

#: Radius of a sphere of 1 cm3 (IBSI: 0.62 cm).
RADIUS_MM = (3000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
#: Sub-samples along an axis for the share of a voxel inside the sphere.
SUBSAMPLES = 21


class PeakVariant(StrEnum):
    """Which sphere.

    LOCAL: centred on the hottest voxel (of several equally hot ones, the highest mean).
    GLOBAL: the highest mean over all centres in the lesion; PERCIST's.
    PARTIAL_VOLUME: as GLOBAL, each voxel weighted by its share inside the sphere.
    """

    LOCAL = "local"
    GLOBAL = "global"
    PARTIAL_VOLUME = "partial-volume"


@dataclass(frozen=True, slots=True)
class Peak:
    """SUVpeak with what makes it comparable.

    Attributes:
        value: in the unit of the volume.
        variant: which sphere.
        volume_ml: the sphere as realised in voxels, clipped at the border.
        centre_mm: LPS position of the sphere's centre.
    """

    value: float
    variant: PeakVariant
    volume_ml: float
    centre_mm: tuple[float, float, float]


@lru_cache(maxsize=64)
def sphere(spacing_mm: tuple[float, float, float], *, weighted: bool = False) -> FloatArray:
    """Weights of the voxels around the centre, (i, j, k), each side odd.

    Args:
        weighted: the share of each voxel inside the sphere; otherwise 1 where its centre is.
    """
    spacing = np.array(spacing_mm)
    reach = np.ceil(RADIUS_MM / spacing + 0.5).astype(int)
    within = np.linspace(-0.5, 0.5, SUBSAMPLES, endpoint=False) + 0.5 / SUBSAMPLES
    offsets = within if weighted else np.zeros(1)
    squares = [
        ((np.arange(-n, n + 1)[:, None] + offsets) * step) ** 2
        for n, step in zip(reach, spacing, strict=True)
    ]
    limit = RADIUS_MM**2 * (1.0 + 1e-12)  # a centre exactly on the sphere is inside
    plane = squares[1].ravel()[:, None] + squares[2].ravel()
    sides = (squares[1].shape[0], len(offsets), squares[2].shape[0], len(offsets))
    # One layer of voxels at a time: all sub-samples at once take hundreds of megabytes.
    shares = np.stack(
        [
            np.mean(
                [(plane <= limit - x2).reshape(sides).mean(axis=(1, 3)) for x2 in layer], axis=0
            )
            for layer in squares[0]
        ]
    )
    used = np.argwhere(shares > 0)
    low, high = used.min(axis=0), used.max(axis=0) + 1
    kernel = np.ascontiguousarray(shares[tuple(map(slice, low, high))])
    kernel.setflags(write=False)
    return kernel


def suv_peak(suv: Volume, mask: Mask, variant: PeakVariant = PeakVariant.GLOBAL) -> Peak:
    """The peak of a lesion.

    Args:
        suv: (i, j, k) on the PET's own grid.
        mask: the lesion on the same grid.

    Raises:
        GeometryError: the grids differ.
        InputError: the mask is empty.
    """
    centres = np.array(mask.array)
    if variant is PeakVariant.LOCAL:
        values = mask.values(suv)
        hottest = values.max(initial=-np.inf)
        centres[mask.array] = values == hottest
    return peak_over(suv, mask, centres, variant)


def peak_over(suv: Volume, mask: Mask, centres: BoolArray, variant: PeakVariant) -> Peak:
    """The highest sphere mean over given centres, (i, j, k) bool in the mask's box."""
    if not mask.grid.same_as(suv.grid):
        mask.values(suv)  # raises with the reason
    if not centres.any():
        raise InputError("an empty lesion has no SUVpeak", where=suv.source or None)
    kernel = sphere(suv.grid.spacing_mm, weighted=variant is PeakVariant.PARTIAL_VOLUME)
    sums, weights = _sums(suv.array, mask, kernel)
    means = np.where(centres, sums / weights, -np.inf)
    best = np.unravel_index(int(np.argmax(means)), means.shape)
    index = np.add(best, mask.start)
    i, j, k = (float(part) for part in suv.grid.to_world_mm(index))
    full = weights if isinstance(weights, float) else float(weights[best])
    volume_ml = full * suv.grid.voxel_volume_mm3 / 1000.0
    return Peak(float(means[best]), variant, volume_ml, (i, j, k))


def _sums(array: Array, mask: Mask, kernel: FloatArray) -> tuple[FloatArray, FloatArray | float]:
    """Weighted sum around each voxel of the box, and the weight that lies inside the image.

    The weight is one number where no sphere reaches over the border.
    """
    reach = np.array(kernel.shape) // 2
    start, shape = np.array(mask.start), np.array(mask.array.shape)
    low = np.maximum(start - reach, 0)
    high = np.minimum(start + shape + reach, array.shape)
    window = array[tuple(map(slice, low, high))].astype(np.float64)
    before, after = reach - (start - low), reach - (high - start - shape)
    clipped = bool(before.any() or after.any())
    margins = tuple(zip(before, after, strict=True))
    padded = np.pad(window, margins) if clipped else window
    sums = _shifted_sum(padded, kernel, mask.array.shape)
    if not clipped:
        return sums, float(kernel.sum())
    return sums, _shifted_sum(np.pad(np.ones_like(window), margins), kernel, mask.array.shape)


def _shifted_sum(padded: FloatArray, kernel: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Correlation of a padded box with the kernel, one shifted box per kernel voxel."""
    # Boxes are cut along their slowest axis first: keep the memory order of the image.
    total = np.zeros(shape, order="F")
    box_i, box_j, box_k = shape
    for (i, j, k), weight in np.ndenumerate(kernel):
        if weight == 0.0:
            continue
        part = padded[i : i + box_i, j : j + box_j, k : k + box_k]
        total += part if weight == 1.0 else weight * part
    return total
