"""Uptake that a body has by nature is proposed as such; lesions in the same places are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from imaging.volume import Grid, Mask, Unit, Volume
from segmentation.instances import Candidate
from segmentation.physiological import landmarks, proposed

#: Head, chest and pelvis: 40 x 30 x 100 cm of voxels of 5 mm, the feet at z = 0, LPS.
SHAPE, STEP = (80, 60, 200), 5.0
MIDDLE = (200.0, 150.0)


@dataclass
class Body:
    """A body of 40 HU with lungs from 500 to 700 mm, and what is put into it."""

    hu: np.ndarray
    suv: np.ndarray
    grid: Grid
    points: np.ndarray
    found: list[Candidate]

    @classmethod
    def empty(cls) -> Body:
        grid = Grid(SHAPE, np.diag([STEP, STEP, STEP, 1.0]))
        points = grid.to_world_mm(np.moveaxis(np.indices(SHAPE), 0, -1))
        x, y, z = np.moveaxis(points, -1, 0)
        inside = ((x - MIDDLE[0]) / 170) ** 2 + ((y - MIDDLE[1]) / 110) ** 2 <= 1
        head = ((x - MIDDLE[0]) / 80) ** 2 + ((y - MIDDLE[1]) / 100) ** 2 <= 1
        hu = np.where(np.where(z > 780, head, inside), 40.0, -1000.0)
        for side in (-85, 85):
            lung = ((x - MIDDLE[0] - side) / 60) ** 2 + ((y - MIDDLE[1]) / 85) ** 2 <= 1
            hu[lung & (z > 500) & (z < 700)] = -850.0
        return cls(hu, np.full(SHAPE, 0.8), grid, points, [])

    def put(self, centre: tuple[float, float, float], radius: float, hu: float, suv: float) -> Body:
        away = np.linalg.norm(self.points - np.array(centre), axis=-1)
        ball = away <= radius
        self.hu[ball], self.suv[ball] = hu, suv
        self.found.append(Candidate(str(len(self.found)), Mask.of(ball, self.grid)))
        return self

    def skull(self) -> Body:
        away = np.linalg.norm(self.points - np.array([*MIDDLE, 900.0]), axis=-1)
        self.hu[(away > 68) & (away < 78)] = 900.0
        return self

    def legs(self) -> Body:
        """Two legs below 100 mm."""
        x, y, z = np.moveaxis(self.points, -1, 0)
        either = np.zeros(SHAPE, bool)
        for side in (-85, 85):
            away = ((x - MIDDLE[0] - side) / 75) ** 2 + ((y - MIDDLE[1]) / 95) ** 2
            either |= away <= 1
        self.hu[(z < 100) & ~either] = -1000.0
        return self

    def told(self, *, pet: bool = True) -> list[str | None]:
        ct = Volume(self.hu.astype(np.int16), self.grid, Unit.HU)
        suv = Volume(self.suv.astype(np.float32), self.grid, Unit.SUV_BW) if pet else None
        return [each.physiological for each in proposed(self.found, ct, suv)]


def test_the_lungs_and_the_middle_of_a_body_are_found() -> None:
    body = Body.empty()
    found = landmarks(Volume(body.hu.astype(np.int16), body.grid, Unit.HU))
    assert found is not None
    assert found.midline_mm == pytest.approx(MIDDLE[0], abs=6)
    assert found.lung_mm == (pytest.approx(502, abs=12), pytest.approx(698, abs=12))


def test_a_full_bladder() -> None:
    assert Body.empty().put((200, 130, 150), 40, 8, 20).told() == ["urinary bladder or urethra"]


@pytest.mark.parametrize(
    ("centre", "hu", "suv"),
    [
        ((200.0, 130.0, 150.0), 45.0, 20.0),  # solid: a tumour of the bladder, say
        ((300.0, 130.0, 150.0), 8.0, 20.0),  # fluid beside the middle: a necrotic lesion
        ((200.0, 130.0, 150.0), 8.0, 3.0),  # fluid that hardly takes up tracer
        ((200.0, 130.0, 450.0), 8.0, 20.0),  # fluid high in the abdomen
    ],
)
def test_what_differs_from_urine_in_one_thing_stays_a_lesion(
    centre: tuple[float, float, float], hu: float, suv: float
) -> None:
    assert Body.empty().put(centre, 35, hu, suv).told() == [None]


def test_two_kidneys_and_one_mass_alone() -> None:
    pair = Body.empty().put((130, 190, 420), 28, 35, 8).put((270, 190, 430), 28, 35, 8)
    assert pair.told() == ["kidney", "kidney"]
    assert Body.empty().put((130, 190, 420), 28, 35, 8).told() == [None]


def test_a_brain_in_its_skull_and_a_mass_without_one() -> None:
    assert Body.empty().put((200, 150, 900), 60, 35, 8).skull().told() == ["brain"]
    assert Body.empty().put((200, 150, 900), 60, 35, 8).told() == [None]


def test_the_heart_and_a_small_node_beside_it() -> None:
    assert Body.empty().put((225, 110, 540), 45, 45, 6).told() == ["heart"]
    assert Body.empty().put((225, 110, 540), 12, 45, 6).told() == [None]


def string(body: Body, hu: float, *, length: float, width: float = 5.0) -> Body:
    """A string down the body beside the spine, and its uptake."""
    x, y, z = np.moveaxis(body.points, -1, 0)
    drawn = (np.hypot(x - 250, y - 180) <= width) & (abs(z - 260) <= length / 2)
    body.hu[drawn], body.suv[drawn] = hu, 12.0
    body.found.append(Candidate("string", Mask.of(drawn, body.grid)))
    return body


def test_a_ureter_is_a_string_of_urine() -> None:
    assert string(Body.empty(), 8, length=60).told() == ["ureter"]


@pytest.mark.parametrize(
    ("hu", "length", "width"),
    [(45, 60, 5), (8, 12, 5), (8, 60, 16)],
    ids=["solid", "short", "wide"],
)
def test_a_node_beside_the_spine_stays_a_lesion(hu: float, length: float, width: float) -> None:
    assert string(Body.empty(), hu, length=length, width=width).told() == [None]


def test_genitals_lie_in_front_where_the_legs_part() -> None:
    assert Body.empty().legs().put((200, 80, 90), 20, 35, 6).told() == [
        "genitals or urine on the skin"
    ]


@pytest.mark.parametrize(
    "centre", [(285.0, 120.0, 60.0), (200.0, 80.0, 250.0)], ids=["in the thigh", "in the belly"]
)
def test_what_lies_beside_or_above_them_stays_a_lesion(centre: tuple[float, float, float]) -> None:
    assert Body.empty().legs().put(centre, 20, 35, 6).told() == [None]


def test_where_no_legs_are_in_the_image_nothing_is_taken_for_genitals() -> None:
    assert Body.empty().put((200, 80, 90), 20, 35, 6).told() == [None]


def test_without_pet_or_without_uptake_nothing_is_proposed() -> None:
    assert Body.empty().put((200, 130, 150), 40, 8, 20).told(pet=False) == [None]
    assert Body.empty().put((225, 110, 540), 45, 45, 1.0).told() == [None]


def test_nothing_is_taken_away_and_the_reason_is_given() -> None:
    body = Body.empty().put((200, 130, 150), 40, 8, 20)
    ct = Volume(body.hu.astype(np.int16), body.grid, Unit.HU)
    suv = Volume(body.suv.astype(np.float32), body.grid, Unit.SUV_BW)
    (one,) = proposed(body.found, ct, suv)
    assert one.mask is body.found[0].mask
    (flag,) = one.flags
    assert "looks like the urinary bladder" in flag
    assert "8 HU" in flag
