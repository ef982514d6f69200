"""A diameter is not drawn through the waist of two lesions that touch without a word."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.volume import Grid, Mask
from recist.measure import caliper
from recist.measure.waist import across_waist

GRID = Grid((80, 60, 12), np.diag([1.0, 1.0, 3.0, 1.0]))


def balls(*centres_and_radii: tuple[float, float, float], turn: float = 0.0) -> Mask:
    """Balls in one plane: (x, y, radius) in mm about the middle of the grid, turned."""
    points = GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1)) - [40.0, 30.0, 15.0]
    held = np.zeros(GRID.shape, np.bool_)
    for x, y, radius in centres_and_radii:
        cosine, sine = np.cos(turn), np.sin(turn)
        centre = [cosine * x - sine * y, sine * x + cosine * y, 0.0]
        held |= np.linalg.norm(points - centre, axis=-1) <= radius
    return Mask.of(held, GRID)


def told(mask: Mask) -> str:
    return across_waist(mask, caliper(mask))


@pytest.mark.parametrize("turn", [0.0, 0.5, 1.2])
def test_two_balls_that_touch_are_asked_about_with_the_size_of_each(turn: float) -> None:
    question = told(balls((-10, 0, 11), (10.5, 0, 10), turn=turn))
    assert question.startswith("it narrows to ")
    assert "two lesions that touch?" in question
    sizes = [float(word) for word in question.replace(":", " ").split() if "." in word]
    assert sorted(sizes) == pytest.approx([20.0, 22.0], abs=1.5)


@pytest.mark.parametrize(
    "mask",
    [
        balls((0, 0, 14)),
        balls((-5, 0, 11), (6, 0, 11)),  # grown together: one plane no longer parts them
        balls((-10, 0, 12), (6, 0, 4), (12, 0, 3)),  # a spike
        balls((0, 0, 2)),
    ],
    ids=["ball", "grown together", "spike", "few pixels"],
)
def test_one_lesion_is_not(mask: Mask) -> None:
    assert told(mask) == ""


def test_a_hollow_lesion_has_no_waist() -> None:
    ring = balls((0, 0, 16))
    inner = balls((0, 0, 12)).full()
    assert told(Mask.of(ring.full() & ~inner, GRID)) == ""
