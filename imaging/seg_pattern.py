"""A SEG object by the pattern of one of the same images that was written before.

What an object says of its images, of the patient, the study and itself stands there; segments and
frames are its own. No header is read, but of slices that showed nothing before, and the object is,
byte for byte, the one that is made from all the headers anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID
from pydicom.valuerep import DS

from imaging.carried_over import with_values
from imaging.dataset import read_object
from imaging.derived import Predecessor, code_item, is_predecessor, refer_to_image, software_version
from imaging.errors import InputError
from imaging.volume import Array, Mask

#: Why a frame refers to an image, and what was done with it (CID 7202, CID 7203).
_SOURCE_IMAGE = ("121322", "DCM", "Source image for image processing operation")
_SEGMENTATION = ("113076", "DCM", "Segmentation")


@dataclass(frozen=True, slots=True, eq=False)
class SegPattern:
    """A BINARY SEG of a series, whole.

    Attributes:
        images: a reference to each image, in the order of k.
        places: by SOP Instance UID, the position of the frames that show a slice.
    """

    held: Dataset
    images: tuple[Dataset, ...]
    places: Mapping[str, DicomSequence]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        return int(self.held.Columns), int(self.held.Rows), len(self.images)


def pattern_in(path: Path, uids: Sequence[str], says: Mapping[str, object]) -> SegPattern | None:
    """The SEG in a file, where it can stand as a pattern; None where it cannot.

    Args:
        uids: SOP Instance UIDs of the images in the order of k.
        says: what the object must say, by keyword.
    """
    if not path.is_file() or len(set(uids)) != len(uids):
        return None
    try:
        held = read_object(path)
        images = tuple(held.ReferencedSeriesSequence[0].ReferencedInstanceSequence)
        fits = (
            [str(image.ReferencedSOPInstanceUID) for image in images] == list(uids)
            and held.SegmentationType == "BINARY"
            and held.SoftwareVersions == software_version()
            and held.file_meta.ImplementationVersionName == f"highdicom{version('highdicom')}"
            and all((held.get(name) or "") == value for name, value in says.items())
        )
        if not fits:
            return None
        places = {
            _shown(frame): frame.PlanePositionSequence
            for frame in held.PerFrameFunctionalGroupsSequence
        }
    except (InputError, AttributeError, LookupError):  # damaged, or of another writer
        return None
    return SegPattern(held, images, places)


def _shown(frame: Dataset) -> str:
    source = frame.DerivationImageSequence[0].SourceImageSequence[0]
    return str(source.ReferencedSOPInstanceUID)


def filled(
    pattern: SegPattern,
    segments: Sequence[tuple[Dataset, Mask]],
    headers: Sequence[Dataset],
    uids: Mapping[str, str],
    predecessor: Predecessor | None,
) -> Dataset:
    """The object with other segments, made of the pattern, which is used up.

    Args:
        segments: an item of the Segment Sequence each, and its voxels on the grid of the series.
        headers: of the series, in the order of k; asked for slices that the pattern does not show.
        uids: of what is new, by keyword; that of the dimensions is ``DimensionOrganizationUID``.
    """
    held = pattern.held
    held.SOPInstanceUID = UID(uids["SOPInstanceUID"])
    held.file_meta.MediaStorageSOPInstanceUID = held.SOPInstanceUID
    held.SeriesInstanceUID = uids["SeriesInstanceUID"]
    for item in (*held.DimensionOrganizationSequence, *held.DimensionIndexSequence):
        item.DimensionOrganizationUID = uids["DimensionOrganizationUID"]
    masks = [mask for _, mask in segments]
    first = min(mask.start[2] for mask in masks)
    past = max(mask.start[2] + mask.array.shape[2] for mask in masks)
    held.SourceImageSequence = DicomSequence(pattern.images[first:past])
    held.SegmentSequence = DicomSequence(item for item, _ in segments)
    held.SegmentsOverlap = "YES" if overlap(masks) else "NO"
    _refer_to_none(held)
    refer_to_image(held, predecessor)
    _fill_frames(held, pattern, masks, headers)
    return held


def _refer_to_none(held: Dataset) -> None:
    """Without the object that the pattern took the place of."""
    others = [item for item in held.get("ReferencedImageSequence", ()) if not is_predecessor(item)]
    if others:
        held.ReferencedImageSequence = DicomSequence(others)
    elif "ReferencedImageSequence" in held:
        del held.ReferencedImageSequence


def overlap(masks: Sequence[Mask]) -> bool:
    """Whether a voxel belongs to two masks of one grid."""
    for number, one in enumerate(masks):
        for other in masks[:number]:
            low = np.maximum(one.start, other.start)
            high = np.minimum(_end(one), _end(other))
            if (high > low).all() and (_part(one, low, high) & _part(other, low, high)).any():
                return True
    return False


def _end(mask: Mask) -> Array:
    return np.add(mask.start, mask.array.shape)


def _part(mask: Mask, low: Array, high: Array) -> Array:
    start = np.array(mask.start)
    box = zip(low - start, high - start, strict=True)
    return mask.array[tuple(slice(int(a), int(b)) for a, b in box)]


def _fill_frames(
    held: Dataset, pattern: SegPattern, masks: Sequence[Mask], headers: Sequence[Dataset]
) -> None:
    """A frame for each slice of each segment, from the last slice to the first."""
    shown = [_slices(mask) for mask in masks]
    every = sorted({k for own in shown for k in own}, reverse=True)
    index = {k: place for place, k in enumerate(every, start=1)}
    columns, rows, _ = pattern.shape
    pixels = np.zeros((sum(map(len, shown)), rows, columns), dtype=np.uint8)
    frames: list[Dataset] = []
    for number, (mask, own) in enumerate(zip(masks, shown, strict=True), start=1):
        i, j, _ = mask.box
        for k in own:
            pixels[len(frames)].T[i, j] = mask.array[:, :, k - mask.start[2]]
            frame = _frame(pattern, k, headers)
            frame.FrameContentSequence = _of_one(DimensionIndexValues=[number, index[k]])
            if len(masks) > 1:
                frame.SegmentIdentificationSequence = _of_one(ReferencedSegmentNumber=number)
            frames.append(frame)
    _say_segment_once(held, len(masks))
    held.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
    held.NumberOfFrames = len(frames)
    packed = np.packbits(pixels, axis=None, bitorder="little").tobytes()
    held.PixelData = packed + b"0" * (len(packed) % 2)


def _slices(mask: Mask) -> list[int]:
    """The slices that show something of a mask, the last one first."""
    drawn = np.flatnonzero(mask.array.any(axis=(0, 1)))[::-1]
    return [int(k) + mask.start[2] for k in drawn]


def _say_segment_once(held: Dataset, segments: int) -> None:
    """What is the same for all frames, as the number of a sole segment, stands in one place."""
    shared = held.SharedFunctionalGroupsSequence[0]
    if segments == 1:
        shared.SegmentIdentificationSequence = _of_one(ReferencedSegmentNumber=1)
    elif "SegmentIdentificationSequence" in shared:
        del shared.SegmentIdentificationSequence


def _frame(pattern: SegPattern, k: int, headers: Sequence[Dataset]) -> Dataset:
    """Where a slice lies, and the image that it was drawn on."""
    image = pattern.images[k]
    uid = str(image.ReferencedSOPInstanceUID)
    frame = Dataset()
    frame.PlanePositionSequence = (
        pattern.places[uid]
        if uid in pattern.places
        else _of_one(
            ImagePositionPatient=[DS(x, auto_format=True) for x in headers[k].ImagePositionPatient]
        )
    )
    why = {
        "SpatialLocationsPreserved": "YES",
        "PurposeOfReferenceCodeSequence": DicomSequence([code_item(*_SOURCE_IMAGE)]),
    }
    frame.DerivationImageSequence = _of_one(
        SourceImageSequence=DicomSequence([with_values(image, why)]),
        DerivationCodeSequence=DicomSequence([code_item(*_SEGMENTATION)]),
    )
    return frame


def _of_one(**values: Any) -> DicomSequence:
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return DicomSequence([item])
