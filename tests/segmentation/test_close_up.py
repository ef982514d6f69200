"""A cube around a place: values where they lie, borders repeated."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.volume import Grid, Unit, Volume
from segmentation.close_up import close_up, cube


def ramp(spacing_mm: float) -> Volume:
    """A CT whose HU are the LPS x in mm."""
    grid = Grid((80, 40, 40), np.diag([spacing_mm, spacing_mm, 2.0, 1.0]))
    x = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))[..., 0]
    return Volume(x.astype(np.float32), grid, Unit.HU)


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.4])
def test_values_come_from_where_they_lie(spacing: float) -> None:
    ct = ramp(0.8)
    window = cube(ct.grid, (30.0, 16.0, 40.0), spacing, 9)
    expected = window.to_world_mm(np.moveaxis(np.indices(window.shape), 0, -1))[..., 0]
    np.testing.assert_allclose(close_up(ct, window).array, expected, atol=0.05)


def test_beyond_the_image_its_border_is_repeated() -> None:
    ct = ramp(0.8)
    outside = close_up(ct, cube(ct.grid, (-20.0, 16.0, 40.0), 1.0, 9)).array
    np.testing.assert_allclose(outside, 0.0, atol=1e-4)
