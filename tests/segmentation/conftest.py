"""A bundle with a network too small to know anything, and an image with a lesion drawn in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from imaging.volume import Grid, Unit, Volume
from segmentation.bundle import Bundle, load_bundle, record_weights
from segmentation.network import LesionNet

NETWORK = {"filters": 8, "blocks_down": [1, 1], "blocks_up": [1]}


@pytest.fixture
def grid() -> Callable[..., Grid]:
    """A grid from its shape, spacing and origin, axes along the patient's."""

    def build(
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float] = (2.0, 2.0, 3.0),
        origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Grid:
        affine = np.diag([*spacing_mm, 1.0])
        affine[:3, 3] = origin_mm
        return Grid(shape, affine)

    return build


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    """A complete bundle whose two networks hold random weights."""
    root = tmp_path / "tiny"
    (root / "configs").mkdir(parents=True)
    metadata = {"name": "tiny", "version": "0.0.1", "weights": []}
    (root / "configs" / "metadata.json").write_text(json.dumps(metadata))
    inference = {
        "spacing_mm": 3.0,
        "threshold": 0.5,
        "network_def": {"_target_": "segmentation.network.LesionNet", **NETWORK},
    }
    (root / "configs" / "inference.json").write_text(json.dumps(inference))
    states = {}
    for number in range(2):
        torch.manual_seed(number)
        network = LesionNet(8, (1, 1), (1,))
        name = "model.pt" if number == 0 else "fold0.pt"
        states[name] = (network.state_dict(), f"nothing, seed {number}")
    record_weights(root, states)
    return root


class Hot(LesionNet):
    """Finds what takes up tracer: SUV above 3, without a network."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = (image[:, 1:2] - float(np.log1p(3.0))) * 20.0
        return logit


@pytest.fixture
def hot_bundle(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle whose network is the rule "SUV above 3", to know what must come out."""
    network = Hot(8, (1, 1), (1,)).eval()
    monkeypatch.setattr(
        Bundle, "networks", lambda self, ensemble=False: (network,) * (1 + ensemble)
    )
    return load_bundle(tiny_bundle)


@pytest.fixture
def patient(grid: Callable[..., Grid]) -> Callable[..., tuple[Volume, Volume]]:
    """CT and PET of a body of water with hot balls; the PET lies on a coarser grid of its own."""

    def build(
        *balls: tuple[tuple[float, float, float], float],
        shape: tuple[int, int, int] = (60, 50, 40),
        suv: float = 8.0,
    ) -> tuple[Volume, Volume]:
        ct_grid = grid(shape)
        pet_shape = (shape[0] // 2 + 2, shape[1] // 2 + 2, shape[2])
        pet_grid = grid(pet_shape, (4.0, 4.0, 3.0), (-2.0, -2.0, 0.0))
        hu = np.full(shape, -1000, np.int16)
        hu[4:-4, 4:-4, :] = 20
        uptake = np.full(pet_shape, 0.5, np.float32)
        points = pet_grid.to_world_mm(np.moveaxis(np.indices(pet_shape), 0, -1))
        for centre, radius_mm in balls:
            uptake[np.linalg.norm(points - np.array(centre), axis=-1) <= radius_mm] = suv
        return (
            Volume(hu, ct_grid, Unit.HU, "phantom CT"),
            Volume(uptake, pet_grid, Unit.SUV_BW, "phantom PET"),
        )

    return build
