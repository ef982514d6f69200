"""The diameters of one lesion given as an array of voxels, without any file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from imaging.errors import GeometryError
from imaging.volume import Grid, Mask
from recist.course import Axis, Caliper
from recist.measure.axes import ShortAxis
from recist.measure.diameters import Flag, caliper, flags, longest_3d
from recist.measure.outline import Convention


@dataclass(frozen=True, slots=True)
class MeasuredMask:
    """The size of a lesion.

    Attributes:
        long_axis_mm: longest diameter in a slice (Eisenhauer 2009, section 3.1.1), to 0.1 mm.
        short_axis_mm: the longest diameter perpendicular to it in the same slice; counts for nodes.
        slice_index: k of the slice measured on.
        volume_ml: voxels times their volume.
        longest_3d_mm: the longest diameter in any direction; exploratory, no criterion uses it.
        caliper: both diameters with their end points, in mm from the centre of the first voxel.
        flags: what a reader should know about the measurement.
    """

    long_axis_mm: Decimal
    short_axis_mm: Decimal
    slice_index: int
    volume_ml: float
    longest_3d_mm: Decimal
    longest_3d_axis: Axis
    caliper: Caliper
    flags: tuple[Flag, ...]


def measure_mask(
    mask: npt.ArrayLike,
    spacing_mm: Sequence[float],
    *,
    convention: Convention | str = Convention.CENTRES_PLUS_HALF_PIXEL,
    short_axis: ShortAxis | str = ShortAxis.HULL_CHORD,
) -> MeasuredMask:
    """Measure one lesion.

    Args:
        mask: ``mask[i, j, k]`` with i along columns, j along rows and k over slices, or one slice
            ``mask[i, j]``; voxels other than 0 are the lesion. An array ordered (slice, row,
            column), as SimpleITK gives it, is handed over as ``mask.T``.
        spacing_mm: between voxel centres, as many as the array has dimensions, in the same order.
        convention: where the outline of a set of pixels lies.
        short_axis: what "perpendicular" means.

    Raises:
        GeometryError: an empty mask, a wrong number of dimensions, or a spacing that is none.
        ValueError: a convention that does not exist.
    """
    array = np.asarray(mask) != 0
    steps = [float(step) for step in spacing_mm]
    if array.ndim not in (2, 3) or len(steps) != array.ndim:
        raise GeometryError(
            f"a mask of {array.ndim} dimensions with {len(steps)} spacings",
            remedy="give mask[i, j, k] with (i, j, k) spacings in mm, or one slice with two",
        )
    if not all(np.isfinite(step) and step > 0 for step in steps):
        raise GeometryError(f"spacings of {steps} mm", remedy="spacings are positive, in mm")
    if array.ndim == 2:
        array, steps = array[:, :, np.newaxis], [*steps, 1.0]
    columns, rows, slices = array.shape
    lesion = Mask.of(array, Grid((columns, rows, slices), np.diag([*steps, 1.0])))
    measured = caliper(lesion, convention=Convention(convention), short_axis=ShortAxis(short_axis))
    axis_3d, longest_3d_mm = longest_3d(lesion)
    return MeasuredMask(
        measured.long_axis_mm,
        measured.short_axis_mm,
        measured.slice_index,
        lesion.volume_ml,
        longest_3d_mm,
        axis_3d,
        measured,
        flags(lesion, measured),
    )
