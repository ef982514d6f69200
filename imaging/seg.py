"""Segments of DICOM SEG, and writing them: one segment and one Tracking UID per lesion.

BINARY by default, since archives in use refuse the newer LABELMAP class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from imaging.carried_over import completed, slice_spacing_mm
from imaging.derived import (
    derived_uid,
    identity_of,
    made_here,
    make_repeatable,
    refer_to_image,
    reference_to,
    succession,
)
from imaging.errors import GeometryError, InputError
from imaging.volume import Mask
from imaging.writing import written_whole

if TYPE_CHECKING:  # pandas comes with it: imported where a file is written
    import highdicom as hd


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
) -> Path:
    """Write a SEG object; a file under another name is renamed into place when it is complete.

    The same segments on the same images give the same bytes, UIDs included, so that a repeated run
    adds no second series to an archive; anything that differs gives new UIDs.

    Args:
        segments: all on the grid of the series; each with a Tracking UID of its own.
        headers: of the source series, one per slice, in the order of ``k``; pixels not needed.
        labelmap: write the LABELMAP class (one value per pixel: segments must not overlap).
        earlier: the file of the object that this one takes the place of; it is referred to.

    Raises:
        InputError: no segments, an empty one, a Tracking UID missing or used twice, or headers
            that no object may be derived from.
        GeometryError: masks that are not on the grid of the headers.
    """
    import highdicom as hd  # noqa: PLC0415 - see above

    _check(segments, headers)
    first = min(segment.mask.start[2] for segment in segments)
    past = max(segment.mask.start[2] + segment.mask.array.shape[2] for segment in segments)
    pixels = _pixels(segments, first, past)
    if labelmap and pixels.ndim == 4:
        raise InputError("a LABELMAP cannot hold lesions that overlap", remedy="write BINARY")
    kind = hd.seg.SegmentationTypeValues.LABELMAP if labelmap else "BINARY"
    said = _identity(segments, headers, (str(kind), series_description))
    identity, predecessor = succession(said, earlier)
    slice_mm = slice_spacing_mm(headers)
    sources = [completed(header, slice_mm) for header in headers[first:past]]
    try:
        seg = hd.seg.Segmentation(
            source_images=sources,
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=[
                _description(number, segment) for number, segment in enumerate(segments, start=1)
            ],
            **made_here(identity, series_number),
            content_label="LESIONS",
            content_description=series_description,
            content_creator_name=creator or None,
            series_description=series_description,
        )
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise InputError(
            f"the headers of the images cannot be carried into a SEG: {error}",
            remedy="a NIfTI label map holds the same lesions",
        ) from error
    _refer_to_all(seg, headers)
    refer_to_image(seg, predecessor)
    _make_repeatable(seg, headers[first], identity)
    with written_whole(path) as file:
        seg.save_as(file)
    return path


def _refer_to_all(seg: Dataset, headers: Sequence[Dataset]) -> None:
    """Every image that was looked at is referred to, not only those that show a lesion."""
    referred = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    known = {str(item.ReferencedSOPInstanceUID) for item in referred}
    for header in headers:
        if str(header.SOPInstanceUID) not in known:
            known.add(str(header.SOPInstanceUID))
            referred.append(reference_to(header))


def _identity(
    segments: Sequence[SegSegment], headers: Sequence[Dataset], how: tuple[str, ...]
) -> str:
    """What makes the object this object: the images, the segments, their pixels, the software."""
    parts: list[object] = [*how]
    parts += [header.SOPInstanceUID for header in headers]
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


def _check(segments: Sequence[SegSegment], headers: Sequence[Dataset]) -> None:
    if not segments or not headers:
        raise InputError("a SEG needs at least one lesion and the headers of its series")
    uids = [segment.tracking_uid for segment in segments]
    if not all(uids) or len(set(uids)) != len(uids):
        raise InputError("each lesion needs a Tracking UID of its own")
    if len({str(header.get("SeriesInstanceUID")) for header in headers}) > 1:
        raise GeometryError("slices of several series: a SEG refers to one")
    shape = (int(headers[0].Columns), int(headers[0].Rows), len(headers))
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


def _description(number: int, segment: SegSegment) -> hd.seg.SegmentDescription:
    import highdicom as hd  # noqa: PLC0415 - see above
    from pydicom.sr.codedict import codes  # noqa: PLC0415 - its tables are long

    algorithm = None
    kind = hd.seg.SegmentAlgorithmTypeValues.MANUAL
    if segment.algorithm is not None:
        kind = hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC
        algorithm = hd.AlgorithmIdentificationSequence(
            name=segment.algorithm.name,
            family=codes.DCM.ArtificialIntelligence,
            version=segment.algorithm.version or "unknown",
        )
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label[:64],
        segmented_property_category=_concept(segment.category),
        segmented_property_type=_concept(segment.kind),
        algorithm_type=kind,
        algorithm_identification=algorithm,
        tracking_uid=segment.tracking_uid,
        tracking_id=segment.tracking_id or segment.label,
        anatomic_regions=None if segment.region is None else [_concept(segment.region)],
    )


def _concept(code: Coded) -> hd.sr.CodedConcept:
    import highdicom as hd  # noqa: PLC0415 - see above

    return hd.sr.CodedConcept(code.value, code.scheme, code.meaning)
