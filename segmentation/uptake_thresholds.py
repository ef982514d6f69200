"""Delineation of a PET by a level of uptake: the classical methods, with the network's output.

| method | level |
|---|---|
| fixed | a SUV; 4.0 by default (Barrington & Meignan, J Nucl Med 2019;60:1096) |
| percent | 41 % of the lesion's SUVmax (Boellaard et al., EJNMMI 2015;42:328, 50 % also in use) |
| liver | 1.5 x liver SUVmean + 2 SD (PERCIST: Wahl et al., J Nucl Med 2009;50 Suppl 1:122S) |
| otsu | of the histogram around the lesion (Otsu, IEEE Trans SMC 1979;9:62) |
| gradient | the level whose surface crosses the steepest uptake, 20 to 60 % of SUVmax |

With a click the lesion is what is connected to the hottest voxel near it. Without one, every
component above a floor of uptake is taken as a lesion and delineated by its own level;
physiological uptake is not told apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import cc3d
import numpy as np
from scipy import ndimage

from imaging.errors import GeometryError, InputError
from imaging.volume import Array, BoolArray, Grid, Unit, Volume
from segmentation.infer import Delineation
from segmentation.placement import place
from segmentation.prompts import Click

FIXED_SUV = 4.0
PERCENT_OF_MAX = 0.41
LIVER_FACTOR = 1.5
LIVER_SDS = 2.0
#: Without a click, lesions are looked for above this SUV.
FLOOR_SUV = 2.5
#: The hottest voxel is looked for this near a click.
CLICK_REACH_MM = 12.0
#: Otsu's histogram is of a box this much larger than the lesion at half its maximum.
OTSU_MARGIN_MM = 20.0
OTSU_BINS = 128
GRADIENT_LEVELS = np.linspace(0.20, 0.60, 21)


class ThresholdMethod(StrEnum):
    FIXED = "fixed"
    PERCENT = "percent"
    LIVER = "liver"
    OTSU = "otsu"
    GRADIENT = "gradient"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A method with its numbers.

    Attributes:
        method: see the module.
        suv: the level of FIXED.
        fraction: the share of SUVmax of PERCENT.
        liver_mean, liver_sd: reference of LIVER, SUV.
        floor_suv: lesions looked for without a click are above this.
    """

    method: ThresholdMethod
    suv: float = FIXED_SUV
    fraction: float = PERCENT_OF_MAX
    liver_mean: float | None = None
    liver_sd: float | None = None
    floor_suv: float = FLOOR_SUV

    def __post_init__(self) -> None:
        if self.suv <= 0 or self.floor_suv <= 0 or not 0 < self.fraction < 1:
            raise InputError("a threshold needs a positive SUV and a share between 0 and 1")
        if self.method is ThresholdMethod.LIVER and None in (self.liver_mean, self.liver_sd):
            raise InputError(
                "the liver threshold needs the liver's mean SUV and its standard deviation",
                remedy="measure a 3 cm sphere in the right lobe, or choose another method",
            )

    @property
    def name(self) -> str:
        if self.method is ThresholdMethod.FIXED:
            return f"SUV >= {self.suv:g}"
        if self.method is ThresholdMethod.PERCENT:
            return f"{100 * self.fraction:g} % of SUVmax"
        return str(self.method)


def delineate_by(
    threshold: Threshold, suv: Volume, grid: Grid, *, click: Click | None = None
) -> Delineation:
    """Lesions above the level, on the CT grid.

    Args:
        suv: SUVbw.
        grid: where the lesions are wanted; uptake is interpolated between PET voxels.
        click: means one lesion; None delineates everything hot.

    Raises:
        GeometryError: not SUVbw.
    """
    if suv.unit is not Unit.SUV_BW:
        raise GeometryError(f"the PET is in {suv.unit}, not SUVbw", where=suv.source or None)
    begun = time.perf_counter()
    # How far each voxel is above its lesion's level; interpolating this places the surface.
    above = np.full(suv.array.shape, -1.0, np.float32)
    warnings = []
    for peak in _peaks(threshold, suv, click):
        level = _level(threshold, suv, peak)
        region = _connected(suv.array >= level, peak)
        if not region.any():
            warnings.append(f"nothing near the click reaches a SUV of {level:.2f}")
            continue
        rim = ndimage.binary_dilation(region, iterations=2)
        above[rim] = np.maximum(above[rim], suv.array[rim] - np.float32(level))
    found = place(Volume(above, suv.grid, Unit.OTHER, suv.source), grid, source=threshold.name)
    seconds = (("threshold", time.perf_counter() - begun),)
    return Delineation(grid, found, threshold.name, seconds=seconds, warnings=tuple(warnings))


def _peaks(threshold: Threshold, suv: Volume, click: Click | None) -> Iterator[tuple[int, ...]]:
    """The hottest voxel of each lesion."""
    if click is not None:
        yield hottest_near(suv, click)
        return
    floor = threshold.suv if threshold.method is ThresholdMethod.FIXED else threshold.floor_suv
    labelled = cc3d.connected_components((suv.array >= floor).astype(np.uint8), connectivity=26)
    for number, box in enumerate(cc3d.statistics(labelled)["bounding_boxes"][1:], start=1):
        inside = np.where(labelled[box] == number, suv.array[box], -1.0)
        local = np.unravel_index(int(inside.argmax()), inside.shape)
        yield tuple(int(a.start + b) for a, b in zip(box, local, strict=True))


def hottest_near(suv: Volume, click: Click) -> tuple[int, int, int]:
    """The voxel of highest uptake near a click.

    Raises:
        InputError: the click lies outside the PET.
    """
    at = suv.grid.to_voxel(click.point_mm)
    reach = CLICK_REACH_MM / np.array(suv.grid.spacing_mm)
    low = np.maximum(np.ceil(at - reach), 0).astype(int)
    high = np.minimum(np.floor(at + reach) + 1, suv.grid.shape).astype(int)
    if (low >= high).any():
        raise InputError("the click lies outside the PET", where=suv.source or None)
    i, j, k = (slice(a, b) for a, b in zip(low, high, strict=True))
    near = suv.array[i, j, k]
    p, q, r = np.unravel_index(int(near.argmax()), near.shape)
    return int(p + low[0]), int(q + low[1]), int(r + low[2])


def _level(threshold: Threshold, suv: Volume, peak: tuple[int, ...]) -> float:
    if threshold.method is ThresholdMethod.FIXED:
        return threshold.suv
    if threshold.method is ThresholdMethod.LIVER:
        assert threshold.liver_mean is not None
        assert threshold.liver_sd is not None
        return LIVER_FACTOR * threshold.liver_mean + LIVER_SDS * threshold.liver_sd
    highest = float(suv.array[peak])
    if threshold.method is ThresholdMethod.PERCENT:
        return threshold.fraction * highest
    around = _around(suv, peak, highest)
    if threshold.method is ThresholdMethod.OTSU:
        return otsu_level(suv.array[around])
    local = tuple(p - side.start for p, side in zip(peak, around, strict=True))
    return _steepest_level(suv.array[around], suv.grid.spacing_mm, local, highest)


def _around(suv: Volume, peak: tuple[int, ...], highest: float) -> tuple[slice, slice, slice]:
    half = np.argwhere(_connected(suv.array >= 0.5 * highest, peak))
    margin = OTSU_MARGIN_MM / np.array(suv.grid.spacing_mm)
    low = np.maximum(half.min(axis=0) - margin, 0).astype(int)
    high = np.minimum(half.max(axis=0) + margin + 1, suv.grid.shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return i, j, k


def otsu_level(values: Array) -> float:
    """The level that splits values into the two classes of least variance within them."""
    counts, edges = np.histogram(values, bins=OTSU_BINS)
    middles = (edges[:-1] + edges[1:]) / 2.0
    below = np.cumsum(counts)[:-1]
    beyond = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = sums[:-1] / below - (sums[-1] - sums[:-1]) / beyond
    between = np.nan_to_num(below * beyond * apart**2)
    return float(edges[1 + int(between.argmax())])


def _steepest_level(
    values: Array, spacing_mm: tuple[float, float, float], peak: tuple[int, ...], highest: float
) -> float:
    smooth = values.astype(np.float32)
    slope = np.sqrt(sum(g**2 for g in np.gradient(smooth, *spacing_mm)))
    best, level = -1.0, 0.5 * highest
    for share in GRADIENT_LEVELS:
        region = _connected(smooth >= share * highest, peak)
        surface = region & ~ndimage.binary_erosion(region)
        mean = float(slope[surface].mean()) if surface.any() else 0.0
        if mean > best:
            best, level = mean, float(share * highest)
    return level


def _connected(hot: BoolArray, seed: tuple[int, ...]) -> BoolArray:
    """The component of a seed; nothing if the seed is not in it."""
    if not hot[seed]:
        return np.zeros(hot.shape, np.bool_)
    labelled = cc3d.connected_components(hot.astype(np.uint8), connectivity=26)
    return np.asarray(labelled == labelled[seed])
