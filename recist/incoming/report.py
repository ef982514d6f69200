"""The diameters of a structured report by TID 1500, whoever wrote it: OHIF, dcmqi, or we."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from imaging.dataset import read_object, understood
from imaging.derived import MANUFACTURER
from imaging.errors import HeaderError
from imaging.volume import FloatArray
from recist.export.dicom.editable_report import LESIONS
from recist.incoming.authors import first_named, written_at
from recist.measure.diameters import recorded

#: Codes of both diameters (PS3.16): SNOMED CT, and the older SRT codes of the same.
LONG_AXIS = ("103339001", "G-A185", "410668003", "G-D7FE", "121206")
SHORT_AXIS = ("103340004", "G-A186")
GROUP, TRACKING_ID, TRACKING_UID = "125007", "112039", "112040"
FINDING, FINDING_SITE, PERSON, DEVICE = "121071", "363698007", "121008", "121013"
#: How OHIF writes a label.
FREE_TEXT = "CORNERSTONEFREETEXT"
#: Deeper nesting is damage.
DEEPEST = 30


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLine:
    """A diameter as it was reported.

    Attributes:
        length_mm: as recorded, to 0.1 mm.
        points: (2, 2) column and row on the image, or (2, 3) LPS mm; None without coordinates.
        image_uid: the image it was drawn on, "" in space.
        frame_uid: the frame of reference of points in space, "" on an image.
    """

    length_mm: Decimal
    points: FloatArray | None = None
    image_uid: str = ""
    frame_uid: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ReportedLesion:
    """One measurement group: what it is called, and its diameters."""

    names: tuple[str, ...]
    tracking_uid: str
    long_axis: DrawnLine | None
    short_axis: DrawnLine | None

    @property
    def line(self) -> DrawnLine | None:
        """The longest line that is known."""
        return self.long_axis or self.short_axis


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A structured report.

    Attributes:
        author: the person or the program; "" where neither is named.
        written: when; None where that is not known.
        is_ours: written by this program.
    """

    source: str
    sop_instance_uid: str
    patient_id: str
    study_uid: str
    author: str
    written: dt.datetime | None
    description: str
    is_ours: bool
    lesions: tuple[ReportedLesion, ...]
    predecessors: frozenset[str] = frozenset()


def read_report(path: Path) -> Report:
    """Read a report.

    Raises:
        HeaderError: no structured report, or a damaged one.
        InputError: it cannot be opened.
    """
    with understood(path, "SR"):
        held = read_object(path)
        if held.get("Modality") != "SR":
            raise HeaderError(
                f"Modality (0008,0060) is {held.get('Modality')!r}, not SR", where=path.name
            )
        return Report(
            path.name,
            str(held.get("SOPInstanceUID", "")),
            str(held.get("PatientID", "")).strip(),
            str(held.get("StudyInstanceUID", "")),
            _author(held),
            written_at(held, "Content"),
            str(held.get("SeriesDescription", "")),
            held.get("Manufacturer") == MANUFACTURER,
            tuple(_lesion(group) for group in _items(held, GROUP)),
            frozenset(
                str(item.ReferencedSOPInstanceUID)
                for study in held.get("PredecessorDocumentsSequence", ())
                for series in study.get("ReferencedSeriesSequence", ())
                for item in series.get("ReferencedSOPSequence", ())
            ),
        )


def _items(item: Dataset, code: str, depth: int = 0) -> Iterator[Dataset]:
    """Content items with a concept name, wherever they stand below an item."""
    if depth > DEEPEST:
        raise HeaderError(f"content nested more than {DEEPEST} deep")
    for child in item.get("ContentSequence", ()):
        if _code(child, "ConceptNameCodeSequence") == code:
            yield child
        yield from _items(child, code, depth + 1)


def _code(item: Dataset, name: str) -> str:
    return next((str(code.get("CodeValue", "")) for code in item.get(name, ())), "")


def _scheme(item: Dataset) -> str:
    found = item.get("ConceptCodeSequence") or (Dataset(),)
    return str(found[0].get("CodingSchemeDesignator", ""))


def _meaning(item: Dataset) -> str:
    found = item.get("ConceptCodeSequence") or (Dataset(),)
    return str(found[0].get("CodeMeaning", "")).strip()


def _author(held: Dataset) -> str:
    """Who verified it, else the observer, else the program."""
    named = [str(each.get("VerifyingObserverName", "")) for each in held.get(
        "VerifyingObserverSequence", ())]  # fmt: skip
    named += [str(item.get("PersonName", "")) for item in _items(held, PERSON)]
    named += [str(item.get("TextValue", "")) for item in _items(held, DEVICE)]
    named += [str(held.get(key, "")) for key in ("ManufacturerModelName", "Manufacturer")]
    return first_named(named)


def _lesion(group: Dataset) -> ReportedLesion:
    names = [
        _meaning(item)
        for code in (FINDING_SITE, "G-C0E3", FINDING)
        for item in _items(group, code)
        if _code(item, "ConceptCodeSequence") == FREE_TEXT
    ]
    names += [
        _code(item, "ConceptCodeSequence")
        for item in _items(group, FINDING)
        if _scheme(item) == LESIONS
    ]
    names += [str(item.get("TextValue", "")).strip() for item in _items(group, TRACKING_ID)]
    uids = [str(item.get("UID", "")) for item in _items(group, TRACKING_UID)]
    return ReportedLesion(
        tuple(name for name in names if name),
        uids[0] if uids else "",
        _line(group, LONG_AXIS),
        _line(group, SHORT_AXIS),
    )


def _line(group: Dataset, codes: tuple[str, ...]) -> DrawnLine | None:
    for item in group.get("ContentSequence", ()):
        if item.get("ValueType") != "NUM" or (_code(item, "ConceptNameCodeSequence") not in codes):
            continue
        measured = item.get("MeasuredValueSequence") or (Dataset(),)
        length_mm = _length(measured[0])
        if length_mm is not None:
            return DrawnLine(length_mm, *_place(item))
    return None


def _length(measured: Dataset) -> Decimal | None:
    try:
        value = Decimal(str(measured.get("NumericValue", "")).strip())
    except InvalidOperation:
        return None
    units = measured.get("MeasurementUnitsCodeSequence") or (Dataset(),)
    in_mm = {"mm": 1, "cm": 10, "m": 1000}.get(str(units[0].get("CodeValue", "")))
    if in_mm is None or not value.is_finite() or value < 0:
        return None
    return recorded(value * in_mm)


def _place(number: Dataset) -> tuple[FloatArray | None, str, str]:
    """Both ends of the line, the image, the frame of reference."""
    for item in number.get("ContentSequence", ()):
        kind = item.get("ValueType")
        if kind not in ("SCOORD", "SCOORD3D") or item.get("GraphicData") is None:
            continue
        values = np.array(item.GraphicData, dtype=np.float64)
        width = 2 if kind == "SCOORD" else 3
        if len(values) != 2 * width:
            continue
        images = [
            str(image.get("ReferencedSOPInstanceUID", ""))
            for child in item.get("ContentSequence", ())
            for image in child.get("ReferencedSOPSequence", ())
        ]
        frame = str(item.get("ReferencedFrameOfReferenceUID", ""))
        return values.reshape(2, width), images[0] if images else "", frame
    return None, "", ""
