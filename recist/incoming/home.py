"""What the results of a run know of a patient: dates, images, lesions, lines that were sent out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.dataset import read_object
from imaging.errors import InputError
from recist.answers import AssessedCourse
from recist.export.folders import PatientFolder
from recist.incoming.report import ReportedLesion, read_report
from recist.patient.result_folder import DICOM_FOLDER


@dataclass(frozen=True, slots=True, eq=False)
class HomeDate:
    """One date of a patient.

    Attributes:
        images: SOP Instance UIDs of its CT and PET.
        sent: lesion -> the diameters that were sent out for editing.
        pixel_mm: between rows, between columns of its CT.
    """

    date: dt.date
    study_uid: str
    frame_uid: str
    images: frozenset[str]
    sent: Mapping[str, ReportedLesion]
    pixel_mm: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Home:
    """One patient."""

    folder: PatientFolder
    patient_id: str
    answer: AssessedCourse
    dates: tuple[HomeDate, ...]


def home_of(folder: PatientFolder, answer: AssessedCourse) -> Home:
    """Read what the results of a patient know.

    Args:
        answer: of the same patient.

    Raises:
        InputError: the results have no DICOM objects, or no course.
    """
    objects = folder.path / DICOM_FOLDER
    reports = sorted(objects.glob("*-measurements.dcm"))
    if not reports:
        raise InputError(
            "no DICOM objects that could have been edited",
            where=folder.subject,
            remedy="run it with --dicom",
        )
    uids = {lesion.tracking_uid: lesion.id for lesion in answer.course.lesions}
    dates = tuple(_date(path, uids) for path in reports)
    return Home(folder, str(read_object(reports[0]).get("PatientID", "")).strip(), answer, dates)


def _date(path: Path, lesion_of: Mapping[str, str]) -> HomeDate:
    stem = path.name.removesuffix("-measurements.dcm")
    held = read_object(path)
    sent: dict[str, ReportedLesion] = {}
    editable = path.with_name(f"{stem}-diameters.dcm")
    if editable.is_file():
        report = read_report(editable)
        sent = {
            lesion_of[each.tracking_uid]: each
            for each in report.lesions
            if each.tracking_uid in lesion_of
        }
    seg = path.with_name(f"{stem}-lesions.dcm")
    frame, spacing = "", (1.0, 1.0)
    if seg.is_file():
        segments = read_object(seg)
        frame = str(segments.get("FrameOfReferenceUID", ""))
        shared = segments.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
        spacing = (float(shared[0]), float(shared[1]))
    return HomeDate(
        dt.date.fromisoformat(stem),
        str(held.StudyInstanceUID),
        frame,
        frozenset(_evidence(held)),
        sent,
        spacing,
    )


def _evidence(held: Dataset) -> Iterator[str]:
    for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in held.get(name, ()):
            for series in study.get("ReferencedSeriesSequence", ()):
                for item in series.get("ReferencedSOPSequence", ()):
                    yield str(item.ReferencedSOPInstanceUID)
