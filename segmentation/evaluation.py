"""How good a delineation is: overlap, surface, lesions, diameter; with intervals.

A true mask and a found mask of one image are compared on the same grid, spacing in mm. Figures of
several patients are summarised with percentile bootstrap intervals over patients, and two methods
are compared by a paired test over the same patients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cc3d
import numpy as np
import scipy

from imaging.errors import GeometryError, InputError
from imaging.volume import BoolArray, FloatArray, Grid, Mask

#: Surfaces closer than this count as the same: surface Dice at 3 mm.
SURFACE_TOLERANCE_MM = 3.0
#: A lesion counts as found when it shares this part of its voxels with what was delineated.
FOUND_OVERLAP = 0.1
BOOTSTRAP_SAMPLES = 2000
CONFIDENCE = 0.95

Spacing = tuple[float, float, float]
#: Longest diameter of a mask in mm: the measuring lives above this package.
Diameter = Callable[[Mask], float]


@dataclass(frozen=True, slots=True)
class Scores:
    """One image. ``None`` where a figure has no meaning (a surface of nothing).

    Attributes:
        dice: overlap of all lesions together; 1 when both masks are empty.
        hd95_mm: 95th percentile of the surface distances, the larger of both directions.
        surface_dice: share of both surfaces within 3 mm of the other.
        false_positive_ml: volume of found components that touch no lesion (autoPET's FPV).
        false_negative_ml: volume of true components that nothing touches (autoPET's FNV).
        lesions, found_lesions, false_components: counts of components.
        volume_bias_ml: found minus true.
        diameter_true_mm, diameter_found_mm: of the largest component.
    """

    dice: float
    hd95_mm: float | None
    surface_dice: float | None
    false_positive_ml: float
    false_negative_ml: float
    lesions: int
    found_lesions: int
    false_components: int
    volume_true_ml: float
    volume_bias_ml: float
    diameter_true_mm: float | None = None
    diameter_found_mm: float | None = None

    @property
    def lesion_f1(self) -> float:
        """2 TP / (2 TP + FP + FN) over components; 1 when there is nothing and nothing found."""
        total = self.found_lesions + self.lesions + self.false_components
        return 2.0 * self.found_lesions / total if total else 1.0

    @property
    def diameter_error_mm(self) -> float | None:
        """Found minus true; a lesion not found at all is in error by its whole diameter."""
        if self.diameter_true_mm is None:
            return None
        return (self.diameter_found_mm or 0.0) - self.diameter_true_mm


def score(
    true: BoolArray, found: BoolArray, grid: Grid, *, diameter: Diameter | None = None
) -> Scores:
    """Compare two masks (i, j, k) of a grid.

    Raises:
        GeometryError: the shapes differ.
    """
    if true.shape != found.shape or true.shape != grid.shape:
        raise GeometryError(f"masks of shape {true.shape} and {found.shape} on {grid.shape}")
    millilitre = grid.voxel_volume_mm3 / 1000.0
    missed, touched, hits = _components(true, found)
    false, _, _ = _components(found, true)
    distances = surface_distances_mm(true, found, grid.spacing_mm)
    return Scores(
        dice=dice(true, found),
        hd95_mm=None if distances is None else hausdorff95_mm(*distances),
        surface_dice=None if distances is None else surface_dice(*distances),
        false_positive_ml=float(false.sum()) * millilitre,
        false_negative_ml=float(missed.sum()) * millilitre,
        lesions=touched,
        found_lesions=hits,
        false_components=len(false),
        volume_true_ml=float(np.count_nonzero(true)) * millilitre,
        volume_bias_ml=(float(np.count_nonzero(found)) - np.count_nonzero(true)) * millilitre,
        diameter_true_mm=None if diameter is None else _largest(true, grid, diameter),
        diameter_found_mm=None if diameter is None else _largest(found, grid, diameter),
    )


def dice(true: BoolArray, found: BoolArray) -> float:
    """Twice the shared volume over the sum of both; 1 when both are empty."""
    return dice_of_counts(
        int(np.count_nonzero(true & found)),
        int(np.count_nonzero(true)),
        int(np.count_nonzero(found)),
    )


def dice_of_counts(shared: int, one: int, other: int) -> float:
    """The same from numbers of voxels, for masks that are compared without whole arrays."""
    return 2.0 * shared / (one + other) if one + other else 1.0


def shared_voxels(one: Mask, other: Mask) -> int:
    """Voxels that two masks of one grid share."""
    low = np.maximum(one.start, other.start)
    high = np.minimum(np.add(one.start, one.array.shape), np.add(other.start, other.array.shape))
    if (low >= high).any():
        return 0
    parts = [
        mask.array[
            tuple(
                slice(int(a - s), int(b - s)) for a, b, s in zip(low, high, mask.start, strict=True)
            )
        ]
        for mask in (one, other)
    ]
    return int(np.count_nonzero(parts[0] & parts[1]))


def dice_of_masks(one: Mask, other: Mask) -> float:
    """Dice of two masks of one grid, 0..1, by the boxes that hold them."""
    return dice_of_counts(shared_voxels(one, other), one.voxels, other.voxels)


def _components(one: BoolArray, other: BoolArray) -> tuple[FloatArray, int, int]:
    """Voxels of each component of ``one`` that ``other`` does not touch; components; those hit."""
    labelled = cc3d.connected_components(one.astype(np.uint8), connectivity=26)
    size = np.bincount(labelled.ravel())
    shared = np.bincount(labelled.ravel(), weights=other.ravel().astype(np.float64))
    size, shared = size[1:], shared[1:]
    hit = int(np.count_nonzero(shared >= FOUND_OVERLAP * size))
    return size[shared == 0].astype(np.float64), len(size), hit


def _largest(mask: BoolArray, grid: Grid, diameter: Diameter) -> float | None:
    if not mask.any():
        return None
    labelled = cc3d.connected_components(mask.astype(np.uint8), connectivity=26)
    number = int(np.bincount(labelled.ravel())[1:].argmax()) + 1
    return diameter(Mask.of(labelled == number, grid))


def surface_distances_mm(
    true: BoolArray, found: BoolArray, spacing_mm: Spacing
) -> tuple[FloatArray, FloatArray] | None:
    """Distances of surface voxels to the other surface, both ways; None if a mask is empty.

    A surface voxel is one of the mask with a face neighbour outside.
    """
    if not true.any() or not found.any():
        return None
    either = np.argwhere(true | found)
    low, high = either.min(axis=0), either.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    a, b = (_surface(np.pad(mask[box], 1)) for mask in (true, found))
    to_a = scipy.ndimage.distance_transform_edt(~a, sampling=spacing_mm)
    to_b = scipy.ndimage.distance_transform_edt(~b, sampling=spacing_mm)
    return np.asarray(to_b[a], np.float64), np.asarray(to_a[b], np.float64)


def _surface(mask: BoolArray) -> BoolArray:
    return np.asarray(mask & ~scipy.ndimage.binary_erosion(mask))


def hausdorff95_mm(there: FloatArray, back: FloatArray) -> float:
    """The larger of the 95th percentiles of both directions."""
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def surface_dice(
    there: FloatArray, back: FloatArray, tolerance_mm: float = SURFACE_TOLERANCE_MM
) -> float:
    """The share of the surface voxels of both masks within the tolerance of the other surface."""
    close = np.count_nonzero(there <= tolerance_mm) + np.count_nonzero(back <= tolerance_mm)
    return float(close) / (len(there) + len(back))


@dataclass(frozen=True, slots=True)
class BootstrapInterval:
    """A figure over patients with its bootstrap interval."""

    value: float
    low: float
    high: float
    patients: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}, n = {self.patients})"


def bootstrap(
    values: Sequence[float],
    *,
    statistic: Callable[..., float] = np.mean,
    samples: int = BOOTSTRAP_SAMPLES,
    seed: int = 0,
) -> BootstrapInterval:
    """A statistic over patients with its 95 % percentile bootstrap interval.

    Raises:
        InputError: there are no values.
    """
    if not values:
        raise InputError("an interval needs at least one patient")
    array = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    drawn = array[rng.integers(len(array), size=(samples, len(array)))]
    found = drawn.mean(axis=1) if statistic is np.mean else [statistic(each) for each in drawn]
    tail = 100.0 * (1.0 - CONFIDENCE) / 2.0
    low, high = np.percentile(found, [tail, 100.0 - tail])
    return BootstrapInterval(float(statistic(array)), float(low), float(high), len(array))


def paired_p(better: Sequence[float], worse: Sequence[float]) -> float:
    """One-sided Wilcoxon signed-rank test that the first method scores higher, patient by patient.

    Raises:
        InputError: the methods were not scored on the same number of patients.
    """
    if len(better) != len(worse) or not better:
        raise InputError(f"{len(better)} and {len(worse)} patients cannot be paired")
    if np.array_equal(better, worse):
        return 1.0
    from scipy import stats  # noqa: PLC0415 - slow to load, and only evaluations ask for it

    return float(stats.wilcoxon(better, worse, alternative="greater").pvalue)


def kappa(one: Sequence[str], other: Sequence[str]) -> float:
    """Cohen's kappa of two lists of categories; 1 when they agree throughout.

    Raises:
        InputError: the lists are empty or of different length.
    """
    if len(one) != len(other) or not one:
        raise InputError(f"{len(one)} and {len(other)} categories cannot be compared")
    agreed = float(np.mean([a == b for a, b in zip(one, other, strict=True)]))
    names = set(one) | set(other)
    by_chance = sum(one.count(n) * other.count(n) for n in names) / len(one) ** 2
    return 1.0 if agreed == 1.0 else (agreed - by_chance) / (1.0 - by_chance)
