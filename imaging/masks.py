"""Delineations by others and by us: DICOM SEG and NIfTI label maps, on the grid of an image.

Frames of a SEG are placed by their geometry, never by their number. Where its pixels coincide with
the image's they are copied; otherwise the segment is resampled by nearest neighbour and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from imaging.dataset import pixels, read_object, understood
from imaging.elements import decimal, decimals, whole
from imaging.errors import GeometryError, HeaderError, InputError, UnsupportedError
from imaging.seg import ABNORMAL, LESION, Algorithm, Coded, SegSegment, write_seg
from imaging.slices import plane
from imaging.volume import Array, FloatArray, Grid, Mask

__all__ = [
    "Algorithm",
    "Coded",
    "SegSegment",
    "read_label_map",
    "read_seg",
    "segments",
    "to_grid",
    "write_seg",
]

#: Pixels count as the same when no corner is further off than this; files of other writers round
#: positions to single precision or to a few decimals.
COINCIDENT_VOXELS = 0.1
#: A NIfTI label map must lie on the image as exactly as single precision allows.
LABEL_MAP_TOLERANCE_VOXELS = 0.05
#: A fractional segment is what is at least half occupied (or half probable).
FRACTIONAL_THRESHOLD = 0.5

#: Labels beyond are no numbers of lesions.
MOST_LABELS = 65535
#: More slices than any scan has.
MOST_SLICES = 20_000

SEGMENTATION_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation Storage
    "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation Storage
)


def read_seg(path: Path, grid: Grid | None = None) -> tuple[SegSegment, ...]:
    """The segments of a SEG file, in the order of their numbers.

    Args:
        grid: of the image; without it each segment lies on the grid of the SEG's own frames.

    Raises:
        GeometryError: another frame of reference than the image.
        UnsupportedError: frames of several orientations or pixel sizes, tiles of a slide, or a
            transfer syntax without decoder.
        HeaderError: damaged, or frames and their functional groups differ in number.
    """
    with understood(path, "SEG"):
        return segments(read_object(path), grid, source=path.name)


def segments(
    dataset: Dataset, grid: Grid | None = None, *, source: str = ""
) -> tuple[SegSegment, ...]:
    """The segments that a dataset holds; see :func:`read_seg`."""
    if dataset.get("SOPClassUID") not in SEGMENTATION_CLASSES:
        raise HeaderError("SOP Class (0008,0016) is not a segmentation", where=source)
    frames = _frames(dataset, source)
    own = frames.grid
    frame_uids = (own.frame_of_reference_uid, None if grid is None else grid.frame_of_reference_uid)
    if None not in frame_uids and frame_uids[0] != frame_uids[1]:
        raise GeometryError(
            "the segmentation lies in another frame of reference than the image",
            where=source,
            remedy="give the image it was drawn on",
        )
    described = {
        number: item
        for item in dataset.get("SegmentSequence", ())
        if (number := whole(item, "SegmentNumber", where=source)) is not None
    }
    is_label_map = dataset.get("SegmentationType") == "LABELMAP"
    for number in () if is_label_map else frames.segment:
        _check_described(number, described, source)
    found = []
    for number, drawn in _by_segment(dataset, frames, source):
        _check_described(number, described, source)
        mask, warnings = drawn, frames.warnings
        if grid is not None:
            mask, moved = to_grid(drawn, grid)
            warnings += (moved,) if moved else ()
        found.append(_segment(described[number], number, mask, warnings))
    return tuple(sorted(found, key=lambda segment: segment.number))


def _check_described(number: int, described: Mapping[int, Dataset], source: str) -> None:
    if number not in described:
        raise HeaderError(f"frames of segment {number}, which is not described", where=source)


@dataclass(frozen=True, slots=True, eq=False)
class _Frames:
    """Frames of a SEG: their common grid, slice k of each, and segment (0 for a label map)."""

    grid: Grid
    k: npt.NDArray[np.int64]
    segment: tuple[int, ...]
    warnings: tuple[str, ...]


def _group(frame: Dataset, shared: Dataset, name: str) -> Dataset | None:
    """A functional group of a frame, its own or shared."""
    for holder in (frame, shared):
        sequence = holder.get(name)
        if sequence:
            return sequence[0]  # type: ignore[no-any-return]
    return None


def _frames(dataset: Dataset, source: str) -> _Frames:
    shared_items = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
    if str(dataset.get("DimensionOrganizationType", "")).startswith("TILED"):
        raise UnsupportedError("tiles of a slide, not slices of a patient", where=source)
    shared, per_frame = shared_items[0], dataset.get("PerFrameFunctionalGroupsSequence", ())
    count = whole(dataset, "NumberOfFrames", where=source) or 1
    if count != len(per_frame):
        raise HeaderError(
            f"{count} frames, but functional groups of {len(per_frame)}: cut or damaged",
            where=source,
            remedy="export the segmentation again",
        )
    positions, geometries, numbers = [], [], []
    for frame in per_frame:
        position = _group(frame, shared, "PlanePositionSequence")
        orientation = _group(frame, shared, "PlaneOrientationSequence")
        measures = _group(frame, shared, "PixelMeasuresSequence")
        if position is None or orientation is None or measures is None:
            raise HeaderError("a frame has no position, orientation or pixel size", where=source)
        positions.append(decimals(position, "ImagePositionPatient", 3, where=source))
        geometries.append(
            decimals(orientation, "ImageOrientationPatient", 6, where=source)
            + decimals(measures, "PixelSpacing", 2, where=source)
        )
        identity = _group(frame, shared, "SegmentIdentificationSequence")
        owner = None if identity is None else whole(identity, "ReferencedSegmentNumber")
        numbers.append(owner or 0)
    geometry = np.array(geometries, dtype=np.float64)
    if np.abs(geometry - geometry[0]).max() > 1e-4:
        raise UnsupportedError("frames of several orientations or pixel sizes", where=source)
    measures = _group(per_frame[0], shared, "PixelMeasuresSequence")
    between, thick = "SpacingBetweenSlices", "SliceThickness"
    declared = None if measures is None else decimal(measures, between, where=source)
    thickness = None if measures is None else decimal(measures, thick, where=source)
    if geometry[0, 6:].min() <= 0 or min(declared or 1.0, thickness or 1.0) <= 0:
        raise HeaderError("pixel or slice distances that are not positive", where=source)
    along_i, along_j, normal = plane(geometry[0, :6], source)
    height = np.array(positions) @ normal
    step, warnings = _step(height, declared, thickness)
    k = np.rint((height - height.min()) / step).astype(np.int64)
    corners = np.array(positions) - np.outer(height, normal)
    if np.ptp(corners, axis=0).max() > COINCIDENT_VOXELS * geometry[0, 6:].min():
        raise UnsupportedError("frames that do not lie straight above each other", where=source)
    if k.max() > MOST_SLICES:
        raise HeaderError(f"frames over {np.ptp(height) / 1000:.1f} m", where=source)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along_i * geometry[0, 7], along_j * geometry[0, 6]
    affine[:3, 2], affine[:3, 3] = normal * step, positions[int(np.argmin(height))]
    shape = (int(dataset.Columns), int(dataset.Rows), int(k.max()) + 1)
    frame_uid = dataset.get("FrameOfReferenceUID")
    grid = Grid(shape, affine, str(frame_uid) if frame_uid else None)
    return _Frames(grid, k, tuple(numbers), warnings)


def _step(
    height: FloatArray, declared: float | None, thickness: float | None
) -> tuple[float, tuple[str, ...]]:
    """Distance between slices, measured between frames where that is possible."""
    levels = np.unique(np.round(height, 3))
    if len(levels) < 2:
        return float(declared or thickness or 1.0), ()
    measured = float(np.diff(levels).min())
    step = measured
    if declared and abs(measured / float(declared) - round(measured / float(declared))) < 0.02:
        step = float(declared)
    offsets = (levels - levels[0]) / step
    if np.abs(offsets - np.rint(offsets)).max() > COINCIDENT_VOXELS:
        return step, (f"frames are not evenly spaced; placed on slices {step:.2f} mm apart",)
    return step, ()


def _by_segment(dataset: Dataset, frames: _Frames, source: str) -> Iterator[tuple[int, Mask]]:
    """Each segment as a mask on the grid of the frames."""
    stored = pixels(dataset, source)
    stored = stored[None] if stored.ndim == 2 else stored
    if stored.ndim != 3 or len(stored) != len(frames.k):
        raise HeaderError(
            f"pixels of shape {stored.shape} for {len(frames.k)} frames", where=source
        )
    kind = str(dataset.get("SegmentationType", "BINARY"))
    owners = np.array(frames.segment)
    if kind == "FRACTIONAL":
        full = whole(dataset, "MaximumFractionalValue", where=source)
        if not full:
            raise HeaderError("no Maximum Fractional Value (0062,000E)", where=source)
        stored = stored >= np.ceil(FRACTIONAL_THRESHOLD * full)
    for number in _label_map_numbers(stored) if kind == "LABELMAP" else np.unique(owners):
        own = np.arange(len(stored)) if kind == "LABELMAP" else np.flatnonzero(owners == number)
        first = int(frames.k[own].min())
        deep = int(frames.k[own].max()) + 1 - first
        array = np.zeros((deep, *stored.shape[1:]), dtype=np.bool_)
        for frame in own:
            drawn = stored[frame] == number if kind == "LABELMAP" else stored[frame] > 0
            there = array[frames.k[frame] - first]
            if drawn.any() and there.any():
                raise HeaderError(f"two frames of segment {number} at one place", where=source)
            there |= drawn
        yield int(number), Mask.placed(array.T, (0, 0, first), frames.grid)


def _label_map_numbers(pixels: Array) -> list[int]:
    return [int(number) for number in np.unique(pixels) if number]


def _segment(item: Dataset, number: int, mask: Mask, warnings: tuple[str, ...]) -> SegSegment:
    algorithm = None
    if str(item.get("SegmentAlgorithmType", "MANUAL")) != "MANUAL":
        identity = (item.get("SegmentationAlgorithmIdentificationSequence") or [Dataset()])[0]
        name = identity.get("AlgorithmName") or item.get("SegmentAlgorithmName") or "unknown"
        algorithm = Algorithm(str(name), str(identity.get("AlgorithmVersion", "")))
    return SegSegment(
        label=str(item.get("SegmentLabel") or f"segment {number}"),
        mask=mask,
        tracking_uid=str(item.get("TrackingUID", "")),
        tracking_id=str(item.get("TrackingID", "")),
        category=_coded(item, "SegmentedPropertyCategoryCodeSequence") or ABNORMAL,
        kind=_coded(item, "SegmentedPropertyTypeCodeSequence") or LESION,
        region=_coded(item, "AnatomicRegionSequence"),
        algorithm=algorithm,
        number=number,
        warnings=warnings,
    )


def _coded(item: Dataset, name: str) -> Coded | None:
    sequence = item.get(name)
    if not sequence:
        return None
    code = sequence[0]
    value = code.get("CodeValue") or code.get("LongCodeValue") or code.get("URNCodeValue") or ""
    scheme = code.get("CodingSchemeDesignator", "")
    return Coded(str(value), str(scheme), str(code.get("CodeMeaning", "")))


def to_grid(mask: Mask, grid: Grid) -> tuple[Mask, str]:
    """A mask on another grid of the same space: a copy where voxels coincide, else resampled.

    Returns:
        The mask, and a remark when it was resampled or cut ("" for a plain copy).
    """
    if not mask.voxels:
        return Mask.placed(mask.array, (0, 0, 0), grid), ""
    placed = _copied(mask, grid)
    if placed is not None:
        lost = mask.voxels - placed.voxels
        return placed, f"{lost} voxels lie outside of the image" if lost else ""
    remark = "resampled to the image by nearest neighbour: its pixels do not coincide"
    return _nearest(mask, grid), remark


def _copied(mask: Mask, grid: Grid) -> Mask | None:
    """The mask when its voxels are voxels of the grid (axes may be flipped or swapped)."""
    box = mask.box_grid
    step = np.linalg.inv(grid.affine)[:3, :3] @ box.affine[:3, :3]
    whole = np.rint(step)
    if not (np.abs(whole).sum(axis=0) == 1).all() or not (np.abs(whole).sum(axis=1) == 1).all():
        return None
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(box.shape) - 1)
    at = grid.to_voxel(box.to_world_mm(corners))
    if np.abs(at - np.rint(at)).max() > COINCIDENT_VOXELS:
        return None
    if np.abs(at - at[0] - corners @ whole.T).max() > 2 * COINCIDENT_VOXELS:
        return None
    array = np.transpose(mask.array, np.argmax(np.abs(whole), axis=1))
    backwards = tuple(int(axis) for axis in np.flatnonzero(whole.sum(axis=1) < 0))
    start = np.rint(at).min(axis=0).astype(int)
    return Mask.placed(
        np.flip(array, backwards), (int(start[0]), int(start[1]), int(start[2])), grid
    )


def _nearest(mask: Mask, grid: Grid) -> Mask:
    """Each voxel of the grid takes the value of the mask's voxel that its centre lies in."""
    box = mask.box_grid
    ends = np.array(list(np.ndindex(2, 2, 2))) * np.array(box.shape) - 0.5
    reach = grid.to_voxel(box.to_world_mm(ends))
    low = np.clip(np.floor(reach.min(axis=0)), 0, np.array(grid.shape) - 1).astype(int)
    high = np.clip(np.ceil(reach.max(axis=0)) + 1, low + 1, grid.shape).astype(int)
    index = np.stack(
        np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), -1
    )
    source = np.floor(box.to_voxel(grid.to_world_mm(index)) + 0.5).astype(int)
    inside = ((source >= 0) & (source < np.array(box.shape))).all(axis=-1)
    array = np.zeros(inside.shape, dtype=np.bool_)
    hit = source[inside]
    array[inside] = mask.array[hit[:, 0], hit[:, 1], hit[:, 2]]
    return Mask.placed(array, (int(low[0]), int(low[1]), int(low[2])), grid)


#: RAS (NIfTI) to LPS (DICOM).
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_label_map(path: Path, grid: Grid) -> npt.NDArray[np.int32]:
    """A NIfTI label map as an array (i, j, k) on the grid of the image.

    The file may store its axes in another order or direction; its voxels must be the image's.

    Raises:
        GeometryError: another shape, spacing or place than the image.
        InputError: values that are not whole numbers.
    """
    from imaging.nifti import VOXEL_ERRORS, opened  # noqa: PLC0415 - nibabel is long to load

    image = opened(path)
    try:
        stored = np.asanyarray(image.dataobj)
    except VOXEL_ERRORS as error:
        raise InputError("the voxels cannot be read: a truncated file", where=path) from error
    while stored.ndim > 3 and stored.shape[-1] == 1:
        stored = stored[..., 0]
    labels = _whole_numbers(stored, path)
    own = Grid(stored.shape, _RAS_TO_LPS @ image.affine)
    step = np.linalg.inv(grid.affine)[:3, :3] @ own.affine[:3, :3]
    order = np.argmax(np.abs(step), axis=1)
    flips = tuple(int(a) for a in range(3) if step[a, order[a]] < 0)
    turned = np.flip(np.transpose(labels, order), flips) if len(set(order)) == 3 else labels
    affine = _turned(own, order, flips)
    if turned.shape != grid.shape:
        raise GeometryError(
            f"label map of {_times(turned.shape)} voxels on an image of {_times(grid.shape)}",
            where=path,
            remedy="export it on the grid of the CT of the same date",
        )
    lying = Grid(turned.shape, affine)
    apart_mm = float(np.abs(lying.corners_mm() - grid.corners_mm()).max())
    if apart_mm > LABEL_MAP_TOLERANCE_VOXELS * min(grid.spacing_mm):
        raise GeometryError(
            f"label map and image lie {apart_mm:.2f} mm apart at a corner "
            f"(spacing {_rounded(lying)} and {_rounded(grid)} mm)",
            where=path,
            remedy="export it on the grid of the CT of the same date",
        )
    return turned


def _turned(grid: Grid, order: Mapping[int, int] | Array, flips: tuple[int, ...]) -> FloatArray:
    """The affine after the axes were transposed by ``order`` and then flipped."""
    affine = grid.affine.copy()
    for axis in range(3):
        source = int(order[axis])
        column = grid.affine[:3, source]
        if axis in flips:
            affine[:3, 3] += column * (grid.shape[source] - 1)
            column = -column
        affine[:3, axis] = column
    return affine


def _whole_numbers(stored: Array, path: Path) -> npt.NDArray[np.int32]:
    if stored.ndim != 3:
        raise InputError(f"a label map has three dimensions, not {stored.ndim}", where=path)
    if not np.isfinite(stored).all() or stored.min() < 0 or stored.max() > MOST_LABELS:
        raise InputError(
            f"labels from {stored.min():g} to {stored.max():g}: not a label map", where=path
        )
    labels = np.asarray(np.rint(stored), dtype=np.int32)
    if not np.array_equal(labels, stored):
        raise InputError("values are not whole numbers: not a label map", where=path)
    return labels


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)


def _rounded(grid: Grid) -> str:
    return " x ".join(f"{value:.3f}" for value in grid.spacing_mm)
