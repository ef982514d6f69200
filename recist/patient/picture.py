"""Cutting the picture of a lesion out of a volume, with what is drawn over it.

A :class:`~recist.patient.result.KeyImage` is small: the volume can be forgotten once it is made.
Coordinates in it are pixels (column, row) of the crop, whole numbers at pixel centres.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import contourpy
import numpy as np
import numpy.typing as npt
import scipy

from imaging.errors import GeometryError
from imaging.exposure import ToPlanning
from imaging.treatment import Treatment
from imaging.volume import FloatArray, Grid, Mask, Unit, Volume
from recist.course import Axis, Caliper
from recist.field.overlays import Overlay, field_overlays
from recist.patient.result import KeyImage

#: A crop shows this much around the longest diameter, and at least the given width.
SURROUNDING_MM = 45.0
SMALLEST_VIEW_MM = 90.0
#: Points this near to a slice (in slices) lie on it.
ON_SLICE = 1e-3
#: Outside of the image a crop is filled with air, or with no uptake.
OUTSIDE = {Unit.HU: -1024.0}


def view_mm(calipers: Iterable[Caliper | None]) -> float:
    """A width of view that suits one lesion at all its dates, so they can be compared."""
    lengths = [float(caliper.long_axis_mm) for caliper in calipers if caliper is not None]
    return max(SMALLEST_VIEW_MM, max(lengths, default=0.0) + SURROUNDING_MM)


def key_image(
    volume: Volume,
    mask: Mask | None,
    caliper: Caliper | None,
    *,
    lesion_id: str,
    day: int,
    width_mm: float | None = None,
    centre_mm: Sequence[float] | None = None,
    treatment: Treatment | None = None,
    to_planning_mm: ToPlanning | None = None,
) -> KeyImage:
    """The slice that carries the diameter, cropped around the lesion.

    Args:
        volume: CT in HU, or PET as SUV; may lie on another grid than the mask.
        mask: the lesion; None for a place where none was found (then give ``centre_mm``).
        caliper: its end points are in LPS mm, so they fit any grid.
        width_mm: of the square shown; see :func:`view_mm`.
        centre_mm: LPS, middle of the view; default the middle of the long axis, or of the mask.
        treatment: its isodoses and target volumes are drawn.
        to_planning_mm: LPS points (n, 3) of this volume to the planning image; without it nothing
            of the treatment is drawn where the frames of reference differ.

    Raises:
        GeometryError: neither a mask, a caliper nor a centre is given.
    """
    grid = volume.grid
    middle = grid.to_voxel(_centre(mask, caliper, centre_mm))
    on_mask_grid = mask is not None and mask.grid.same_as(grid)
    k = _slice(mask if on_mask_grid else None, caliper if on_mask_grid else None, middle)
    k = int(np.clip(k, 0, grid.shape[2] - 1))
    width = width_mm if width_mm is not None else view_mm([caliper])
    counts = [max(2, round(width / spacing)) for spacing in grid.spacing_mm[:2]]
    start = [round(float(middle[axis]) - (counts[axis] - 1) / 2) for axis in range(2)]
    points = _pixel_centres(volume, start, counts, k)
    overlays = []
    if mask is not None and mask.voxels:
        lines = outline(_mask_at(mask, points), 0.5)
        overlays += [Overlay("lesion", "lesion", lines)] if lines else []
    if treatment is not None:
        window = (start[0], start[1], counts[0], counts[1])
        drawn = field_overlays(
            _bounding(treatment), grid, k, window=window, to_planning_mm=to_planning_mm
        )
        overlays += [kept for each in drawn if (kept := _within(each, counts)) is not None]
    return KeyImage(
        lesion_id=lesion_id,
        day=day,
        modality="CT" if volume.unit is Unit.HU else "PET",
        pixels=_crop(volume, start, counts, k),
        spacing_mm=(grid.spacing_mm[1], grid.spacing_mm[0]),
        long_axis_px=None if caliper is None else _ends(caliper.long_axis, volume, start),
        short_axis_px=None if caliper is None else _ends(caliper.short_axis, volume, start),
        overlays=tuple(overlays),
        slice_position=f"slice {k + 1} of {grid.shape[2]}",
        first_voxel=(start[0], start[1], k),
    )


def pictured_box(image: KeyImage, grid: Grid, beyond_mm: float) -> tuple[list[int], list[int]]:
    """First voxel, and the one after the last, of what a picture shows and some more around it."""
    rows, columns = image.pixels.shape
    reach = np.ceil(beyond_mm / np.array(grid.spacing_mm)).astype(int)
    first = np.array(image.first_voxel)
    low = np.clip(first - reach, 0, grid.shape)
    high = np.clip(first + np.array((columns, rows, 1)) + reach, 0, grid.shape)
    return [int(n) for n in low], [int(n) for n in high]


def _centre(
    mask: Mask | None, caliper: Caliper | None, centre_mm: Sequence[float] | None
) -> FloatArray:
    if centre_mm is not None:
        return np.asarray(centre_mm, dtype=np.float64)
    if caliper is not None:
        axis = caliper.long_axis
        return np.asarray(np.add(axis.start_mm, axis.end_mm) / 2, dtype=np.float64)
    if mask is not None and mask.voxels:
        return mask.centre_mm
    raise GeometryError("a key image needs a mask, a caliper or a centre")


def _slice(mask: Mask | None, caliper: Caliper | None, middle: FloatArray) -> int:
    """The slice measured on; else the one that shows most of the lesion; else the middle's."""
    if caliper is not None:
        return caliper.slice_index
    if mask is not None and mask.voxels:
        return mask.start[2] + int(mask.array.sum(axis=(0, 1)).argmax())
    return round(float(middle[2]))


def _bounding(treatment: Treatment) -> Treatment:
    """The treatment with what bounds its field: a GTV within its PTV says nothing more."""
    bounding = tuple(target for target in treatment.targets if target.bounds_field)
    return replace(treatment, targets=bounding) if bounding else treatment


def _within(overlay: Overlay, counts: Sequence[int]) -> Overlay | None:
    """The lines that reach into the view; None without any."""
    lines = tuple(
        line
        for line in overlay.lines_px
        if (line.max(axis=0) >= 0).all() and (line.min(axis=0) <= np.array(counts) - 1).all()
    )
    return replace(overlay, lines_px=lines) if lines else None


def _crop(
    volume: Volume, start: Sequence[int], counts: Sequence[int], k: int
) -> npt.NDArray[np.float32]:
    """(rows, columns) of the view; what lies outside of the image is filled."""
    pixels = np.full(counts, OUTSIDE.get(volume.unit, 0.0), dtype=np.float32)
    low = [max(start[axis], 0) for axis in range(2)]
    high = [min(start[axis] + counts[axis], volume.grid.shape[axis]) for axis in range(2)]
    if all(a < b for a, b in zip(low, high, strict=True)):
        i, j = (slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
        pixels[i, j] = volume.region([*low, k], [*high, k + 1])[:, :, 0]
    return np.ascontiguousarray(pixels.T)


def _pixel_centres(
    volume: Volume, start: Sequence[int], counts: Sequence[int], k: int
) -> FloatArray:
    """LPS mm of each pixel of the view, (rows, columns, 3)."""
    j, i = np.mgrid[: counts[1], : counts[0]]
    index = np.stack([i + start[0], j + start[1], np.full_like(i, k)], axis=-1)
    return volume.grid.to_world_mm(index)


def _mask_at(mask: Mask, points: FloatArray) -> FloatArray:
    """How far each point lies in a mask, 0..1; exact where they lie on a slice of its grid."""
    if not mask.voxels:
        return np.zeros(points.shape[:-1])
    index = mask.grid.to_voxel(points) - np.array(mask.start)
    index[..., 2] = np.where(
        np.abs(index[..., 2] - np.rint(index[..., 2])) < ON_SLICE,
        np.rint(index[..., 2]),
        index[..., 2],
    )
    moved = np.moveaxis(index, -1, 0)
    return np.asarray(
        scipy.ndimage.map_coordinates(
            mask.array.astype(np.float32), moved, order=1, mode="grid-constant", cval=0.0
        ),
        dtype=np.float64,
    )


def outline(plane: npt.ArrayLike, level: float) -> tuple[FloatArray, ...]:
    """Lines (column, row) along which a picture crosses a level; closed at the border."""
    padded = np.pad(np.asarray(plane, dtype=np.float64), 1)
    lines = contourpy.contour_generator(z=padded).lines(level)
    return tuple(np.asarray(line, dtype=np.float64) - 1 for line in lines)


def _ends(
    axis: Axis, volume: Volume, start: Sequence[int]
) -> tuple[tuple[float, float], tuple[float, float]]:
    ends = volume.grid.to_voxel([axis.start_mm, axis.end_mm])[:, :2] - np.array(start)
    (c0, r0), (c1, r1) = ends.tolist()
    return (c0, r0), (c1, r1)
