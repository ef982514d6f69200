"""What was found without a prompt is asked about by a click; what that says is what comes out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from imaging.volume import Mask, Unit, Volume
from segmentation.bundle import Bundle, load_bundle
from segmentation.evaluation import dice
from segmentation.infer import delineate
from segmentation.network import LesionNet
from segmentation.prompts import Click, deepest_click

Patient = Callable[..., tuple[Volume, Volume]]
PLACE = (60.0, 50.0, 60.0)


class Prompted(LesionNet):
    """SUV above 2 without a prompt; near a prompt SUV above 5, or nothing where it ``denies``."""

    denies = False

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        asked = bool((image[:, 2] > 0).any())
        level = 5.0 if asked else 2.0
        logit: torch.Tensor = (image[:, 1:2] - float(np.log1p(level))) * 20.0
        return logit - 100.0 if asked and self.denies else logit


@pytest.fixture
def prompted(tiny_bundle: object, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], Bundle]:
    def build(denies: bool) -> Bundle:
        network = Prompted(8, (1, 1), (1,)).eval()
        network.denies = denies
        monkeypatch.setattr(Bundle, "networks", lambda self, ensemble=False: (network,))
        return load_bundle(tiny_bundle)  # type: ignore[arg-type]

    return build


def hot_in_warm(patient: Patient) -> tuple[Volume, Volume]:
    """A ball of SUV 8 in a larger one of SUV 3: what is meant, and what is about it."""
    ct, suv = patient((PLACE, 20.0), suv=3.0)
    _, hot = patient((PLACE, 14.0), suv=8.0)
    return ct, Volume(np.maximum(suv.array, hot.array), suv.grid, Unit.SUV_BW)


def test_the_outline_is_that_of_the_click(
    patient: Patient, prompted: Callable[[bool], Bundle]
) -> None:
    ct, suv = hot_in_warm(patient)
    bundle = prompted(False)
    found = delineate(ct, suv, bundle, device="cpu", bf16=False)
    (one,) = found.candidates
    clicked = delineate(ct, suv, bundle, device="cpu", bf16=False, prompt=Click(PLACE))
    assert dice(one.mask.full(), clicked.mask()) > 0.95
    assert one.flags == ()
    # What flags ask of the logit is asked of the answer that made the outline.
    assert found.logit is not None
    i, j, k = (round(float(x)) for x in found.logit.grid.to_voxel((PLACE[0] + 19, *PLACE[1:])))
    assert found.logit.array[i, j, k] < 0


def test_what_a_click_does_not_confirm_stays_and_says_so(
    patient: Patient, prompted: Callable[[bool], Bundle]
) -> None:
    ct, suv = hot_in_warm(patient)
    (one,) = delineate(ct, suv, prompted(True), device="cpu", bf16=False).candidates
    assert one.mask.volume_ml == pytest.approx(4 / 3 * np.pi * 2.0**3, rel=0.25)
    assert any("may be no lesion" in flag for flag in one.flags)


def test_what_hangs_on_by_a_neck_is_left_out_and_told(hot_bundle: Bundle, patient: Patient) -> None:
    string = [((62.0 + 4 * n, 50.0, 60.0), 4.0) for n in range(8)]
    ct, suv = patient(((44.0, 50.0, 60.0), 18.0), *string, ((96.0, 50.0, 60.0), 11.0))
    (one,) = delineate(ct, suv, hot_bundle, device="cpu", bf16=False).candidates
    np.testing.assert_allclose(one.mask.centre_mm, (44.0, 50.0, 60.0), atol=4.0)
    assert any("by a neck" in flag for flag in one.flags)


def test_no_voxel_is_two_lesions(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient((PLACE, 14.0), ((20.0, 50.0, 60.0), 9.0), ((60.0, 50.0, 20.0), 7.0))
    found = delineate(ct, suv, hot_bundle, device="cpu", bf16=False)
    assert [each.label for each in found.candidates] == ["1", "2", "3"]
    assert sum(each.mask.voxels for each in found.candidates) == np.count_nonzero(found.mask())


def test_the_deepest_point_of_a_lesion_is_clicked(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient((PLACE, 14.0))
    (one,) = delineate(ct, suv, hot_bundle, device="cpu", bf16=False).candidates
    whole: Mask = one.mask
    np.testing.assert_allclose(deepest_click(whole.full(), ct.grid).point_mm, PLACE, atol=3.0)
