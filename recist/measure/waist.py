"""One outline around two lesions that touch: the longest diameter runs through their waist.

Lesions that touch are not measured across (Eisenhauer 2009, section 4.3.2: coalescing lesions are
measured apart while a plane between them can be told). Whether a waist parts two lesions or belongs
to one, the outline alone does not tell: it is put to the reader, with what both parts would be.
"""

from __future__ import annotations

import numpy as np
import scipy

from imaging.volume import Array, FloatArray, Mask
from recist.course import Caliper
from recist.measure.axes import SMALL_PIXELS
from recist.measure.diameters import caliper

#: A waist is narrower than this share of the narrower of the parts on both its sides. Ours: the
#: waist of two equal balls that meet over half of their diameter, which is where pieces of one
#: lesion are no longer told apart either (``recist.patient.pieces.LEAST_NECK``).
WAIST_SHARE = 0.5
#: A part is at least this share of the diameter long; what is shorter is a spike, or a vessel.
LEAST_PART = 0.2


def across_waist(mask: Mask, measured: Caliper) -> str:
    """What to look at where a longest diameter runs through a waist; empty where it does not.

    Args:
        measured: on this mask.
    """
    k = measured.slice_index - mask.start[2]
    if not 0 <= k < mask.array.shape[2]:
        return ""
    plane = mask.array[:, :, k]
    if (plane[0] + (plane[1:] & ~plane[:-1]).sum(axis=0)).max() > 1:
        # A line in pieces: there may be a hole.
        plane = np.asarray(scipy.ndimage.binary_fill_holes(plane))
    index = np.argwhere(plane)
    if not len(index):
        return ""
    along = _along(index, mask, measured)
    step_mm = float(max(mask.grid.spacing_mm[:2]))
    widths = _widths_mm(along, step_mm, float(np.prod(mask.grid.spacing_mm[:2])))
    at = _narrowest(widths, least=max(int(LEAST_PART * len(widths)), 1))
    if at is None:
        return ""
    beside = min(widths[:at].max(), widths[at + 1 :].max())
    if widths[at] >= WAIST_SHARE * beside or beside < SMALL_PIXELS * step_mm:
        return ""
    limit = along.min() + (at + 0.5) * step_mm
    sizes = [_part_mm(mask, measured, index[side]) for side in (along < limit, along >= limit)]
    return (
        f"it narrows to {widths[at]:.0f} mm between parts of {sizes[0]} and {sizes[1]} mm: two "
        "lesions that touch? Then each is measured on its own: draw them apart"
    )


def _along(index: Array, mask: Mask, measured: Caliper) -> FloatArray:
    """How far along the longest diameter each pixel (n, 2) of its slice lies, mm."""
    k = np.full(len(index), measured.slice_index - mask.start[2])
    points = mask.grid.to_world_mm(np.column_stack([index, k]) + np.array(mask.start))
    axis = np.subtract(measured.long_axis.end_mm, measured.long_axis.start_mm)
    return np.asarray(points @ (axis / max(float(np.linalg.norm(axis)), 1e-9)))


def _widths_mm(along: FloatArray, step_mm: float, pixel_mm2: float) -> FloatArray:
    """The width of the lesion across its longest diameter, step by step; smoothed over three."""
    step = np.floor((along - along.min()) / step_mm).astype(int)
    widths = np.bincount(step) * pixel_mm2 / step_mm
    padded = np.pad(widths, 1, mode="edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3)


def _narrowest(widths: FloatArray, *, least: int) -> int | None:
    """The step that is narrowest beside the parts on both its sides; None of too few steps."""
    inner = range(least, len(widths) - least)
    shares = {n: widths[n] / min(widths[:n].max(), widths[n + 1 :].max()) for n in inner}
    return min(shares, key=lambda n: shares[n]) if shares else None


def _part_mm(mask: Mask, measured: Caliper, index: Array) -> str:
    """The longest diameter in this slice of a part of it."""
    plane = np.zeros((*mask.array.shape[:2], 1), np.bool_)
    plane[index[:, 0], index[:, 1], 0] = True
    start = (mask.start[0], mask.start[1], measured.slice_index)
    return str(caliper(Mask.placed(plane, start, mask.grid)).long_axis_mm)
