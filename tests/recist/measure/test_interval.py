"""Digitised ellipsoids: the diameter has no bias, little error, and an interval that covers it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from imaging.volume import Grid, Mask
from recist.measure import caliper, diameter_interval

#: So many are drawn; of the smallest voxels, which take longest, fewer.
ELLIPSOIDS, FEWER = 100, 40


@dataclass(frozen=True)
class Digitised:
    """Errors in mm against the longest section that a slice shows, and whether the interval of the
    longest and the short diameter of the ellipsoid itself hold them."""

    error_mm: float
    covered: bool
    short_covered: bool


def digitised(
    random: np.random.Generator, diameter_mm: float, pixel_mm: float, slice_mm: float
) -> Digitised | None:
    radii = diameter_mm / 2 * np.array([1.0, random.uniform(0.6, 1), random.uniform(0.6, 1)])
    spacing = np.array([pixel_mm, pixel_mm, slice_mm])
    i, j, k = (int(n) for n in np.ceil(diameter_mm / spacing) + 6)
    grid = Grid((i, j, k), np.diag([*spacing, 1.0]))
    centre = grid.corners_mm().mean(axis=0) + random.uniform(-0.5, 0.5, 3) * spacing
    turn = random.uniform(0, np.pi)
    axes = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1)) - centre
    mask = Mask.of((((points @ axes) / radii) ** 2).sum(axis=-1) <= 1, grid)
    if not mask.voxels:
        return None
    heights = np.arange(k) * slice_mm - centre[2]
    section = float(np.sqrt(np.clip(1 - (heights / radii[2]) ** 2, 0, 1)).max())
    measured = caliper(mask)
    long, short = (diameter_interval(mask, measured, is_node=node) for node in (False, True))
    return Digitised(
        float(measured.long_axis_mm) - diameter_mm * section,
        float(long.low_mm) <= diameter_mm <= float(long.high_mm),
        float(short.low_mm) <= 2 * radii[1] <= float(short.high_mm),
    )


@pytest.mark.parametrize(
    ("pixel_mm", "slice_mm"),
    [
        (0.7, 1.0),
        (0.7, 5.0),
        (1.0, 2.5),
        (1.5, 5.0),
        (2.5, 1.0),
        (2.5, 5.0),
        (5.0, 2.5),
        (5.0, 5.0),
    ],
)
def test_diameters_of_ellipsoids(pixel_mm: float, slice_mm: float) -> None:
    random = np.random.default_rng(0)
    # Fewer pixels than four are flagged as uncertain, and are not measured here.
    low = max(8.0, 4 * pixel_mm)
    number = ELLIPSOIDS if pixel_mm >= 1.0 else FEWER
    sizes = np.exp(random.uniform(np.log(low), np.log(80.0), number))
    found = [digitised(random, float(size), pixel_mm, slice_mm) for size in sizes]
    seen = [each for each in found if each is not None]
    errors = np.array([each.error_mm for each in seen])
    spread_mm = float(np.sqrt((errors**2).mean()))
    covered = float(np.mean([each.covered for each in seen]))
    short_covered = float(np.mean([each.short_covered for each in seen]))
    print(
        f"pixels {pixel_mm} mm, slices {slice_mm} mm: bias {errors.mean():+.2f} mm, error "
        f"{spread_mm:.2f} mm, covered {covered:.0%}, short axes {short_covered:.0%}"
    )
    # Of 1,200 the bias is 0.07 to 0.21 mm; here chance has two standard errors.
    assert abs(errors.mean()) < 0.2 + 2 * errors.std() / np.sqrt(len(errors))
    assert spread_mm < 0.5 * pixel_mm
    assert covered >= 0.95
    assert short_covered >= 0.9


def test_an_unsure_outline_widens_the_interval() -> None:
    grid = Grid((40, 40, 20), np.diag([1.0, 1.0, 2.0, 1.0]))
    mask = Mask(np.ones((20, 12, 8), np.bool_), (5, 5, 5), grid)
    measured = caliper(mask)
    sure, unsure = (diameter_interval(mask, measured, outline_sd_mm=sd) for sd in (0.0, 2.0))
    assert unsure.low_mm < sure.low_mm < measured.long_axis_mm < sure.high_mm < unsure.high_mm
    assert unsure.sd_mm == pytest.approx(np.hypot(sure.sd_mm, 2.0))
