"""One lesion or several in an outline: drawn in soft tissue and in lung, with noise."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.volume import BoolArray, Grid, Mask, Unit, Volume
from recist.patient.pieces import contact_mm2, have_coalesced, in_pieces, united

GRID = Grid((70, 60, 24), np.diag([1.0, 1.0, 2.5, 1.0]))
POINTS = GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
MIDDLE = np.array([35.0, 30.0, 30.0])
LEFT, RIGHT = POINTS[..., 0] < MIDDLE[0], POINTS[..., 0] >= MIDDLE[0]


def ball(x: float, radius_mm: float) -> BoolArray:
    """About the middle of the image, moved along x."""
    return np.asarray(np.linalg.norm(POINTS - MIDDLE - [x, 0, 0], axis=-1) <= radius_mm)


def cleft(x: float, half_mm: float) -> BoolArray:
    return np.asarray(np.abs(POINTS[..., 0] - MIDDLE[0] - x) < half_mm)


def ct(tissue: BoolArray, *, hu: float = 60.0, around: float = -90.0) -> Volume:
    random = np.random.default_rng(0)
    array = np.where(tissue, hu, around) + random.normal(0, 12, GRID.shape)
    return Volume(array.astype(np.float32), GRID, Unit.HU)


def mask(array: BoolArray) -> Mask:
    return Mask.of(array, GRID)


@pytest.mark.parametrize("around", [-90.0, -850.0])
def test_a_lesion_parted_by_a_cleft_is_in_two_pieces(around: float) -> None:
    whole = ball(0, 14)
    pieces = in_pieces(mask(whole), ct(whole & ~cleft(3, 2.6), around=around))
    assert len(pieces) == 2
    assert pieces[0].volume_ml > pieces[1].volume_ml
    assert pieces[0].centre_mm[0] < MIDDLE[0] < pieces[1].centre_mm[0]
    (one,) = in_pieces(mask(whole), ct(whole, around=around))
    assert (one.full() == whole).all()


def test_a_ring_is_one_piece_and_so_is_what_does_not_stand_out() -> None:
    whole = ball(0, 14)
    assert len(in_pieces(mask(whole), ct(whole & ~ball(0, 9)))) == 1
    assert len(in_pieces(mask(whole), ct(whole & ~cleft(0, 2.6), around=45.0))) == 1


def test_a_crumb_is_no_piece() -> None:
    whole = ball(0, 14) | ball(18, 2)
    assert len(in_pieces(mask(whole), ct(whole))) == 1


def test_lesions_grown_into_one_another_have_coalesced() -> None:
    both = ball(-9, 12) | ball(9, 12)
    assert have_coalesced(mask(both & LEFT), mask(both & RIGHT), ct(both))


def test_a_plane_of_fat_parts_lesions_that_meet() -> None:
    both = ball(-9, 12) | ball(9, 12)
    image = ct(both & ~cleft(0, 1.1))
    assert not have_coalesced(mask(both & LEFT), mask(both & RIGHT), image)


def test_a_narrow_neck_is_a_touch() -> None:
    left, right = mask(ball(-12, 12.5) & LEFT), mask(ball(12, 12.5) & RIGHT)
    image = ct(ball(-12, 12.5) | ball(12, 12.5))
    assert contact_mm2(left, right) > 0
    assert not have_coalesced(left, right, image)
    assert not have_coalesced(mask(ball(-16, 10)), mask(ball(16, 10)), image)


@pytest.mark.parametrize("turn", [0.0, 0.4, 0.8])
def test_the_area_of_contact_is_that_of_the_plane_whatever_its_slant(turn: float) -> None:
    side = (POINTS - MIDDLE) @ np.array([np.cos(turn), np.sin(turn), 0.0])
    whole = ball(0, 14)
    area = contact_mm2(mask(whole & (side < 0)), mask(whole & (side >= 0)))
    assert area == pytest.approx(np.pi * 14**2, rel=0.12)


def test_masks_of_one_grid_are_united_in_the_smallest_box() -> None:
    one, other = ball(-12, 6), ball(12, 4)
    both = united([mask(one), mask(other)])
    assert (both.full() == (one | other)).all()
    assert both.array.shape == mask(one | other).array.shape
