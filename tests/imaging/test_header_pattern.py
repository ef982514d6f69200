"""Headers read by what they share with the one before are those that a walk over each gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from imaging import header_pattern
from imaging.header import Header, Tag, read_header
from imaging.header_pattern import HeaderReader


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files over which a reader walks from end to end."""
    seen: list[str] = []

    def walk(path: str, *, to_pixels: bool) -> Header:
        seen.append(Path(path).name)
        return read_header(path, to_pixels=to_pixels)

    monkeypatch.setattr(header_pattern, "read_header", walk)
    return seen


def all_of(header: Header) -> tuple[object, ...]:
    places = header.size, header.pixel_offset, header.pixel_bytes
    return header.path, header.transfer_syntax, [*header.elements.items()], places


def agrees(files: list[Path]) -> None:
    """A reader that meets the files in their order says what a walk over each says."""
    for to_pixels in (False, True):
        reader = HeaderReader(to_pixels=to_pixels)
        for file in files:
            expected = read_header(file, to_pixels=to_pixels)
            assert all_of(reader.read(file)) == all_of(expected)


def a_scanners(k: int, dataset: Dataset) -> None:
    """What changes from slice to slice, some of it in length, private and within sequences too."""
    dataset.AcquisitionTime = f"1011{k:02d}" + ".5" * (k % 2)
    dataset.InstanceNumber = 10**k
    dataset.ImagePositionPatient = [-10.0, 20.0, -30.0 + 1.25 * k]
    source = Dataset()
    source.ReferencedSOPInstanceUID = f"1.2.{10**k}"
    dataset.SourceImageSequence = DicomSequence([source])
    dataset["SourceImageSequence"].is_undefined_length = k % 3 > 0
    block = dataset.private_block(0x0019, "VENDOR", create=True)
    block.add_new(0x01, "OB", bytes([k]) * 2 * k)
    block.add_new(0x02, "LO", "the same")


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless], ids=str
)
@pytest.mark.parametrize("kind", ["ct", "pet"])
def test_slices_of_a_series_are_walked_over_once(dicom, walked, syntax, kind) -> None:
    write = getattr(dicom, kind)
    agrees(write(slices=8, syntax=syntax, change=a_scanners, shape=(32, 40)))
    assert len(walked) == 2  # the first of each reader


def without_series_time(k: int, dataset: Dataset) -> None:
    if k == 4:
        del dataset.SeriesDate


def with_kernel(k: int, dataset: Dataset) -> None:
    if k == 4:
        dataset.ConvolutionKernel = "B30f"


def of_another_modality(k: int, dataset: Dataset) -> None:
    if k >= 4:
        dataset.Modality, dataset.Units, dataset.SeriesType = "PT", "BQML", ["STATIC", "IMAGE"]


def with_a_long_value(k: int, dataset: Dataset) -> None:
    if k == 4:
        dataset.private_block(0x0019, "VENDOR", create=True).add_new(0x01, "OB", b"\1" * 40_000)


@pytest.mark.parametrize(
    "change", [without_series_time, with_kernel, of_another_modality, with_a_long_value]
)
def test_a_file_unlike_the_one_before_is_walked_over(dicom, walked, change) -> None:
    files = dicom.ct(slices=8, change=change)
    agrees(files)
    assert walked.count(files[4].name) == 2


def test_one_file_of_another_encoding_among_the_slices(dicom) -> None:
    files = [
        file
        for n, syntax in enumerate((ExplicitVRLittleEndian, ImplicitVRLittleEndian) * 4)
        for file in dicom.ct(f"{n}", slices=1 + n % 3, syntax=syntax, series="same")
    ]
    agrees([*files, *dicom.ct("bare", slices=2, bare=True), *files])


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:900],
        lambda raw: raw[:200],
        lambda raw: raw.replace(b"\x28\0\x10\0US\2\0", b"\x28\0\x10\0US\xff\xff"),
        lambda raw: raw.replace(b"\x20\0\x32\0DS", b"\x20\0\x32\0Z?"),
        lambda raw: raw.replace(b"DICM", b"DICN"),
        lambda _: b"",
        lambda _: b"no DICOM at all" * 100,
    ],
    ids=["cut", "cut short", "length", "representation", "mark", "empty", "other"],
)
def test_a_damaged_file_among_the_slices_fails_as_it_does_alone(
    dicom, damage: Callable[[bytes], bytes]
) -> None:
    files = dicom.ct(slices=6, change=a_scanners)
    files[3].write_bytes(damage(files[3].read_bytes()))
    for to_pixels in (False, True):
        reader = HeaderReader(to_pixels=to_pixels)
        told = [outcome(lambda f=f, r=reader: r.read(f)) for f in files]
        alone = [outcome(lambda f=f, p=to_pixels: read_header(f, to_pixels=p)) for f in files]
        assert told == alone


def outcome(read: Callable[[], Header]) -> object:
    try:
        return all_of(read())
    except Exception as error:
        return type(error), str(error)


def test_values_that_do_not_change_are_held_once(dicom) -> None:
    reader = HeaderReader()
    headers = [reader.read(file) for file in dicom.ct(slices=4) + dicom.ct("other", slices=4)]
    for tag in (Tag.PATIENT_ID, Tag.STUDY_UID, Tag.ORIENTATION):
        assert len({id(header.elements[tag]) for header in headers}) == 1
    assert len({id(header.elements[Tag.SERIES_UID]) for header in headers}) == 2


@pytest.mark.data
def test_every_real_header_is_read_alike(data_dir: Path) -> None:
    for name in ("dicom", "longitudinal", "suv-dro"):
        files = sorted((data_dir / name).rglob("*.dcm"))
        assert files
        for to_pixels in (False, True):
            reader = HeaderReader(to_pixels=to_pixels)
            for file in files:
                one = outcome(lambda f=file, r=reader: r.read(f))
                assert one == outcome(lambda f=file, p=to_pixels: read_header(f, to_pixels=p))
