"""An outline must follow a border; what follows none is said, or answered by what has one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from imaging.volume import BoolArray, Grid, Mask, Unit, Volume
from segmentation.boundaries import UNBOUNDED, border_share, bounded
from segmentation.infer import Delineation, delineate
from segmentation.instances import components
from segmentation.preparation import encoded
from segmentation.prompts import Click

MIDDLE_MM = np.array([99.0, 99.0, 99.0])
GRID = Grid((100, 100, 66), np.diag([2.0, 2.0, 3.0, 1.0]))
POINTS_MM = GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
CLICK = Click((99.0, 99.0, 99.0))


def ball(radius_mm: float) -> BoolArray:
    return np.asarray(np.linalg.norm(POINTS_MM - MIDDLE_MM, axis=-1) <= radius_mm)


def even_tissue() -> np.ndarray:
    """Muscle with the noise of a CT, HU."""
    return np.asarray(np.random.default_rng(3).normal(50.0, 20.0, GRID.shape))


def ct_of(hu: np.ndarray) -> Volume:
    return Volume(hu.astype(np.int16), GRID, Unit.HU, "drawn CT")


def pet_of(lesion: BoolArray | None = None, suv: float = 6.0) -> Volume:
    uptake = np.full(GRID.shape, 0.6, np.float32)
    if lesion is not None:
        uptake[lesion] = suv
    return Volume(uptake, GRID, Unit.SUV_BW, "drawn PET")


def drawn(radius_mm: float) -> Delineation:
    """What a network drew: a ball around the click."""
    return Delineation(GRID, components(ball(radius_mm), GRID, source="network"), "network")


@pytest.mark.parametrize("radius_mm", [12.0, 30.0, 48.0])
@pytest.mark.parametrize("with_pet", [True, False])
def test_a_ball_in_even_tissue_has_no_border(radius_mm: float, with_pet: bool) -> None:
    pet = pet_of() if with_pet else None
    mask = Mask.of(ball(radius_mm), GRID)
    assert border_share(mask, ct_of(even_tissue()), pet) < UNBOUNDED
    found = bounded(drawn(radius_mm), ct_of(even_tissue()), pet, CLICK)
    (flag,) = found.candidates[0].flags
    assert flag.startswith("no boundary found")
    assert found.model == "network"
    np.testing.assert_array_equal(found.candidates[0].mask.full(), ball(radius_mm))


def in_fat(lesion: BoolArray, hu: np.ndarray) -> np.ndarray:
    return np.where(lesion, hu, hu - 150.0)


def half_in_fat(lesion: BoolArray, hu: np.ndarray) -> np.ndarray:
    return np.where(lesion | (POINTS_MM[..., 0] < MIDDLE_MM[0]), hu, hu - 150.0)


@pytest.mark.parametrize(("around", "low", "high"), [(in_fat, 0.95, 1.0), (half_in_fat, 0.4, 0.8)])
def test_the_share_is_that_of_the_surface_with_a_border(
    around: Callable[[BoolArray, np.ndarray], np.ndarray], low: float, high: float
) -> None:
    lesion = ball(30.0)
    ct = ct_of(around(lesion, even_tissue()))
    assert low <= border_share(Mask.of(lesion, GRID), ct, None) <= high
    kept = bounded(drawn(30.0), ct, None, CLICK)
    assert kept.candidates[0].flags == ()


def test_uptake_alone_is_a_border() -> None:
    lesion = ball(30.0)
    ct = ct_of(even_tissue())
    assert border_share(Mask.of(lesion, GRID), ct, pet_of(lesion)) > 0.95
    assert border_share(Mask.of(lesion, GRID), ct, None) < UNBOUNDED


@pytest.mark.parametrize("radius_mm", [5.0, 10.0, 15.0])
def test_uptake_that_ends_is_taken_for_an_outline_that_does_not(radius_mm: float) -> None:
    ct, pet = ct_of(even_tissue()), pet_of(ball(radius_mm))
    found = bounded(drawn(48.0), ct, pet, CLICK)
    (lesion,) = found.candidates
    assert found.model == "41 % of SUVmax"
    assert "no boundary found by the network" in found.warnings[-1]
    assert np.cbrt(lesion.mask.volume_ml / Mask.of(ball(radius_mm), GRID).volume_ml) < 1.4


def test_uptake_elsewhere_is_not_what_a_click_means() -> None:
    """The hottest place near a click may be another thing: the bladder beside it."""
    aside = np.linalg.norm(POINTS_MM - MIDDLE_MM - np.array([34.0, 0.0, 0.0]), axis=-1) <= 12.0
    found = bounded(drawn(14.0), ct_of(even_tissue()), pet_of(aside), CLICK)
    assert found.model == "network"
    assert found.candidates[0].flags


def test_what_is_smaller_than_the_voxels_is_not_judged() -> None:
    assert border_share(Mask.of(ball(1.0), GRID), ct_of(even_tissue()), None) == 1.0


def test_nothing_found_stays_nothing() -> None:
    nothing = Delineation(GRID, (), "network")
    assert bounded(nothing, ct_of(even_tissue()), None, CLICK) is nothing


def test_a_click_costs_what_the_place_costs(
    hot_bundle: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the body is, only what lies around the prompt is made ready for the network."""
    seen: list[int] = []

    def spied(ct: Volume, suv: Volume | None, grid: Grid, device: object = None) -> object:
        seen.append(int(np.prod(grid.shape)))
        return encoded(ct, suv, grid, device)  # type: ignore[arg-type]

    monkeypatch.setattr("segmentation.infer.encoded", spied)
    for length in (120, 360):
        grid = Grid((100, 100, length), np.diag([3.0, 3.0, 3.0, 1.0]))
        ct = Volume(np.full(grid.shape, 50, np.int16), grid, Unit.HU, "drawn")
        uptake = np.full(grid.shape, 0.5, np.float32)
        uptake[45:55, 45:55, 40:50] = 8.0
        suv = Volume(uptake, grid, Unit.SUV_BW, "drawn")
        click = Click((150.0, 150.0, 135.0))
        found = delineate(ct, suv, hot_bundle, prompt=click, device="cpu")  # type: ignore[arg-type]
        assert found.candidates[0].mask.voxels == pytest.approx(1000, rel=0.3)
    assert seen[0] == seen[1]
    assert seen[1] < 100 * 100 * 360 / 2
