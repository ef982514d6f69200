"""Enhanced multi-frame CT and PET: one file with a functional group per frame (PS3.3, C.7.6.16).

Each frame becomes a slice, and its functional groups are flattened into a header like that of a
single-frame image, so that the rest of the toolkit needs to know one kind only.
"""

from __future__ import annotations

import numpy as np
from pydicom import Dataset

from imaging.dataset import read_dataset, understood
from imaging.elements import decimals
from imaging.errors import GeometryError, HeaderError, UnsupportedError
from imaging.header import read_header
from imaging.pixels import Pixels, decode
from imaging.series import Series
from imaging.slices import arrange
from imaging.stored import Stored, padding_range
from imaging.volume import FloatArray

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
LEGACY_CT = "1.2.840.10008.5.1.4.1.1.2.2"
ENHANCED_PET = "1.2.840.10008.5.1.4.1.1.130"
LEGACY_PET = "1.2.840.10008.5.1.4.1.1.128.1"
ENHANCED_CLASSES = frozenset((ENHANCED_CT, LEGACY_CT, ENHANCED_PET, LEGACY_PET))

_SHARED, _PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


def read_frames(series: Series) -> Stored:
    """Read the frames of a multi-frame series, in one file or several.

    Raises:
        GeometryError, HeaderError, UnsupportedError: as :func:`imaging.stored.read_slices`.
    """
    headers: list[Dataset] = []
    images = []
    for path in series.files:
        with understood(path, "a multi-frame image"):
            flat = flatten(read_dataset(path))
        pixels = decode(read_header(path))
        pixels = pixels[None] if pixels.ndim == 2 else pixels
        if pixels.ndim != 3 or len(pixels) != len(flat):
            raise UnsupportedError(
                f"pixel data of shape {pixels.shape} for {len(flat)} frames", where=path
            )
        headers.extend(flat)
        images.append(pixels)
    if len({image.shape[1:] for image in images}) > 1:
        raise GeometryError("images of different matrix size in one series", where=series.name)
    thickness = headers[0].get("SliceThickness")
    stack = arrange(
        np.array([_floats(header, "ImagePositionPatient", 3, series) for header in headers]),
        np.array([_floats(header, "ImageOrientationPatient", 6, series) for header in headers]),
        np.array([_floats(header, "PixelSpacing", 2, series) for header in headers]),
        slice_thickness_mm=None if thickness is None else float(thickness),
        where=series.name,
    )
    ordered = [headers[n] for n in stack.order]
    return Stored(
        pixels=Pixels.of(np.ascontiguousarray(np.concatenate(images)[list(stack.order)])),
        slopes=np.array([_floats(header, "RescaleSlope", 1, series)[0] for header in ordered]),
        intercepts=np.array(
            [_floats(header, "RescaleIntercept", 1, series)[0] for header in ordered]
        ),
        stack=stack,
        headers=tuple(ordered),
        sop_instance_uids=tuple(str(header.SOPInstanceUID) for header in ordered),
        frame_of_reference_uid=str(ordered[0].get("FrameOfReferenceUID", "")) or None,
        padding=_padding(ordered[0]),
        slice_thickness_mm=float(thickness or np.linalg.norm(stack.affine[:3, 2])),
        warnings=stack.warnings,
    )


def flatten(dataset: Dataset) -> list[Dataset]:
    """One header per frame: the file's elements, with the frame's functional groups on top."""
    groups = (_SHARED, _PER_FRAME)
    if _PER_FRAME not in dataset:
        raise HeaderError(
            "Per-Frame Functional Groups Sequence (5200,9230) is missing",
            where=dataset.get("filename"),
        )
    general = Dataset()
    general.update({e.tag: e for e in dataset if e.keyword not in groups})
    for shared in dataset.get(_SHARED, ()):
        _lift(shared, general)
    frames = []
    for number, group in enumerate(dataset[_PER_FRAME].value, start=1):
        frame = Dataset()
        frame.update(general)
        _lift(group, frame)
        frame.InstanceNumber = number
        if "FrameAcquisitionDateTime" in frame:
            frame.AcquisitionDateTime = frame.FrameAcquisitionDateTime
        frames.append(frame)
    return frames


def _lift(group: Dataset, into: Dataset) -> None:
    """Put the elements of each functional group's single item into a header."""
    for element in group:
        if element.VR == "SQ" and len(element.value) == 1:
            into.update({inner.tag: inner for inner in element.value[0]})


def _floats(header: Dataset, keyword: str, count: int, series: Series) -> FloatArray:
    return np.array(decimals(header, keyword, count, where=str(series.files[0])))


def _padding(header: Dataset) -> tuple[int, int] | None:
    value, limit = header.get("PixelPaddingValue"), header.get("PixelPaddingRangeLimit")
    if value is None:
        return None
    return padding_range(
        int(value),
        None if limit is None else int(limit),
        is_signed=bool(header.get("PixelRepresentation")),
    )
