"""``scripts/train.py`` as it is run: from folders of images to a bundle with new weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from segmentation.bundle import load_bundle
from tests.segmentation.conftest import NETWORK
from tests.segmentation.hot_cubes import write_hot_cubes

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "train.py"
FOLDS = {"A": 0, "B": 1}


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Two patients with a hot cube in PET and CT."""
    return write_hot_cubes(tmp_path / "data", FOLDS)


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
