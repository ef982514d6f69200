"""One lesion by a prompt, from files to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from imaging.errors import InputError
from imaging.nifti import write_labels
from imaging.volume import Mask, Volume
from segmentation import single
from segmentation.bundle import Bundle
from segmentation.prompts import Carried, Click, Line

Patient = Callable[..., tuple[Volume, Volume]]
LEFT, RIGHT = (40.0, 50.0, 60.0), (84.0, 50.0, 60.0)


def save(volume: Volume, path: Path) -> Path:
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(volume.array, to_ras @ volume.grid.affine), path)
    return path


def test_a_click_on_nifti_images_gives_a_label_map(
    tmp_path: Path, hot_bundle: Bundle, patient: Patient
) -> None:
    ct, suv = patient((LEFT, 14.0), (RIGHT, 9.0))
    images = single.read_examination(
        save(ct, tmp_path / "ct.nii.gz"), pet=save(suv, tmp_path / "pet.nii.gz")
    )
    prompt = single.prompt_of(click="84, 50, 60")
    found = single.segment_one(images, prompt, bundle=hot_bundle, device="cpu")
    out = single.write(found, images, tmp_path / "lesion.nii.gz")
    labels = np.asarray(nibabel.load(out).dataobj)
    assert labels.max() == 1
    assert labels.sum() * 12.0 == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.4)


def test_a_lesion_of_an_earlier_date_is_the_prompt(
    tmp_path: Path, hot_bundle: Bundle, patient: Patient
) -> None:
    ct, suv = patient((LEFT, 14.0), (RIGHT, 9.0))
    full = np.zeros(ct.grid.shape, np.bool_)
    full[40:44, 23:27, 18:22] = True
    write_labels(tmp_path / "before.nii.gz", [Mask.of(full, ct.grid)])
    carried = single.carried_lesion(tmp_path / "before.nii.gz", ct, label=1)
    prompt = single.prompt_of(carried=carried)
    assert isinstance(prompt, Carried)
    found = single.segment_one(single.Images(ct, suv), prompt, bundle=hot_bundle, device="cpu")
    np.testing.assert_allclose(found.candidates[0].mask.centre_mm, RIGHT, atol=2.0)
    with pytest.raises(InputError, match="no lesion 7"):
        single.carried_lesion(tmp_path / "before.nii.gz", ct, label=7)


def test_from_files_to_a_file(tmp_path: Path, tiny_bundle: Path, patient: Patient) -> None:
    ct, suv = patient((LEFT, 14.0))
    paths = {"path": save(ct, tmp_path / "ct.nii.gz"), "pet": save(suv, tmp_path / "pet.nii.gz")}
    found = single.segment_files(
        **paths, out=tmp_path / "otsu.nii.gz", click="40,50,60", method="otsu"
    )
    assert (tmp_path / "otsu.nii.gz").is_file()
    np.testing.assert_allclose(found.candidates[0].mask.centre_mm, LEFT, atol=2.0)
    again = single.segment_files(
        **paths,
        out=tmp_path / "again.nii.gz",
        previous=tmp_path / "otsu.nii.gz",
        previous_ct=paths["path"],
        model=tiny_bundle,
        device="cpu",
    )
    assert again.model.startswith("tiny")
    with pytest.raises(InputError, match="describe the label map"):
        single.segment_files(**paths, out=tmp_path / "x.nii.gz", click="1,2,3", label=1)
    with pytest.raises(InputError, match="only one"):
        single.segment_files(**paths, out=tmp_path / "x.nii.gz")


def test_prompts_are_read_from_text() -> None:
    assert single.prompt_of(click="1,2,3") == Click((1.0, 2.0, 3.0))
    assert single.prompt_of(line="1,2,3:4,5,6") == Line((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "only one"),
        ({"click": "1,2,3", "line": "1,2,3:4,5,6"}, "only one"),
        ({"click": "1,2"}, "not a point"),
        ({"line": "1,2,3"}, "not a line"),
    ],
)
def test_prompts_that_cannot_be_read(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        single.prompt_of(**given)  # type: ignore[arg-type]


def test_a_threshold_takes_the_place_of_the_network(patient: Patient) -> None:
    ct, suv = patient((LEFT, 14.0))
    found = single.segment_one(single.Images(ct, suv), Click(LEFT), method="percent")
    assert found.model == "41 % of SUVmax"
    assert len(found.candidates) == 1
    with pytest.raises(InputError, match="--method guess"):
        single.segment_one(single.Images(ct, suv), Click(LEFT), method="guess")
    with pytest.raises(InputError, match="needs a PET"):
        single.segment_one(single.Images(ct), Click(LEFT), method="percent")


def test_nothing_found_writes_nothing(tmp_path: Path, hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient()
    images = single.Images(ct, suv)
    found = single.segment_one(images, Click(LEFT), bundle=hot_bundle, device="cpu")
    with pytest.raises(InputError, match="nothing was found"):
        single.write(found, images, tmp_path / "lesion.nii.gz")
    assert not list(tmp_path.glob("lesion*"))


def test_a_seg_needs_dicom_images(tmp_path: Path, hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient((LEFT, 14.0))
    images = single.Images(ct, suv)
    found = single.segment_one(images, Click(LEFT), bundle=hot_bundle, device="cpu")
    with pytest.raises(InputError, match="refers to DICOM"):
        single.write(found, images, tmp_path / "lesion.dcm")


def test_an_empty_folder_has_no_examination(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 examinations fit"):
        single.read_examination(tmp_path)


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::UserWarning")  # overlong texts and plain names in its headers
def test_a_dicom_patient_is_clicked_and_written_as_seg(
    tmp_path: Path, data_dir: Path, hot_bundle: Bundle
) -> None:
    images = single.read_examination(data_dir / "dicom" / "STS_020")
    assert images.suv is not None
    hottest = np.unravel_index(int(images.suv.array.argmax()), images.suv.array.shape)
    x, y, z = (float(v) for v in images.suv.grid.to_world_mm(hottest))
    found = single.segment_one(images, Click((x, y, z)), bundle=hot_bundle, device="cpu")
    out = single.write(found, images, tmp_path / "lesion.dcm")
    assert out.stat().st_size > 1000
