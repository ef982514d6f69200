"""Classical methods on drawn lesions: found in place and size, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.volume import Grid, Unit, Volume
from segmentation.classical import METHODS, delineate_classically
from segmentation.evaluation import dice
from segmentation.prompted import on_line
from segmentation.prompts import Click, Line, Prompt

SHAPE, SPACING_MM = (70, 70, 30), (0.8, 0.8, 1.5)
CENTRE_MM = (28.0, 28.0, 22.5)


def scene(
    inside_hu: float, around_hu: float, *, radius_mm: float = 6.0, vessel: bool = False
) -> tuple[Volume, np.ndarray]:
    """A ball in noise, with a vessel of 3 mm that runs out of it."""
    grid = Grid(SHAPE, np.diag([*SPACING_MM, 1.0]))
    points = grid.to_world_mm(np.moveaxis(np.indices(SHAPE), 0, -1)) - np.array(CENTRE_MM)
    ball = np.linalg.norm(points, axis=-1) <= radius_mm
    hu = np.where(ball, inside_hu, around_hu)
    if vessel:
        hu[np.linalg.norm(points[..., 1:], axis=-1) <= 1.5] = inside_hu
    noise = np.random.default_rng(0).normal(0.0, 12.0, SHAPE)
    return Volume((hu + noise).astype(np.int16), grid, Unit.HU, "drawn"), ball


def across(radius_mm: float) -> Line:
    x, y, z = CENTRE_MM
    return Line((x, y - radius_mm, z), (x, y + radius_mm, z))


@pytest.mark.parametrize("method", ["hu-statistics", "fast-marching"])
@pytest.mark.parametrize(("inside", "around"), [(40.0, -850.0), (-450.0, -850.0), (110.0, 30.0)])
def test_a_line_finds_solid_subsolid_and_soft_tissue_lesions(
    method: str, inside: float, around: float
) -> None:
    ct, ball = scene(inside, around)
    found = on_line(delineate_classically(method, ct, across(6.0)), across(6.0))
    assert dice(ball, found.mask()) > 0.8
    assert found.model == method


@pytest.mark.parametrize("method", ["hu-statistics", "fast-marching"])
def test_from_a_line_a_vessel_is_not_followed(method: str) -> None:
    ct, ball = scene(40.0, -850.0, vessel=True)
    found = on_line(delineate_classically(method, ct, across(6.0)), across(6.0))
    assert dice(ball, found.mask()) > 0.75


@pytest.mark.parametrize("method", ["lung-threshold", "edge-strength"])
def test_a_click_finds_a_nodule_in_lung(method: str) -> None:
    ct, ball = scene(40.0, -850.0)
    assert dice(ball, delineate_classically(method, ct, Click(CENTRE_MM)).mask()) > 0.8


def test_a_click_in_lung_is_opened_until_the_vessel_is_off() -> None:
    ct, ball = scene(40.0, -850.0, vessel=True)
    found = delineate_classically("lung-threshold", ct, Click(CENTRE_MM))
    assert dice(ball, found.mask()) > 0.7


def test_the_threshold_of_the_lung_is_refused_elsewhere() -> None:
    ct, _ = scene(110.0, 30.0)
    with pytest.raises(InputError, match="no lung around the click"):
        delineate_classically("lung-threshold", ct, Click(CENTRE_MM))


def test_each_method_takes_its_own_prompt() -> None:
    ct, _ = scene(40.0, -850.0)
    prompts: tuple[Prompt, ...] = (Click(CENTRE_MM), across(6.0))
    for method, (_, takes) in METHODS.items():
        wrong = next(prompt for prompt in prompts if not isinstance(prompt, takes))
        with pytest.raises(InputError, match="starts from a"):
            delineate_classically(method, ct, wrong)
    with pytest.raises(InputError, match="no method guess"):
        delineate_classically("guess", ct, across(6.0))
