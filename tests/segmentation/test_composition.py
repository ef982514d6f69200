"""Lesions turned fatty, dead or cold, and what lies beside them: the label never moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segmentation.augmentation import BodyPatch
from segmentation.composition import Composition, compose, draw_organ
from segmentation.network import CT_WINDOW_HU

NONE = {"fatty": 0.0, "necrotic": 0.0, "cold": 0.0, "oedema": 0.0, "organs": 0.0}
SIDE = 32


def patch(*, pet: bool = True, number: int = 1) -> BodyPatch:
    """Muscle of 50 HU and SUV 0.8 with a ball of SUV 8 in its middle."""
    k = torch.arange(SIDE, dtype=torch.float32) - 15.5
    away = (k[:, None, None] ** 2 + k[:, None] ** 2 + k**2).sqrt()[None, None]
    label = (away < 9).float()
    suv = torch.log1p(0.8 + 7.2 * label) if pet else torch.zeros_like(label)
    ct = torch.full_like(label, (50 - CT_WINDOW_HU[0]) / 200)
    return BodyPatch(ct, suv, label * number, np.full(3, 15.5), number, pet)


def composed(kind: str, seed: int, **given: bool) -> tuple[BodyPatch, BodyPatch]:
    before, after = patch(**given), patch(**given)
    shares = Composition(**{**NONE, kind: 1.0})
    compose(after, shares, np.random.default_rng(seed), torch.Generator().manual_seed(seed))
    return before, after


def hu(image: torch.Tensor) -> torch.Tensor:
    return image * 200 + CT_WINDOW_HU[0]


@pytest.mark.parametrize("kind", ["fatty", "necrotic", "cold", "oedema", "organs"])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_lesion_stays_the_same(kind: str, seed: int) -> None:
    before, after = composed(kind, seed)
    assert torch.equal(before.label, after.label)
    assert after.suv.isfinite().all()
    assert after.ct.isfinite().all()


def test_a_fatty_lesion_holds_fat_and_takes_up_less() -> None:
    for seed in range(8):
        before, after = composed("fatty", seed)
        inside = before.label > 0
        assert float(hu(after.ct)[inside].min()) < 20
        assert float(after.suv[inside].mean()) < float(before.suv[inside].mean())
        far = torch.nn.functional.max_pool3d(before.label, 5, 1, 2) == 0
        torch.testing.assert_close(after.ct[far], before.ct[far])


def test_a_cold_lesion_looks_the_same_on_ct() -> None:
    for seed in range(8):
        before, after = composed("cold", seed)
        assert torch.equal(before.ct, after.ct)
        inside = before.label > 0
        assert float(after.suv[inside].min()) < 0.95 * float(before.suv[inside].min())


def test_oedema_lies_outside_of_the_lesion_and_is_wetter_than_muscle() -> None:
    changed = 0
    for seed in range(8):
        before, after = composed("oedema", seed)
        assert torch.equal(before.ct[before.label > 0], after.ct[before.label > 0])
        assert float((after.ct - before.ct).max()) <= 1e-6
        changed += int((after.ct < before.ct - 1e-4).sum())
    assert changed > 500


def test_an_organ_is_hot_and_never_touches_a_lesion() -> None:
    hottest = []
    for seed in range(20):
        drawn = patch(number=0)
        drawn.label.zero_()
        draw_organ(drawn, np.random.default_rng(seed))
        hottest.append(float(torch.expm1(drawn.suv).max()))
    assert max(hottest) > 10
    beside = patch()
    near = torch.nn.functional.max_pool3d(beside.label, 3, 1, 1) > 0
    for seed in range(20):
        drawn = patch()
        draw_organ(drawn, np.random.default_rng(seed))
        uptake = torch.expm1(drawn.suv)
        assert float(uptake[near].max()) <= 8.0 + 3.0


def test_nothing_is_drawn_into_a_pet_that_is_not_there() -> None:
    for kind in NONE:
        _, after = composed(kind, 1, pet=False)
        assert not after.suv.any()


def test_without_shares_nothing_changes() -> None:
    before, after = patch(), patch()
    compose(after, Composition(**NONE), np.random.default_rng(0), torch.Generator())
    assert torch.equal(before.ct, after.ct)
    assert torch.equal(before.suv, after.suv)
