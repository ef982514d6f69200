"""Real world value maps: stored PET values to SUV, for any viewer (DICOM SOP class ...1.67).

The same series and factors give the same object under the same UIDs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset

from imaging.derived import (
    MODEL_NAME,
    SeriesOfOne,
    dated_by,
    identity_of,
    new_object,
    reference_to,
    software_version,
)
from imaging.errors import InputError
from imaging.writing import written_whole
from pet.codes import METHOD, METHOD_CONCEPT, QUANTITY_CONCEPT, STANDARDIZED_UPTAKE, Code, unit_code
from pet.suv import Audit, SuvType, suv_factors
from pet.suv.listing import pet_headers

VALUE_MAP_CLASS = "1.2.840.10008.5.1.4.1.1.67"
SERIES_NUMBER = 940
DESCRIPTION = "Stored values to SUV"
FIRST_MAPPED, LAST_MAPPED = 0x00409216, 0x00409211


def write_value_map(
    series_folder: Path,
    path: Path,
    kind: SuvType = SuvType.BW,
    *,
    strict: bool = False,
) -> Path:
    """Write the map of the PET series in a folder, so that any viewer shows it as SUV.

    Raises:
        InputError: no PET series in the folder, or it has no SUV.
        WriteError: the file cannot be written.
    """
    headers = pet_headers(series_folder)
    found = value_map(headers, suv_factors(headers, kind=kind, strict=strict))
    with written_whole(path) as file:
        found.save_as(file, enforce_file_format=True)
    return path


def value_map(headers: Sequence[Dataset], audit: Audit) -> FileDataset:
    """The map of a PET series to the SUV of an audit; one item per run of equal slopes.

    Args:
        headers: of the slices, in the order of the audit's factors.

    Raises:
        InputError: headers and factors differ in number.
    """
    if len(headers) != len(audit.factors):
        raise InputError(f"{len(headers)} headers for {len(audit.factors)} factors")
    rows = [
        (
            float(header.RescaleSlope) * factor,
            float(header.get("RescaleIntercept") or 0.0) * factor,
            header,
        )
        for header, factor in zip(headers, audit.factors, strict=True)
    ]
    found = _described(rows, audit)
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


def _described(rows: Sequence[tuple[float, float, Dataset]], audit: Audit) -> FileDataset:
    """The object without its maps: what it is, and whose."""
    said = [(slope, intercept, header.SOPInstanceUID) for slope, intercept, header in rows]
    identity = identity_of([DESCRIPTION, audit.kind, *said])
    source = rows[0][2]
    found = new_object(
        source, SeriesOfOne(VALUE_MAP_CLASS, "RWV", DESCRIPTION, SERIES_NUMBER, identity)
    )
    found.Laterality = ""
    found.DeviceSerialNumber = "1"
    found.SoftwareVersions = software_version()
    found.ContentLabel = "SUV"
    found.ContentDescription = DESCRIPTION
    found.ContentCreatorName = MODEL_NAME
    found.ContentDate, found.ContentTime = dated_by(source)
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
