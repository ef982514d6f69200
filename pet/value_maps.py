"""Real world value maps: stored PET values to SUV, for any viewer (DICOM SOP class ...1.67)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from imaging.derived import reference_to
from imaging.errors import InputError
from imaging.writing import written_whole
from pet.codes import METHOD, METHOD_CONCEPT, QUANTITY_CONCEPT, STANDARDIZED_UPTAKE, Code, unit_code
from pet.suv import Audit, SuvType, suv_factors
from pet.suv.listing import pet_headers

SOP_CLASS = UID("1.2.840.10008.5.1.4.1.1.67")
#: Study and patient elements that the map shares with the PET.
SHARED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
FIRST_MAPPED, LAST_MAPPED = 0x00409216, 0x00409211


def write_value_map(
    series_folder: Path,
    path: Path,
    kind: SuvType = SuvType.BW,
    *,
    made: dt.datetime,
    strict: bool = False,
) -> Path:
    """Write the map of the PET series in a folder, so that any viewer shows it as SUV.

    Raises:
        InputError: no PET series in the folder, or it has no SUV.
        WriteError: the file cannot be written.
    """
    headers = pet_headers(series_folder)
    found = value_map(headers, suv_factors(headers, kind=kind, strict=strict), made=made)
    with written_whole(path) as file:
        found.save_as(file, enforce_file_format=True)
    return path


def value_map(
    headers: Sequence[Dataset], audit: Audit, *, made: dt.datetime, series_number: int = 1
) -> FileDataset:
    """The map of a PET series to the SUV of an audit; one item per run of equal slopes.

    Args:
        headers: of the slices, in the order of the audit's factors.
        made: date and time of the object, given so that equal input gives equal content.

    Raises:
        InputError: headers and factors differ in number.
    """
    if len(headers) != len(audit.factors):
        raise InputError(f"{len(headers)} headers for {len(audit.factors)} factors")
    found = _object(headers[0], made, series_number)
    rows = [
        (
            float(header.RescaleSlope) * factor,
            float(header.get("RescaleIntercept") or 0.0) * factor,
            header,
        )
        for header, factor in zip(headers, audit.factors, strict=True)
    ]
    items = []
    for (slope, intercept), group in groupby(rows, key=lambda row: row[:2]):
        members = [row[2] for row in group]
        item = Dataset()
        item.ReferencedImageSequence = [reference_to(header) for header in members]
        item.RealWorldValueMappingSequence = [_mapping(members[0], slope, intercept, audit)]
        items.append(item)
    found.ReferencedImageRealWorldValueMappingSequence = items
    series = Dataset()
    series.SeriesInstanceUID = headers[0].SeriesInstanceUID
    series.ReferencedInstanceSequence = [reference_to(header) for header in headers]
    found.ReferencedSeriesSequence = [series]
    return found


def _mapping(header: Dataset, slope: float, intercept: float, audit: Audit) -> Dataset:
    found = Dataset()
    signed = int(header.PixelRepresentation) == 1
    bits = int(header.BitsStored)
    low = -(2 ** (bits - 1)) if signed else 0
    vr = "SS" if signed else "US"
    found.add(DataElement(FIRST_MAPPED, vr, low))
    found.add(DataElement(LAST_MAPPED, vr, low + 2**bits - 1))
    found.RealWorldValueIntercept = intercept
    found.RealWorldValueSlope = slope
    found.LUTLabel = "SUV"
    found.LUTExplanation = audit.kind.ucum
    found.MeasurementUnitsCodeSequence = [_coded(unit_code(audit.kind))]
    found.QuantityDefinitionSequence = [
        _content(QUANTITY_CONCEPT, STANDARDIZED_UPTAKE),
        _content(METHOD_CONCEPT, METHOD[audit.kind]),
    ]
    return found


def _content(concept: Code, value: Code) -> Dataset:
    found = Dataset()
    found.ValueType = "CODE"
    found.ConceptNameCodeSequence = [_coded(concept)]
    found.ConceptCodeSequence = [_coded(value)]
    return found


def _coded(code: Code) -> Dataset:
    found = Dataset()
    if len(code.value) > 16:
        found.LongCodeValue = code.value
    else:
        found.CodeValue = code.value
    found.CodingSchemeDesignator = code.scheme
    found.CodeMeaning = code.meaning
    return found


def _object(header: Dataset, made: dt.datetime, series_number: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SOP_CLASS
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    for keyword in SHARED:
        setattr(found, keyword, header.get(keyword, ""))
    found.SOPClassUID = SOP_CLASS
    found.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    found.SeriesInstanceUID = generate_uid()
    found.SeriesNumber = series_number
    found.InstanceNumber = 1
    found.Modality = "RWV"
    found.Laterality = ""
    found.Manufacturer = "recist"
    found.ManufacturerModelName = "recist"
    found.DeviceSerialNumber = "1"
    found.SoftwareVersions = "recist"
    found.ContentLabel = "SUV"
    found.ContentDescription = "Stored values to SUV"
    found.ContentCreatorName = "recist"
    found.ContentDate = made.strftime("%Y%m%d")
    found.ContentTime = made.strftime("%H%M%S")
    found.SeriesDate, found.SeriesTime = found.ContentDate, found.ContentTime
    return found
