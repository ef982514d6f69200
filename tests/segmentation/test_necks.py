"""A prompted lesion is cut where it hangs on something else by a neck, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.volume import BoolArray, Grid, Mask
from segmentation.necks import body_of

GRID = Grid((70, 40, 30), np.diag([1.0, 1.0, 2.0, 1.0]), "1.2.3")


def ball(centre_mm: tuple[float, float, float], radius_mm: float) -> BoolArray:
    apart = GRID.to_world_mm(np.indices(GRID.shape).reshape(3, -1).T) - np.array(centre_mm)
    inside: BoolArray = np.linalg.norm(apart, axis=1).reshape(GRID.shape) <= radius_mm
    return inside


def rod(half_width_mm: float) -> BoolArray:
    """Along x at the height of the balls."""
    full = np.zeros(GRID.shape, dtype=np.bool_)
    _, j, k = GRID.to_voxel((0.0, 20.0, 30.0)).astype(int)
    wide = int(half_width_mm)
    full[15:55, j - wide : j + wide + 1, k - wide // 2 : k + wide // 2 + 1] = True
    return full


LEFT, RIGHT = (18.0, 20.0, 30.0), (52.0, 20.0, 30.0)


def dice(one: BoolArray, other: BoolArray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("at", [LEFT, RIGHT])
def test_two_bodies_joined_by_a_neck_are_told_apart_by_the_prompt(
    at: tuple[float, float, float],
) -> None:
    bodies = {LEFT: ball(LEFT, 14.0), RIGHT: ball(RIGHT, 14.0)}
    whole = Mask.of(bodies[LEFT] | bodies[RIGHT] | rod(1), GRID)
    kept = body_of(whole, np.array(at))
    assert dice(kept.full(), bodies[at]) > 0.97


def test_without_a_prompt_the_largest_body_is_kept() -> None:
    large = ball(RIGHT, 16.0)
    whole = Mask.of(ball(LEFT, 10.0) | large | rod(1), GRID)
    assert dice(body_of(whole).full(), large) > 0.97


def test_a_thick_waist_is_no_neck() -> None:
    whole = ball((25.0, 20.0, 30.0), 14.0) | ball((45.0, 20.0, 30.0), 14.0)
    assert dice(body_of(Mask.of(whole, GRID), np.array(LEFT)).full(), whole) > 0.99


def test_a_tail_is_cut_off() -> None:
    body = ball(LEFT, 14.0)
    whole = Mask.of(body | rod(2), GRID)
    assert dice(body_of(whole, np.array(LEFT)).full(), body) > 0.95


def test_a_lesion_of_one_voxel_and_an_empty_mask_stay_as_they_are() -> None:
    full = np.zeros(GRID.shape, dtype=np.bool_)
    assert body_of(Mask.of(full, GRID)).voxels == 0
    full[5, 5, 5] = True
    assert body_of(Mask.of(full, GRID), np.array(RIGHT)).voxels == 1


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_the_body_is_a_part_of_the_mask_and_never_empty(seed: int) -> None:
    full = np.random.default_rng(seed).random((12, 10, 8)) < 0.4
    full[3, 3, 3] = True
    mask = Mask.of(full, Grid((12, 10, 8), np.diag([1.0, 1.0, 3.0, 1.0])))
    kept = body_of(mask)
    assert kept.voxels > 0
    assert not (kept.full() & ~full).any()
