"""Series to volumes: values, places, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from imaging import read
from imaging.catalogue import scan
from imaging.errors import GeometryError, HeaderError, InputError, UnsupportedError
from imaging.read import Reading, read_headers, read_pet
from imaging.series import Series
from imaging.volume import Unit


def ct_series(files: list[Path]) -> Series:
    return Series("1.2.3", "CT", tuple(files), sop_class_uid="1.2.840.10008.5.1.4.1.1.2")


def read_ct(series: Series) -> Reading:
    """A CT; each of its slices that can be read alone is the same as in the volume."""
    reading = read.read_ct(series)
    alone = read_headers(series)
    if alone is not None:
        assert alone.grid.same_as(reading.volume.grid)
        for k in range(alone.grid.shape[2]):
            image = alone.hu(k)
            assert image is None or np.array_equal(image.T, reading.volume.array[:, :, k])
    return reading


def pet_series(files: list[Path]) -> Series:
    return Series("1.2.3", "PT", tuple(files), sop_class_uid="1.2.840.10008.5.1.4.1.1.128")


def plainly(files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """The reference: pydicom's pixels slice by slice, sorted by z, and their positions."""
    datasets = sorted(map(pydicom.dcmread, files), key=lambda d: d.ImagePositionPatient[2])
    slices = [
        d.pixel_array.astype(float) * float(d.RescaleSlope) + float(d.RescaleIntercept)
        for d in datasets
    ]
    return np.stack(slices), np.array([d.ImagePositionPatient for d in datasets], dtype=float)


def same_as_plainly(reading: Reading, files: list[Path]) -> None:
    values, positions = plainly(files)
    assert np.allclose(reading.volume.array.T, values, rtol=1e-6, atol=1e-6)
    k = np.arange(len(values))
    corners = reading.volume.grid.to_world_mm(np.column_stack([0 * k, 0 * k, k]))
    assert np.allclose(corners, positions, atol=1e-4)


def test_ct_in_hu_sorted_along_z_whatever_the_file_names(dicom) -> None:
    files = dicom.ct(order=lambda k: (k * 5) % 6)
    reading = read_ct(ct_series(sorted(files)))
    same_as_plainly(reading, files)
    assert reading.volume.unit is Unit.HU
    assert reading.volume.array.dtype == np.int16
    assert reading.volume.array.shape == (7, 5, 6)
    assert reading.volume.array[3, 2, 1] == 1000 + 100 + 20 + 3 - 1024
    assert reading.volume.grid.spacing_mm == pytest.approx((1.5, 2.0, 3.0))
    assert reading.slice_thickness_mm == 3.0
    assert reading.sop_instance_uids == tuple(str(h.SOPInstanceUID) for h in reading.headers)
    heights = [h.ImagePositionPatient[2] for h in reading.headers]
    assert heights == sorted(heights)
    assert not reading.warnings


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEGLSLossless,
        JPEG2000Lossless,
    ],
)
def test_every_transfer_syntax_gives_the_same_values(dicom, syntax) -> None:
    files = dicom.ct(syntax=syntax, shape=(32, 40))
    same_as_plainly(read_ct(ct_series(files)), files)
    assert read_ct(ct_series(files)).volume.array[3, 2, 1] == 1000 + 100 + 20 + 3 - 1024


def test_a_missing_decoder_names_the_transfer_syntax(dicom, monkeypatch) -> None:
    files = dicom.ct(syntax=JPEG2000Lossless, shape=(32, 40))

    def no_decoder(*args: object, **kwargs: object) -> None:
        raise RuntimeError("Unable to decompress: missing dependencies")

    monkeypatch.setattr("pydicom.pixels.decoders.base.Decoder.as_array", no_decoder)
    with pytest.raises(
        UnsupportedError, match=r"JPEG 2000.*1\.2\.840\.10008\.1\.2\.4\.90"
    ) as error:
        read_ct(ct_series(files))
    assert "recist[codecs]" in error.value.remedy


@pytest.mark.parametrize(
    ("dtype", "slope", "intercept", "kept"),
    [
        ("int16", 1.0, 0.0, np.int16),
        ("uint16", 1.0, -1024.0, np.int16),
        ("uint16", 1.0, -1024.5, np.float32),
        ("int16", 0.5, 3.0, np.float32),
        ("uint8", 1.0, -100.0, np.int16),
        ("int32", 1.0, 0.0, np.float32),
    ],
)
def test_hu_are_exact_for_every_stored_type(dicom, dtype, slope, intercept, kept) -> None:
    stored = np.arange(3 * 4 * 5).reshape(3, 4, 5) * 4
    files = dicom.ct(stored=stored, dtype=dtype, slope=slope, intercept=intercept)
    reading = read_ct(ct_series(files))
    assert reading.volume.array.dtype == kept
    alone = read_headers(ct_series(files))
    assert alone is not None and (alone.hu(0) is not None) == (kept == np.int16)
    assert np.array_equal(reading.volume.array.T, stored * slope + intercept)


def test_values_beyond_int16_become_float(dicom) -> None:
    stored = np.full((2, 3, 3), 32767)
    stored[0] = 0
    reading = read_ct(ct_series(dicom.ct(stored=stored, intercept=-0.5)))
    assert reading.volume.array.dtype == np.float32
    assert reading.volume.array.max() == 32767 - 0.5


def test_slopes_that_differ_between_ct_slices_are_applied_each(dicom) -> None:
    files = dicom.ct(slope=lambda k: 1.0 + k)
    same_as_plainly(read_ct(ct_series(files)), files)


def test_padding_becomes_air_and_padding_in_tissue_is_ignored(dicom) -> None:
    stored = np.full((3, 4, 4), 40)
    stored[:, 0] = -2000
    files = dicom.ct(
        "padded", stored=stored, dtype="int16", intercept=0.0, elements={"PixelPaddingValue": -2000}
    )
    reading = read_ct(ct_series(files))
    assert np.unique(reading.volume.array).tolist() == [-1024, 40]
    stored[:, 0] = 0
    files = dicom.ct(
        "wrong", stored=stored, dtype="int16", intercept=0.0, elements={"PixelPaddingValue": 0}
    )
    reading = read_ct(ct_series(files))
    assert np.unique(reading.volume.array).tolist() == [0, 40]
    assert "0028,0120" in reading.warnings[0]
    stored[:, 0], stored[:, 1] = -2000, -1900
    elements = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1500}
    files = dicom.ct("range", stored=stored, dtype="int16", intercept=0.0, elements=elements)
    assert np.unique(read_ct(ct_series(files)).volume.array).tolist() == [-1024, 40]


def test_overlay_bits_above_bits_stored_are_ignored_with_a_warning(dicom) -> None:
    def twelve(k: int, dataset: pydicom.Dataset) -> None:
        dataset.BitsStored, dataset.HighBit = 12, 11

    stored = np.full((3, 4, 4), 1064)
    stored[1, 2, 2] |= 0x8000
    reading = read_ct(ct_series(dicom.ct(stored=stored, change=twelve)))
    assert np.unique(reading.volume.array).tolist() == [40]
    assert "Bits Stored (12)" in reading.warnings[0]
    signed = np.full((3, 4, 4), 0x0FFF)  # -1 in 12 bits
    files = dicom.ct("signed", stored=signed, dtype="int16", intercept=0.0, change=twelve)
    assert np.unique(read_ct(ct_series(files)).volume.array).tolist() == [-1]


def test_what_is_undone_of_pixels_that_were_added_to_on_the_way(dicom) -> None:
    """Intercepts are added while a slice is read; overlay bits, padding and floats need it back."""

    def twelve(k: int, dataset: pydicom.Dataset) -> None:
        dataset.BitsStored, dataset.HighBit = 12, 11

    stored = np.full((20, 4, 4), 1064)
    stored[:, 1, 1] = 0
    stored[19, 2, 2] |= 0x8000
    elements = {"PixelPaddingValue": 0}
    files = dicom.ct(stored=stored, change=twelve, elements=elements)
    reading = read_ct(ct_series(files))
    assert np.unique(reading.volume.array).tolist() == [-1024, 40]
    assert "Bits Stored (12)" in reading.warnings[0]
    too_high = np.full((20, 4, 4), 40000)
    too_high[3] = 500
    with pytest.raises(HeaderError, match="values from -524 to 38976, which no CT gives"):
        read_ct(ct_series(dicom.ct("high", stored=too_high, intercept=-1024.0)))


def test_the_first_broken_file_of_a_long_series_is_named(dicom) -> None:
    files = dicom.ct(stored=np.arange(40 * 12).reshape(40, 4, 3))
    for broken in (files[15], files[30]):
        broken.write_bytes(broken.read_bytes()[:-10])
    with pytest.raises(HeaderError, match=f"{files[15].name}: the file is truncated"):
        read_ct(ct_series(files))


@pytest.mark.parametrize(
    "orientation",
    [
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0),  # head first, prone
        (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),  # feet first, supine
        (0.0, 1.0, 0.0, -1.0, 0.0, 0.0),  # decubitus
        (0.96, 0.28, 0.0, -0.28, 0.96, 0.0),
    ],
)
def test_every_patient_position_lies_where_simpleitk_puts_it(dicom, orientation) -> None:
    files = dicom.ct(orientation=orientation)
    reading = read_ct(ct_series(files))
    normal = np.cross(orientation[:3], orientation[3:])
    assert reading.volume.grid.directions[:, 2] == pytest.approx(normal)
    image = SimpleITK.ReadImage([str(path) for path in files])
    for index in [(0, 0, 0), (6, 4, 5), (3, 1, 2)]:
        point = image.TransformIndexToPhysicalPoint(index)
        voxel = np.rint(reading.volume.grid.to_voxel(point)).astype(int)
        assert np.allclose(reading.volume.grid.to_world_mm(voxel), point, atol=1e-4)
        assert reading.volume.array[tuple(voxel)] == image[index]


def test_a_missing_slice_is_refused_with_its_place(dicom) -> None:
    files = dicom.ct()
    with pytest.raises(GeometryError, match=r"1 of 6 slices missing, after -24.00 mm"):
        read_ct(ct_series(files[:3] + files[4:]))


def test_doubled_slices_with_the_same_pixels_are_used_once(dicom) -> None:
    files = dicom.ct("a")
    again = dicom.ct("b", slices=1)
    reading = read_ct(ct_series(files + again))
    assert reading.volume.array.shape[2] == 6
    assert "stored twice" in reading.warnings[0]


def test_doubled_slices_with_other_pixels_are_refused(dicom) -> None:
    files = dicom.ct("a")
    other = dicom.ct("b", stored=np.full((1, 5, 7), 900))
    with pytest.raises(GeometryError, match=r"occur twice: -30.00 mm"):
        read_ct(ct_series(files + other))


def test_a_tilted_gantry_is_laid_on_an_orthogonal_grid(dicom) -> None:
    stored = np.full((6, 12, 8), 24)
    stored[:, 5:7, 3:5] = 1064

    def tilt(k: int, dataset: pydicom.Dataset) -> None:
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y + 1.5 * k, z]

    files = dicom.ct(stored=stored, change=tilt)
    reading = read_ct(ct_series(files))
    assert "tilted gantry: slices shifted by up to 7.5 mm" in reading.warnings[0]
    axes = reading.volume.grid.directions
    assert np.allclose(axes.T @ axes, np.eye(3))
    for k, path in enumerate(files):
        dataset = pydicom.dcmread(path)
        rows = np.argwhere(dataset.pixel_array == 1064)
        centre = np.array(dataset.ImagePositionPatient, dtype=float)
        centre[:2] += rows.mean(axis=0)[::-1] * [1.5, 2.0]
        image = np.maximum(reading.volume.array[:, :, k].astype(float) + 1000, 0.0)
        i, j = (np.indices(image.shape) * image).reshape(2, -1).sum(axis=1) / image.sum()
        assert np.allclose(reading.volume.grid.to_world_mm([i, j, k]), centre, atol=0.02)
        assert image.sum() == pytest.approx(4 * 1040, rel=1e-3)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def test_a_truncated_file_is_named(dicom) -> None:
    files = dicom.ct()
    cut(files[2])
    with pytest.raises(HeaderError, match=r"002.dcm: the file is truncated: 60 of 70 pixel bytes"):
        read_ct(ct_series(files))


@pytest.mark.parametrize(
    ("keyword", "tag"),
    [
        ("ImagePositionPatient", "0020,0032"),
        ("ImageOrientationPatient", "0020,0037"),
        ("PixelSpacing", "0028,0030"),
        ("RescaleSlope", "0028,1053"),
        ("RescaleIntercept", "0028,1052"),
    ],
)
def test_a_missing_element_is_named_with_tag_and_file(dicom, keyword, tag) -> None:
    files = dicom.ct(without=(keyword,))
    with pytest.raises(HeaderError, match=tag) as error:
        read_ct(ct_series(files))
    assert error.value.where.endswith(".dcm")
    assert error.value.remedy


def test_mixed_matrix_orientation_and_colour_are_refused(dicom) -> None:
    axial = dicom.ct("a")
    small = dicom.ct("b", shape=(5, 6), origin=(-10.0, 20.0, 0.0))
    with pytest.raises(GeometryError, match="matrix size"):
        read_ct(ct_series(axial + small))
    coronal = dicom.ct("c", orientation=(1.0, 0, 0, 0, 0, -1.0), origin=(0.0, 0.0, 50.0))
    with pytest.raises(GeometryError, match="different orientation"):
        read_ct(ct_series(axial + coronal))
    colour = dicom.ct("d", change=lambda k, d: setattr(d, "SamplesPerPixel", 3))
    with pytest.raises(UnsupportedError, match="colour"):
        read_ct(ct_series(colour))


def test_pet_takes_slope_and_intercept_of_each_slice(dicom) -> None:
    files = dicom.pet(intercept=2.0)
    reading = read_pet(pet_series(files))
    same_as_plainly(reading, files)
    assert reading.volume.unit is Unit.BQML
    assert reading.volume.array.dtype == np.float32
    assert len({float(h.RescaleSlope) for h in reading.headers}) == 6


@pytest.mark.parametrize(
    ("elements", "unit"),
    [
        ({"Units": "GML", "SUVType": "BW"}, Unit.SUV_BW),
        ({"Units": "GML", "SUVType": "LBM"}, Unit.SUV_LBM),
        ({"Units": "GML", "SUVType": "IBW"}, Unit.SUV_IBW),
        ({"Units": "CM2ML"}, Unit.SUV_BSA),
        ({"Units": "CNTS"}, Unit.CNTS),
    ],
)
def test_pet_units_follow_the_header(dicom, elements, unit) -> None:
    reading = read_pet(pet_series(dicom.pet(elements=elements)))
    assert reading.volume.unit is unit
    assert not reading.warnings


def test_gml_without_suv_type_is_body_weight_with_a_warning(dicom) -> None:
    reading = read_pet(pet_series(dicom.pet(elements={"Units": "GML"})))
    assert reading.volume.unit is Unit.SUV_BW
    assert "0054,1006" in reading.warnings[0]


@pytest.mark.parametrize("units", ["PROPCNTS", "CPS", ""])
def test_other_units_are_refused(dicom, units) -> None:
    with pytest.raises(UnsupportedError, match="0054,1001"):
        read_pet(pet_series(dicom.pet(elements={"Units": units})))


@pytest.mark.data
@pytest.mark.parametrize("study", ["dicom/STS_002", "dicom/LIDC-0001", "longitudinal/pet-sarcoma"])
def test_real_series_agree_with_pydicom_and_simpleitk(data_dir: Path, study: str) -> None:
    visit = scan(data_dir / study).subjects[0].visits[0]
    assert visit.ct is not None
    ct = read_ct(visit.ct)
    same_as_plainly(ct, list(visit.ct.files))
    image = SimpleITK.ReadImage([str(path) for path in visit.ct.files])
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), ct.volume.array.T)
    assert np.allclose(image.GetOrigin(), ct.volume.grid.origin_mm)
    assert np.allclose(image.GetSpacing(), ct.volume.grid.spacing_mm, atol=1e-4)
    if visit.pet is not None:
        pet = read_pet(visit.pet)
        same_as_plainly(pet, list(visit.pet.files))


@pytest.mark.data
def test_the_digital_reference_objects_are_read_in_their_units(data_dir: Path) -> None:
    folders = sorted((data_dir / "suv-dro").iterdir())
    assert folders
    for folder in folders:
        files = sorted((folder / "PT").iterdir())
        series = pet_series(files)
        units = str(pydicom.dcmread(files[0], stop_before_pixels=True).Units)
        try:
            reading = read_pet(series)
        except InputError as error:
            assert units not in ("BQML", "GML", "CNTS", "CM2ML"), error
            continue
        same_as_plainly(reading, files)


@pytest.mark.parametrize("implicit", [True, False])
def test_images_without_preamble_and_meta_information_are_read(dicom, implicit: bool) -> None:
    """As old archives export them; the encoding is what the reader finds."""
    paths = dicom.ct("a")
    plain = read_ct(Series("1", "CT", tuple(paths))).volume.array
    for path in paths:
        dataset = pydicom.dcmread(path)
        del dataset.file_meta
        pydicom.dcmwrite(
            path, dataset, implicit_vr=implicit, little_endian=True, enforce_file_format=False
        )
    assert np.array_equal(read_ct(Series("1", "CT", tuple(paths))).volume.array, plain)
