"""Contours of an RTSTRUCT turned into masks or fractional occupancy, exactly.

Vertices stay the floats that were written (no rounding to pixels, which enlarges small lesions by
16-20 %). Two ways to voxels, by the even-odd rule over all contours of a plane: :func:`rasterise`
is the plain centre-in-polygon label, :func:`occupancy` the covered share of each voxel for dose
and volume, with slabs half-way to the neighbouring contours.

Each contour stands for a slab half-way to its neighbours, whatever the distance of the slices: a
lesion drawn on a PET and laid on a finer CT has no empty slice within. Gaps are not bridged: where
contours are further apart than is usual for the ROI the slices between stay empty and are reported
by :func:`remarks`, since a skipped slice and two separate pieces look the same in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging.errors import GeometryError, InputError, UnsupportedError
from imaging.outlines import write_rtstruct
from imaging.polygons import CoverageArray, Polygons, coverage, fill
from imaging.slabs import GAP_FACTOR, on_slices, one_to_a_slice, slabs, usual_step
from imaging.structures import (
    Contour,
    ContourKind,
    Roi,
    StructureSet,
    read_rtstruct,
    structure_set,
)
from imaging.volume import FloatArray, Grid, Index3, Mask

__all__ = [
    "Contour",
    "ContourKind",
    "Roi",
    "StructureSet",
    "axial_grid",
    "occupancy",
    "plane_positions_mm",
    "rasterise",
    "read_rtstruct",
    "remarks",
    "slabs",
    "structure_set",
    "volume_ml",
    "write_rtstruct",
]

#: Vertices of one contour may leave their plane by this much: text of DS is often rounded to 0.1.
PLANE_TOLERANCE_MM = 0.25
#: Two planes closer than this share one position (rounded text of the same slice).
SAME_PLANE_MM = 0.05
#: Contours further apart than this many slices leave slices without a contour of their own.
EVERY_SLICE = 1.05
#: Decimals of a vertex in voxels: without rounding, arithmetic decides on which side of a voxel
#: centre a vertex lies that was drawn on it.
VERTEX_DECIMALS = 6
#: Sample lines per row of voxels, and their distance.
FEWEST_LINES = 5
LINES_MM = 0.25
#: From fewer contours the volume of a small lesion is off by more than 5 % (spheres, computed).
FEWEST_PLANES_FOR_VOLUME = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Planes:
    """The contours of an ROI in voxel coordinates of a grid, gathered by plane.

    Attributes:
        k: (m,) position of each plane along k, rising.
        polygons: their contours, planes numbered like ``k``.
    """

    k: FloatArray
    polygons: Polygons


def _planes(roi: Roi, grid: Grid) -> _Planes:
    known = (roi.frame_of_reference_uid, grid.frame_of_reference_uid)
    if None not in known and known[0] != known[1]:
        raise GeometryError(
            f"ROI {roi.name} lies in another frame of reference than the image",
            where=roi.source or None,
            remedy="give a registration, or the image it was drawn on",
        )
    closed = roi.closed
    if not closed:
        what = roi.fault or "it has no closed contour"
        raise InputError(f"ROI {roi.name} cannot be used: {what}", where=roi.source or None)
    sizes = np.array([len(contour.points_mm) for contour in closed])
    points = np.concatenate([contour.points_mm for contour in closed])
    voxel = np.round(grid.to_voxel(points), VERTEX_DECIMALS)
    starts = np.cumsum(sizes) - sizes
    lowest = np.minimum.reduceat(voxel[:, 2], starts)
    highest = np.maximum.reduceat(voxel[:, 2], starts)
    spacing_mm = grid.spacing_mm[2]
    if ((highest - lowest) * spacing_mm > 2 * PLANE_TOLERANCE_MM).any():
        raise UnsupportedError(
            f"ROI {roi.name} has contours that are not parallel to the slices of the image",
            where=roi.source or None,
            remedy="resample the structure on the axial image in the planning system",
        )
    middle = np.add.reduceat(voxel[:, 2], starts) / sizes
    order = np.argsort(middle, kind="stable")
    new_plane = np.diff(middle[order], prepend=-np.inf) * spacing_mm > SAME_PLANE_MM
    planes = np.empty(len(closed), dtype=np.int64)
    planes[order] = np.cumsum(new_plane) - 1
    return _Planes(
        middle[order][new_plane], Polygons(voxel[:, 0], voxel[:, 1], sizes.astype(np.int64), planes)
    )


def _box(polygons: Polygons, grid: Grid) -> tuple[int, int, int, int] | None:
    """First column, first row, columns and rows of the pixels that the polygons may touch."""
    spans = []
    for values, size in ((polygons.x, grid.shape[0]), (polygons.y, grid.shape[1])):
        first = max(int(np.floor(values.min() + 0.5)), 0)
        past = min(int(np.floor(values.max() + 0.5)) + 1, size)
        if past <= first:
            return None
        spans.append((first, past - first))
    (i, columns), (j, rows) = spans
    return i, j, columns, rows


def rasterise(roi: Roi, grid: Grid) -> Mask:
    """The plain label: voxels whose centre lies in the polygons of the contour of their slice.

    Where contours and slices do not coincide, the volume is that of the slabs of the contours
    (:func:`imaging.slabs.on_slices`). Slices in a gap stay empty; a piece between the centres of
    two slices marks the nearer one.

    Raises:
        GeometryError: another frame of reference.
        UnsupportedError: contours that are not parallel to the slices.
        InputError: no closed contour.
    """
    planes = _planes(roi, grid)
    box = _box(planes.polygons, grid)
    if box is None:
        return Mask.placed(np.zeros((1, 1, 1), dtype=np.bool_), (0, 0, 0), grid)
    i, j, columns, rows = box
    polygons, slices = planes.polygons.shifted(i, j), grid.shape[2]
    if one_to_a_slice(planes.k):
        nearest = np.rint(planes.k).astype(np.int64)
        inside = (nearest >= 0) & (nearest < slices)
        first = int(nearest[inside][0]) if inside.any() else 0
        target = np.where(inside, nearest - first, -1)
        polygons = _renumbered(polygons, target)
        return Mask.placed(
            fill(polygons, (columns, rows, int(target.max()) + 1)), (i, j, first), grid
        )
    drawn = fill(polygons, (columns, rows, len(planes.k))).T
    found = list(on_slices(drawn, planes.k, slices))
    first = min((k for k, _ in found), default=0)
    array = np.zeros((max((k for k, _ in found), default=0) - first + 1, rows, columns), np.bool_)
    for k, pixels in found:
        array[k - first] |= pixels
    return Mask.placed(array.T, (i, j, first), grid)


def _renumbered(polygons: Polygons, target: npt.NDArray[np.int64]) -> Polygons:
    """The polygons whose plane has a target, on its target plane."""
    planes = target[polygons.planes]
    kept = planes >= 0
    if kept.all():
        return Polygons(polygons.x, polygons.y, polygons.sizes, planes)
    vertices = np.repeat(kept, polygons.sizes)
    return Polygons(polygons.x[vertices], polygons.y[vertices], polygons.sizes[kept], planes[kept])


def occupancy(
    roi: Roi, grid: Grid, supersampling: int | None = None
) -> tuple[CoverageArray, Index3]:
    """The share of each voxel that the ROI fills, for volumes and dose.

    In-plane the share is exact along a row and taken on ``supersampling`` lines across it (by
    default at least 5, and one every 0.25 mm); along k each contour stands for a slab half-way to
    its neighbours.

    Returns:
        Array (i, j, k) float32 in 0..1 of the bounding box, and the index of its first voxel.

    Raises: as :func:`rasterise`.
    """
    planes = _planes(roi, grid)
    lower, upper = slabs(planes.k, default=1.0)
    first = max(int(np.floor(lower.min() + 0.5)), 0)
    past = min(int(np.ceil(upper.max() + 0.5)), grid.shape[2])
    box = _box(planes.polygons, grid)
    if box is None or past <= first:
        return np.zeros((0, 0, 0), dtype=np.float32), (0, 0, 0)
    i, j, columns, rows = box
    polygons = planes.polygons.shifted(i, j)
    lines = supersampling or max(FEWEST_LINES, int(np.ceil(grid.spacing_mm[1] / LINES_MM)))
    covered = coverage(polygons, (columns, rows, len(planes.k)), lines)
    k = np.arange(first, past)[:, None]
    overlap = np.minimum(k + 0.5, upper) - np.maximum(k - 0.5, lower)
    weights = np.clip(overlap, 0.0, 1.0).astype(np.float32)
    return np.clip(covered @ weights.T, 0.0, 1.0), (i, j, first)


def volume_ml(roi: Roi, grid: Grid, supersampling: int | None = None) -> float:
    """Volume of the slabs in ml, the part outside of the grid left out."""
    share, _ = occupancy(roi, grid, supersampling)
    return float(share.sum(dtype=np.float64)) * grid.voxel_volume_mm3 / 1000.0


def plane_positions_mm(roi: Roi) -> FloatArray:
    """Where the closed contours lie along the patient's axis: (m,) rising, LPS z in mm."""
    middle = np.sort([float(contour.points_mm[:, 2].mean()) for contour in roi.closed])
    return middle[np.diff(middle, prepend=-np.inf) > SAME_PLANE_MM]


def remarks(roi: Roi, grid: Grid) -> tuple[str, ...]:
    """What a reader should know of an ROI on a grid: gaps, few contours, parts outside."""
    planes = _planes(roi, grid)
    found = []
    steps = np.diff(planes.k)
    usual = usual_step(planes.k, default=1.0)
    missing = [
        f"{planes.k[n]:.0f}-{planes.k[n + 1]:.0f}"
        for n in np.flatnonzero(steps > GAP_FACTOR * usual)
    ]
    if missing:
        found.append(f"{roi.name}: no contour between slices {', '.join(missing)}")
    if usual > EVERY_SLICE:
        found.append(
            f"{roi.name}: drawn on every {usual:.1f}th slice only, filled half-way to the "
            "neighbouring contours"
        )
    if len(planes.k) < FEWEST_PLANES_FOR_VOLUME:
        found.append(f"{roi.name}: on {len(planes.k)} slices only, its volume is uncertain")
    low = np.array([planes.polygons.x.min(), planes.polygons.y.min(), planes.k.min()])
    high = np.array([planes.polygons.x.max(), planes.polygons.y.max(), planes.k.max()])
    if (low < -0.5).any() or (high > np.array(grid.shape) - 0.5).any():
        found.append(f"{roi.name}: reaches beyond the image")
    return tuple(found)


def axial_grid(rois: Sequence[Roi], *, pitch_mm: float = 1.0) -> Grid:
    """An axial grid of its own around ROIs that were drawn in one frame of reference.

    In-plane ``pitch_mm``; along z the usual distance of their contours (``pitch_mm`` when there is
    one contour only).
    """
    points = np.concatenate([c.points_mm for roi in rois for c in roi.closed])
    z = np.unique(np.concatenate([plane_positions_mm(roi) for roi in rois]))
    steps = np.diff(z)
    steps = steps[steps > SAME_PLANE_MM]
    step = float(np.median(steps)) if len(steps) else pitch_mm
    spacing = np.array([pitch_mm, pitch_mm, step])
    low = np.array([*(points[:, :2].min(axis=0) - 2 * pitch_mm), z[0] - step])
    high = np.array([*(points[:, :2].max(axis=0) + 2 * pitch_mm), z[-1] + step])
    shape = np.ceil((high - low) / spacing).astype(int) + 1
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low
    frame = rois[0].frame_of_reference_uid
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, frame)
