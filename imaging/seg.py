"""Segments of DICOM SEG, and writing them: one segment and one Tracking UID per lesion.

BINARY by default, since archives in use refuse the newer LABELMAP class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.valuerep import DS

from imaging.carried_over import completed, slice_spacing_mm, with_values
from imaging.derived import (
    LONGEST_LABEL,
    code_item,
    derived_uid,
    identity_of,
    made_here,
    make_repeatable,
    refer_to_image,
    reference_to,
    succession,
)
from imaging.errors import GeometryError, InputError
from imaging.seg_pattern import filled, pattern_in
from imaging.volume import Mask
from imaging.writing import written_whole


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded concept: value, coding scheme, meaning."""

    value: str
    scheme: str
    meaning: str


#: Segmented property category and type of a lesion (CID 7150, CID 7159).
ABNORMAL = Coded("49755003", "SCT", "Morphologically Abnormal Structure")
LESION = Coded("52988006", "SCT", "Lesion")
LYMPH_NODE = Coded("59441001", "SCT", "Lymph node")
#: The family of every algorithm that draws here (CID 7162).
ARTIFICIAL_INTELLIGENCE = Coded("123110", "DCM", "Artificial Intelligence")
#: How segments are stored.
BINARY, LABELMAP = "BINARY", "LABELMAP"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """The program that drew a segment."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, eq=False)
class SegSegment:
    """One segment of a SEG object; one lesion where we write it.

    Attributes:
        tracking_id, tracking_uid: identity of the lesion over objects and dates, "" when not given.
        category, kind: segmented property category and type.
        region: anatomic region, None when not given.
        algorithm: None for a manual segment.
        warnings: how it was brought to the grid, where that was not a plain copy.
    """

    label: str
    mask: Mask
    tracking_uid: str = ""
    tracking_id: str = ""
    category: Coded = ABNORMAL
    kind: Coded = LESION
    region: Coded | None = None
    algorithm: Algorithm | None = None
    number: int = 0
    warnings: tuple[str, ...] = ()


def write_seg(
    path: Path,
    segments: Sequence[SegSegment],
    headers: Sequence[Dataset],
    *,
    labelmap: bool = False,
    series_description: str = "Lesions",
    series_number: int = 900,
    creator: str = "",
    earlier: Path | None = None,
    like: Path | None = None,
    sop_instance_uids: Sequence[str] = (),
) -> Path:
    """Write a SEG object; a file under another name is renamed into place when it is complete.

    The same segments on the same images give the same bytes, UIDs included, so that a repeated run
    adds no second series to an archive; anything that differs gives new UIDs.

    Args:
        segments: all on the grid of the series; each with a Tracking UID of its own.
        headers: of the source series, one per slice, in the order of ``k``; pixels not needed.
        labelmap: write the LABELMAP class (one value per pixel: segments must not overlap).
        earlier: the file of the object that this one takes the place of; it is referred to.
        like: a SEG of the same images, as it lies in a file: what it says of them need not be read
            again. The object is the same with and without.
        sop_instance_uids: of the headers, where they are known without reading them.

    Raises:
        InputError: no segments, an empty one, a Tracking UID missing or used twice, or headers
            that no object may be derived from.
        GeometryError: masks that are not on the grid of the headers.
    """
    if not segments or not headers:
        raise InputError("a SEG needs at least one lesion and the headers of its series")
    uids = sop_instance_uids or [str(header.SOPInstanceUID) for header in headers]
    says = {
        "SeriesDescription": series_description,
        "ContentDescription": series_description,
        "SeriesNumber": series_number,
        "ContentCreatorName": creator,
    }
    pattern = None if like is None or labelmap else pattern_in(like, uids, says)
    _check(segments, _shape_of(headers) if pattern is None else pattern.shape)
    kind = LABELMAP if labelmap else BINARY
    said = _identity(segments, uids, (kind, series_description))
    identity, predecessor = succession(said, earlier)
    if pattern is not None:
        made = made_here(identity, series_number)
        new = {
            "SOPInstanceUID": made["sop_instance_uid"],
            "SeriesInstanceUID": made["series_instance_uid"],
            "DimensionOrganizationUID": derived_uid("dimensions", identity),
        }
        items = [(item, each.mask) for item, each in zip(_items(segments), segments, strict=True)]
        seg = filled(pattern, items, headers, new, predecessor)
    else:
        seg = _constructed(segments, headers, identity, says, kind)
        refer_to_image(seg, predecessor)
    with written_whole(path) as file:
        seg.save_as(file)
    return path


def _constructed(
    segments: Sequence[SegSegment],
    headers: Sequence[Dataset],
    identity: str,
    says: Mapping[str, Any],
    kind: str,
) -> Dataset:
    """The object, from the headers of all images."""
    import highdicom as hd  # noqa: PLC0415 - pandas comes with it

    first = min(segment.mask.start[2] for segment in segments)
    past = max(segment.mask.start[2] + segment.mask.array.shape[2] for segment in segments)
    pixels = _pixels(segments, first, past)
    if kind == LABELMAP and pixels.ndim == 4:
        raise InputError("a LABELMAP cannot hold lesions that overlap", remedy="write BINARY")
    try:
        seg = hd.seg.Segmentation(
            source_images=_sources(headers, first, past),
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=[
                hd.seg.SegmentDescription.from_dataset(item) for item in _items(segments)
            ],
            **made_here(identity, says["SeriesNumber"]),
            content_label="LESIONS",
            content_description=says["ContentDescription"],
            content_creator_name=says["ContentCreatorName"] or None,
            series_description=says["SeriesDescription"],
        )
        _say_spacing(seg, headers)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise InputError(
            f"the headers of the images cannot be carried into a SEG: {error}",
            remedy="a NIfTI label map holds the same lesions",
        ) from error
    # Optional, and said of a sole lesion alone: frames are placed by their positions.
    seg.pop("DimensionOrganizationType", None)
    _refer_to_all(seg, headers)
    _make_repeatable(seg, headers[0], identity)
    return seg


def _sources(headers: Sequence[Dataset], first: int, past: int) -> list[Dataset]:
    """The images that show a lesion.

    highdicom takes from the first of its images what it says of all of them. It is given what the
    first image of the series says: lesions change that come and go, the patient and his CT do not.
    """
    slice_mm = slice_spacing_mm(headers)
    of_series = completed(headers[0], slice_mm)
    sources = [completed(header, slice_mm) for header in headers[first:past]]
    own = ("SOPClassUID", "SOPInstanceUID", "ImagePositionPatient")
    shown = with_values(of_series, {name: sources[0].get(name) for name in own})
    oriented = of_series.ImageOrientationPatient
    return [
        shown,
        *(
            each
            if each.ImageOrientationPatient == oriented
            else with_values(each, {"ImageOrientationPatient": oriented})
            for each in sources[1:]
        ),
    ]


def _say_spacing(seg: Dataset, headers: Sequence[Dataset]) -> None:
    """The distance of the slices of the series, where it is one; highdicom asks those shown."""
    from highdicom.spatial import get_volume_positions  # noqa: PLC0415 - see above

    (measures,) = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    if "SpacingBetweenSlices" in headers[0]:
        return
    spacing_mm, _ = get_volume_positions(
        image_positions=[header.ImagePositionPatient for header in headers],
        image_orientation=headers[0].ImageOrientationPatient,
    )
    if spacing_mm is not None:
        measures.SpacingBetweenSlices = DS(spacing_mm, auto_format=True)
    elif "SpacingBetweenSlices" in measures:
        del measures.SpacingBetweenSlices


def _refer_to_all(seg: Dataset, headers: Sequence[Dataset]) -> None:
    """Every image that was looked at is referred to, not only those that show a lesion."""
    known = {str(header.SOPInstanceUID): header for header in headers}
    referred = [reference_to(header) for header in known.values()]
    seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence = DicomSequence(referred)


def _identity(segments: Sequence[SegSegment], uids: Sequence[str], how: tuple[str, ...]) -> str:
    """What makes the object this object: the images, the segments, their pixels, the software."""
    parts: list[object] = [*how]
    parts += uids
    for each in segments:
        parts += [each.label, each.tracking_id, each.tracking_uid, each.category, each.kind]
        parts += [each.region, each.algorithm, each.mask.grid.shape, each.mask.start]
        parts += [each.mask.array.shape, np.packbits(each.mask.array).tobytes()]
    return identity_of(parts)


def _make_repeatable(seg: Dataset, source: Dataset, identity: str) -> None:
    make_repeatable(seg, source)
    organisation = derived_uid("dimensions", identity)
    for item in (*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence):
        item.DimensionOrganizationUID = organisation


def _shape_of(headers: Sequence[Dataset]) -> tuple[int, int, int]:
    """Columns, rows, slices of one series."""
    if len({str(header.get("SeriesInstanceUID")) for header in headers}) > 1:
        raise GeometryError("slices of several series: a SEG refers to one")
    return int(headers[0].Columns), int(headers[0].Rows), len(headers)


def _check(segments: Sequence[SegSegment], shape: tuple[int, int, int]) -> None:
    uids = [segment.tracking_uid for segment in segments]
    if not all(uids) or len(set(uids)) != len(uids):
        raise InputError("each lesion needs a Tracking UID of its own")
    for segment in segments:
        if not segment.mask.voxels:
            raise InputError(f"lesion {segment.label} has no voxels", remedy="leave it out")
        if segment.mask.grid.shape != shape:
            raise GeometryError(
                f"lesion {segment.label} lies on a grid of {segment.mask.grid.shape}, "
                f"the series has {shape}"
            )


def _pixels(
    segments: Sequence[SegSegment], first: int, past: int
) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """(slices, rows, columns) of segment numbers; a fourth axis when segments overlap."""
    columns, rows, _ = segments[0].mask.grid.shape
    kind = np.uint8 if len(segments) < 256 else np.uint16
    labels = np.zeros((past - first, rows, columns), dtype=kind)
    for number, segment in enumerate(segments, start=1):
        part = labels.T[_box(segment, first)]
        if (part[segment.mask.array] != 0).any():
            return _stacked(segments, labels.shape, first)
        part[segment.mask.array] = number
    return labels


def _stacked(
    segments: Sequence[SegSegment], shape: tuple[int, ...], first: int
) -> npt.NDArray[np.uint8]:
    """(slices, rows, columns, segments); a segment after the other in memory, as it is read."""
    stack = np.zeros((len(segments), *shape), dtype=np.uint8)
    for number, segment in enumerate(segments):
        stack[number].T[_box(segment, first)] = segment.mask.array
    return np.moveaxis(stack, 0, -1)


def _box(segment: SegSegment, first: int) -> tuple[slice, slice, slice]:
    i, j, k = segment.mask.box
    return i, j, slice(k.start - first, k.stop - first)


def _items(segments: Sequence[SegSegment]) -> list[Dataset]:
    """The items of the Segment Sequence."""
    return [_item(number, segment) for number, segment in enumerate(segments, start=1)]


def _item(number: int, segment: SegSegment) -> Dataset:
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = segment.label[:LONGEST_LABEL]
    item.SegmentedPropertyCategoryCodeSequence = [_concept(segment.category)]
    item.SegmentedPropertyTypeCodeSequence = [_concept(segment.kind)]
    item.SegmentAlgorithmType = "MANUAL"
    if segment.algorithm is not None:
        algorithm = Dataset()
        algorithm.AlgorithmName = segment.algorithm.name
        algorithm.AlgorithmVersion = segment.algorithm.version or "unknown"
        algorithm.AlgorithmFamilyCodeSequence = [_concept(ARTIFICIAL_INTELLIGENCE)]
        item.SegmentAlgorithmType = "AUTOMATIC"
        item.SegmentAlgorithmName = segment.algorithm.name
        item.SegmentationAlgorithmIdentificationSequence = [algorithm]
    item.TrackingID = segment.tracking_id or segment.label
    item.TrackingUID = segment.tracking_uid
    if segment.region is not None:
        item.AnatomicRegionSequence = [_concept(segment.region)]
    return item


def _concept(code: Coded) -> Dataset:
    return code_item(code.value, code.scheme, code.meaning)
