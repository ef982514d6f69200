"""The report as a PDF that a PACS keeps: Encapsulated PDF (PS3.3, A.45.1)."""

from __future__ import annotations

from pathlib import Path

from imaging.derived import (
    SeriesOfOne,
    dated_by,
    identity_of,
    new_object,
    refer_to_document,
    reference_to,
    succession,
)
from imaging.writing import written_whole
from recist.export.dicom.dated import ReportedDate
from recist.export.dicom.documents import UNVERIFIED, VERIFIED, described, verified_parts
from recist.response import RESEARCH_USE

PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
SERIES_NUMBER = 930
DESCRIPTION = "Report"


def write_document(
    path: Path, pdf: bytes, dates: list[ReportedDate], *, earlier: Path | None = None
) -> Path:
    """Write the report of a patient into the study of the last date.

    Args:
        pdf: the report; the same bytes give the same object.
        dates: all that the report is about; every image of theirs is referred to.
        earlier: the file of the report that this one takes the place of; it is referred to.
    """
    source = dates[-1].headers[0]
    evidence = [image for date in dates for image in date.evidence]
    signed = dates[-1].signed
    images = (image.SOPInstanceUID for image in evidence)
    said = identity_of([DESCRIPTION, pdf, *images, *verified_parts(signed)])
    identity, predecessor = succession(said, earlier)
    says = SeriesOfOne(PDF_CLASS, "DOC", described(DESCRIPTION), SERIES_NUMBER, identity)
    held = new_object(source, says)
    held.ConversionType = "WSD"
    held.ContentDate, held.ContentTime = dated_by(source)
    held.AcquisitionDateTime = ""
    held.BurnedInAnnotation = "YES"
    held.VerificationFlag = UNVERIFIED if signed is None else VERIFIED
    held.DocumentTitle = f"Response assessment. {RESEARCH_USE}"
    held.ConceptNameCodeSequence = []
    held.MIMETypeOfEncapsulatedDocument = "application/pdf"
    held.SourceInstanceSequence = [reference_to(image) for image in evidence]
    refer_to_document(held, predecessor)
    held.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    held.EncapsulatedDocumentLength = len(pdf)
    with written_whole(path) as file:
        held.save_as(file, enforce_file_format=True)
    return path
