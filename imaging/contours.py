"""RTSTRUCT: contours read exactly, and turned into masks or fractional occupancy.

Vertices stay the floats that were written (no rounding to pixels, which enlarges small lesions by
16-20 %). Two ways to voxels, by the even-odd rule over all contours of a plane: :func:`rasterise`
is the plain centre-in-polygon label, :func:`occupancy` the covered share of each voxel for dose
and volume, with slabs half-way to the neighbouring contours.

Nothing is bridged: slices without a contour between contoured ones are left empty and reported by
:func:`remarks`, since a skipped slice and two separate pieces look the same in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import Tag

from imaging.errors import GeometryError, HeaderError, InputError, UnsupportedError
from imaging.polygons import CoverageArray, Polygons, coverage, fill
from imaging.volume import FloatArray, Grid, Index3, Mask

#: Vertices of one contour may leave their plane by this much: text of DS is often rounded to 0.1.
PLANE_TOLERANCE_MM = 0.25
#: Two planes closer than this share one position (rounded text of the same slice).
SAME_PLANE_MM = 0.05
#: A distance between planes beyond this multiple of the usual one means slices without contour.
GAP_FACTOR = 1.5
#: On fewer contours the volume of a small lesion is off by more than 5 % (spheres, computed).
FEWEST_PLANES_FOR_VOLUME = 4

_CONTOUR_DATA = Tag(0x3006, 0x0050)


class ContourKind(StrEnum):
    """Contour Geometric Type (3006,0042)."""

    CLOSED_PLANAR = "CLOSED_PLANAR"
    CLOSED_XOR = "CLOSEDPLANAR_XOR"
    POINT = "POINT"
    OPEN_PLANAR = "OPEN_PLANAR"
    OPEN_NONPLANAR = "OPEN_NONPLANAR"

    @property
    def encloses(self) -> bool:
        """Whether it bounds an area."""
        return self in (ContourKind.CLOSED_PLANAR, ContourKind.CLOSED_XOR)


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """One contour: (n, 3) vertices in LPS mm, and the image it was drawn on where it is named."""

    kind: ContourKind
    points_mm: FloatArray
    sop_instance_uid: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Roi:
    """A region of interest of a structure set.

    Attributes:
        interpreted_type: RT ROI Interpreted Type (GTV, PTV, ORGAN ...), "" when not given.
        frame_of_reference_uid: of its points; None when the file names none.
    """

    number: int
    name: str
    interpreted_type: str
    contours: tuple[Contour, ...]
    frame_of_reference_uid: str | None = None
    source: str = ""

    @property
    def closed(self) -> tuple[Contour, ...]:
        """The contours that bound an area, each once."""
        kept: dict[bytes, Contour] = {}
        for contour in self.contours:
            if contour.kind.encloses and len(contour.points_mm) > 2:
                kept.setdefault(contour.points_mm.tobytes(), contour)
        return tuple(kept.values())


@dataclass(frozen=True, slots=True, eq=False)
class StructureSet:
    """An RTSTRUCT file."""

    sop_instance_uid: str
    label: str
    rois: tuple[Roi, ...]
    frame_of_reference_uid: str | None
    referenced_series_uids: tuple[str, ...] = ()
    referenced_sop_uids: tuple[str, ...] = ()
    source: str = ""
    warnings: tuple[str, ...] = ()

    def roi(self, name_or_number: str | int) -> Roi:
        """One ROI by its number or its exact name."""
        for roi in self.rois:
            if name_or_number in (roi.number, roi.name):
                return roi
        names = ", ".join(roi.name for roi in self.rois)
        raise InputError(f"no ROI {name_or_number!r}", where=self.source, remedy=f"it has {names}")


def read_rtstruct(path: Path) -> StructureSet:
    """Read an RTSTRUCT file; ROIs without contours are kept, with none."""
    try:
        dataset = pydicom.dcmread(path)
    except (InvalidDicomError, OSError) as error:
        raise InputError(f"not readable as DICOM: {error}", where=path) from error
    return structure_set(dataset, source=str(path))


def structure_set(dataset: Dataset, *, source: str = "") -> StructureSet:
    """The structure set that a dataset holds."""
    if dataset.get("Modality") != "RTSTRUCT":
        raise HeaderError(
            f"Modality (0008,0060) is {dataset.get('Modality')!r}, not RTSTRUCT", where=source
        )
    types = {
        int(item.ReferencedROINumber): str(item.get("RTROIInterpretedType") or "").upper()
        for item in dataset.get("RTROIObservationsSequence", ())
        if item.get("ReferencedROINumber") is not None
    }
    drawn = {
        int(item.ReferencedROINumber): item
        for item in dataset.get("ROIContourSequence", ())
        if item.get("ReferencedROINumber") is not None
    }
    default = _frame_of_reference(dataset)
    rois = tuple(
        Roi(
            number=(number := int(item.ROINumber)),
            name=str(item.get("ROIName") or f"ROI {number}"),
            interpreted_type=types.get(number, ""),
            contours=_contours(drawn.get(number), where=f"{source}: ROI {number}"),
            frame_of_reference_uid=str(item.get("ReferencedFrameOfReferenceUID") or default or "")
            or None,
            source=source,
        )
        for item in dataset.get("StructureSetROISequence", ())
    )
    frames = {roi.frame_of_reference_uid for roi in rois if roi.contours}
    series, images = _references(dataset)
    return StructureSet(
        sop_instance_uid=str(dataset.get("SOPInstanceUID", "")),
        label=str(dataset.get("StructureSetLabel", "")),
        rois=rois,
        frame_of_reference_uid=frames.pop() if len(frames) == 1 else default,
        referenced_series_uids=series,
        referenced_sop_uids=images,
        source=source,
        warnings=_file_warnings(rois),
    )


def _frame_of_reference(dataset: Dataset) -> str | None:
    frames = [
        str(item.FrameOfReferenceUID)
        for item in dataset.get("ReferencedFrameOfReferenceSequence", ())
        if item.get("FrameOfReferenceUID")
    ]
    given = dataset.get("FrameOfReferenceUID")
    return frames[0] if frames else (str(given) if given else None)


def _references(dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The series and the images that the structure set was drawn on."""
    series: list[str] = []
    images: list[str] = []
    for frame in dataset.get("ReferencedFrameOfReferenceSequence", ()):
        for study in frame.get("RTReferencedStudySequence", ()):
            for item in study.get("RTReferencedSeriesSequence", ()):
                series.append(str(item.SeriesInstanceUID))
                images.extend(
                    str(image.ReferencedSOPInstanceUID)
                    for image in item.get("ContourImageSequence", ())
                )
    return tuple(series), tuple(images)


def _contours(item: Dataset | None, *, where: str) -> tuple[Contour, ...]:
    """Contours of one ROI; coordinates are parsed from the raw text in one go."""
    sequence = () if item is None else item.get("ContourSequence", ())
    raw, kinds, images = [], [], []
    for contour in sequence:
        text = _raw_contour_data(contour)
        if not text:
            continue
        try:
            kinds.append(ContourKind(str(contour.ContourGeometricType).strip()))
        except (AttributeError, ValueError) as error:
            raise HeaderError(f"Contour Geometric Type (3006,0042): {error}", where=where) from None
        raw.append(text)
        references = contour.get("ContourImageSequence", ())
        images.append(str(references[0].ReferencedSOPInstanceUID) if len(references) else "")
    if not raw:
        return ()
    counts = np.array([text.count(b"\\") + 1 for text in raw])
    values = _numbers(b"\\".join(raw), where)
    if len(values) != counts.sum() or (counts % 3).any() or not np.isfinite(values).all():
        raise HeaderError(
            "Contour Data (3006,0050) is not a list of coordinate triplets", where=where
        )
    values.setflags(write=False)
    points = np.split(values.reshape(-1, 3), np.cumsum(counts // 3)[:-1])
    return tuple(Contour(*parts) for parts in zip(kinds, points, images, strict=True))


def _raw_contour_data(contour: Dataset) -> bytes:
    """The text of Contour Data without building a Python number for each value."""
    if _CONTOUR_DATA not in contour:
        return b""
    value = contour.get_item(_CONTOUR_DATA).value
    if isinstance(value, bytes):
        return value.strip(b" \x00")
    return "\\".join(str(number) for number in value or ()).encode()


def _numbers(text: bytes, where: str) -> FloatArray:
    try:
        return np.array(text.split(b"\\"), dtype=np.float64)
    except ValueError as error:
        raise HeaderError(f"Contour Data (3006,0050): {error}", where=where) from None


def _file_warnings(rois: Iterable[Roi]) -> tuple[str, ...]:
    found = []
    for roi in rois:
        ignored = [contour.kind for contour in roi.contours if not contour.kind.encloses]
        if ignored:
            found.append(f"ROI {roi.name}: {len(ignored)} contours of type {ignored[0]} ignored")
        enclosing = sum(
            contour.kind.encloses and len(contour.points_mm) > 2 for contour in roi.contours
        )
        if enclosing > len(roi.closed):
            found.append(f"ROI {roi.name}: {enclosing - len(roi.closed)} repeated contours dropped")
    return tuple(found)


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
        raise InputError(f"ROI {roi.name} has no closed contour", where=roi.source or None)
    sizes = np.array([len(contour.points_mm) for contour in closed])
    voxel = grid.to_voxel(np.concatenate([contour.points_mm for contour in closed]))
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


def _empty(grid: Grid) -> Mask:
    return Mask(np.zeros((0, 0, 0), dtype=np.bool_), (0, 0, 0), grid)


def rasterise(roi: Roi, grid: Grid) -> Mask:
    """The plain label: voxels of the contoured slices whose centre lies in the polygons.

    Each contour plane marks the slice that it lies in; of several planes in one slice the one
    nearest to its centre counts. Slices without a contour stay empty.

    Raises:
        GeometryError: another frame of reference.
        UnsupportedError: contours that are not parallel to the slices.
        InputError: no closed contour.
    """
    planes = _planes(roi, grid)
    box = _box(planes.polygons, grid)
    chosen = _plane_of_slice(planes.k, grid.shape[2])
    if box is None or not chosen:
        return _empty(grid)
    i, j, columns, rows = box
    first = min(chosen)
    target = np.full(len(planes.k), -1)
    for k, plane in chosen.items():
        target[plane] = k - first
    polygons = _renumbered(planes.polygons, target).shifted(i, j)
    filled = fill(polygons, (columns, rows, max(chosen) - first + 1))
    return Mask(filled, (i, j, first), grid)


def _plane_of_slice(plane_k: FloatArray, slices: int) -> dict[int, int]:
    """Slice -> the contour plane that lies in it, nearest to its centre."""
    chosen: dict[int, int] = {}
    for plane, position in enumerate(plane_k):
        k = int(np.floor(position + 0.5))
        if not 0 <= k < slices:
            continue
        if k not in chosen or abs(position - k) < abs(plane_k[chosen[k]] - k):
            chosen[k] = plane
    return chosen


def _renumbered(polygons: Polygons, target: npt.NDArray[np.int64]) -> Polygons:
    """The polygons whose plane has a target, on its target plane."""
    planes = target[polygons.planes]
    kept = planes >= 0
    if kept.all():
        return Polygons(polygons.x, polygons.y, polygons.sizes, planes)
    vertices = np.repeat(kept, polygons.sizes)
    return Polygons(polygons.x[vertices], polygons.y[vertices], polygons.sizes[kept], planes[kept])


def occupancy(roi: Roi, grid: Grid, supersampling: int = 5) -> tuple[CoverageArray, Index3]:
    """The share of each voxel that the ROI fills, for volumes and dose.

    In-plane the share is exact along a row and taken on ``supersampling`` lines across it; along k
    each contour stands for a slab half-way to its neighbours.

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
    covered = coverage(polygons, (columns, rows, len(planes.k)), supersampling)
    k = np.arange(first, past)[:, None]
    overlap = np.minimum(k + 0.5, upper) - np.maximum(k - 0.5, lower)
    weights = np.clip(overlap, 0.0, 1.0).astype(np.float32)
    return np.clip(covered @ weights.T, 0.0, 1.0), (i, j, first)


def slabs(positions: FloatArray, *, default: float) -> tuple[FloatArray, FloatArray]:
    """Lower and upper end of the slab that each plane stands for.

    Half-way to the neighbours, half the usual distance at the ends and beside gaps.

    Args:
        positions: (m,) rising.
        default: thickness when there is one plane only.
    """
    steps = np.diff(positions)
    usual = float(np.median(steps)) if len(steps) else default
    half = np.where(steps > GAP_FACTOR * usual, usual, steps) / 2.0
    end = np.array([usual / 2.0])
    return positions - np.concatenate([end, half]), positions + np.concatenate([half, end])


def volume_ml(roi: Roi, grid: Grid, supersampling: int = 5) -> float:
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
    usual = float(np.median(steps)) if len(steps) else 1.0
    missing = [
        f"{planes.k[n]:.0f}-{planes.k[n + 1]:.0f}"
        for n in np.flatnonzero(steps > GAP_FACTOR * usual)
    ]
    if missing:
        found.append(f"{roi.name}: no contour between slices {', '.join(missing)}")
    if usual > GAP_FACTOR:
        found.append(f"{roi.name}: drawn on every {usual:.1f}th slice only")
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
