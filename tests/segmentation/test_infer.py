"""Delineation with a rule in place of the network: what is hot must come back where it lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from imaging.errors import GeometryError, InputError
from imaging.volume import Grid, Mask, Unit, Volume
from segmentation import ensemble
from segmentation.bundle import Bundle, load_bundle
from segmentation.ensemble import Networks
from segmentation.infer import delineate
from segmentation.prompts import Carried, Click, Line

Patient = Callable[..., tuple[Volume, Volume]]

LEFT, RIGHT = (40.0, 50.0, 60.0), (84.0, 50.0, 60.0)


def test_a_hot_ball_comes_back_in_place_and_size(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient((LEFT, 14.0))
    found = delineate(ct, suv, hot_bundle, device="cpu", bf16=False)
    assert len(found.candidates) == 1
    ball = found.candidates[0].mask
    np.testing.assert_allclose(ball.centre_mm, LEFT, atol=1.5)
    assert ball.volume_ml == pytest.approx(4 / 3 * np.pi * 1.4**3, rel=0.35)
    assert ball.grid.same_as(ct.grid)
    assert found.warnings == ()


def test_labels_and_mask_agree(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient((LEFT, 14.0), (RIGHT, 9.0))
    found = delineate(ct, suv, hot_bundle, device="cpu")
    labels = found.labels()
    assert set(np.unique(labels)) == {0, 1, 2}
    assert np.array_equal(labels > 0, found.mask())
    assert np.count_nonzero(labels == 1) > np.count_nonzero(labels == 2)


@pytest.mark.parametrize("quality", ["fast", "ensemble", "best"])
def test_every_quality_finds_the_same(hot_bundle: Bundle, patient: Patient, quality: str) -> None:
    ct, suv = patient((LEFT, 14.0))
    plain = delineate(ct, suv, hot_bundle, device="cpu", bf16=False).mask()
    other = delineate(ct, suv, hot_bundle, device="cpu", bf16=False, quality=quality).mask()
    assert np.array_equal(plain, other)


def test_small_windows_give_what_one_window_gives(
    hot_bundle: Bundle, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ct, suv = patient((LEFT, 14.0), (RIGHT, 9.0))
    once = delineate(ct, suv, hot_bundle, device="cpu", bf16=False).mask()
    monkeypatch.setattr(ensemble, "LONGEST_SIDE", 24)
    assert np.array_equal(once, delineate(ct, suv, hot_bundle, device="cpu", bf16=False).mask())


@pytest.mark.parametrize(
    "prompt",
    [Click(RIGHT), Line((78.0, 50.0, 60.0), (90.0, 50.0, 60.0)), "carried"],
)
def test_a_prompt_means_one_lesion(hot_bundle: Bundle, patient: Patient, prompt: object) -> None:
    ct, suv = patient((LEFT, 14.0), (RIGHT, 9.0))
    if prompt == "carried":
        full = np.zeros(ct.grid.shape, np.bool_)
        i, j, k = (round(float(x)) for x in ct.grid.to_voxel(RIGHT))
        full[i - 2 : i + 4, j - 2 : j + 3, k - 2 : k + 2] = True
        prompt = Carried(Mask.of(full, ct.grid))
    found = delineate(ct, suv, hot_bundle, device="cpu", prompt=prompt)  # type: ignore[arg-type]
    assert len(found.candidates) == 1
    np.testing.assert_allclose(found.candidates[0].mask.centre_mm, RIGHT, atol=2.0)


def test_a_prompt_beside_every_lesion_is_answered_with_nothing(
    hot_bundle: Bundle, patient: Patient
) -> None:
    ct, suv = patient((LEFT, 14.0))
    found = delineate(ct, suv, hot_bundle, device="cpu", prompt=Click(RIGHT))
    assert found.candidates == ()
    assert "no lesion was found at the prompt" in found.warnings


def test_a_prompt_outside_the_image_is_refused(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient((LEFT, 14.0))
    with pytest.raises(InputError, match="outside the image"):
        delineate(ct, suv, hot_bundle, device="cpu", prompt=Click((-50.0, 0.0, 0.0)))


def test_an_image_smaller_than_any_window(tiny_bundle: Path, patient: Patient) -> None:
    ct, suv = patient(shape=(9, 9, 3))
    found = delineate(ct, suv, load_bundle(tiny_bundle), device="cpu")
    assert found.mask().shape == (9, 9, 3)


def test_ct_alone_is_delineated_and_said(tiny_bundle: Path, patient: Patient) -> None:
    ct, _ = patient()
    found = delineate(ct, None, load_bundle(tiny_bundle), device="cpu")
    assert any("without PET" in warning for warning in found.warnings)
    assert dict(found.seconds).keys() == {"prepare", "network", "place", "look again"}


def test_a_pet_that_covers_part_of_the_ct_is_said(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient((LEFT, 14.0))
    half = Volume(suv.array[:, :, 10:30], suv.grid.crop((0, 0, 10), (32, 27, 20)), suv.unit)
    found = delineate(ct, half, hot_bundle, device="cpu")
    assert len(found.candidates) == 1
    assert any("% of the CT's length" in warning for warning in found.warnings)


def test_wrong_units_and_places_are_refused(
    hot_bundle: Bundle, patient: Patient, grid: Callable[..., Grid]
) -> None:
    ct, suv = patient()
    with pytest.raises(GeometryError, match="not SUVbw"):
        delineate(ct, Volume(suv.array, suv.grid, Unit.BQML), hot_bundle, device="cpu")
    with pytest.raises(GeometryError, match="not in HU"):
        delineate(suv, None, hot_bundle, device="cpu")
    elsewhere = grid(suv.grid.shape, (4.0, 4.0, 3.0), (900.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="do not overlap"):
        delineate(ct, Volume(suv.array, elsewhere, suv.unit), hot_bundle, device="cpu")


def test_short_gpu_memory_makes_windows_smaller_then_takes_the_cpu(
    hot_bundle: Bundle, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ct, suv = patient((LEFT, 14.0))
    plain = delineate(ct, suv, hot_bundle, device="cpu", bf16=False).mask()
    answer = Networks.answer
    asked = []

    def short(self: Networks, image: np.ndarray, *rest: object) -> object:
        asked.append(self.longest)
        if len(asked) < 4:
            raise torch.cuda.OutOfMemoryError("no memory")
        return answer(self, image, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Networks, "answer", short)
    found = delineate(ct, suv, hot_bundle, device="cpu", bf16=False)
    assert np.array_equal(found.mask(), plain)
    assert asked[:4] == [96, 48, 24, 96]
    assert any("smaller" in w or "windows of" in w for w in found.warnings)
    assert any("CPU was used" in w for w in found.warnings)


def test_bf16_and_float32_agree(tiny_bundle: Path, patient: Patient) -> None:
    ct, suv = patient((LEFT, 14.0))
    bundle = load_bundle(tiny_bundle)
    full = delineate(ct, suv, bundle, device="cpu", bf16=False).logit
    half = delineate(ct, suv, bundle, device="cpu", bf16=True).logit
    assert full is not None
    assert half is not None
    np.testing.assert_allclose(half.array, full.array, atol=0.1)


def test_progress_is_reported_per_stage(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient()
    seen: list[tuple[str, float]] = []
    delineate(ct, suv, hot_bundle, device="cpu", on_progress=lambda s, x: seen.append((s, x)))
    assert [s for s, x in seen if x == 0.0] == ["prepare", "network", "place", "look again"]
    assert seen[-1] == ("look again", 1.0)


def test_a_device_that_is_not_there_is_refused(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient()
    with pytest.raises(InputError, match="no such device"):
        delineate(ct, suv, hot_bundle, device="abacus")


def test_uptake_far_from_the_middle_of_a_lesion_asks_the_ct_alone_too(
    hot_bundle: Bundle, patient: Callable[..., tuple[Volume, Volume]]
) -> None:
    """A long lesion that is hot at one end only: what PET shows is not the lesion."""
    ct, suv = patient()
    points = suv.grid.to_world_mm(np.moveaxis(np.indices(suv.grid.shape), 0, -1))
    x, y, z = np.moveaxis(points, -1, 0)
    uptake = suv.array.copy()
    lesion = (np.abs(x - 60) < 46) & (np.abs(y - 50) < 12) & (np.abs(z - 60) < 12)
    uptake[lesion] = 4.0
    click = Click((60.0, 50.0, 60.0))
    even = delineate(ct, replace(suv, array=uptake), hot_bundle, prompt=click, device="cpu")
    assert not any("without PET" in text for text in even.warnings)
    uptake = uptake.copy()
    uptake[lesion & (x < 22)] = 30.0
    hot_end = delineate(ct, replace(suv, array=uptake), hot_bundle, prompt=click, device="cpu")
    assert len(hot_end.candidates) == 1
    assert any("found without PET was added" in text for text in hot_end.warnings)
