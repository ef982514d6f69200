"""Cases that travel in one small file, and the training that needs nothing but numpy and torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imaging.errors import InputError
from segmentation import compact_cases
from segmentation.cases import Case
from segmentation.fine.fine_cases import FineCase
from segmentation.packing import click_points

ROOT = Path(__file__).resolve().parents[2]


def body(name: str) -> Case:
    rng = np.random.default_rng(len(name))
    ct = np.full((26, 24, 22), -1000, np.int16)
    ct[3:-3, 3:-3] = rng.normal(30, 20, (20, 18, 22)).astype(np.int16)
    label = np.zeros(ct.shape, np.uint8)
    label[9:17, 8:16, 8:15] = 1
    suv = np.where(label, 7.0, 0.6).astype(np.float16)
    return Case(name, ct, suv, label, ct > -350, click_points(label))


def nodule(patient: str) -> FineCase:
    hu = np.full((30, 30, 9), -850, np.int16)
    label = np.zeros(hu.shape, np.uint8)
    hu[11:19, 11:19, 2:7], label[11:19, 11:19, 2:7] = 40, 1
    nothing = np.zeros(0, np.int32)
    lesions = np.array([[1, 15, 15, 4, 9.0]], np.float32)
    spacing = np.array([0.8, 0.8, 1.5], np.float32)
    return FineCase(f"{patient}_01", patient, hu, label, spacing, True, nothing, nothing, lesions)


def chest() -> FineCase:
    hu = np.full((60, 50, 40), 30, np.int16)
    hu[10:-10, 10:-10, 5:-5] = -850
    flat = np.flatnonzero(hu < -700).astype(np.int32)
    label = np.zeros(hu.shape, np.uint8)
    outside = np.flatnonzero(hu > 0).astype(np.int32)
    lesions = np.zeros((0, 5), np.float32)
    spacing = np.full(3, 2.0, np.float32)
    return FineCase("HOST", "HOST", hu, label, spacing, False, flat, outside, lesions)


def test_what_is_read_is_what_was_written_but_for_a_step(tmp_path: Path) -> None:
    path = tmp_path / "compact.npz"
    wanted, small = body("A"), (chest(), nodule("LIDC0007"))
    size = compact_cases.save([wanted], small, path)
    assert size == path.stat().st_size
    (case,), fine = compact_cases.load(path)
    assert case.suv is not None
    assert wanted.suv is not None
    # The network of CT and PET sees nothing below -160 HU.
    seen = [np.clip(ct, -160, 240).astype(float) for ct in (case.ct, wanted.ct)]
    assert np.abs(seen[0] - seen[1]).max() <= compact_cases.COARSE_STEPS[1]
    np.testing.assert_allclose(case.suv, wanted.suv, rtol=0.03, atol=0.02)
    for field in ("label", "body", "clicks"):
        assert np.array_equal(getattr(case, field), getattr(wanted, field))
    for found, known in zip(fine, small, strict=True):
        step = (compact_cases.BOX_STEPS if known.boxed else compact_cases.WHOLE_STEPS)[1]
        assert np.abs(found.hu.astype(float) - known.hu).max() <= step
        assert (found.name, found.patient, found.boxed) == (known.name, known.patient, known.boxed)
        assert np.array_equal(found.label, known.label)
        assert np.array_equal(found.lesions, known.lesions)
        assert np.isin(found.lung, known.lung).all()
        assert len(found.lung) == min(len(known.lung), compact_cases.PLACES)


def test_another_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(InputError, match="no packed cases"):
        compact_cases.load(tmp_path / "other.npz")
    with pytest.raises(InputError, match="no such file"):
        compact_cases.load(tmp_path / "none.npz")


#: What a bare machine lacks: these are not found.
MISSING = ("scipy", "SimpleITK", "cc3d", "nibabel", "pydicom", "matplotlib", "pandas", "skimage")
BARE = f"""
import sys
from importlib.machinery import PathFinder
class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in {MISSING!r}:
            return None
        return super().find_spec(name, path, target)
sys.meta_path[:] = [Bare if each is PathFinder else each for each in sys.meta_path]
"""


@pytest.mark.long
def test_both_networks_train_where_nothing_else_is_installed(tmp_path: Path) -> None:
    packed = tmp_path / "compact.npz"
    folds = json.loads((ROOT / "models/lesion_ct/configs/folds.json").read_text())
    patients = [next(name for name, fold in folds.items() if fold == n) for n in range(2)]
    compact_cases.save(
        [body("STS_005"), body("STS_006")], [chest(), *map(nodule, patients)], packed
    )
    (tmp_path / "sitecustomize.py").write_text(BARE)
    script = ROOT / "scripts/train_on_gpu.py"
    asked = ["--steps", "1", "--networks", "2", "--asked", "1", "--device", "cpu", "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, script, "--packed", packed, "-o", tmp_path / "runs", *asked],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("lesion_ct")]
    assert {line.split(" | ")[0] for line in lines} == {"lesion_ct", "lesion_ctpet"}
    # The device is the CPU: both answers are one.
    assert all(line.split(" | ")[-2:] == ["1.00000", "0.0000"] for line in lines)
    assert len(list((tmp_path / "runs").rglob("checkpoint.pt"))) == 2
