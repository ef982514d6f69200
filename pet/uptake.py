"""Uptake of lesions on the PET's own grid: SUVmax, mean, peak, volumes, glycolysis, spread.

PET is never resampled to be measured: a mask of another grid goes to the PET grid (nearest
voxel), and only within the same frame of reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy

from imaging.errors import GeometryError, InputError
from imaging.resampling import resample_mask
from imaging.volume import Array, FloatArray, Grid, Mask, Volume
from pet.peak import Peak, PeakVariant, suv_peak

#: SUV >= 4 (Boellaard, EANM 2.0; robust for whole-body MTV) and the older 2.5.
FIXED_SUV = 4.0
LOW_FIXED_SUV = 2.5
#: 41 % of SUVmax (Boellaard, EJNMMI 2015;42:328, section on quantification).
RELATIVE_SHARE = 0.41
#: Liver-based: mean * 1.5 + 2 SD, as PERCIST's measurability (Wahl, JNM 2009;50(S1):122S).
LIVER_FACTOR = 1.5
LIVER_DEVIATIONS = 2.0
#: Above this many points only those on the convex hull can be furthest apart.
HULL_FROM = 64


@dataclass(frozen=True, slots=True)
class UptakeThreshold:
    """Which voxels of a delineation are metabolically active: those at or above a value.

    Attributes:
        name: how the value was chosen, e.g. ``SUV>=4``.
        value: absolute, in the unit of the volume; None for a share of the maximum.
        share: of the lesion's maximum; None for an absolute value.
    """

    name: str
    value: float | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.share is None):
            raise InputError(f"threshold {self.name!r} needs either a value or a share")

    @classmethod
    def fixed(cls, suv: float = FIXED_SUV) -> UptakeThreshold:
        return cls(f"SUV>={suv:g}", value=suv)

    @classmethod
    def relative(cls, share: float = RELATIVE_SHARE) -> UptakeThreshold:
        return cls(f"{100 * share:g}%max", share=share)

    def of(self, values: FloatArray) -> float:
        """The absolute value for a lesion with these voxel values."""
        if self.value is not None:
            return self.value
        assert self.share is not None  # one of the two, see __post_init__
        return self.share * float(values.max(initial=0.0))


@dataclass(frozen=True, slots=True)
class Uptake:
    """What a delineation holds. SUV values in the unit of the volume.

    Attributes:
        suv_peak: with its variant and realised volume.
        mtv_ml: volume of the delineation's voxels (not of a mesh).
        tlg: SUVmean times volume, g for SUVbw (not IBSI's integrated intensity, which takes the
            volume of a mesh).
        suv_sd: population standard deviation.
        max_mm: LPS position of the hottest voxel.
    """

    suv_max: float
    suv_mean: float
    suv_sd: float
    suv_median: float
    suv_min: float
    suv_peak: Peak
    mtv_ml: float
    tlg: float
    max_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Burden:
    """Several lesions together; voxels that two delineations share count once."""

    lesions: int
    mtv_ml: float
    tlg: float
    suv_max: float | None
    dmax_mm: float | None


class Between(StrEnum):
    """Which points Dmax lies between."""

    CENTROIDS = "centroids"
    VOXELS = "voxels"


def on_pet_grid(mask: Mask, grid: Grid) -> Mask:
    """A mask of another grid of the same patient position on the PET grid, nearest voxel.

    Raises:
        GeometryError: the frames of reference differ, or nothing of the mask lies on the PET.
    """
    ours, theirs = grid.frame_of_reference_uid, mask.grid.frame_of_reference_uid
    if None not in (ours, theirs) and ours != theirs:
        raise GeometryError(
            "FrameOfReferenceUID (0020,0052) of the delineation is not that of the PET",
            remedy="register the two first",
        )
    moved = resample_mask(mask, grid, interpolation="nearest")
    if mask.voxels and not moved.voxels:
        raise GeometryError("the delineation holds no voxel centre of the PET grid")
    return moved


def uptake(suv: Volume, mask: Mask, *, variant: PeakVariant = PeakVariant.GLOBAL) -> Uptake:
    """The uptake in a delineation.

    Args:
        suv: SUV, (i, j, k).
        mask: on the same grid.

    Raises:
        GeometryError: the grids differ (see :func:`on_pet_grid`).
        InputError: the mask is empty.
    """
    values = mask.values(suv).astype(np.float64)
    if not values.size:
        raise InputError("an empty delineation has no uptake", where=suv.source or None)
    hottest = np.argwhere(mask.array)[int(np.argmax(values))] + np.array(mask.start)
    i, j, k = (float(part) for part in suv.grid.to_world_mm(hottest))
    mean = float(values.mean())
    return Uptake(
        suv_max=float(values.max()),
        suv_mean=mean,
        suv_sd=float(values.std()),
        suv_median=float(np.median(values)),
        suv_min=float(values.min()),
        suv_peak=suv_peak(suv, mask, variant),
        mtv_ml=mask.volume_ml,
        tlg=mean * mask.volume_ml,
        max_mm=(i, j, k),
    )


def metabolic_mask(suv: Volume, mask: Mask, threshold: UptakeThreshold) -> Mask:
    """The voxels of a delineation at or above a threshold; may be empty."""
    values = mask.values(suv)
    active = np.array(mask.array)
    active[mask.array] = values >= threshold.of(values)
    return Mask(active, mask.start, mask.grid)


def burden(
    suv: Volume,
    lesions: Sequence[Mask],
    *,
    threshold: UptakeThreshold | None = None,
    between: Between = Between.CENTROIDS,
) -> Burden:
    """Whole-body totals of lesions on the PET grid.

    Args:
        threshold: only voxels at or above it count, lesion by lesion; None takes all.
        between: the points of Dmax.
    """
    masks = [
        mask if threshold is None else metabolic_mask(suv, mask, threshold) for mask in lesions
    ]
    masks = [mask for mask in masks if mask.voxels]
    if not masks:
        return Burden(0, 0.0, 0.0, None, None)
    values = suv.array[_union(masks)]
    voxel_ml = suv.grid.voxel_volume_mm3 / 1000.0
    return Burden(
        lesions=len(masks),
        mtv_ml=values.size * voxel_ml,
        tlg=float(values.sum(dtype=np.float64)) * voxel_ml,
        suv_max=float(values.max()),
        dmax_mm=dmax_mm(masks, between=between),
    )


def burden_by_field(
    suv: Volume,
    lesions: Sequence[Mask],
    fields: Sequence[str],
    *,
    threshold: UptakeThreshold | None = None,
) -> Mapping[str, Burden]:
    """The totals of the lesions of each field (``in``, ``out`` ...), in order of appearance."""
    pairs = list(zip(lesions, fields, strict=True))
    return {
        name: burden(suv, [mask for mask, field in pairs if field == name], threshold=threshold)
        for name in dict.fromkeys(fields)
    }


def dmax_mm(lesions: Sequence[Mask], *, between: Between = Between.CENTROIDS) -> float:
    """The largest distance between lesions (Cottereau, Ann Oncol 2020;31:404: centroids).

    Between voxels: the two voxel centres furthest apart, which may be of one lesion.
    """
    if between is Between.CENTROIDS:
        points = np.array([mask.centre_mm for mask in lesions])
    else:
        points = np.concatenate([_ends_mm(mask) for mask in lesions])
    if len(points) > HULL_FROM:
        # Joggled: points that share a plane or a line have no hull of three dimensions.
        points = points[scipy.spatial.ConvexHull(points, qhull_options="QJ").vertices]
    return float(scipy.spatial.distance.pdist(points).max(initial=0.0))


def _ends_mm(mask: Mask) -> FloatArray:
    """The first and last voxel of each row along i: the others lie between two of these."""
    rows = np.argwhere(mask.array.any(axis=0))
    array = mask.array[:, rows[:, 0], rows[:, 1]]
    first, last = array.argmax(axis=0), len(array) - 1 - array[::-1].argmax(axis=0)
    ends = np.concatenate([np.column_stack([end, rows]) for end in (first, last)])
    return mask.grid.to_world_mm(ends + np.array(mask.start))


def _union(masks: Sequence[Mask]) -> tuple[Array, Array, Array]:
    """Indices of the voxels of any mask, each once."""
    shape = masks[0].grid.shape
    flat = [
        np.ravel_multi_index((np.argwhere(mask.array) + np.array(mask.start)).T, shape)
        for mask in masks
    ]
    i, j, k = np.unravel_index(np.unique(np.concatenate(flat)), shape)
    return i, j, k
