"""A lesion on a grid that is matched to it, by a rule in place of the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imaging.volume import Grid, Mask, Unit, Volume
from segmentation.bundle import Bundle
from segmentation.evaluation import dice
from segmentation.fine import encoding
from segmentation.fine.answering import FineNetworks, encoded
from segmentation.placement import place
from segmentation.prompts import Carried, Click, Line, Prompt

CPU = torch.device("cpu")
CENTRE_MM = (50.0, 50.0, 50.0)


def nodule(radius_mm: float) -> tuple[Volume, np.ndarray]:
    """A ball in lung, on voxels of 0.8 x 0.8 x 1.25 mm."""
    grid = Grid((130, 130, 80), np.diag([0.8, 0.8, 1.25, 1.0]))
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    ball = np.linalg.norm(points - np.array(CENTRE_MM), axis=-1) <= radius_mm
    return Volume(np.where(ball, 40, -850).astype(np.int16), grid, Unit.HU, "drawn"), ball


def prompt_of(kind: str, radius_mm: float, ct: Volume, ball: np.ndarray) -> Prompt:
    x, y, z = CENTRE_MM
    if kind == "line":
        return Line((x - radius_mm, y, z), (x + radius_mm, y, z))
    if kind == "carried":
        return Carried(Mask.of(ball, ct.grid))
    # A reader does not hit the middle.
    return Click((x + radius_mm / 3, y, z - radius_mm / 3))


@pytest.mark.parametrize("kind", ["click", "line", "carried"])
@pytest.mark.parametrize("radius_mm", [2.5, 5.0, 12.0, 30.0])
def test_lesions_of_every_size_are_found_on_their_own_grid(
    dense_bundle: Bundle, kind: str, radius_mm: float
) -> None:
    ct, ball = nodule(radius_mm)
    prompt = prompt_of(kind, radius_mm, ct, ball)
    answer = FineNetworks(dense_bundle, CPU).answer(ct, prompt)
    (found,) = place(answer.logit, ct.grid, smallest_ml=0.0)
    assert dice(ball, found.mask.full()) > (0.8 if radius_mm < 3 else 0.9)
    assert answer.length_mm == pytest.approx(2 * radius_mm, abs=2 * answer.logit.grid.spacing_mm[0])
    assert answer.logit.grid.spacing_mm[0] == pytest.approx(
        encoding.spacing_for(2 * radius_mm), rel=0.35
    )


def test_after_a_click_the_level_falls_with_the_length_and_from_a_line_it_does_not(
    dense_bundle: Bundle,
) -> None:
    levels: dict[str, list[float]] = {"click": [], "line": []}
    for radius_mm in (2.5, 7.0, 12.0):
        ct, ball = nodule(radius_mm)
        for kind, found in levels.items():
            prompt = prompt_of(kind, radius_mm, ct, ball)
            found.append(FineNetworks(dense_bundle, CPU).answer(ct, prompt).level)
    assert levels["line"] == [0.0, 0.0, 0.0]
    assert levels["click"][0] == pytest.approx(-1.0)
    assert levels["click"][0] > levels["click"][1] > levels["click"][2] == pytest.approx(-2.5)


def test_nothing_at_a_click_is_answered_with_nothing(dense_bundle: Bundle) -> None:
    ct, _ = nodule(3.0)
    answer = FineNetworks(dense_bundle, CPU).answer(ct, Click((20.0, 20.0, 20.0)))
    assert answer.length_mm == 0.0
    assert answer.certainty < 0.5


def test_the_prompt_lies_where_it_was_given() -> None:
    ct, ball = nodule(8.0)
    window = Grid((32, 32, 32), np.diag([1.0, 1.0, 1.0, 1.0])).crop((34, 34, 34), (32, 32, 32))
    cube = Volume(np.zeros((32, 32, 32), np.float32), window, Unit.HU)
    click = encoded(cube, window, Click(CENTRE_MM))
    assert torch.nonzero(click[2] == click[2].max()).tolist() == [[16, 16, 16]]
    assert not click[3].any()
    line = encoded(cube, window, Line((42.0, 50.0, 50.0), (58.0, 50.0, 50.0)))
    assert line[2, 8:25, 16, 16].min() == 1.0
    assert int((line[3] > 0.5).sum()) == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.1)
    carried = encoded(cube, window, Carried(Mask.of(ball, ct.grid)))
    assert int((carried[3] > 0.5).sum()) == pytest.approx(ball.sum() * 0.8, rel=0.1)


def test_the_mirrored_answer_is_turned_back(dense_bundle: Bundle) -> None:
    ct, ball = nodule(8.0)
    shifted = np.roll(ct.array, 5, axis=0)
    answer = FineNetworks(dense_bundle, CPU).answer(
        Volume(shifted, ct.grid, Unit.HU), Click((54.0, 50.0, 50.0))
    )
    (found,) = place(answer.logit, ct.grid, smallest_ml=0.0)
    assert dice(np.roll(ball, 5, axis=0), found.mask.full()) > 0.9
