"""Threshold methods on drawn uptake with known answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from imaging.errors import GeometryError, InputError
from imaging.volume import Grid, Unit, Volume
from segmentation.prompts import Click
from segmentation.uptake_thresholds import (
    Threshold,
    ThresholdMethod,
    delineate_by,
    hottest_near,
    otsu_level,
)

CENTRE_MM = (60.0, 60.0, 60.0)
FAR_MM = (100.0, 60.0, 60.0)


@pytest.fixture
def cone(grid: Callable[..., Grid]) -> Volume:
    """Uptake that falls from 10 at the centre by 0.5 per mm down to a background of 0.5."""
    place = grid((40, 40, 40), (3.0, 3.0, 3.0))
    points = place.to_world_mm(np.moveaxis(np.indices(place.shape), 0, -1))
    away = np.linalg.norm(points - np.array(CENTRE_MM), axis=-1)
    return Volume(np.maximum(10.0 - 0.5 * away, 0.5).astype(np.float32), place, Unit.SUV_BW)


@pytest.mark.parametrize(
    ("threshold", "radius_mm"),
    [
        (Threshold(ThresholdMethod.FIXED, suv=4.0), 12.0),
        (Threshold(ThresholdMethod.FIXED, suv=7.0), 6.0),
        (Threshold(ThresholdMethod.PERCENT), 11.8),
        (Threshold(ThresholdMethod.PERCENT, fraction=0.5), 10.0),
        (Threshold(ThresholdMethod.LIVER, liver_mean=2.0, liver_sd=0.5), 12.0),
    ],
)
def test_the_surface_lies_at_the_level(
    cone: Volume, grid: Callable[..., Grid], threshold: Threshold, radius_mm: float
) -> None:
    fine = grid((120, 120, 120), (1.0, 1.0, 1.0))
    found = delineate_by(threshold, cone, fine, click=Click(CENTRE_MM))
    (lesion,) = found.candidates
    np.testing.assert_allclose(lesion.mask.centre_mm, CENTRE_MM, atol=0.2)
    assert lesion.mask.volume_ml == pytest.approx(4 / 3 * np.pi * (radius_mm / 10) ** 3, rel=0.1)
    assert found.model == threshold.name


def balls(grid: Callable[..., Grid]) -> Volume:
    place = grid((50, 40, 40), (3.0, 3.0, 3.0))
    points = place.to_world_mm(np.moveaxis(np.indices(place.shape), 0, -1))
    suv = np.full(place.shape, 1.0, np.float32)
    suv += np.random.default_rng(1).normal(0.0, 0.05, place.shape).astype(np.float32)
    for centre, value in ((CENTRE_MM, 8.0), (FAR_MM, 4.0)):
        suv[np.linalg.norm(points - np.array(centre), axis=-1) <= 12.5] = value
    return Volume(suv, place, Unit.SUV_BW)


@pytest.mark.parametrize(
    "method",
    [
        ThresholdMethod.OTSU,
        ThresholdMethod.GRADIENT,
        ThresholdMethod.PERCENT,
        ThresholdMethod.FIXED,
    ],
)
def test_every_method_finds_both_balls_and_a_click_means_one(
    grid: Callable[..., Grid], method: ThresholdMethod
) -> None:
    image = balls(grid)
    threshold = Threshold(method, suv=3.0)
    both = delineate_by(threshold, image, image.grid)
    assert len(both.candidates) == 2
    one = delineate_by(threshold, image, image.grid, click=Click((97.0, 60.0, 60.0)))
    (lesion,) = one.candidates
    np.testing.assert_allclose(lesion.mask.centre_mm, FAR_MM, atol=1.0)
    assert lesion.mask.volume_ml == pytest.approx(8.2, rel=0.35)


def test_a_click_where_nothing_is_hot_is_said(cone: Volume) -> None:
    found = delineate_by(
        Threshold(ThresholdMethod.FIXED), cone, cone.grid, click=Click((10.0, 10.0, 10.0))
    )
    assert found.candidates == ()
    assert "reaches a SUV of 4.00" in found.warnings[0]


def test_otsu_splits_two_heaps_between_them() -> None:
    values = np.concatenate([np.full(900, 1.0), np.full(100, 5.0)])
    assert 1.0 < otsu_level(values) <= 5.0


def test_the_hottest_voxel_is_looked_for_near_the_click_only(cone: Volume) -> None:
    assert hottest_near(cone, Click((66.0, 60.0, 60.0))) == (20, 20, 20)
    with pytest.raises(InputError, match="outside the PET"):
        hottest_near(cone, Click((-500.0, 0.0, 0.0)))


def test_the_liver_method_needs_its_reference() -> None:
    with pytest.raises(InputError, match="liver's mean"):
        Threshold(ThresholdMethod.LIVER)


def test_activity_is_not_suv(cone: Volume) -> None:
    with pytest.raises(GeometryError, match="not SUVbw"):
        delineate_by(
            Threshold(ThresholdMethod.FIXED), Volume(cone.array, cone.grid, Unit.BQML), cone.grid
        )
