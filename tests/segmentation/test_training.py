"""Training: packing, patches, synthesis, and that a run resumes as if it had not been cut off."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from imaging.errors import InputError
from imaging.volume import Grid, Unit, Volume
from segmentation import packing, synthesis, training_steps
from segmentation.augmentation import BodyPatch, HeldCase, draw, draw_prompt, vary
from segmentation.cases import Case
from segmentation.cases import load as cases_of
from segmentation.training import Settings, split, train

CPU = torch.device("cpu")
TINY = Settings(
    fold=0, steps=4, batch=1, side=16, filters=8, checkpoint_every=2, seed=3, bf16=False
)


def case(name: str, *, pet: bool = True) -> Case:
    """A body with a hot cube in it."""
    ct = np.full((24, 22, 20), -1000, np.int16)
    ct[3:-3, 3:-3] = 30
    label = np.zeros(ct.shape, np.uint8)
    label[9:15, 9:15, 8:12] = 1
    suv = (0.5 + 6.0 * label).astype(np.float16) if pet else None
    return Case(name, ct, suv, label, packing.body_mask(ct), packing.click_points(label))


@pytest.fixture
def cases() -> list[Case]:
    return [case("A"), case("B"), case("C", pet=False)]


def test_folders_of_nifti_are_packed_and_read_back(tmp_path: Path) -> None:
    shape = (30, 30, 20)
    hu = np.full(shape, -1000, np.int16)
    hu[5:-5, 5:-5] = 20
    label = np.zeros(shape, np.uint8)
    label[12:18, 12:18, 8:12] = 1
    suv = np.full((15, 15, 20), 700, np.uint16)
    for name, array, spacing in (
        ("P1_ct", hu, 2.0),
        ("P1_lab", label, 2.0),
        ("P1_suv1000", suv, 4.0),
    ):
        affine = np.diag([-spacing, -spacing, 3.0, 1.0])
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / f"{name}.nii.gz")
    names = packing.pack([tmp_path], tmp_path / "packed.npz")
    (held,) = cases_of(tmp_path / "packed.npz")
    assert names == ("P1",) == (held.name,)
    assert held.ct.shape == (20, 20, 20) == held.label.shape
    assert held.suv is not None
    assert float(held.suv[10, 10, 10]) == pytest.approx(0.7, abs=1e-3)
    assert held.label.sum() == pytest.approx(6 * 6 * 4 * 12 / 27, rel=0.35)
    assert not held.body[0, 0, 0]
    i, j, k, number, _ = held.clicks[0]
    assert held.label[int(i), int(j), int(k)] == number == 1


def test_an_empty_folder_packs_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no NAME_ct"):
        packing.pack([tmp_path], tmp_path / "packed.npz")


def test_the_point_asked_for_lies_at_the_anchor(cases: list[Case]) -> None:
    held = HeldCase.of(cases[0], CPU)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        patch = draw(held, np.array([12.0, 12.0, 10.0]), 1, 16, rng)
        i, j, k = (round(float(a)) for a in patch.anchor)
        assert patch.label[0, 0, i, j, k] == 1
        assert patch.suv[0, 0, i, j, k] == pytest.approx(np.log1p(6.5), abs=0.05)


def empty_patch(side: int = 32) -> BodyPatch:
    ct = torch.full((1, 1, side, side, side), 0.9)
    return BodyPatch(
        ct, torch.full_like(ct, 0.4), torch.zeros_like(ct), np.full(3, side / 2), 0, True
    )


def test_a_drawn_lesion_has_a_size_in_range_and_lies_at_the_anchor() -> None:
    for seed in range(20):
        patch = empty_patch()
        synthesis.draw_lesion(patch, np.random.default_rng(seed))
        lesion = patch.label == synthesis.DRAWN
        millilitre = int(lesion.sum()) * 0.027
        assert 0.02 < millilitre < 4 / 3 * np.pi * 1.5**3 * 2.2
        centre = torch.nonzero(lesion[0, 0]).float().mean(dim=0)
        np.testing.assert_allclose(centre, patch.anchor, atol=1.6)
        assert not torch.equal(patch.ct, empty_patch().ct)


def test_a_hot_spot_is_never_lesion_and_spares_lesions() -> None:
    patch = empty_patch()
    synthesis.draw_hot_spot(patch, np.random.default_rng(1))
    assert float(patch.suv.max()) > 0.5
    assert not patch.label.any()
    full = empty_patch()
    full.label += 1
    synthesis.draw_hot_spot(full, np.random.default_rng(1))
    assert torch.equal(full.suv, empty_patch().suv)


def test_an_imagined_pet_is_hot_in_lesions() -> None:
    patch = empty_patch()
    patch.label[..., 10:20, 10:20, 10:20] = 1
    patch.has_pet = False
    synthesis.imagine_pet(patch, np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert patch.has_pet
    lesion = patch.label > 0
    assert patch.suv[lesion].mean() > patch.suv[~lesion].mean()


def test_an_inserted_ball_has_its_volume(grid: Callable[..., Grid]) -> None:
    ct = Volume(np.full((40, 40, 30), -850, np.int16), grid((40, 40, 30)), Unit.HU)
    altered, drawn = synthesis.insert_lesion(
        ct, np.array([20, 20, 15]), 20.0, np.random.default_rng(0)
    )
    assert drawn.sum() * 12.0 == pytest.approx(4 / 3 * np.pi * 1000, rel=0.05)
    assert altered.array[drawn].mean() > -150
    assert (altered.array[0] == -850).all()


def test_prompts_are_given_half_of_the_time_and_mean_the_lesion() -> None:
    given = 0
    for seed in range(60):
        patch = empty_patch()
        patch.label[..., 12:20, 12:20, 12:20] = 1
        patch.number = 1
        prompt, prompted = draw_prompt(patch, np.random.default_rng(seed))
        given += prompted
        assert bool(prompt.any()) == prompted
        if prompted:
            assert float(prompt[patch.label == 1].mean()) > float(prompt[patch.label == 0].mean())
    assert 18 <= given <= 42


def test_variation_keeps_what_is_absent_absent() -> None:
    patch = empty_patch()
    patch.has_pet = False
    patch.suv.zero_()
    vary(patch, np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert not patch.suv.any()
    assert float(patch.ct.min()) >= 0.0
    assert float(patch.ct.max()) <= 2.0


def test_folds_are_by_patient_even_and_the_same_each_time() -> None:
    names = [f"P{n:02d}" for n in range(23)]
    folds = split(names, 5, seed=7)
    assert folds == split(names[::-1], 5, seed=7)
    assert sorted(np.bincount(list(folds.values()))) == [4, 4, 5, 5, 5]


def test_a_run_cut_off_goes_on_as_if_it_had_not_been(tmp_path: Path, cases: list[Case]) -> None:
    folds = {"A": 1, "B": 0}
    whole = train(cases, folds, TINY, tmp_path / "whole")

    def cut_off(step: int, loss: float) -> None:
        assert np.isfinite(loss)
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(cases, folds, TINY, tmp_path / "cut", on_step=cut_off)
    resumed = train(cases, folds, TINY, tmp_path / "cut")
    one, other = (torch.load(path, weights_only=True) for path in (whole, resumed))
    assert one["step"] == other["step"] == 4
    for name, value in one["average"].items():
        assert value.isfinite().all()
        torch.testing.assert_close(value, other["average"][name])


def test_a_fold_never_sees_its_own_cases(cases: list[Case], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no case is left"):
        train(cases, {"A": 0, "B": 0, "C": 0}, TINY, tmp_path)


def test_another_run_s_checkpoint_is_refused(tmp_path: Path, cases: list[Case]) -> None:
    train(cases, {}, replace(TINY, steps=1), tmp_path)
    with pytest.raises(InputError, match="other settings"):
        train(cases, {}, replace(TINY, steps=2), tmp_path)


def test_the_log_has_a_row_per_interval(
    tmp_path: Path, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_steps, "LOGGED_EVERY", 2)
    train(cases, {}, TINY, tmp_path)
    with (tmp_path / "log.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["2", "4"]


def test_the_loss_of_a_small_lesion_counts_like_that_of_a_large_one() -> None:
    target = torch.zeros(2, 1, 16, 16, 16)
    target[0, :, :12, :12, :12] = 1
    target[1, :, :3, :3, :3] = 1
    right = (target * 2 - 1) * 20.0
    missed_small, missed_large = right.clone(), right.clone()
    missed_small[1] = -20.0
    missed_large[0] = -20.0
    _, dice_small = training_steps.loss_terms(missed_small, target)
    _, dice_large = training_steps.loss_terms(missed_large, target)
    assert float(dice_small) == pytest.approx(float(dice_large), abs=0.1)
    assert float(training_steps.loss_terms(right, target)[0]) < 0.01


def test_what_is_not_known_is_not_learned_from() -> None:
    target = torch.zeros(1, 1, 8, 8, 8)
    target[..., 2:5, 2:5, 2:5] = 1
    known = torch.ones_like(target)
    known[..., 6:] = 0
    right = (target * 2 - 1) * 20.0
    elsewhere = torch.where(known > 0, right, torch.full_like(right, 20.0))
    expected = training_steps.loss_terms(right, target, known)
    assert training_steps.loss_terms(elsewhere, target, known) == expected
    assert float(training_steps.loss_terms(elsewhere, target)[0]) > 1.0


@pytest.mark.parametrize("fast", [True, False])
def test_bf16_is_taken_only_where_the_processor_has_it(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    monkeypatch.setattr(training_steps, "has_fast_bf16", lambda device: fast)
    seen = []

    def loss(logit: torch.Tensor, *rest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(logit.dtype)
        return logit.float().square().mean(), rest[0].mean()

    monkeypatch.setattr(training_steps, "loss_terms", loss)
    train(cases, {}, replace(TINY, steps=1, bf16=True), tmp_path)
    assert seen == [torch.bfloat16 if fast else torch.float32]


def test_settings_are_valid_or_refused() -> None:
    with pytest.raises(InputError, match="multiple of 8"):
        Settings(side=20)
    assert [Settings(small_from=3).is_small(step) for step in range(6)] == [
        False,
        False,
        False,
        True,
        False,
        True,
    ]
    with pytest.raises(InputError, match="positive"):
        Settings(steps=0)


def test_a_run_without_finite_gradients_is_given_up(
    tmp_path: Path, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_steps, "MOST_SKIPPED", 2)

    def never(
        logit: torch.Tensor, target: torch.Tensor, known: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return logit.sum() * float("nan"), target.mean()

    monkeypatch.setattr(training_steps, "loss_terms", never)
    with pytest.raises(InputError, match="no finite gradient in 2 steps"):
        train(cases, {}, TINY, tmp_path)


def test_training_needs_no_library_that_reads_images() -> None:
    code = (
        "import sys\n"
        "for name in ('SimpleITK', 'nibabel', 'pydicom', 'scipy', 'cc3d'):\n"
        "    sys.modules[name] = None\n"
        "import segmentation.training, segmentation.cases"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
