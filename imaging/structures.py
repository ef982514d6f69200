"""RTSTRUCT as written: regions of interest and their contours, every vertex a float."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.dataset import read_object, understood
from imaging.elements import whole
from imaging.errors import HeaderError, InputError
from imaging.volume import FloatArray

_CONTOUR_DATA = Tag(0x3006, 0x0050)
#: No patient is longer: a vertex further from the origin is damage, and would need a vast grid.
FARTHEST_MM = 10_000.0


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
        fault: why it cannot be used, "" when it can. It is kept, since a lesion that was drawn in
            a damaged way was there; its contours bound nothing.
    """

    number: int
    name: str
    interpreted_type: str
    contours: tuple[Contour, ...]
    frame_of_reference_uid: str | None = None
    source: str = ""
    fault: str = ""

    @property
    def closed(self) -> tuple[Contour, ...]:
        """The contours that bound an area, each once; none of an ROI with a fault."""
        if self.fault:
            return ()
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
    """Read an RTSTRUCT file; ROIs without contours, or with a fault, are kept.

    Raises:
        HeaderError: it is damaged as a whole.
        InputError: it cannot be opened.
    """
    with understood(path, "RTSTRUCT"):
        return structure_set(read_object(path), source=path.name)


def structure_set(dataset: Dataset, *, source: str = "") -> StructureSet:
    """The structure set that a dataset holds."""
    if dataset.get("Modality") != "RTSTRUCT":
        raise HeaderError(
            f"Modality (0008,0060) is {dataset.get('Modality')!r}, not RTSTRUCT", where=source
        )
    types = {
        number: str(item.get("RTROIInterpretedType") or "").upper()
        for item in dataset.get("RTROIObservationsSequence", ())
        if (number := whole(item, "ReferencedROINumber", where=source)) is not None
    }
    default = _frame_of_reference(dataset)
    rois = _rois(dataset, types, default, source)
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


def _rois(
    dataset: Dataset, types: dict[int, str], default: str | None, source: str
) -> tuple[Roi, ...]:
    """The ROIs in the order of the file; contours that no name belongs to are an ROI of their own.

    Where a number is given twice nobody knows which contours belong to which name: all that share
    it are at fault.
    """
    listed = [
        (whole(item, "ROINumber", where=source), item)
        for item in dataset.get("StructureSetROISequence", ())
    ]
    drawn: dict[int, list[Dataset]] = {}
    for item in dataset.get("ROIContourSequence", ()):
        number = whole(item, "ReferencedROINumber", where=source)
        if number is not None:
            drawn.setdefault(number, []).append(item)
    times = Counter(number for number, _ in listed)
    rois = []
    for given, item in listed:
        number = -1 if given is None else given
        contours, fault = _contours(drawn.pop(number, []) if times[given] < 2 else [])
        if times[given] > 1:
            fault = f"{times[given]} ROIs share the number {number}"
        rois.append(
            Roi(
                number=number,
                name=str(item.get("ROIName") or f"ROI {number}"),
                interpreted_type=types.get(number, ""),
                contours=contours,
                frame_of_reference_uid=str(item.get("ReferencedFrameOfReferenceUID") or "")
                or default,
                source=source,
                fault=fault,
            )
        )
    fault = "its contours belong to no ROI of Structure Set ROI Sequence (3006,0020)"
    rois += [
        Roi(number, f"ROI {number}", types.get(number, ""), (), default, source, fault)
        for number, items in drawn.items()
        if times[number] < 1 and any(item.get("ContourSequence") for item in items)
    ]
    return tuple(rois)


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
                series.append(str(item.get("SeriesInstanceUID", "")))
                images.extend(
                    str(image.get("ReferencedSOPInstanceUID", ""))
                    for image in item.get("ContourImageSequence", ())
                )
    return tuple(series), tuple(images)


def _contours(items: list[Dataset]) -> tuple[tuple[Contour, ...], str]:
    """Contours of one ROI, and its fault; coordinates are parsed from the raw text in one go."""
    if len(items) > 1:
        return (), "its contours are given twice (3006,0039)"
    raw, kinds, images = [], [], []
    for contour in items[0].get("ContourSequence", ()) if items else ():
        text = _raw_contour_data(contour)
        if not text:
            continue
        kind = str(contour.get("ContourGeometricType", "")).strip()
        if kind not in tuple(ContourKind):
            return (), f"Contour Geometric Type (3006,0042) is {kind[:20]!r}"
        kinds.append(ContourKind(kind))
        raw.append(text)
        references = contour.get("ContourImageSequence", ())
        images.append(
            str(references[0].get("ReferencedSOPInstanceUID", "")) if len(references) else ""
        )
    if not raw:
        return (), ""
    counts = np.array([text.count(b"\\") + 1 for text in raw])
    values = _numbers(b"\\".join(raw))
    if values is None or len(values) != counts.sum() or (counts % 3).any():
        return (), "Contour Data (3006,0050) is not a list of coordinate triplets"
    if not np.isfinite(values).all() or np.abs(values).max() > FARTHEST_MM:
        return (), f"Contour Data (3006,0050) leads beyond {FARTHEST_MM / 1000:g} m"
    values.setflags(write=False)
    points = np.split(values.reshape(-1, 3), np.cumsum(counts // 3)[:-1])
    return tuple(Contour(*parts) for parts in zip(kinds, points, images, strict=True)), ""


def _raw_contour_data(contour: Dataset) -> bytes:
    """The text of Contour Data without building a Python number for each value."""
    if _CONTOUR_DATA not in contour:
        return b""
    value = contour.get_item(_CONTOUR_DATA).value
    if isinstance(value, bytes):
        return value.strip(b" \x00")
    return "\\".join(str(number) for number in value or ()).encode()


def _numbers(text: bytes) -> FloatArray | None:
    """The numbers of a list in decimal strings; None where it holds anything else."""
    if text.translate(None, b"0123456789+-.eE\\ "):
        return None
    try:
        return np.fromstring(text, dtype=np.float64, sep="\\")
    except (ValueError, DeprecationWarning):
        return None


def _file_warnings(rois: Iterable[Roi]) -> tuple[str, ...]:
    found = [f"ROI {roi.name} cannot be used: {roi.fault}" for roi in rois if roi.fault]
    for roi in rois:
        ignored = [contour.kind for contour in roi.contours if not contour.kind.encloses]
        if ignored:
            found.append(f"ROI {roi.name}: {len(ignored)} contours of type {ignored[0]} ignored")
        enclosing = sum(
            contour.kind.encloses and len(contour.points_mm) > 2 for contour in roi.contours
        )
        if not roi.fault and enclosing > len(roi.closed):
            found.append(f"ROI {roi.name}: {enclosing - len(roi.closed)} repeated contours dropped")
    return tuple(found)
