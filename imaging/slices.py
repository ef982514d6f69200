"""How the slices of a series lie: their order, their affine, and what is wrong with them.

Pure geometry over positions and orientations; no files. A stack that is not a regular grid is
refused with the place of the fault; a gantry tilt is described by its shear, so that the reader
can undo it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.errors import GeometryError
from imaging.uneven import even_step_mm
from imaging.volume import FloatArray

#: Slices closer than this lie at the same position (positions are written to 0.01 mm or better).
SAME_POSITION_MM = 0.01
#: A step that differs from the median by less than this is rounding: nothing is said.
ROUNDING_MM = 0.05
#: Up to this fraction of the median step the mean spacing is used, with a warning.
SPACING_TOLERANCE = 0.10
#: From this multiple of the median step on, slices are missing.
GAP_FACTOR = 1.5
#: Largest deviation of direction cosines within a series (0.06 degrees).
COSINE_TOLERANCE = 1e-3
#: In-plane offsets below this (mm, over the whole stack) are rounding, not tilt.
ALIGNMENT_MM = 0.5
#: Faults listed in a message before it says "and n more".
LISTED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Slices in the order of k.

    Attributes:
        order: index of the given slices for each k.
        affine: (4, 4) voxel (i, j, k) to LPS mm, k along the slice normal.
        shift_mm: (n, 2) how far each slice lies along i and j from the affine's first slice:
            zero for a straight stack, linear in k for a tilted gantry.
        warnings: adaptations.
        uneven_mm: heights of the slices above the first, where they are to be interpolated onto the
            even steps of the affine; else None.
    """

    order: tuple[int, ...]
    affine: FloatArray
    shift_mm: FloatArray
    warnings: tuple[str, ...] = ()
    uneven_mm: FloatArray | None = None

    @property
    def is_sheared(self) -> bool:
        return bool(np.abs(self.shift_mm).max() > ALIGNMENT_MM)


def plane(orientation: FloatArray, where: str = "") -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unit vectors along columns (i), rows (j) and the slice normal, from (0020,0037).

    Raises:
        GeometryError: the cosines are not two perpendicular unit vectors.
    """
    cosines = np.asarray(orientation, dtype=np.float64)
    if cosines.shape != (6,) or not np.isfinite(cosines).all():
        raise GeometryError(
            "Image Orientation (Patient) (0020,0037) is missing or malformed", where=where
        )
    along_i, along_j = cosines[:3], cosines[3:]
    lengths = np.linalg.norm(along_i), np.linalg.norm(along_j)
    if max(abs(length - 1) for length in lengths) > 0.01 or abs(along_i @ along_j) > 0.01:
        raise GeometryError(
            "Image Orientation (Patient) (0020,0037) is not two perpendicular unit vectors",
            where=where,
        )
    along_i = along_i / lengths[0]
    along_j = along_j - (along_j @ along_i) * along_i
    along_j = along_j / np.linalg.norm(along_j)
    (a, b, c), (d, e, f) = along_i.tolist(), along_j.tolist()
    return along_i, along_j, np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def arrange(
    positions_mm: FloatArray,
    orientations: FloatArray,
    pixel_spacing_mm: FloatArray,
    *,
    slice_thickness_mm: float | None = None,
    where: str = "",
    uneven: bool = False,
) -> Stack:
    """Order slices along their normal and give the affine of the volume.

    Args:
        positions_mm: (n, 3) Image Position (Patient) of each slice.
        orientations: (n, 6) direction cosines of each slice.
        pixel_spacing_mm: (n, 2) distance of rows, distance of columns (DICOM's order).
        slice_thickness_mm: used as spacing where there is one slice only.
        where: file or series for messages.
        uneven: lay slices at uneven distances on even steps, for the reader to interpolate.

    Raises:
        GeometryError: orientations or pixel spacings differ, slices are missing, doubled,
            unevenly spaced, or not aligned.
    """
    along_i, along_j, normal = plane(orientations[0], where)
    if np.abs(orientations - orientations[0]).max() > COSINE_TOLERANCE:
        raise GeometryError(
            "slices of different orientation in one series",
            where=where,
            remedy="export the axial images as a series of their own",
        )
    if np.abs(pixel_spacing_mm - pixel_spacing_mm[0]).max() > 1e-3 * pixel_spacing_mm[0].min():
        raise GeometryError(
            "pixel spacing (0028,0030) varies within the series",
            where=where,
            remedy="export one reconstruction per series",
        )
    heights = positions_mm @ normal
    order = np.argsort(heights, kind="stable")
    sorted_mm = heights[order]
    uneven_mm: FloatArray | None = None
    if uneven and _is_uneven(sorted_mm):
        step_mm = even_step_mm(sorted_mm, where)
        uneven_mm = sorted_mm - sorted_mm[0]
        steps = np.diff(sorted_mm)
        warnings: tuple[str, ...] = (
            f"slice spacing varies from {steps.min():.2f} to {steps.max():.2f} mm: interpolated "
            f"onto {step_mm:.2f} mm",
        )
    else:
        step_mm, warnings = _spacing(sorted_mm, slice_thickness_mm, where)
    origin = positions_mm[order[0]]
    offsets = positions_mm[order] - origin
    shift_mm = np.stack([offsets @ along_i, offsets @ along_j], axis=1)
    _check_alignment(shift_mm, where)
    affine = np.eye(4)
    affine[:3, 0] = along_i * pixel_spacing_mm[0, 1]
    affine[:3, 1] = along_j * pixel_spacing_mm[0, 0]
    affine[:3, 2] = normal * step_mm
    affine[:3, 3] = origin
    return Stack(tuple(int(n) for n in order), affine, shift_mm, warnings, uneven_mm)


def _spacing(
    heights: FloatArray, slice_thickness_mm: float | None, where: str
) -> tuple[float, tuple[str, ...]]:
    """The distance of neighbouring slices, from sorted heights."""
    if heights.size == 1:
        if not slice_thickness_mm or slice_thickness_mm <= 0:
            raise GeometryError("one slice without Slice Thickness (0018,0050)", where=where)
        return float(slice_thickness_mm), ()
    steps = np.diff(heights)
    doubled = np.flatnonzero(steps < SAME_POSITION_MM)
    if doubled.size:
        raise GeometryError(
            f"{doubled.size} slice positions occur twice: {_places(heights, doubled)}",
            where=where,
            remedy="several acquisitions share this series: export one",
        )
    median = middle(steps)
    gaps = np.flatnonzero(steps > GAP_FACTOR * median)
    if gaps.size and _is_whole(steps[gaps] / median):
        missing = int(np.rint(steps[gaps] / median - 1).sum())
        raise GeometryError(
            f"{missing} of {heights.size + missing} slices missing, after {_places(heights, gaps)}",
            where=where,
            remedy="send the series again from the archive",
        )
    deviation = float(np.abs(steps - median).max())
    if deviation > max(SPACING_TOLERANCE * median, ROUNDING_MM):
        raise GeometryError(
            f"slice spacing varies from {steps.min():.2f} to {steps.max():.2f} mm",
            where=where,
            remedy="use a reconstruction with one spacing",
        )
    mean = float((heights[-1] - heights[0]) / steps.size)
    if deviation > ROUNDING_MM:
        return mean, (
            f"slice spacing varies from {steps.min():.2f} to {steps.max():.2f} mm; "
            f"the mean, {mean:.2f} mm, is used",
        )
    return mean, ()


def middle(values: FloatArray) -> float:
    """The median of some numbers; that of NumPy loads a package at its first call, 40 ms long."""
    ordered = np.sort(values)
    half = ordered.size // 2
    return float(ordered[half] if ordered.size % 2 else (ordered[half - 1] + ordered[half]) / 2)


def _is_whole(ratios: FloatArray) -> bool:
    return bool(np.abs(ratios - np.rint(ratios)).max() <= SPACING_TOLERANCE)


def _places(heights: FloatArray, indices: FloatArray | np.ndarray) -> str:
    listed = ", ".join(f"{heights[n]:.2f}" for n in indices[:LISTED])
    more = f" and {indices.size - LISTED} more" if indices.size > LISTED else ""
    return f"{listed} mm{more}"


def _check_alignment(shift_mm: FloatArray, where: str) -> None:
    """In-plane offsets must be none, or grow evenly (a tilted gantry)."""
    if len(shift_mm) < 2:
        return
    even = np.linspace(0.0, 1.0, len(shift_mm))[:, None] * shift_mm[-1]
    apart_mm = float(np.abs(shift_mm - even).max())
    if apart_mm > ALIGNMENT_MM:
        raise GeometryError(
            f"slices are shifted against each other by up to {apart_mm:.1f} mm",
            where=where,
            remedy="export one reconstruction per series",
        )


def _is_uneven(heights_mm: FloatArray) -> bool:
    """Whether slices lie at distinct places, but at no one distance."""
    steps = np.diff(heights_mm)
    return bool(steps.size > 1 and steps.min() >= SAME_POSITION_MM and not is_complete(heights_mm))


def is_complete(heights_mm: FloatArray) -> bool:
    """Whether slice heights form a regular grid without gap or double."""
    try:
        _spacing(np.sort(heights_mm), 1.0, "")
    except GeometryError:
        return False
    return True
