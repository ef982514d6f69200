"""Small lesions: packing, patches that give nothing away, training that resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from imaging.errors import InputError
from segmentation.fine import fine_packing, patches
from segmentation.fine.fine_cases import FineCase, load
from segmentation.fine.fine_training import FineSettings, make_batch, train
from segmentation.fine.patches import Pool, sample

TINY = FineSettings(fold=0, steps=3, batch=2, filters=8, checkpoint_every=2, seed=3)


@pytest.fixture
def cases(boxes: Path, chests: Path, tmp_path: Path) -> tuple[FineCase, ...]:
    fine_packing.pack([boxes, chests], tmp_path / "packed.npz")
    return load(tmp_path / "packed.npz")


def test_boxes_and_whole_images_are_packed_and_read_back(cases: tuple[FineCase, ...]) -> None:
    by_name = {case.name: case for case in cases}
    assert sorted(by_name) == ["HOST_A", "HOST_B", "LIDC0001_01", "LIDC0001_02", "LIDC0002_01"]
    nodule, host = by_name["LIDC0002_01"], by_name["HOST_A"]
    assert nodule.boxed
    assert nodule.patient == "LIDC0002"
    assert nodule.lesions[0, 4] == pytest.approx(14.0, abs=1.0)
    assert not host.boxed
    assert len(host.lung) > 1000
    assert (host.hu.ravel()[host.lung] < -700).all()


@pytest.mark.parametrize("name", ["LIDC-IDRI-0314", "LIDC0314_2mm", "LIDC0314_01"])
def test_a_patient_is_one_whatever_the_folder_calls_him(name: str) -> None:
    assert fine_packing.patient_of(name) == "LIDC0314"


def test_a_patch_holds_its_lesion_and_its_prompt(cases: tuple[FineCase, ...]) -> None:
    pool = Pool.of(cases, frozenset())
    lesions = 0
    for seed in range(40):
        image, target, known = sample(pool, np.random.default_rng(seed))
        assert image.shape == (1, 4, 32, 32, 32)
        assert image.dtype == target.dtype == known.dtype == torch.float32
        assert bool(torch.isfinite(image).all())
        if target.any():
            lesions += 1
            assert float(image[:, 2][target[:, 0] > 0].max()) > 0.6
            assert bool((known[target > 0] == 1).all())
    assert lesions > 30


def test_beside_a_box_nothing_is_learned_where_two_images_are_mixed(
    cases: tuple[FineCase, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "IN_PLACE_SHARE", 0.0)
    monkeypatch.setattr(patches, "CUT_SHARE", 0.0)
    pool = Pool.of(cases, frozenset())
    unknown = [
        float((patches._boxed(pool, False, np.random.default_rng(seed)).known == 0).sum())
        for seed in range(20)
    ]
    assert min(unknown) > 0
    monkeypatch.setattr(patches, "IN_PLACE_SHARE", 1.0)
    for seed in range(5):
        alone = patches._boxed(pool, False, np.random.default_rng(seed))
        outside = alone.known == 0
        assert bool(outside.any())
        assert not bool(alone.label[outside].any())


def test_patients_held_out_and_lungs_kept_apart_are_never_drawn_from(
    cases: tuple[FineCase, ...],
) -> None:
    pool = Pool.of(cases, frozenset({"LIDC0001"}), frozenset({"HOST_A"}))
    assert {case.patient for case in pool.boxed} == {"LIDC0002"}
    assert {case.patient for case in pool.lungs} <= {"HOST_B"}


def test_a_step_depends_on_its_number_only(cases: tuple[FineCase, ...]) -> None:
    """With that a run resumes as ``tests/segmentation/test_training.py`` shows for every run."""
    pool = Pool.of(cases, frozenset())
    first = make_batch(pool, TINY, 3, torch.device("cpu"))
    make_batch(pool, TINY, 1, torch.device("cpu"))
    for one, again in zip(first, make_batch(pool, TINY, 3, torch.device("cpu")), strict=True):
        assert one is not None
        assert again is not None
        torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert not torch.equal(first[0], make_batch(pool, TINY, 4, torch.device("cpu"))[0])


def test_a_run_ends_in_a_checkpoint(tmp_path: Path, cases: tuple[FineCase, ...]) -> None:
    path = train(cases, {"LIDC0001": 0, "LIDC0002": 1}, TINY, tmp_path)
    stored = torch.load(path, weights_only=True)
    assert stored["step"] == TINY.steps
    assert all(value.isfinite().all() for value in stored["average"].values())


def test_a_run_needs_a_lesion(tmp_path: Path, cases: tuple[FineCase, ...]) -> None:
    with pytest.raises(InputError, match="no case is left"):
        train(cases, {"LIDC0001": 0, "LIDC0002": 0}, TINY, tmp_path)
    with pytest.raises(InputError, match="positive"):
        replace(TINY, batch=0)
