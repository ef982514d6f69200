"""All DICOM objects of a patient, written into a folder of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom

from imaging.errors import GeometryError, InputError
from imaging.outlines import write_rtstruct
from imaging.seg import Algorithm, write_seg
from recist.export.dicom.captures import write_captures
from recist.export.dicom.dated import ReportedDate, is_dicom, reported_date
from recist.export.dicom.document import write_document
from recist.export.dicom.documents import described
from recist.export.dicom.editable_report import write_editable_report
from recist.export.dicom.measurement_report import write_measurement_report
from recist.patient.delineated_date import DelineatedDate
from recist.patient.result import PatientResult

SEG_DESCRIPTION = "Lesions"
#: The report of the patient, as a document.
DOCUMENT = "report.dcm"


@dataclass(frozen=True, slots=True)
class Objects:
    """What was written, and what could not be and why."""

    names: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def write_objects(
    case: PatientResult,
    delineations: Sequence[DelineatedDate],
    folder: Path,
    *,
    bundle: Algorithm | None = None,
    earlier: Path | None = None,
    labelmap: bool = False,
    pdf: bytes | None = None,
) -> Objects:
    """Write SEG, both reports, RTSTRUCT and key images of each date, and the report as PDF.

    Args:
        bundle: the network that delineated what no person did.
        earlier: the folder of the objects that these take the place of; those that differ refer to
            the ones that they replace.
        labelmap: write SEG objects of the LABELMAP class.
        pdf: the patient's report.

    Raises:
        InputError: no date has DICOM images.
    """
    reported: list[ReportedDate] = []
    names: list[str] = []
    remarks: list[str] = []
    for number, dated in enumerate(delineations):
        if not is_dicom(dated):
            remarks.append(
                f"{dated.examination.visit.date}: its images are no DICOM, nothing refers to them"
            )
            continue
        date = reported_date(case, number, dated, bundle)
        reported.append(date)
        writer = _Writer(date, folder, earlier)
        writer.write(case, labelmap=labelmap)
        names += writer.names
        remarks += writer.remarks
    if not reported:
        raise InputError("no date has DICOM images that objects could refer to")
    if pdf is not None:
        before = None if earlier is None else earlier / DOCUMENT
        write_document(folder / DOCUMENT, pdf, reported, earlier=before)
        names.append(DOCUMENT)
    return Objects(tuple(names), tuple(remarks))


class _Writer:
    """The objects of one date."""

    def __init__(self, date: ReportedDate, folder: Path, earlier: Path | None) -> None:
        self.date = date
        self.folder = folder
        self.earlier = earlier
        self.names: list[str] = []
        self.remarks: list[str] = []

    def _place(self, kind: str) -> tuple[Path, Path | None]:
        name = f"{self.date.name}-{kind}.dcm"
        return self.folder / name, self.earlier / name if self.earlier is not None else None

    def write(self, case: PatientResult, *, labelmap: bool) -> None:
        date = self.date
        seg = self._segments(labelmap)
        path, earlier = self._place("measurements")
        held = None if seg is None else pydicom.dcmread(seg, stop_before_pixels=True)
        write_measurement_report(path, date, held, earlier=earlier)
        self.names.append(path.name)
        path, earlier = self._place("diameters")
        if write_editable_report(path, date, earlier=earlier) is not None:
            self.names.append(path.name)
        day = case.course.timepoints[date.number - 1].day
        images = [image for image in case.key_images if image.day == day and image.modality == "CT"]
        captured = write_captures(
            self.folder, f"{date.name}-key", date, images, earlier=self.earlier
        )
        self.names += [path.name for path in captured]

    def _segments(self, labelmap: bool) -> Path | None:
        """SEG and RTSTRUCT of what was delineated; None where nothing was, or cannot be."""
        date = self.date
        if not date.segments:
            return None
        path, before = self._place("lesions")
        description = described(SEG_DESCRIPTION)
        try:
            write_seg(
                path,
                date.segments,
                date.headers,
                labelmap=labelmap,
                series_description=description,
                earlier=before,
            )
        except GeometryError as error:  # a tilted series was straightened
            self.remarks.append(f"{date.name}: no SEG or RTSTRUCT: {error.what}")
            return None
        self.names.append(path.name)
        place, earlier = self._place("structures")
        try:
            write_rtstruct(
                place,
                date.segments,
                date.headers,
                series_description=description,
                earlier=earlier,
            )
        except InputError as error:
            self.remarks.append(f"{date.name}: no RTSTRUCT: {error.what}")
        else:
            self.names.append(place.name)
        return path
