"""One outline around two lesions that touch: the longest diameter runs through their waist.

Lesions that touch are not measured across (Eisenhauer 2009, section 4.3.2: coalescing lesions are
measured apart while a plane between them can be told). Whether a waist parts two lesions or belongs
to one, the outline alone does not tell: it is put to the reader, with both parts as they would be
drawn and what each would measure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import scipy

from imaging.distances import away_mm
from imaging.itk import sitk
from imaging.volume import Array, BoolArray, FloatArray, Mask
from recist.course import Caliper
from recist.measure.axes import SMALL_PIXELS
from recist.measure.diameters import caliper

#: A waist is narrower than this share of the narrower of the parts on both its sides. Ours: the
#: waist of two equal balls that meet over half of their diameter, which is where pieces of one
#: lesion are no longer told apart either (``recist.patient.pieces.LEAST_NECK``).
WAIST_SHARE = 0.5
#: A part is at least this share of the diameter long; what is shorter is a spike, or a vessel.
LEAST_PART = 0.2
_SIZES = re.compile(r"it narrows to \d+ mm between parts of ([\d.]+) and ([\d.]+) mm:")


@dataclass(frozen=True, slots=True, eq=False)
class Waist:
    """Where an outline narrows across its longest diameter.

    Attributes:
        width_mm: at its narrowest, in the slice of the diameter.
        parts: the outline on both its sides, the larger first: together they are all of it.
        sizes_mm: the longest diameter of each part, as it measures when it is drawn alone.
    """

    width_mm: float
    parts: tuple[Mask, Mask]
    sizes_mm: tuple[Decimal, Decimal]

    @property
    def question(self) -> str:
        """What the reader is asked."""
        return (
            f"it narrows to {self.width_mm:.0f} mm between parts of {self.sizes_mm[0]} and "
            f"{self.sizes_mm[1]} mm: two lesions that touch? Then each is measured on its own: "
            "draw them apart"
        )


def sizes_of_parts(question: str) -> tuple[str, str] | None:
    """The sizes of both parts in mm, as a question names them; None of other words."""
    found = _SIZES.match(question)
    return None if found is None else (found[1], found[2])


def across_waist(mask: Mask, measured: Caliper) -> str:
    """What to look at where a longest diameter runs through a waist; empty where it does not.

    Args:
        measured: on this mask.
    """
    found = waist_of(mask, measured)
    return "" if found is None else found.question


def waist_of(mask: Mask, measured: Caliper) -> Waist | None:
    """The waist that a longest diameter runs through, and the parts beside it; None without one.

    Args:
        measured: on this mask.
    """
    k = measured.slice_index - mask.start[2]
    if not 0 <= k < mask.array.shape[2]:
        return None
    plane = mask.array[:, :, k]
    if (plane[0] + (plane[1:] & ~plane[:-1]).sum(axis=0)).max() > 1:
        # A line in pieces: there may be a hole.
        plane = np.asarray(scipy.ndimage.binary_fill_holes(plane))
    index = np.argwhere(plane)
    if not len(index):
        return None
    along = _along(index, k, mask, measured)
    step_mm = float(max(mask.grid.spacing_mm[:2]))
    widths = _widths_mm(along, step_mm, float(np.prod(mask.grid.spacing_mm[:2])))
    at = _narrowest(widths, least=max(int(LEAST_PART * len(widths)), 1))
    if at is None:
        return None
    beside = min(widths[:at].max(), widths[at + 1 :].max())
    if widths[at] >= WAIST_SHARE * beside or beside < SMALL_PIXELS * step_mm:
        return None
    parts = _parted(mask, measured, along.min() + (at + 0.5) * step_mm)
    if parts is None:
        return None
    one, other = sorted(parts, key=lambda part: -part.voxels)
    sizes = caliper(one).long_axis_mm, caliper(other).long_axis_mm
    return Waist(float(widths[at]), (one, other), sizes)


def _parted(mask: Mask, measured: Caliper, limit_mm: float) -> list[Mask] | None:
    """An outline in two along the watershed between the cores of its sides; None without two.

    Args:
        limit_mm: along the diameter, where the sides meet.
    """
    held = np.pad(mask.array, 1)
    depth_mm = np.asarray(away_mm(~held, mask.grid.spacing_mm))
    first = np.array(mask.start) - 1
    index = np.argwhere(held)
    along = _along(index[:, :2] + first[:2] - mask.start[:2], index[:, 2] - 1, mask, measured)
    markers = np.zeros(held.shape, np.uint8)
    for number, side in enumerate((along < limit_mm, along >= limit_mm), start=1):
        if not side.any():
            return None
        own = index[side]
        markers[tuple(own[np.argmax(depth_mm[tuple(own.T)])])] = number
    flooded = sitk.MorphologicalWatershedFromMarkers(
        sitk.GetImageFromArray(np.ascontiguousarray(-depth_mm.T)),
        sitk.GetImageFromArray(np.ascontiguousarray(markers.T)),
        markWatershedLine=False,
        fullyConnected=False,
    )
    sides: Array = sitk.GetArrayFromImage(flooded).T
    i, j, k = (int(n) for n in first)
    parts: list[BoolArray] = [held & (sides == number) for number in (1, 2)]
    if not all(part.any() for part in parts):
        return None
    return [Mask.placed(part, (i, j, k), mask.grid) for part in parts]


def _along(index: Array, k: int | Array, mask: Mask, measured: Caliper) -> FloatArray:
    """How far along the longest diameter pixels (n, 2) of slices of a mask lie, mm."""
    places = np.column_stack([index, np.broadcast_to(k, len(index))]) + np.array(mask.start)
    points = mask.grid.to_world_mm(places)
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
