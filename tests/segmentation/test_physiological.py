"""Uptake that a body has by nature is proposed as such; lesions in the same places are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from imaging.volume import Grid, Mask, Unit, Volume
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from segmentation.physiological import landmarks, lesions_of, proposed

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


def cropped(body: Body, first: int, last: int) -> Body:
    """A part of the body, cut at its sides: what a crop around a thigh or a hip shows."""
    grid = body.grid.crop((first, 0, 0), (last - first, SHAPE[1], 60))
    part = (slice(first, last), slice(None), slice(0, 60))
    found = [Candidate(one.label, Mask.of(one.mask.full()[part], grid)) for one in body.found]
    return Body(body.hu[part], body.suv[part], grid, body.points[part], found)


def test_hot_fluid_is_urine_where_the_midline_is_not_in_the_image() -> None:
    body = cropped(Body.empty().put((200, 130, 150), 40, 8, 20), 10, 50)
    assert body.told() == ["urinary tract"]


@pytest.mark.parametrize(("hu", "suv"), [(45.0, 20.0), (8.0, 4.0), (-60.0, 20.0)])
def test_what_differs_from_urine_stays_a_lesion_in_a_crop_too(hu: float, suv: float) -> None:
    assert cropped(Body.empty().put((200, 130, 150), 40, hu, suv), 10, 50).told() == [None]


def test_a_necrotic_lesion_with_a_hot_rim_is_no_urine() -> None:
    body = Body.empty().put((200, 130, 150), 40, 8, 20)
    away = np.linalg.norm(body.points - np.array([200, 130, 150]), axis=-1)
    body.suv[away <= 30] = 1.0
    assert body.told() == [None]
    assert cropped(body, 10, 50).told() == [None]


def test_the_noise_of_a_ct_does_not_make_fluid_uneven() -> None:
    body = Body.empty().put((200, 130, 150), 40, 8, 20)
    fine = Grid((160, 120, 100), np.diag([1.0, 1.0, 3.0, 1.0])).crop((120, 70, 0), (160, 120, 100))
    points = fine.to_world_mm(np.moveaxis(np.indices(fine.shape), 0, -1))
    away = np.linalg.norm(points - np.array([200.0, 130.0, 150.0]), axis=-1)
    noise = np.random.default_rng(2).normal(0, 35, fine.shape)
    hu = np.where(away <= 40, 8.0, 40.0) + noise
    suv = np.where(away <= 40, 20.0, 0.8).astype(np.float32)
    lesion = Candidate("1", Mask.of(away <= 40, fine))
    (told,) = proposed(
        [lesion], Volume(hu.astype(np.int16), fine, Unit.HU), Volume(suv, fine, Unit.SUV_BW)
    )
    assert told.physiological == "urinary tract"
    # Half of it denser is not the noise of a CT.
    half = hu + np.where((away <= 40) & (points[..., 0] > 200), 60.0, -5.0)
    (told,) = proposed(
        [lesion], Volume(half.astype(np.int16), fine, Unit.HU), Volume(suv, fine, Unit.SUV_BW)
    )
    assert told.physiological is None
    assert body.told() == ["urinary bladder or urethra"]


def test_lesions_are_what_is_no_organ() -> None:
    body = Body.empty().put((200, 130, 150), 40, 8, 20).put((80, 150, 150), 20, 45, 8)
    ct = Volume(body.hu.astype(np.int16), body.grid, Unit.HU)
    suv = Volume(body.suv.astype(np.float32), body.grid, Unit.SUV_BW)
    found = Delineation(body.grid, tuple(body.found), "network")
    (left,) = lesions_of(found, ct, suv).candidates
    assert left.label == "1"
    assert len(lesions_of(found, ct, None).candidates) == 2


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
