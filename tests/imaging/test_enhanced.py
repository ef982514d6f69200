"""Multi-frame CT and PET through their functional groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from imaging.catalogue import scan
from imaging.enhanced import ENHANCED_CT, ENHANCED_PET
from imaging.errors import GeometryError, HeaderError
from imaging.read import read_ct, read_pet
from imaging.volume import Unit


def item(**elements: object) -> DicomSequence:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return DicomSequence([dataset])


def write_enhanced(
    path: Path,
    modality: str,
    order: list[int],
    *,
    shared_slope: bool = True,
    gap: int | None = None,
    coded_unit: str | None = None,
) -> Path:
    """Frames in the given order of heights; frame values are 1000 + 10 * height index."""
    dataset = Dataset()
    dataset.SOPClassUID = ENHANCED_CT if modality == "CT" else ENHANCED_PET
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = generate_uid(), generate_uid()
    dataset.PatientID, dataset.PatientName, dataset.StudyDate = "P1", "Name", "20200106"
    dataset.Modality, dataset.ImageType = modality, ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    if modality == "PT":
        dataset.DecayCorrection, dataset.PatientWeight = "START", "70"
        if coded_unit is None:
            dataset.Units = "BQML"
    shared = Dataset()
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.PixelMeasuresSequence = item(PixelSpacing=[2.0, 1.5], SliceThickness="3")
    if shared_slope:
        shared.PixelValueTransformationSequence = item(
            RescaleSlope="1", RescaleIntercept="-1024", RescaleType="HU"
        )
    dataset.SharedFunctionalGroupsSequence = DicomSequence([shared])
    frames = []
    for height in order:
        step = 1 if gap is not None and height >= gap else 0
        frame = Dataset()
        frame.PlanePositionSequence = item(ImagePositionPatient=[-5, 5, 3.0 * (height + step)])
        frame.FrameContentSequence = item(FrameAcquisitionDateTime=f"2020010610{height:02d}00")
        if not shared_slope:
            frame.PixelValueTransformationSequence = item(
                RescaleSlope=str(1 + height), RescaleIntercept="0", RescaleType="US"
            )
        if coded_unit is not None:
            unit = item(CodeValue=coded_unit, CodingSchemeDesignator="UCUM", CodeMeaning="unit")
            frame.RealWorldValueMappingSequence = item(
                MeasurementUnitsCodeSequence=unit,
                RealWorldValueSlope=float(1 + height),
                RealWorldValueIntercept=0.0,
                RealWorldValueFirstValueMapped=0,
                RealWorldValueLastValueMapped=65535,
                LUTLabel="PET",
                LUTExplanation="PET",
            )
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
    values = np.array([np.full((4, 5), 1000 + 10 * height) for height in order], dtype="<u2")
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = len(order), 4, 5
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation, dataset.PixelData = 0, values.tobytes()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path.parent.mkdir(exist_ok=True)
    file = FileDataset(path, dataset, file_meta=meta, preamble=b"\0" * 128)
    pydicom.dcmwrite(path, file, enforce_file_format=True)
    return path


def test_an_enhanced_ct_is_catalogued_and_read_in_hu(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "ct.dcm", "CT", [2, 0, 1, 5, 4, 3])
    catalogue = scan(tmp_path)
    series = catalogue.subjects[0].visits[0].ct
    assert series is not None
    assert series.slices == 6
    reading = read_ct(series)
    assert reading.volume.array[0, 0].tolist() == [-24, -14, -4, 6, 16, 26]
    assert reading.volume.grid.spacing_mm == pytest.approx((1.5, 2.0, 3.0))
    assert reading.volume.grid.origin_mm.tolist() == [-5, 5, 0]
    assert reading.slice_thickness_mm == 3.0
    assert len(reading.headers) == len(reading.sop_instance_uids) == 6
    assert len(set(reading.sop_instance_uids)) == 1


def test_an_enhanced_pet_has_a_slope_and_a_flat_header_per_frame(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "pt.dcm", "PT", [0, 1, 2, 3, 4], shared_slope=False)
    series = scan(tmp_path).subjects[0].visits[0].pet
    assert series is not None
    reading = read_pet(series)
    assert reading.volume.unit is Unit.BQML
    expected = [(1000 + 10 * k) * (1 + k) for k in range(5)]
    assert reading.volume.array[0, 0].tolist() == expected
    header = reading.headers[3]
    assert header.AcquisitionDateTime == "20200106100300"
    assert header.ImagePositionPatient[2] == 9.0
    assert header.PatientWeight == 70
    assert header.InstanceNumber == 4


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("Bq/ml", Unit.BQML),
        ("g/ml{SUVbw}", Unit.SUV_BW),
        ("{SUVlbm}g/ml", Unit.SUV_LBM),
        ("cm2/ml{SUVbsa}", Unit.SUV_BSA),
    ],
)
def test_an_enhanced_pet_codes_its_unit_instead_of_naming_it(
    tmp_path: Path, code: str, unit: Unit
) -> None:
    write_enhanced(tmp_path / "pt.dcm", "PT", [0, 1, 2, 3, 4], shared_slope=False, coded_unit=code)
    series = scan(tmp_path).subjects[0].visits[0].pet
    assert series is not None
    assert read_pet(series).volume.unit is unit


def test_missing_frames_are_refused(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "ct.dcm", "CT", [0, 1, 2, 3, 4, 5], gap=3)
    series = scan(tmp_path).subjects[0].visits[0].ct
    assert series is not None
    with pytest.raises(GeometryError, match="1 of 7 slices missing"):
        read_ct(series)


def test_frames_without_functional_groups_are_refused(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "ct.dcm", "CT", [0, 1, 2, 3, 4, 5])
    dataset = pydicom.dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence
    dataset.save_as(path)
    series = scan(tmp_path).subjects[0].visits[0].ct
    assert series is not None
    with pytest.raises(HeaderError, match=r"5200,9230"):
        read_ct(series)
