"""Headers that no object may carry over: the lesions are written all the same, and read again."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from imaging.carried_over import completed
from imaging.contours import axial_grid, rasterise, read_rtstruct
from imaging.errors import GeometryError, InputError
from imaging.masks import read_seg
from imaging.outlines import write_rtstruct
from imaging.seg import SegSegment, write_seg
from imaging.volume import Grid, Mask

SHAPE = (20, 24, 6)

#: What sources write, by element.
ODD = [
    *[("StudyDate", text) for text in ("00000000", "2020.01.06", "20201399", "NaN", "1")],
    *[("StudyTime", text) for text in ("99:99", "abc", "246060")],
    *[("PatientBirthDate", text) for text in ("00000000", "x")],
    *[("SliceThickness", text) for text in ("thin", "4_0", "NaN", "1e999", "", "-3")],
    *[("SpacingBetweenSlices", text) for text in ("x", "NaN")],
    *[("SpecificCharacterSet", text) for text in ("ISO_IR 999", "GB-2312", "ISO 2022 IR 87\\FOO")],
    *[("PatientSex", text) for text in ("unknown", "MALE")],
    *[("PatientName", text) for text in ("a=b=c=d=e", "\xff\xfe", "x" * 500)],
    *[("StudyID", "y" * 40), ("AccessionNumber", "z" * 80), ("PatientWeight", "NaN")],
    *[("PositionReferenceIndicator", "p" * 100), ("InstanceNumber", "abc")],
]


@pytest.fixture
def lesion(grid: Grid) -> SegSegment:
    full = np.zeros(SHAPE, dtype=bool)
    full[2:9, 3:8, 1:4] = True
    return SegSegment("L1", Mask.of(full, grid), "2.25.1")


def set_raw(header: pydicom.Dataset, name: str, text: str) -> None:
    """An element as it stands in a file, whatever it holds."""
    tag = Tag(tag_for_keyword(name) or 0)
    raw = text.encode("latin-1")
    raw += b" " * (len(raw) % 2)
    header._dict[tag] = RawDataElement(tag, dictionary_VR(tag), len(raw), raw, 0, False, True, True)


@pytest.mark.parametrize(("name", "text"), ODD)
def test_lesions_are_written_whatever_the_headers_hold(
    headers, lesion: SegSegment, tmp_path: Path, name: str, text: str
) -> None:
    for header in headers:
        set_raw(header, name, text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom remarks on what it reads
        seg = write_seg(tmp_path / "seg.dcm", [lesion], headers)
        contours = write_rtstruct(tmp_path / "rs.dcm", [lesion], headers)
        (back,) = read_seg(seg)
        (roi,) = read_rtstruct(contours).rois
        written = pydicom.dcmread(seg)
        assert written.StudyInstanceUID == headers[0].StudyInstanceUID
        assert written.PatientID == headers[0].PatientID
    assert back.mask.voxels == lesion.mask.voxels
    assert back.mask.centre_mm == pytest.approx(lesion.mask.centre_mm)
    drawn = rasterise(roi, axial_grid([roi]))
    assert drawn is not None


def test_sound_headers_are_carried_over_as_they_are(headers) -> None:
    complete = [completed(header, 3.0) for header in headers]
    assert complete
    assert all(completed(header, 3.0) is header for header in complete)


def test_a_thickness_in_words_is_the_distance_of_the_slices(headers, lesion, tmp_path) -> None:
    for header in headers:
        set_raw(header, "SliceThickness", "thin")
    written = pydicom.dcmread(write_seg(tmp_path / "seg.dcm", [lesion], headers))
    measures = written.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.SliceThickness == 3.0


def test_headers_that_give_no_object_at_all_are_a_named_refusal(headers, lesion, tmp_path) -> None:
    for header in headers:
        header.ImagePositionPatient = headers[0].ImagePositionPatient
    with pytest.raises(InputError, match="cannot be carried into a SEG"):
        write_seg(tmp_path / "seg.dcm", [lesion], headers)
    assert not list(tmp_path.glob("*seg*"))


def test_slices_of_several_series_give_no_seg(headers, lesion, tmp_path) -> None:
    headers[0].SeriesInstanceUID = "2.25.99"
    with pytest.raises(GeometryError, match="several series"):
        write_seg(tmp_path / "seg.dcm", [lesion], headers)
