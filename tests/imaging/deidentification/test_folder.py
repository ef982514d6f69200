"""Objects of one patient without the patient: nothing named stays, everything linked still is."""

from __future__ import annotations

import csv
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from imaging.deidentification.cleaning import shifted
from imaging.deidentification.folder import deidentify
from imaging.deidentification.key import Key
from imaging.errors import InputError

STUDY, SERIES, FRAME = "1.2.3.4.5.100", "1.2.3.4.5.200", "1.2.3.4.5.300"


def ct(number: int, date: str = "20240108") -> Dataset:
    """A slice as scanners write it, with everything that must not leave the house."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = f"1.2.3.4.5.{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = STUDY, SERIES, FRAME
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Dupont^Marie", "HC-778812", "19310704"
    ds.PatientAge, ds.PatientSex, ds.PatientWeight, ds.PatientSize = "092Y", "F", "61.5", "1.62"
    ds.OtherPatientIDs, ds.AccessionNumber, ds.StudyID = "77-31", "ACC90210", "CHEST"
    ds.BodyPartExamined, ds.Modality, ds.Manufacturer = "CHEST", "CT", "SIEMENS"
    ds.InstitutionName, ds.ReferringPhysicianName = "Hospital Nord", "Durand^Paul"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = date
    ds.StudyTime, ds.AcquisitionDateTime = "101500", f"{date}101500.25"
    ds.SeriesDescription, ds.StudyDescription = "Thorax 1.0 B30f", "Control Mrs DUPONT 08.01.2024"
    ds.ImageComments = "calls on Tuesdays"
    block = ds.private_block(0x0019, "ACME", create=True)
    block.add_new(0x10, "LO", "Dupont")
    safe = ds.private_block(0x7053, "Philips PET Private Group", create=True)
    safe.add_new(0x00, "DS", "0.000551")
    safe.add_new(0x10, "LO", "name of a file")
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = (
        CTImageStorage,
        "1.2.3.4.5.1",
    )
    ds.ReferencedImageSequence = [reference]
    observer = Dataset()
    observer.PersonName = "Durand^Paul"
    observer.TextValue = "seen by Dr Durand"
    plain = Dataset()
    plain.TextValue = "target lesion"
    ds.ContentSequence = [observer, plain]
    operators = Dataset()
    operators.PersonAddress = "1 Rue"
    ds.OperatorIdentificationSequence = [operators]
    ds.Rows = ds.Columns = 2
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.SamplesPerPixel, ds.PixelRepresentation = 15, 1, 0
    ds.PhotometricInterpretation, ds.PixelData = "MONOCHROME2", bytes(range(8))
    ds[0x0010, 0x0010].value = "Dupont^Marie"
    ds.add_new(0x60003000, "OW", b"\x00\x01")
    return ds


def save(ds: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    for number, date in ((1, "20240108"), (2, "20240108"), (3, "20240304")):
        save(ct(number, date), tmp_path / "studies" / "Dupont" / f"{number}.dcm")
    (tmp_path / "studies" / "notes.txt").write_text("Marie Dupont")
    return tmp_path / "studies"


def cleaned(out: Path) -> list[Dataset]:
    found = [pydicom.dcmread(path) for path in sorted(out.rglob("*.dcm"))]
    assert found
    return sorted(found, key=lambda ds: (ds.StudyDate, ds.SOPInstanceUID))


def test_no_name_number_date_or_uid_is_left_in_any_file(studies: Path, tmp_path: Path) -> None:
    done = deidentify(studies, tmp_path / "out", tmp_path / "key.csv")
    assert (len(done.written), done.left_out, done.passed_over) == (3, [], 1)
    for path in (tmp_path / "out").rglob("*"):
        assert "dupont" not in str(path.relative_to(tmp_path)).lower()
        if path.is_file():
            data = path.read_bytes().lower()
            for word in (
                *(b"dupont", b"marie", b"hc-778812", b"durand", b"nord", b"acc90210", b"77-31"),
                *(b"19310704", b"20240108", b"20240304", b"tuesdays", b"1 rue"),
                *(b"1.2.3.4.5.",),
            ):
                assert word not in data, word


def test_intervals_links_and_what_decides_an_suv_stay(studies: Path, tmp_path: Path) -> None:
    deidentify(studies, tmp_path / "out", tmp_path / "key.csv")
    first, second, third = cleaned(tmp_path / "out")
    dates = [pydicom.valuerep.DA(ds.StudyDate) for ds in (first, second, third)]
    assert (dates[2] - dates[0]).days == 56
    assert first.AcquisitionDateTime == f"{first.StudyDate}101500.25"
    assert {ds.SeriesInstanceUID for ds in (first, second, third)} == {first.SeriesInstanceUID}
    target = first.ReferencedImageSequence[0].ReferencedSOPInstanceUID
    assert target in {first.SOPInstanceUID, second.SOPInstanceUID}
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    assert (first.PatientWeight, first.PatientSize, first.PatientSex) == (61.5, 1.62, "F")
    assert first.SOPClassUID == CTImageStorage
    assert first.PixelData == bytes(range(8))
    assert first[0x7053, 0x1000].value == 0.000551


def test_texts_stay_where_they_name_no_one(studies: Path, tmp_path: Path) -> None:
    deidentify(studies, tmp_path / "out", tmp_path / "key.csv")
    ds = cleaned(tmp_path / "out")[0]
    assert (ds.SeriesDescription, ds.StudyDescription) == ("Thorax 1.0 B30f", "")
    assert ds.ContentSequence[0].PersonName == "REMOVED"
    assert [item.TextValue for item in ds.ContentSequence] == ["", "target lesion"]
    assert ds.PatientAge == "090Y"
    assert ds.PatientIdentityRemoved == "YES"
    codes = [item.CodeValue for item in ds.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113105", "113104", "113107", "113108", "113111"]
    assert (0x0019, 0x1010) not in ds
    assert (0x7053, 0x1010) not in ds
    assert (0x6000, 0x3000) not in ds
    assert "ImageComments" not in ds


def test_a_later_date_gets_the_same_pseudonym_shift_and_links(
    studies: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key.csv"
    deidentify(studies, tmp_path / "one", key)
    save(ct(4, "20240506"), tmp_path / "later" / "4.dcm")
    deidentify(tmp_path / "later", tmp_path / "two", key)
    before, after = cleaned(tmp_path / "one"), cleaned(tmp_path / "two")[0]
    assert after.PatientID == before[0].PatientID == "P0001"
    assert after.StudyInstanceUID == before[0].StudyInstanceUID
    since = pydicom.valuerep.DA(after.StudyDate) - pydicom.valuerep.DA(before[0].StudyDate)
    assert since.days == 119
    assert len(Key.read(key).aliases) == 1
    assert key.stat().st_mode & 0o077 == 0


def test_another_key_gives_other_uids_and_dates(studies: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        deidentify(studies, tmp_path / name, tmp_path / f"{name}.csv")
    a, b = cleaned(tmp_path / "a")[0], cleaned(tmp_path / "b")[0]
    assert (a.StudyInstanceUID, a.StudyDate) != (b.StudyInstanceUID, b.StudyDate)


def test_a_picture_that_may_show_the_name_is_named_and_left_out(
    studies: Path, tmp_path: Path
) -> None:
    burnt = ct(5)
    burnt.BurnedInAnnotation = "YES"
    save(burnt, studies / "burnt.dcm")
    capture = ct(6)
    capture.SOPClassUID = SecondaryCaptureImageStorage
    save(capture, studies / "capture.dcm")
    done = deidentify(studies, tmp_path / "out", tmp_path / "key.csv")
    assert len(done.written) == 3
    assert sorted(name for name, _ in done.left_out) == ["burnt.dcm", "capture.dcm"]
    assert any("Burned In Annotation" in line for line in done.reasons())


def test_a_name_that_no_rule_removes_keeps_the_file_back(studies: Path, tmp_path: Path) -> None:
    odd = ct(7)
    odd.PixelData = b"\x00\x00DUPONT"
    save(odd, studies / "odd.dcm")
    done = deidentify(studies, tmp_path / "out", tmp_path / "key.csv")
    assert done.left_out == [
        ("odd.dcm", "something of the person would stay in it (1 places)"),
    ]


def test_a_broken_file_costs_itself_alone(studies: Path, tmp_path: Path) -> None:
    whole = (studies / "Dupont" / "1.dcm").read_bytes()
    (studies / "cut.dcm").write_bytes(whole[:-4])
    done = deidentify(studies, tmp_path / "out", tmp_path / "key.csv")
    assert len(done.written) == 3
    assert [name for name, _ in done.left_out] == ["cut.dcm"]


def test_tables_go_with_the_images(studies: Path, tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    table.write_text("subject,date,event\nHC-778812,2024-01-10,treatment-start\n")
    deidentify(studies, tmp_path / "out", tmp_path / "key.csv", tables=[table])
    with (tmp_path / "out" / "events.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    study = cleaned(tmp_path / "out")[0].StudyDate
    start = pydicom.valuerep.DA(row["date"].replace("-", ""))
    assert (row["subject"], (start - pydicom.valuerep.DA(study)).days) == ("P0001", 2)
    table.write_text("subject,date\nOTHER,2024-01-10\n")
    with pytest.raises(InputError, match="subject without images"):
        deidentify(studies, tmp_path / "o2", tmp_path / "key.csv", tables=[table])


def test_a_key_among_the_data_and_a_folder_in_use_are_refused(
    studies: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="within the data"):
        deidentify(studies, tmp_path / "out", tmp_path / "out" / "key.csv")
    with pytest.raises(InputError, match="not empty"):
        deidentify(studies, studies, tmp_path / "key.csv")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no DICOM"):
        deidentify(tmp_path / "none", tmp_path / "out", tmp_path / "key.csv")
    (tmp_path / "key.csv").write_text("subject,pseudonym,shift_days,secret\nA,P1,x,ab\n")
    with pytest.raises(InputError, match="shift_days"):
        deidentify(studies, tmp_path / "out", tmp_path / "key.csv")


@pytest.mark.parametrize(
    ("text", "moved"),
    [("20240101", "20231231"), ("20240301120000.5", "20240229120000.5"), ("2024", ""), ("", "")],
)
def test_dates_move_by_whole_days(text: str, moved: str) -> None:
    assert shifted(text, -1) == moved
