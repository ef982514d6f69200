"""The prompt's channel, and what a line rules out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.volume import Grid, Mask
from segmentation.prompts import Carried, Click, Line, beyond_line, channel, check_inside

MakeGrid = Callable[..., Grid]


def test_without_a_prompt_the_channel_is_empty(grid: MakeGrid) -> None:
    assert not channel(None, grid((8, 8, 8))).any()


def test_a_click_is_one_where_it_lies_and_falls_by_distance(grid: MakeGrid) -> None:
    place = grid((20, 20, 20), (3.0, 3.0, 3.0), (-30.0, 0.0, 0.0))
    drawn = channel(Click((0.0, 30.0, 30.0)), place)
    assert drawn[10, 10, 10] == pytest.approx(1.0)
    assert drawn[15, 10, 10] == pytest.approx(np.exp(-1.0), rel=1e-5)


def test_a_line_is_one_along_its_length(grid: MakeGrid) -> None:
    place = grid((20, 20, 20), (3.0, 3.0, 3.0))
    drawn = channel(Line((15.0, 30.0, 30.0), (45.0, 30.0, 30.0)), place)
    assert drawn[5:16, 10, 10] == pytest.approx(1.0)
    assert drawn[16, 10, 10] == pytest.approx(np.exp(-0.2), rel=1e-5)


def test_a_lesion_carried_over_is_one_inside(grid: MakeGrid) -> None:
    place = grid((20, 20, 20), (3.0, 3.0, 3.0))
    full = np.zeros(place.shape, np.bool_)
    full[5:12, 5:12, 5:12] = True
    drawn = channel(Carried(Mask.of(full, place)), place)
    assert drawn[8, 8, 8] == 1.0
    assert 0.0 < drawn[4, 8, 8] < 0.5
    assert drawn[0, 0, 0] == 0.0


def test_an_empty_lesion_cannot_be_carried(grid: MakeGrid) -> None:
    place = grid((4, 4, 4))
    with pytest.raises(InputError, match="empty"):
        Carried(Mask.of(np.zeros(place.shape, np.bool_), place))


def test_a_line_needs_both_ends_in_the_image(grid: MakeGrid) -> None:
    place = grid((20, 20, 20))
    check_inside(Line((2.0, 2.0, 3.0), (30.0, 30.0, 3.0)), place)
    with pytest.raises(InputError, match="outside the image"):
        check_inside(Line((2.0, 2.0, 3.0), (90.0, 30.0, 3.0)), place)


def test_nothing_in_a_circle_around_a_line_is_ruled_out(grid: MakeGrid) -> None:
    place = grid((60, 60, 20), (1.0, 1.0, 3.0))
    beyond = beyond_line(Line((20.0, 30.0, 30.0), (40.0, 30.0, 30.0)), place)
    points = place.to_world_mm(np.moveaxis(np.indices(place.shape), 0, -1))
    circle = np.linalg.norm(points[..., :2] - np.array([30.0, 30.0]), axis=-1) <= 10.0
    assert not beyond[circle].any()
    assert beyond[45, 30, 10]
    assert not beyond[45, 30, 10 + 4]
