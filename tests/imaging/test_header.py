"""The quick header walker says what pydicom says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from imaging import header as header_module
from imaging.dataset import NotDicomError
from imaging.errors import HeaderError
from imaging.header import Header, Tag, read_header


def agrees_with_pydicom(header: Header, path: Path) -> None:
    dataset = pydicom.dcmread(path, force=True)
    for tag in set(Tag) - {Tag.CHARACTER_SET}:
        if tag not in dataset:
            assert header.text(tag) == ""
            continue
        value = dataset[tag].value
        if dataset[tag].VR in ("US", "SS", "US or SS"):
            assert header.integer(tag) == int(value) & 0xFFFF
        elif dataset[tag].VR in ("DS", "IS"):
            assert header.numbers(tag) == tuple(np.atleast_1d(value).astype(float))
        else:
            parts = value if isinstance(value, MultiValue) else [value]
            assert header.text(tag) == "\\".join(str(part) for part in parts)


def nested(k: int, dataset: Dataset) -> None:
    """Sequences of undefined length inside each other, private, long and unknown elements."""
    inner, outer = Dataset(), Dataset()
    inner.CodeValue = "T-1"
    outer.AnatomicRegionSequence = DicomSequence([inner])
    outer["AnatomicRegionSequence"].is_undefined_length = True
    dataset.ReferencedImageSequence = DicomSequence([outer, outer])
    dataset["ReferencedImageSequence"].is_undefined_length = True
    block = dataset.private_block(0x0019, "VENDOR", create=True)
    block.add_new(0x01, "OB", b"\0\1" * 40_000)
    block.add_new(0x02, "SQ", DicomSequence([inner]))
    dataset.add_new(0x00189999, "UN", b"abcd")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_the_walker_reads_what_pydicom_reads(dicom, syntax, monkeypatch) -> None:
    path = dicom.ct(slices=1, syntax=syntax, change=nested)[0]
    monkeypatch.setattr(header_module, "_by_pydicom", None)
    header = read_header(path, to_pixels=True)
    agrees_with_pydicom(header, path)
    pixels = path.read_bytes()[header.pixel_offset :][: header.pixel_bytes]
    assert pixels[: 5 * 7 * 2] == pydicom.dcmread(path).PixelData[: 5 * 7 * 2]


@pytest.mark.parametrize(
    "syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless]
)
def test_unusual_encodings_give_the_same_elements(dicom, syntax) -> None:
    path = dicom.pet(slices=1, syntax=syntax, shape=(32, 40))[0]
    agrees_with_pydicom(read_header(path), path)


def test_a_file_without_preamble_is_dicom(dicom) -> None:
    for syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
        path = dicom.ct(slices=1, bare=True, syntax=syntax)[0]
        assert path.read_bytes()[128:132] != b"DICM"
        agrees_with_pydicom(read_header(path), path)


def test_names_in_other_alphabets_are_decoded_by_their_character_set(dicom) -> None:
    elements = {"SpecificCharacterSet": "ISO_IR 100", "SeriesDescription": "Schädel-Übersicht"}
    path = dicom.ct(slices=1, elements=elements)[0]
    assert read_header(path).text(Tag.SERIES_DESCRIPTION) == "Schädel-Übersicht"


@pytest.mark.parametrize(
    "content", [b"", b"a text\n" * 100, b"\x89PNG" + b"\0" * 400, b'{"a": 1}', b"\0" * 300]
)
def test_other_files_are_not_dicom(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotDicomError):
        read_header(path)


def test_a_header_cut_short_is_an_error_that_names_the_file(dicom) -> None:
    path = dicom.ct(slices=1)[0]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(HeaderError, match=r"000\.dcm"):
        read_header(path)


def test_malformed_values_are_absent_not_wrong(dicom) -> None:
    path = dicom.ct(slices=1)[0]
    raw = path.read_bytes().replace(b"-10.0\\20.0\\-30.0", b"-10.0\\2O.0\\-30.0")
    path.write_bytes(raw.replace(b"20200106", b"20201306"))
    header = read_header(path)
    assert header.numbers(Tag.POSITION) == ()
    assert header.number(Tag.POSITION) is None
    assert header.date(Tag.STUDY_DATE) is None


@pytest.mark.data
def test_every_real_header_agrees_with_pydicom(data_dir: Path) -> None:
    folders = [
        folder
        for name in ("dicom", "longitudinal", "suv-dro")
        for folder in {path.parent for path in (data_dir / name).rglob("*.dcm")}
    ]
    assert len(folders) > 20
    for folder in folders:
        path = min(folder.glob("*.dcm"))
        agrees_with_pydicom(read_header(path, to_pixels=True), path)
