"""Real world value maps and coded values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from imaging.errors import InputError
from pet.codes import METHOD, QUANTITY, unit_code
from pet.suv import SuvType, suv_factors
from pet.value_maps import value_map, write_value_map

SeriesMaker = Callable[..., list[Dataset]]


def series(pet_series: SeriesMaker, **changes: Any) -> list[Dataset]:
    rows = [{"RescaleSlope": slope} for slope in ("4.0", "4.0", "3.0")]
    headers = pet_series(rows, **changes)
    for number, header in enumerate(headers):
        header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
        header.SOPInstanceUID = f"1.2.3.{number}"
        header.StudyInstanceUID = "1.2.4"
        header.PatientName, header.PatientID = "PHANTOM^A", "A"
        header.PatientSex = "F"
        header.StudyDate, header.StudyTime = "20250101", "110000"
        header.PixelRepresentation, header.BitsStored = 1, 16
    return headers


def test_one_item_for_each_run_of_slopes(pet_series: SeriesMaker) -> None:
    headers = series(pet_series)
    audit = suv_factors(headers)
    found = value_map(headers, audit)
    items = found.ReferencedImageRealWorldValueMappingSequence
    assert [len(item.ReferencedImageSequence) for item in items] == [2, 1]
    maps = [item.RealWorldValueMappingSequence[0] for item in items]
    factor = audit.factor
    assert factor is not None
    assert [one.RealWorldValueSlope for one in maps] == [4.0 * factor, 3.0 * factor]
    assert maps[0].MeasurementUnitsCodeSequence[0].CodeValue == "g/ml{SUVbw}"
    assert (maps[0].RealWorldValueFirstValueMapped, maps[0].RealWorldValueLastValueMapped) == (
        -32768,
        32767,
    )
    quantity, method = maps[0].QuantityDefinitionSequence
    assert quantity.ConceptCodeSequence[0].CodeValue == "126400"
    assert method.ConceptCodeSequence[0].CodeValue == "126410"


def test_another_factor_is_another_object(pet_series: SeriesMaker) -> None:
    headers = series(pet_series)
    maps = [value_map(headers, suv_factors(headers, kind=kind)) for kind in SuvType]
    assert len({found.SOPInstanceUID for found in maps}) == len(maps)
    assert {found.StudyInstanceUID for found in maps} == {headers[0].StudyInstanceUID}


def test_unsigned_pixels_and_a_long_unit(pet_series: SeriesMaker) -> None:
    headers = series(pet_series)
    for header in headers:
        header.PixelRepresentation, header.BitsStored = 0, 12
    found = value_map(headers, suv_factors(headers, kind=SuvType.LBM))
    one = found.ReferencedImageRealWorldValueMappingSequence[0].RealWorldValueMappingSequence[0]
    assert (one.RealWorldValueFirstValueMapped, one.RealWorldValueLastValueMapped) == (0, 4095)
    assert one.MeasurementUnitsCodeSequence[0].LongCodeValue == "g/ml{SUVlbm(Janma)}"


def test_headers_and_factors_belong_together(pet_series: SeriesMaker) -> None:
    headers = series(pet_series)
    with pytest.raises(InputError, match="2 headers for 3 factors"):
        value_map(headers[:2], suv_factors(headers))


def test_the_map_is_valid_dicom(
    pet_series: SeriesMaker, tmp_path: Path, dicom_errors: Callable[..., list[str]]
) -> None:
    headers = series(pet_series)
    path = tmp_path / "map.dcm"
    value_map(headers, suv_factors(headers)).save_as(path, enforce_file_format=True)
    again = pydicom.dcmread(path)
    assert again.Modality == "RWV"
    assert dicom_errors(path) == []


def test_codes_are_those_of_dicom(pet_truth: Callable[[str], Any]) -> None:
    truth = pet_truth("dicom_pet_codes.json")
    quantities, methods = truth["quantity_DCM"], truth["method_DCM"]
    spelled = {spelling for pair in truth["units_UCUM"].values() for spelling in pair}
    assert spelled
    for kind in SuvType:
        assert quantities[QUANTITY[kind].meaning] == QUANTITY[kind].value
        assert methods[METHOD[kind].meaning] == METHOD[kind].value
        current = truth["units_UCUM"].get(QUANTITY[kind].meaning)
        assert unit_code(kind).value in spelled or kind is SuvType.LBM_MORGAN
        assert current is None or unit_code(kind).value == current[-1]


def test_the_map_of_a_folder_is_written_and_valid(
    pet_series: SeriesMaker, tmp_path: Path, dicom_errors: Callable[..., list[str]]
) -> None:
    for header in series(pet_series):
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        (tmp_path / "pet").mkdir(exist_ok=True)
        header.save_as(tmp_path / "pet" / f"{header.SOPInstanceUID}.dcm", enforce_file_format=True)
    path = write_value_map(tmp_path / "pet", tmp_path / "map.dcm")
    again = write_value_map(tmp_path / "pet", tmp_path / "again.dcm")
    assert again.read_bytes() == path.read_bytes()  # an archive gets no second copy
    found = pydicom.dcmread(path)
    assert found.SOPClassUID.name == "Real World Value Mapping Storage"
    assert len(found.ReferencedImageRealWorldValueMappingSequence) == 2
    assert dicom_errors(path) == []
