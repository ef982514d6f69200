"""Files that claim what is not so: each costs itself alone, by name, in little time and memory."""

from __future__ import annotations

import contextlib
import os
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from imaging import dataset as limits
from imaging.catalogue import ProblemLevel, scan
from imaging.dataset import DEFLATED_FRAMES, pixels, read_dataset, read_object
from imaging.elements import decimals, number_of, whole
from imaging.errors import HeaderError, InputError
from imaging.header import Tag, numbers_of, read_header
from imaging.masks import read_seg
from imaging.read import read_ct
from imaging.structures import read_rtstruct


def errors(root: Path) -> list[str]:
    return [str(p) for p in scan(root).problems if p.level is ProblemLevel.ERROR]


def replaced(path: Path, old: bytes, new: bytes) -> Path:
    assert len(old) == len(new)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def nest(path: Path, depth: int) -> None:
    """Put sequences of undefined length within each other before the patient's name."""
    begin = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\r\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    content = path.read_bytes()
    place = content.index(b"\x10\0\x10\0PN")
    path.write_bytes(content[:place] + begin * depth + end * depth + content[place:])


class TestOneFileCostsItself:
    @pytest.mark.parametrize("frames", ["NaN", "-1", "0", "1e3", "inf", "4_0", "x"])
    def test_a_number_of_frames_that_is_none(self, dicom, frames: str) -> None:
        def some(k: int, dataset: Dataset) -> None:
            if k == 2:
                dataset.NumberOfFrames = "1111"

        files = dicom.ct("a", change=some)
        replaced(files[2], b"1111", frames.ljust(4).encode())
        dicom.ct("b", subject="P2")
        (line,) = errors(dicom.root)
        assert line.startswith("a/002.dcm: Number of Frames (0028,0008) is ")
        assert [subject.id for subject in scan(dicom.root).subjects] == ["P1", "P2"]

    @pytest.mark.parametrize("depth", [100, 2000, 50_000])
    def test_sequences_nested_beyond_any_object(self, dicom, depth: int) -> None:
        files = dicom.ct("a")
        nest(files[3], depth)
        with pytest.raises(HeaderError, match="nested"):
            read_header(files[3])
        (line,) = errors(dicom.root)
        assert line == "a/003.dcm: sequences nested more than 64 deep"

    def test_sequences_nested_as_in_real_objects_are_read(self, dicom) -> None:
        files = dicom.ct("a")
        nest(files[3], 8)
        assert read_header(files[3]).text(Tag.PATIENT_ID) == "P1"
        assert not errors(dicom.root)

    def test_a_sequence_that_ends_within_a_tag_is_named(self, dicom) -> None:
        """Pydicom raises a bare OSError over it, without a number."""
        path = dicom.ct("a", bare=True)[0]
        torn = b"\x08\0\x15\x11SQ\0\0\x0a\0\0\0" + b"\xfe\xff\0\xe0\x02\0\0\0" + b"\x08\0"
        content = path.read_bytes()
        place = content.index(b"\x10\0\x10\0PN")
        path.write_bytes(content[:place] + torn + content[place:])
        with contextlib.suppress(HeaderError):
            read_header(path)
        with contextlib.suppress(HeaderError):
            _ = read_object(path)
        scan(dicom.root)

    def test_an_object_nested_too_deep_is_named(self, rtstruct_file: Path) -> None:
        nest(rtstruct_file, 3000)
        with pytest.raises(HeaderError, match=r"rs\.dcm: not readable as DICOM"):
            read_rtstruct(rtstruct_file)

    def test_links_that_lead_nowhere_or_to_themselves_and_pipes(self, dicom) -> None:
        dicom.ct("a")
        (dicom.root / "self").symlink_to(dicom.root / "self")
        (dicom.root / "lost.dcm").symlink_to(dicom.root / "nothing")
        (dicom.root / "up").symlink_to(dicom.root)
        os.mkfifo(dicom.root / "pipe.dcm")
        catalogue = scan(dicom.root)
        assert catalogue.subjects[0].visits[0].ct
        named = sorted(line.split(":")[0] for line in errors(dicom.root))
        assert named == ["lost.dcm", "pipe.dcm", "self"]

    def test_a_file_that_inflates_without_end(self, dicom, monkeypatch) -> None:
        monkeypatch.setattr(limits, "LARGEST_INFLATED_BYTES", 2 * 1024**2)
        monkeypatch.setattr(limits, "INFLATED_PIECE_BYTES", 64 * 1024)
        bomb = dicom.ct("a", slices=1)[0]
        meta = pydicom.filereader.read_file_meta_info(bomb)
        meta.TransferSyntaxUID = limits.DEFLATED
        file = FileDataset(bomb, Dataset(), file_meta=meta, preamble=b"\0" * 128)
        file.SOPClassUID = meta.MediaStorageSOPClassUID
        pydicom.dcmwrite(bomb, file, enforce_file_format=True)
        start = bomb.read_bytes()[: 144 + int.from_bytes(bomb.read_bytes()[140:144], "little")]
        deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        burst = deflater.compress(b"\x08\0\x05\0LO" + b"\0" * 50_000_000) + deflater.flush()
        bomb.write_bytes(start + burst)
        tracemalloc.start()
        try:
            with pytest.raises(HeaderError, match="inflate to more than 2 MB"):
                read_dataset(bomb)
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()
        assert "inflate to more than" in errors(dicom.root)[0]

    def test_more_pixels_than_anyone_has(self, dicom) -> None:
        def vast(k: int, dataset: Dataset) -> None:
            dataset.Rows = dataset.Columns = 65535
            dataset.NumberOfFrames = 100

        dicom.ct("a", slices=1, change=vast)
        assert errors(dicom.root)[0].startswith("a/000.dcm: the header claims 800 GB of pixels")

    def test_a_directory_of_a_medium_is_no_object_whatever_its_name(self, dicom) -> None:
        dicom.ct("a")
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
        meta.MediaStorageSOPInstanceUID = "1.2.3"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        directory = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        directory.FileSetID = "X"
        directory.save_as(dicom.root / "DIRFILE", enforce_file_format=True)
        assert not errors(dicom.root)

    def test_a_character_set_that_nobody_knows(self, dicom) -> None:
        path = dicom.ct("a", elements={"SeriesDescription": "Sch"})[0]
        replaced(path, b"LO\x04\0Sch ", b"LO\x04\0Sch\xe4")
        assert read_header(path).text(Tag.SERIES_DESCRIPTION) == "Schä"


class TestNumbers:
    @pytest.mark.parametrize("text", ["1", "-1.5", "+.5", "1e-3", "2.E+4", " 7 "])
    def test_a_decimal_string(self, text: str) -> None:
        assert number_of(text) == float(text)

    @pytest.mark.parametrize("text", ["4_0", "nan", "inf", "1e999", "0x10", "١", "1,5", "", "--1"])
    def test_what_only_python_reads_is_no_number(self, text: str) -> None:
        assert number_of(text) is None
        assert numbers_of(f"1\\{text}".encode()) == ()

    def test_an_element_that_is_wrong_is_named_with_what_it_holds(self, dicom) -> None:
        path = replaced(dicom.ct("a")[0], b"2.0\\1.5", b"2_0\\1.5")
        dataset = read_object(path)
        assert decimals(dataset, "ImagePositionPatient", 3) == (-10.0, 20.0, -30.0)
        assert whole(dataset, "Rows") == 5
        with pytest.raises(HeaderError, match=r"Pixel Spacing \(0028,0030\) is '2_0\\\\1.5'"):
            decimals(dataset, "PixelSpacing", 2)
        with pytest.raises(HeaderError, match=r"Dose Grid Scaling \(3004,000E\) is missing"):
            decimals(dataset, "DoseGridScaling", 1)


class TestPixelsAndHeaderDisagree:
    @pytest.mark.parametrize(
        ("elements", "what"),
        [
            ({"BitsAllocated": 8}, "16 of 8 allocated"),
            ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
            ({"RescaleSlope": "0"}, "Rescale Slope"),
            ({"RescaleSlope": "-1"}, "Rescale Slope"),
            ({"RescaleSlope": "1e38"}, "Rescale Slope"),
            ({"RescaleIntercept": "40000"}, "which no CT gives in HU"),
            ({"Rows": 3}, "pixel bytes for 3 rows"),
        ],
    )
    def test_it_is_refused_by_name(self, dicom, elements, what: str) -> None:
        dicom.ct("a", elements=elements)
        (visit,) = scan(dicom.root).subjects[0].visits
        assert visit.ct is not None
        with pytest.raises(InputError, match=what):
            read_ct(visit.ct)

    def test_signed_pixels_declared_unsigned_are_refused(self, dicom) -> None:
        stored = np.full((6, 5, 7), -1000)
        stored[:, 2:, 2:] = 40
        dicom.ct(
            "a", stored=stored, dtype="int16", intercept=0, elements={"PixelRepresentation": 0}
        )
        (visit,) = scan(dicom.root).subjects[0].visits
        with pytest.raises(HeaderError, match="values from 40 to 64536"):
            read_ct(visit.ct)

    def test_a_slice_of_another_frame_of_reference_is_refused(self, dicom) -> None:
        def other(k: int, dataset: Dataset) -> None:
            if k == 4:
                dataset.FrameOfReferenceUID = "1.9"

        dicom.ct("a", change=other)
        (visit,) = scan(dicom.root).subjects[0].visits
        with pytest.raises(HeaderError, match="different frames of reference"):
            read_ct(visit.ct)

    @pytest.mark.parametrize(("keyword", "value"), [("RescaleSlope", 2), ("RescaleIntercept", 0)])
    def test_slices_that_are_rescaled_unlike_the_others_are_questioned(
        self, dicom, keyword: str, value: int
    ) -> None:
        def other(k: int, dataset: Dataset) -> None:
            if k in {2, 4}:
                setattr(dataset, keyword, value)

        dicom.ct("a", change=other)
        (visit,) = scan(dicom.root).subjects[0].visits
        assert visit.ct is not None
        assert any("of 2 of 6 slices differ" in line for line in read_ct(visit.ct).warnings)

    @pytest.mark.parametrize(
        ("values", "doubt"),
        [((0, 3), "a label map"), ((24, 1064), "is the rescale intercept lost")],
    )
    def test_values_that_are_hardly_hu_are_questioned(self, dicom, values, doubt: str) -> None:
        stored = np.full((6, 5, 7), values[0])
        stored[:, 2:, 2:] = values[1]
        dicom.ct("a", stored=stored, intercept=0)
        (visit,) = scan(dicom.root).subjects[0].visits
        assert doubt in read_ct(visit.ct).warnings[-1]


class TestObjects:
    def test_a_structure_set_without_preamble_is_read(self, rtstruct_file: Path) -> None:
        dataset = pydicom.dcmread(rtstruct_file)
        bare = Dataset()
        bare.update(dataset)
        pydicom.dcmwrite(
            rtstruct_file, bare, implicit_vr=True, little_endian=True, enforce_file_format=False
        )
        assert rtstruct_file.read_bytes()[128:132] != b"DICM"
        assert read_rtstruct(rtstruct_file).rois[0].closed

    @pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
    def test_a_structure_set_cut_anywhere_is_refused(
        self, rtstruct_file: Path, share: float
    ) -> None:
        content = rtstruct_file.read_bytes()
        rtstruct_file.write_bytes(content[: int(share * len(content))])
        with pytest.raises(InputError, match=r"rs\.dcm"):
            read_rtstruct(rtstruct_file)

    def test_a_seg_with_fewer_frames_than_groups_is_refused(self, seg_file: Path) -> None:
        dataset = pydicom.dcmread(seg_file)
        dataset.NumberOfFrames = 1
        dataset.save_as(seg_file)
        with pytest.raises(HeaderError, match="1 frames, but functional groups of 3"):
            read_seg(seg_file)

    def test_frames_deflated_one_by_one_are_the_same(self, seg_file: Path) -> None:
        (drawn,) = read_seg(seg_file)
        dataset = pydicom.dcmread(seg_file)
        frames = []
        for image in dataset.pixel_array:
            deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
            raw = np.packbits(image.ravel(), bitorder="little").tobytes()
            packed = deflater.compress(raw) + deflater.flush()
            frames.append(packed + b"\0" * (len(packed) % 2))
        dataset.PixelData = encapsulate(frames)
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        dataset.file_meta.TransferSyntaxUID = DEFLATED_FRAMES
        pydicom.dcmwrite(
            seg_file, dataset, implicit_vr=False, little_endian=True, force_encoding=True
        )
        (again,) = read_seg(seg_file)
        assert np.array_equal(again.mask.full(), drawn.mask.full())

    def test_runs_of_equal_bytes_are_the_same(self, seg_file: Path) -> None:
        """RLE, which archives write of label maps: eight bits a pixel, a number per segment."""
        before = read_seg(seg_file)
        dataset = pydicom.dcmread(seg_file)
        frames = pydicom.pixels.pixel_array(dataset)
        dataset.SegmentationType, dataset.SegmentationFractionalType = "FRACTIONAL", "OCCUPANCY"
        dataset.MaximumFractionalValue = 255
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelData = (frames.astype(np.uint8) * 255).tobytes()
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(seg_file)
        after = read_seg(seg_file)
        assert before
        for one, other in zip(before, after, strict=True):
            assert one.label == other.label
            assert np.array_equal(one.mask.full(), other.mask.full())

    def test_a_file_that_is_deflated_whole_is_the_same(self, seg_file: Path) -> None:
        before = read_seg(seg_file)
        dataset = pydicom.dcmread(seg_file)
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(seg_file)
        after = read_seg(seg_file)
        assert before
        for one, other in zip(before, after, strict=True):
            assert np.array_equal(one.mask.full(), other.mask.full())

    @pytest.mark.parametrize("kind", ["TILED_FULL", "TILED_SPARSE"])
    def test_tiles_of_a_slide_are_refused_by_name(self, seg_file: Path, kind: str) -> None:
        dataset = pydicom.dcmread(seg_file)
        dataset.DimensionOrganizationType = kind
        dataset.save_as(seg_file)
        with pytest.raises(InputError, match=r"(?i)tile"):
            read_seg(seg_file)

    @pytest.mark.parametrize("change", ["PixelData", "Rows", "NumberOfFrames"])
    def test_pixels_that_are_not_as_the_header_says(self, seg_file: Path, change: str) -> None:
        dataset = read_object(seg_file)
        if change == "PixelData":
            del dataset.PixelData
        else:
            setattr(dataset, change, 5000)
        with pytest.raises(HeaderError):
            pixels(dataset, "seg.dcm")


class TestSegmentsOfOtherWriters:
    @pytest.mark.parametrize("implicit_vr", [True, False])
    @pytest.mark.parametrize("little_endian", [True, False])
    def test_every_encoding_of_elements_is_the_same(
        self, seg_file: Path, implicit_vr: bool, little_endian: bool
    ) -> None:
        if implicit_vr and not little_endian:
            return  # DICOM has no such encoding
        before = read_seg(seg_file)
        dataset = pydicom.dcmread(seg_file)
        syntax = ImplicitVRLittleEndian if implicit_vr else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax if little_endian else ExplicitVRBigEndian
        list(dataset.iterall())  # parsed as they were written
        pydicom.dcmwrite(seg_file, dataset, implicit_vr=implicit_vr, little_endian=little_endian)
        after = read_seg(seg_file)
        assert [one.label for one in after] == [one.label for one in before]
        for one, other in zip(before, after, strict=True):
            assert np.array_equal(one.mask.full(), other.mask.full())

    def test_frames_that_contradict_each_other_at_one_place_are_refused(
        self, seg_file: Path
    ) -> None:
        dataset = pydicom.dcmread(seg_file)
        groups = dataset.PerFrameFunctionalGroupsSequence
        place = groups[0].PlanePositionSequence
        for group in groups:
            group.PlanePositionSequence = place
        dataset.save_as(seg_file)
        with pytest.raises(HeaderError, match="two frames of segment 1 at one place"):
            read_seg(seg_file)

    def test_frames_beside_each_other_are_refused(self, seg_file: Path) -> None:
        dataset = pydicom.dcmread(seg_file)
        place = dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
        x, y, z = (float(value) for value in place.ImagePositionPatient)
        place.ImagePositionPatient = [x + 20.0, y, z]
        dataset.save_as(seg_file)
        with pytest.raises(InputError, match="do not lie straight above each other"):
            read_seg(seg_file)
