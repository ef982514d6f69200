"""NIfTI volumes in patient coordinates, and the manifest that names them."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from imaging.catalogue import Catalogue, scan
from imaging.errors import GeometryError, InputError
from imaging.masks import read_label_map
from imaging.nifti import RAS_TO_LPS, read_nifti, write_array
from imaging.read import read_ct, read_pet
from imaging.series import ProblemLevel, SeriesFormat
from imaging.volume import Grid, Unit


def save(path: Path, array: np.ndarray, affine: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def numbered(shape: tuple[int, int, int]) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape)


LPS_AFFINE = np.array([[-1.5, 0, 0, 10], [0, -2.0, 0, 20], [0, 0, 3.0, -30], [0, 0, 0, 1]])


def test_ras_becomes_lps(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", numbered((4, 5, 6)), LPS_AFFINE)
    volume, warnings = read_nifti(path, Unit.HU)
    assert volume.grid.spacing_mm == (1.5, 2.0, 3.0)
    assert volume.grid.origin_mm.tolist() == [-10, -20, -30]
    assert np.allclose(volume.grid.directions, np.eye(3))
    assert np.array_equal(volume.array, numbered((4, 5, 6)))
    assert volume.array.dtype == np.int16
    assert not warnings


@pytest.mark.parametrize(
    "axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)], ids=["ijk", "kji", "jki", "ikj"]
)
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (1, -1, 1)])
def test_any_storage_order_gives_the_same_points(tmp_path, axes, flips) -> None:
    """A voxel's value and its place survive; k ends up along the body."""
    array = numbered((4, 5, 6))
    affine = np.eye(4)
    for column, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        affine[:3, column] = np.eye(3)[axis] * flip * (1.5 + axis)
    affine[:3, 3] = [7, -3, 11]
    volume, _ = read_nifti(save(tmp_path / "a.nii", array, affine), Unit.HU)
    assert np.argmax(np.abs(volume.grid.affine[:3, :3]), axis=0).tolist() == [0, 1, 2]
    assert (np.diag(volume.grid.affine)[:3] > 0).all()
    for index in np.ndindex(2, 2, 2):
        stored = np.array(index) * (np.array(array.shape) - 1)
        x, y, z = (affine @ [*stored, 1])[:3]
        voxel = np.rint(volume.grid.to_voxel([-x, -y, z])).astype(int)
        assert volume.array[tuple(voxel)] == array[tuple(stored)]


def test_scaled_integers_become_float(tmp_path: Path) -> None:
    image = nib.Nifti1Image(numbered((3, 3, 3)), LPS_AFFINE)
    image.header.set_slope_inter(0.5, 1.0)
    nib.save(image, tmp_path / "a.nii")
    volume, _ = read_nifti(tmp_path / "a.nii", Unit.SUV_BW)
    assert volume.array.dtype == np.float32
    assert volume.array[0, 0, 1] == pytest.approx(numbered((3, 3, 3))[0, 0, 1] * 0.5 + 1.0)


def test_what_is_no_volume_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(b"text")
    with pytest.raises(InputError, match="not a NIfTI file"):
        read_nifti(tmp_path / "a.nii.gz", Unit.HU)
    with pytest.raises(InputError, match="missing"):
        read_nifti(tmp_path / "none.nii", Unit.HU)
    save(tmp_path / "4d.nii", np.zeros((3, 3, 3, 2), dtype=np.int16), LPS_AFFINE)
    with pytest.raises(GeometryError, match="not three-dimensional"):
        read_nifti(tmp_path / "4d.nii", Unit.HU)
    sheared = LPS_AFFINE.copy()
    sheared[1, 2] = 1.0
    save(tmp_path / "s.nii", numbered((3, 3, 3)), sheared)
    with pytest.raises(GeometryError, match="sheared"):
        read_nifti(tmp_path / "s.nii", Unit.HU)
    save(tmp_path / "n.nii", np.full((3, 3, 3), np.nan, dtype=np.float32), LPS_AFFINE)
    with pytest.raises(InputError, match="finite"):
        read_nifti(tmp_path / "n.nii", Unit.HU)
    path = save(tmp_path / "cut.nii.gz", numbered((30, 30, 30)), LPS_AFFINE)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="truncated"):
        read_nifti(path, Unit.HU)
    image = nib.Nifti1Image(numbered((3, 3, 3)), None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    nib.save(image, tmp_path / "u.nii")
    with pytest.raises(GeometryError, match="neither sform nor qform"):
        read_nifti(tmp_path / "u.nii", Unit.HU)


def manifest(root: Path, *rows: str, header: str = "subject,date,ct,pet,pet_unit,labels") -> None:
    for name in ("ct0", "ct1", "suv", "lesions"):
        save(root / f"{name}.nii.gz", numbered((4, 5, 6)), LPS_AFFINE)
    (root / "manifest.csv").write_text("\n".join([header, *rows]) + "\n")


def lines(catalogue: Catalogue) -> list[str]:
    return [str(p) for p in catalogue.problems if p.level is ProblemLevel.ERROR]


def test_a_manifest_gives_the_same_catalogue(tmp_path: Path) -> None:
    manifest(
        tmp_path,
        "P1,2020-03-02,ct1.nii.gz,,,",
        "P1,2020-01-06,ct0.nii.gz,suv.nii.gz,SUVbw,lesions.nii.gz",
    )
    catalogue = scan(tmp_path)
    (subject,) = catalogue.subjects
    first, second = subject.visits
    assert (first.label, second.label) == ("baseline", "follow-up 1")
    assert first.ct
    assert first.pet
    assert first.ct.kind is SeriesFormat.NIFTI
    assert first.labels == tmp_path / "lesions.nii.gz"
    ct, pet = read_ct(first.ct), read_pet(first.pet)
    assert (ct.volume.unit, pet.volume.unit) == (Unit.HU, Unit.SUV_BW)
    assert ct.slice_thickness_mm == 3.0
    assert ct.headers == ()
    assert second.pet is None
    assert not catalogue.problems


def test_days_may_stand_for_dates(tmp_path: Path) -> None:
    manifest(tmp_path, "P1,-7,ct0.nii.gz", "P1,56,ct1.nii.gz", header="subject,day,ct")
    first, second = scan(tmp_path).subjects[0].visits
    assert second.date - first.date == dt.timedelta(days=63)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("P1,2020-13-01,ct0.nii.gz,,,", "date or day is '2020-13-01'"),
        ("P1,2020-02-01,none.nii.gz,,,", "none.nii.gz: file not found"),
        ("P1,2020-02-01,,,,", "neither ct nor pet"),
        (",2020-02-01,ct0.nii.gz,,,", "no subject"),
        ("P1,2020-02-01,ct0.nii.gz,suv.nii.gz,,", "pet_unit is ''"),
        ("P1,2020-01-06,ct0.nii.gz,,,", "a second row of this subject and date"),
    ],
)
def test_a_bad_row_is_a_problem_and_the_others_stay(tmp_path: Path, row: str, words: str) -> None:
    manifest(tmp_path, "P1,2020-01-06,ct0.nii.gz,,,", row)
    catalogue = scan(tmp_path)
    assert len(catalogue.subjects[0].visits) == 1
    (line,) = lines(catalogue)
    assert line.startswith("manifest.csv row 3: ")
    assert words in line


def test_a_manifest_with_other_columns_is_refused(tmp_path: Path) -> None:
    manifest(tmp_path, "2020-01-06,x", header="date,ct")
    with pytest.raises(InputError, match="column 'subject' is missing"):
        scan(tmp_path)
    manifest(tmp_path, "P1,2020-01-06,x,y", header="subject,date,ct,mri")
    with pytest.raises(InputError, match="unknown column 'mri'"):
        scan(tmp_path)


@pytest.mark.data
def test_a_label_map_lies_on_its_ct(data_dir: Path) -> None:
    root = data_dir / "longitudinal" / "lung-abscopal"
    ct = scan(root).subjects[0].visits[2].ct
    assert ct is not None
    labels, _ = read_nifti(root / "truth" / "fu2_labels.nii.gz", Unit.LABEL)
    assert read_ct(ct).volume.grid.same_as(labels.grid)


class TestDamage:
    """A file that is not what it says is refused by name, as an image and as a label map."""

    @staticmethod
    def image(array: np.ndarray | None = None, affine: np.ndarray | None = None) -> Any:
        stored = np.zeros((4, 5, 6), dtype=np.int16) if array is None else array
        return nib.Nifti1Image(
            stored, np.diag([-2.0, -2.0, 3.0, 1.0]) if affine is None else affine
        )

    def refused(self, path: Path, match: str) -> None:
        on = Grid((4, 5, 6), np.diag([2.0, 2.0, 3.0, 1.0]))
        with pytest.raises(InputError, match=match):
            read_nifti(path, Unit.HU)
        with pytest.raises(InputError, match=match):
            read_label_map(path, on)

    @pytest.mark.parametrize("units", ["micron", "meter"])
    def test_another_unit_of_length(self, tmp_path: Path, units: str) -> None:
        image = self.image()
        image.header.set_xyzt_units(units)
        nib.save(image, tmp_path / "a.nii.gz")
        self.refused(tmp_path / "a.nii.gz", "not mm")

    def test_colours(self, tmp_path: Path) -> None:
        rgb = np.zeros((4, 5, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
        nib.save(self.image(rgb), tmp_path / "a.nii.gz")
        self.refused(tmp_path / "a.nii.gz", "a colour image")

    @pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
    def test_an_affine_that_places_no_voxels(self, tmp_path: Path, value: float) -> None:
        affine = np.diag([-2.0, -2.0, 3.0, 1.0])
        nib.save(self.image(), tmp_path / "a.nii")
        raw = bytearray((tmp_path / "a.nii").read_bytes())
        affine[2, 2] = value
        raw[280:328] = affine[:3].astype("<f4").tobytes()  # srow_x, srow_y, srow_z
        (tmp_path / "a.nii").write_bytes(raw)
        self.refused(tmp_path / "a.nii", "places no voxels")

    def test_axes_of_vastly_different_length(self, tmp_path: Path) -> None:
        """One axis drowns in the others: no direction is left for it."""
        affine = np.diag([-2.0, -2.0, 3.0, 1.0])
        affine[0, 1] = 1e30
        path = save(tmp_path / "a.nii", np.zeros((4, 5, 6), dtype=np.int16), affine)
        with pytest.raises(InputError, match=r"affine|cannot be read"):
            read_nifti(path, Unit.HU)

    @pytest.mark.parametrize("packed", [True, False])
    def test_more_voxels_than_the_file_can_hold(self, tmp_path: Path, packed: bool) -> None:
        nib.save(self.image(), tmp_path / "a.nii")
        raw = bytearray((tmp_path / "a.nii").read_bytes())
        raw[42:48] = np.array([400, 400, 400], dtype="<i2").tobytes()
        path = tmp_path / ("b.nii.gz" if packed else "b.nii")
        path.write_bytes(gzip.compress(bytes(raw)) if packed else bytes(raw))
        self.refused(path, "truncated")

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
    def test_a_file_cut_short(self, tmp_path: Path, share: float) -> None:
        noise = np.random.default_rng(1).integers(0, 9, (4, 5, 6)).astype(np.int16)
        nib.save(self.image(noise), tmp_path / "a.nii.gz")
        raw = (tmp_path / "a.nii.gz").read_bytes()
        (tmp_path / "a.nii.gz").write_bytes(raw[: int(share * len(raw))])
        self.refused(tmp_path / "a.nii.gz", "truncated|not a NIfTI")

    def test_a_type_of_voxels_that_nobody_knows(self, tmp_path: Path) -> None:
        nib.save(self.image(), tmp_path / "a.nii")
        raw = bytearray((tmp_path / "a.nii").read_bytes())
        raw[70:72] = b"\xe7\x03"
        (tmp_path / "a.nii").write_bytes(raw)
        self.refused(tmp_path / "a.nii", "not a NIfTI")

    @pytest.mark.parametrize("value", [-2, 100_000])
    def test_labels_that_are_none(self, tmp_path: Path, value: int) -> None:
        labels = np.zeros((4, 5, 6), dtype=np.int32)
        labels[1, 1, 1] = value
        nib.save(self.image(labels), tmp_path / "a.nii.gz")
        with pytest.raises(InputError, match="not a label map"):
            read_label_map(tmp_path / "a.nii.gz", Grid((4, 5, 6), np.diag([2.0, 2, 3, 1])))


def test_a_packed_file_is_unpacked_to_its_checksum(tmp_path: Path) -> None:
    """Voxels that were damaged on the way may unpack without an error."""
    path = tmp_path / "ct.nii.gz"
    noise = np.random.default_rng(1).integers(-1000, 1000, (64, 64, 64), np.int16)
    nib.save(nib.Nifti1Image(noise, np.eye(4)), path)
    read_nifti(path, Unit.HU)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # of the checksum
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="checksum does not fit"):
        read_nifti(path, Unit.HU)


def test_two_places_of_one_image_are_told(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((5, 6, 7), np.int16), np.eye(4))
    image.set_sform(np.eye(4), 1)
    image.set_qform(np.eye(4), 1)
    nib.save(image, tmp_path / "same.nii")
    assert read_nifti(tmp_path / "same.nii", Unit.HU)[1] == ()
    shifted = np.eye(4)
    shifted[0, 3] = 12.0
    image.set_qform(shifted, 1)
    nib.save(image, tmp_path / "two.nii")
    (told,) = read_nifti(tmp_path / "two.nii", Unit.HU)[1]
    assert "up to 12.0 mm apart; the sform counts" in told


def test_an_array_is_packed_as_nibabel_packs_it(tmp_path: Path) -> None:
    values = numbered((7, 6, 40))
    grid = Grid((7, 6, 40), RAS_TO_LPS @ LPS_AFFINE)
    write_array(tmp_path / "whole.nii.gz", values, grid)
    image = nib.Nifti1Image(values, LPS_AFFINE)
    image.set_sform(LPS_AFFINE, code=1)
    nib.save(image, tmp_path / "slices.nii.gz")
    packed = [
        gzip.decompress((tmp_path / f"{name}.nii.gz").read_bytes()) for name in ("whole", "slices")
    ]
    assert packed[0] == packed[1]
    write_array(tmp_path / "whole.nii", values, grid)
    assert (tmp_path / "whole.nii").read_bytes() == packed[0]
