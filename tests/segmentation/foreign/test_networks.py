"""Networks of other people, from a local path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.networks.nets.unet import UNet

from imaging.volume import Volume
from segmentation.bundle import BundleError
from segmentation.foreign.networks import delineate, load_monai_bundle, load_torchscript
from segmentation.foreign.recipe import Recipe

Patient = Callable[..., tuple[Volume, Volume]]
LEFT = (40.0, 50.0, 60.0)


class Hot(torch.nn.Module):
    """Two classes; the second where the second channel (SUV / 20) is above 0.2."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        above = image[:, 1:2] - 0.2
        return torch.cat([-above, above], dim=1)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_torchscript_file_is_used_by_its_recipe(tmp_path: Path, patient: Patient) -> None:
    torch.jit.script(Hot()).save(str(tmp_path / "hot.pt"))
    recipe = Recipe(spacing_mm=3.0, channels=("ct", "suv"), window=32)
    model = load_torchscript(tmp_path / "hot.pt", recipe)
    ct, suv = patient((LEFT, 14.0))
    found = delineate(model, ct, suv, device="cpu")
    (lesion,) = found.candidates
    np.testing.assert_allclose(lesion.mask.centre_mm, LEFT, atol=1.5)
    assert found.model == "hot"


def test_a_file_that_is_no_torchscript(tmp_path: Path) -> None:
    (tmp_path / "no.pt").write_text("no")
    with pytest.raises(BundleError, match="TorchScript"):
        load_torchscript(tmp_path / "no.pt", Recipe())


def test_a_monai_bundle_is_used(tmp_path: Path, patient: Patient) -> None:
    settings = {
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": 2,
        "channels": [4, 8],
        "strides": [2],
    }
    (tmp_path / "configs").mkdir()
    (tmp_path / "models").mkdir()
    config = {"network_def": {"_target_": "UNet", **settings}}
    (tmp_path / "configs" / "inference.json").write_text(json.dumps(config))
    with pytest.raises(BundleError, match="not found"):
        load_monai_bundle(tmp_path, Recipe())
    torch.save(UNet(**settings).state_dict(), tmp_path / "models" / "model.pt")
    model = load_monai_bundle(tmp_path, Recipe(spacing_mm=4.0, window=16))
    ct, _ = patient(shape=(20, 20, 12))
    assert delineate(model, ct, None, device="cpu").mask().shape == ct.grid.shape


def bundle(folder: Path, configuration: str) -> Path:
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "inference.json").write_text(configuration)
    torch.save({}, folder / "models" / "model.pt")
    return folder


@pytest.mark.parametrize(
    "definition",
    [
        "$open(r'{file}', 'w')",
        {"_target_": "builtins.open", "file": "{file}", "mode": "w"},
        {"_target_": "UNet", "channels": ["$open(r'{file}', 'w')"]},
        {"_target_": "UNet", "act": "@other"},
        {"_target_": "UNet", "_requires_": "x"},
    ],
)
def test_a_bundle_runs_code_only_where_it_is_trusted(tmp_path: Path, definition: object) -> None:
    made = tmp_path / "made"
    text = json.dumps(
        {"network_def": definition, "other": {"_target_": "builtins.open", "file": "{file}"}}
    ).replace("{file}", str(made))
    folder = bundle(tmp_path / "bundle", text)
    with pytest.raises(BundleError, match="trusted=True"):
        load_monai_bundle(folder, Recipe())
    assert not made.exists()


def test_a_trusted_bundle_may_run_code(tmp_path: Path) -> None:
    text = json.dumps({"network_def": "$__import__('torch').nn.Identity()"})
    model = load_monai_bundle(bundle(tmp_path / "bundle", text), Recipe(), trusted=True)
    assert isinstance(model.network, torch.nn.Identity)


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ("{", "JSON"),
        ("[]", "network_def"),
        ("[" * 100_000, "JSON"),
        ('{"network_def": {"_target_": "UNet"}}', "cannot be used"),
        ('{"network_def": 5}', "cannot be used"),
    ],
)
def test_a_damaged_bundle_is_refused_by_name(tmp_path: Path, configuration: str, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        load_monai_bundle(bundle(tmp_path / "bundle", configuration), Recipe())
