"""Slices at uneven distances, interpolated onto even ones where the user asks for it.

Scans whose spacing changes on the way are refused otherwise: a volume of unequal slices measures
nothing rightly. Between two slices values are taken to change evenly; a gap that may hide a lesion
is no spacing, and stays a refusal.
"""

from __future__ import annotations

import numpy as np

from imaging.errors import GeometryError
from imaging.volume import Array, FloatArray

#: A larger step hides what a scan of the trunk must show (RECIST 1.1 asks for slices of 5 mm, and
#: calls a lesion measurable from twice the slice thickness on): it is a gap.
LARGEST_STEP_MM = 10.0
#: The even step is that of the thinner slices.
THINNER_PERCENTILE = 25.0


def even_step_mm(heights_mm: FloatArray, where: str = "") -> float:
    """The step onto which slices are interpolated; always more slices than there were.

    Args:
        heights_mm: sorted, two or more, each at a place of its own.

    Raises:
        GeometryError: a gap too large to be interpolated.
    """
    steps = np.diff(heights_mm)
    if steps.max() > LARGEST_STEP_MM:
        raise GeometryError(
            f"a gap of {steps.max():.2f} mm between slices, more than the {LARGEST_STEP_MM:g} mm "
            "that may be interpolated",
            where=where,
            remedy="send the series again from the archive",
        )
    length = float(heights_mm[-1] - heights_mm[0])
    count = max(len(heights_mm), int(length / np.percentile(steps, THINNER_PERCENTILE)))
    return length / count


def interpolated(values: Array, heights_mm: FloatArray, step_mm: float) -> Array:
    """Slices (k, j, i) at uneven heights as slices at even steps; in the type of the values."""
    found = []
    for height in even_heights_mm(heights_mm, step_mm):
        above = int(np.clip(np.searchsorted(heights_mm, height), 1, len(heights_mm) - 1))
        low, high = heights_mm[above - 1], heights_mm[above]
        share = np.float32(np.clip((height - low) / (high - low), 0.0, 1.0))
        mixed = (1 - share) * values[above - 1].astype(np.float32) + share * values[above]
        found.append(np.rint(mixed) if np.issubdtype(values.dtype, np.integer) else mixed)
    return np.stack(found).astype(values.dtype)


def even_heights_mm(heights_mm: FloatArray, step_mm: float) -> FloatArray:
    """Where the even slices lie, from the first to the last of the uneven ones."""
    count = round(float(heights_mm[-1] - heights_mm[0]) / step_mm)
    return np.asarray(heights_mm[0] + step_mm * np.arange(count + 1), dtype=np.float64)


def nearest(heights_mm: FloatArray, step_mm: float) -> list[int]:
    """For each even slice the one that it is nearest to."""
    even = even_heights_mm(heights_mm, step_mm)
    return [int(np.abs(heights_mm - height).argmin()) for height in even]
