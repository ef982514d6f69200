"""Nodules in boxes, a chest to paste them into, and a network that is a rule."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from segmentation.bundle import Bundle, load_bundle, record_weights
from segmentation.network import LesionNet

DENSE = 1.0  # the lung window's value of -400 HU


def save(array: np.ndarray, spacing_mm: tuple[float, float, float], path: Path) -> None:
    affine = np.diag([-spacing_mm[0], -spacing_mm[1], spacing_mm[2], 1.0])
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    """Three nodules of two patients, each in a box that ends 10 mm from it, with their list."""
    folder = tmp_path / "boxes"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ["name,patient,longest_axial_mm,texture"]
    for name, patient, radius in (
        ("LIDC0001_01", "LIDC-IDRI-0001", 5.0),
        ("LIDC0001_02", "LIDC-IDRI-0001", 3.5),
        ("LIDC0002_01", "LIDC-IDRI-0002", 7.0),
    ):
        wide = int(2 * (radius + 10) / 0.8)
        shape = (wide, wide, int(2 * radius / 1.5) + 2)
        middle = (np.array(shape) - 1) / 2
        away = np.linalg.norm(
            (np.moveaxis(np.indices(shape), 0, -1) - middle) * (0.8, 0.8, 1.5), axis=-1
        )
        hu = np.where(away <= radius, 30, -850) + rng.normal(0, 10, shape)
        save(hu.astype(np.int16), (0.8, 0.8, 1.5), folder / f"{name}_ct.nii.gz")
        save((away <= radius).astype(np.uint8), (0.8, 0.8, 1.5), folder / f"{name}_lab.nii.gz")
        lines.append(f"{name},{patient},{2 * radius},5")
    (folder / "nodules.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def chests(tmp_path: Path) -> Path:
    """Two CTs of a body with a large lung; nothing is known of their lesions."""
    folder = tmp_path / "chests"
    folder.mkdir()
    for name in ("HOST_A", "HOST_B"):
        hu = np.full((60, 60, 40), -1000, np.int16)
        hu[4:-4, 4:-4] = 30
        hu[12:-12, 12:-12, 4:-4] = -850
        save(hu, (2.0, 2.0, 2.0), folder / f"{name}_ct.nii.gz")
    return folder


class Dense(LesionNet):
    """Finds what is denser than -400 HU, without a network."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = (image[:, :1] - DENSE) * 20.0
        return logit


@pytest.fixture
def fine_root(tmp_path: Path) -> Path:
    """A complete bundle of small lesions whose folds hold random weights."""
    root = tmp_path / "fine"
    (root / "configs").mkdir(parents=True)
    metadata = {"name": "tiny-fine", "version": "0.0.1", "weights": []}
    (root / "configs" / "metadata.json").write_text(json.dumps(metadata))
    definition = {"filters": 8, "blocks_down": [1, 1], "blocks_up": [1], "channels": 4}
    inference = {
        "kind": "fine",
        "spacing_mm": 1.0,
        "threshold": 0.5,
        "network_def": {"_target_": "segmentation.network.LesionNet", **definition},
    }
    (root / "configs" / "inference.json").write_text(json.dumps(inference))
    (root / "configs" / "train.json").write_text(json.dumps({"kept_apart": ["HOST_A"]}))
    states = {}
    for fold in range(2):
        torch.manual_seed(fold)
        network = LesionNet(8, (1, 1), (1,), channels=4)
        states[f"fold{fold}.pt"] = (network.state_dict(), f"nothing, seed {fold}")
    record_weights(root, states)
    return root


@pytest.fixture
def dense_bundle(fine_root: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle whose networks are the rule "denser than -400 HU"."""
    rule = Dense(8, (1, 1), (1,), channels=4).eval()
    monkeypatch.setattr(Bundle, "networks", lambda self, ensemble=False: (rule,) * (1 + ensemble))
    return load_bundle(fine_root)
