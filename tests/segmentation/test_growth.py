"""How much a lesion grew, by the CT and by a network that errs alike at both dates."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.registration import LesionTransform
from imaging.volume import Grid, Mask, Unit, Volume
from segmentation.growth import (
    NETWORK_WEIGHT,
    NetworkGrowth,
    OutlinedDate,
    by_both,
    network_growth,
)
from segmentation.infer import Delineation
from segmentation.instances import Candidate

GRID = Grid((80, 80, 80), np.diag([1.5, 1.5, 1.5, 1.0]))
CENTRE_MM = (60.0, 60.0, 60.0)
IMAGES = (
    Volume(np.zeros(GRID.shape, np.float32), GRID, Unit.HU),
    Volume(np.ones(GRID.shape, np.float32), GRID, Unit.SUV_BW),
)


def ball(radius_mm: float) -> Mask:
    points = GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
    return Mask.of(np.linalg.norm(points - np.array(CENTRE_MM), axis=-1) <= radius_mm, GRID)


def across(mask: Mask) -> float:
    return float(mask.array.shape[0] * mask.grid.spacing_mm[0])


def drawn(*radii_mm: float) -> tuple[NetworkGrowth, list[Mask]]:
    """A network that draws balls of these radii, one after the other, and what it was asked."""
    asked: list[Mask] = []
    answers = iter(radii_mm)

    def draw(ct: Volume, suv: Volume, outline: Mask) -> Delineation:
        asked.append(outline)
        return Delineation(GRID, (Candidate("1", ball(next(answers))),), "balls")

    return NetworkGrowth(draw, across), asked


def change(scale: float) -> LesionTransform:
    return LesionTransform(np.array(CENTRE_MM), np.array(CENTRE_MM), np.eye(3) * scale, 0.95, 0.0)


def test_a_network_that_leaves_out_the_same_rim_says_the_same_growth() -> None:
    # It draws four fifths of the lesion at both dates; the lesion grew from 40 to 50 mm.
    network, _ = drawn(16.0, 20.0)
    before = OutlinedDate(*IMAGES, ball(20.0))
    found, told = by_both(change(1.25), before, IMAGES, network)
    assert found.scale == pytest.approx(1.25, abs=0.05)
    assert told == ()


def test_the_outline_lies_between_what_ct_and_network_say() -> None:
    # By the CT nothing grew, by the network by a third.
    network, _ = drawn(18.0, 24.0)
    before = OutlinedDate(*IMAGES, ball(20.0))
    found, told = by_both(change(1.0), before, IMAGES, network)
    assert found.scale == pytest.approx(network_growth(18.0, 24.0) ** NETWORK_WEIGHT, abs=0.05)
    assert across(found.carried(before.lesion, GRID)) == pytest.approx(
        40.0 * network_growth(18.0, 24.0) ** NETWORK_WEIGHT, abs=2.0
    )
    assert len(told) == 1
    assert "1.00 times" in told[0]
    assert "look at the outline" in told[0]


def test_what_is_drawn_at_the_lesions_own_date_is_asked_once() -> None:
    network, asked = drawn(20.0, 20.0, 22.0)
    before = OutlinedDate(*IMAGES, ball(20.0))
    by_both(change(1.0), before, IMAGES, network)
    by_both(change(1.1), before, IMAGES, network)
    assert sum(mask is before.lesion for mask in asked) == 1
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("radius_mm", "answers", "has_pet"),
    [
        (10.0, (10.0, 15.0), True),  # shorter than any that was measured
        (20.0, (5.0, 30.0), True),  # draws something else at the first date
        (20.0, (20.0, 5.0), True),  # and at the second
        (20.0, (20.0, 30.0), False),
    ],
)
def test_where_the_network_has_nothing_to_say_the_ct_decides(
    radius_mm: float, answers: tuple[float, ...], has_pet: bool
) -> None:
    network, _ = drawn(*answers)
    ct, suv = IMAGES
    before = OutlinedDate(ct, suv, ball(radius_mm))
    given = change(1.1)
    assert by_both(given, before, (ct, suv if has_pet else None), network) == (given, ())


def test_a_place_without_a_window_says_nothing() -> None:
    def refuse(ct: Volume, suv: Volume, outline: Mask) -> Delineation:
        raise InputError("outside")

    given = change(1.1)
    before = OutlinedDate(*IMAGES, ball(20.0))
    assert by_both(given, before, IMAGES, NetworkGrowth(refuse, across)) == (given, ())


def test_what_the_network_leaves_out_of_a_change_is_added_either_way() -> None:
    # Of a lesion that is 0.7 times as long it says 0.715, of one that is 1.4 times as long 1.372.
    assert network_growth(100.0, 71.5) == pytest.approx(0.70, abs=0.001)
    assert network_growth(100.0, 137.2) == pytest.approx(1.40, abs=0.001)
    assert network_growth(50.0, 50.0) == 1.0
