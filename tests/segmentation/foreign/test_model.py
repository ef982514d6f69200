"""The door: what lies at a path is told apart, opened, and asked for one lesion or all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from imaging.errors import InputError
from imaging.nifti import write_labels
from imaging.volume import Mask, Volume
from segmentation.bundle import Bundle, BundleError
from segmentation.foreign import ForeignModel, ModelKind, delineate_with, open_model
from segmentation.foreign.model import kind_at
from segmentation.prompts import Click

Patient = Callable[..., tuple[Volume, Volume]]
LEFT, RIGHT = (30.0, 50.0, 60.0), (90.0, 50.0, 60.0)
RECIPE = 'channels = ["ct", "suv"]\nspacing_mm = 3.0\nwindow = 32\n'

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.*:DeprecationWarning", "ignore::FutureWarning"
)


class Hot(torch.nn.Module):
    """Two classes; the second where the second channel (SUV / 20) is above 0.2."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        above = image[:, 1:2] - 0.2
        return torch.cat([-above, above], dim=1)


@pytest.fixture
def hot_file(tmp_path: Path) -> Path:
    torch.jit.script(Hot()).save(str(tmp_path / "hot.pt"))
    (tmp_path / "hot.toml").write_text(RECIPE)
    return tmp_path / "hot.pt"


def opened(path: Path) -> ForeignModel:
    model = open_model(path)
    assert isinstance(model, ForeignModel)
    return model


def test_our_own_bundle_is_opened_as_such(tiny_bundle: Path) -> None:
    assert isinstance(open_model(tiny_bundle), Bundle)


def test_a_network_is_asked_for_all_lesions_and_for_the_one_clicked(
    hot_file: Path, patient: Patient
) -> None:
    model = opened(hot_file)
    ct, suv = patient((LEFT, 14.0), (RIGHT, 10.0))
    every = delineate_with(model, ct, suv, device="cpu")
    assert len(every.candidates) == 2
    (one,) = delineate_with(model, ct, suv, device="cpu", prompt=Click(RIGHT)).candidates
    np.testing.assert_allclose(one.mask.centre_mm, RIGHT, atol=1.5)
    assert one.source == model.source == f"hot ({model.sha256[:12]})"


def test_a_network_that_needs_a_pet_says_so(hot_file: Path, patient: Patient) -> None:
    with pytest.raises(InputError, match="hot needs a PET"):
        delineate_with(opened(hot_file), patient()[0], None)


def test_a_network_without_settings_is_not_guessed_at(hot_file: Path) -> None:
    hot_file.with_suffix(".toml").unlink()
    with pytest.raises(InputError, match="not in its weights"):
        open_model(hot_file)


def test_a_recipe_elsewhere_names_the_model(hot_file: Path) -> None:
    (hot_file.parent / "settings").mkdir()
    recipe = hot_file.parent / "settings" / "mine.toml"
    recipe.write_text(f'path = "../hot.pt"\n{RECIPE}')
    assert opened(recipe).kind is ModelKind.TORCHSCRIPT
    recipe.write_text(RECIPE)
    with pytest.raises(InputError, match="says no path"):
        open_model(recipe)


def test_what_lies_at_a_path_is_told_by_its_files(tmp_path: Path) -> None:
    for name in ("monai/configs", "nnunet/fold_0", "maps/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "monai/configs/inference.json").write_text("{}")
    (tmp_path / "nnunet/plans.json").write_text("{}")
    (tmp_path / "maps/deep/one.nii.gz").write_bytes(b"")
    assert kind_at(tmp_path / "monai") is ModelKind.MONAI
    assert kind_at(tmp_path / "nnunet") is ModelKind.NNUNET
    assert kind_at(tmp_path / "maps") is ModelKind.LABEL_MAPS
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="no model that is known"):
        kind_at(tmp_path / "empty")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("spacing = 3.0", "no setting 'spacing'.*spacing_mm"),
        ('kind = "unet"', "kind = 'unet'"),
        ("ct_window_hu = [200]", "a list of 2"),
        ("ct_window_hu = [200, -200]", "runs from 200 to -200"),
        ('channels = ["mr"]', "channels"),
        ("window = 3.5", "whole number"),
        ("lesions = [1.5]", "numbers or names"),
        ("spacing_mm = true", "a number"),
        ("spacing_mm = ", "is no TOML"),
    ],
)
def test_a_recipe_is_valid_or_refused_by_name(hot_file: Path, text: str, told: str) -> None:
    hot_file.with_suffix(".toml").write_text(text)
    with pytest.raises(InputError, match=told):
        open_model(hot_file)


def ball(ct: Volume, centre: tuple[float, float, float], radius_mm: float) -> Mask:
    points = ct.grid.to_world_mm(np.moveaxis(np.indices(ct.grid.shape), 0, -1))
    return Mask.of(np.linalg.norm(points - centre, axis=-1) <= radius_mm, ct.grid)


@pytest.mark.parametrize(
    ("file", "recipe"),
    [
        ("P1_2024-03-01.nii.gz", ""),  # nnU-Net: a file for each case
        ("P120240301_0000.nii.gz", ""),
        ("P1/2024-03-01/segmentations/P1_2024-03-01_seg.nii.gz", ""),  # LION
        ("P1/2024-03-01/lung_nodules.nii.gz", 'lesions = ["lung_nodules"]'),  # TotalSegmentator
        ("P1/2024-03-01/segmentations/liver_lesions.nii.gz", 'lesions = ["liver_lesions"]'),
    ],
)
def test_label_maps_of_other_tools_are_found_by_their_names(
    tmp_path: Path, patient: Patient, file: str, recipe: str
) -> None:
    ct, _ = patient()
    root = tmp_path / "answers"
    for path, centre in ((file, LEFT), (file.replace("P1", "P2"), RIGHT)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write_labels(root / path, [ball(ct, centre, 10.0)])
    write_labels((root / file).parent / "liver.nii.gz", [ball(ct, RIGHT, 20.0)])
    (root / "recist.toml").write_text(recipe)
    names = ("P12024-03-01", "P120240301", "2024-03-01")
    (one,) = delineate_with(opened(root), ct, None, names=names).candidates
    np.testing.assert_allclose(one.mask.centre_mm, LEFT, atol=1.0)


def test_only_the_labels_that_are_lesions_are_taken(tmp_path: Path, patient: Patient) -> None:
    ct, _ = patient()
    write_labels(tmp_path / "P1.nii.gz", [ball(ct, LEFT, 10.0), ball(ct, RIGHT, 12.0)])
    (tmp_path / "recist.toml").write_text('lesions = ["tumour"]')
    labels = {"labels": {"background": 0, "liver": 1, "tumour": 2}}
    (tmp_path / "dataset.json").write_text(json.dumps(labels))
    (one,) = delineate_with(opened(tmp_path), ct, None, names=("P1",)).candidates
    np.testing.assert_allclose(one.mask.centre_mm, RIGHT, atol=1.0)


def test_no_label_map_of_a_case_is_an_error_not_an_empty_answer(
    tmp_path: Path, patient: Patient
) -> None:
    ct, _ = patient()
    write_labels(tmp_path / "P1.nii.gz", [ball(ct, LEFT, 10.0)])
    with pytest.raises(InputError, match="no label map of P2"):
        delineate_with(opened(tmp_path), ct, None, names=("P2",))


def test_two_label_maps_of_a_case_are_not_guessed_between(tmp_path: Path, patient: Patient) -> None:
    ct, _ = patient()
    for name in ("a/P1.nii.gz", "b/P1_seg.nii.gz"):
        (tmp_path / name).parent.mkdir()
        write_labels(tmp_path / name, [ball(ct, LEFT, 10.0)])
    with pytest.raises(InputError, match="2 label maps of P1"):
        delineate_with(opened(tmp_path), ct, None, names=("P1",))
