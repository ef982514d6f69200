"""``scripts/train.py`` as it is run: from folders of images to a bundle with new weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from segmentation.bundle import load_bundle
from tests.segmentation.conftest import NETWORK

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "train.py"
FOLDS = {"A": 0, "B": 1}


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Two patients with a hot cube in PET and CT."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in FOLDS:
        hu = np.full((36, 34, 24), -1000, np.int16)
        hu[3:-3, 3:-3] = rng.normal(30, 5, (30, 28, 24)).astype(np.int16)
        label = np.zeros(hu.shape, np.uint8)
        label[12:22, 12:20, 8:16] = 1
        suv = (600 + 7000.0 * label[::2, ::2]).astype(np.uint16)
        for kind, array, spacing in (("ct", hu, 2.0), ("lab", label, 2.0), ("suv1000", suv, 4.0)):
            affine = np.diag([-spacing, -spacing, 3.0, 1.0])
            nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"{name}_{kind}.nii.gz")
    return folder


@pytest.fixture
def recipe(tiny_bundle: Path) -> Path:
    """The bundle with a recipe of a few small steps."""
    configs = tiny_bundle / "configs"
    settings = {"steps": 2, "batch": 1, "side": 16, "small_side": 16, "seed": 1, "bf16": False}
    settings["filters"] = NETWORK["filters"]
    configs.joinpath("train.json").write_text(json.dumps({"settings": settings}))
    configs.joinpath("folds.json").write_text(json.dumps(FOLDS))
    return tiny_bundle


def trained(cases: Path, bundle: Path, place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = [str(cases), "--bundle", str(bundle), "--device", "cpu", "--threads", "1"]
    words += ["--runs", str(place / "runs"), "--packed", str(place / "cases.npz")]
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words, "--no-validation", *more],
        check=False,
        capture_output=True,
        text=True,
        cwd=SCRIPT.parents[1],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SCRIPT.parents[1]), "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.long
def test_one_command_packs_trains_and_writes_the_bundle(
    cases: Path, recipe: Path, tmp_path: Path
) -> None:
    before = load_bundle(recipe).sha256
    done = trained(cases, recipe, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "packed 2 cases" in done.stdout
    bundle = load_bundle(recipe)
    assert bundle.sha256 != before
    files = [f"models/{name}.pt" for name in ("model", "fold0", "fold1")]
    assert [each.file for each in bundle.weights] == files
    assert "2 steps" in bundle.weights[0].trained_on
    # The same recipe gives the same weights, here from those that were trained already.
    again = trained(cases, recipe, tmp_path, "--trained")
    assert again.returncode == 0, again.stderr
    assert load_bundle(recipe).sha256 == bundle.sha256


@pytest.mark.long
def test_a_fold_is_trained_alone_and_the_bundle_left_as_it_is(
    cases: Path, recipe: Path, tmp_path: Path
) -> None:
    before = load_bundle(recipe).sha256
    done = trained(cases, recipe, tmp_path, "--folds", "1", "--no-bundle", "--steps", "1")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["fold1"]
    assert load_bundle(recipe).sha256 == before
