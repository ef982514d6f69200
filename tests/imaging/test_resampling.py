"""Volumes and masks on other grids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.errors import GeometryError
from imaging.resampling import isotropic_grid, resample, resample_mask
from imaging.volume import FloatArray, Grid, Mask, Unit, Volume


def oblique_affine(spacing_mm: tuple[float, float, float]) -> FloatArray:
    turn = np.deg2rad(20)
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, -1.0]]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing_mm
    affine[:3, 3] = (5, -7, 11)
    return affine


def linear_field(grid: Grid) -> FloatArray:
    """A value that grows linearly in space: linear interpolation must return it exactly."""
    place = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    return np.asarray(place @ np.array([1.0, -2.0, 0.5]) + 3.0)


@pytest.mark.parametrize("shear", [0.0, 0.2])
def test_a_linear_field_is_the_same_on_every_grid(shear: float) -> None:
    affine = oblique_affine((1.0, 1.5, 3.0))
    affine[:3, 2] += shear * affine[:3, 1]  # a gantry tilt that was not corrected
    source = Grid((30, 24, 12), affine)
    volume = Volume(linear_field(source), source, Unit.HU)
    target = Grid((8, 9, 7), oblique_affine((2.0, 2.0, 2.5)))
    inside = source.to_voxel(target.to_world_mm(np.moveaxis(np.indices(target.shape), 0, -1)))
    known = np.all((inside >= 0) & (inside <= np.array(source.shape) - 1), axis=-1)
    found = resample(volume, target)
    assert known.sum() > 100
    assert found.array[known] == pytest.approx(linear_field(target)[known], abs=1e-3)
    assert found.unit is Unit.HU


@pytest.mark.parametrize(
    ("unit", "fill", "expected"), [(Unit.HU, None, -1000), (Unit.SUV_BW, None, 0), (Unit.HU, 7, 7)]
)
def test_outside_of_a_ct_is_air(unit: Unit, fill: float | None, expected: float) -> None:
    grid = Grid((3, 3, 3), np.eye(4))
    beyond = grid.crop((10, 10, 10), (2, 2, 2))
    assert (
        resample(Volume(np.ones((3, 3, 3)), grid, unit), beyond, fill=fill).array == expected
    ).all()


def test_nearest_keeps_labels_and_their_type() -> None:
    grid = Grid((4, 4, 4), np.eye(4))
    labels = np.random.default_rng(0).integers(0, 9, grid.shape).astype(np.uint8)
    fine = resample(
        Volume(labels, grid, Unit.LABEL), isotropic_grid(grid, 0.5), interpolation="nearest"
    )
    assert fine.array.dtype == np.uint8
    assert (fine.array == np.kron(labels, np.ones((2, 2, 2)))).all()


def test_an_isotropic_grid_covers_the_same_box() -> None:
    grid = Grid((10, 12, 5), oblique_affine((0.9, 0.9, 5.0)))
    fine = isotropic_grid(grid, 2.0)
    assert fine.spacing_mm == pytest.approx((2.0, 2.0, 2.0))
    assert fine.shape == (5, 6, 13)  # 9.0, 10.8 and 25 mm
    middle = [g.to_world_mm((np.array(g.shape) - 1) / 2) for g in (grid, fine)]
    assert middle[0] == pytest.approx(middle[1])
    assert fine.directions == pytest.approx(grid.directions)
    with pytest.raises(GeometryError):
        isotropic_grid(grid, 0.0)


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
def test_a_sphere_keeps_its_volume_and_place(interpolation: str) -> None:
    grid = Grid((60, 60, 30), oblique_affine((1.0, 1.0, 2.0)))
    centre = grid.to_world_mm((30, 28, 14))
    place = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    mask = Mask.of(np.linalg.norm(place - centre, axis=-1) <= 15, grid)
    there = resample_mask(mask, isotropic_grid(grid, 3.0), interpolation=interpolation)
    assert there.volume_ml == pytest.approx(mask.volume_ml, rel=0.03)
    assert there.centre_mm == pytest.approx(mask.centre_mm, abs=0.5)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["nearest", "linear"]))
def test_the_box_makes_no_difference(seed: int, interpolation: str) -> None:
    """Resampling the whole array and the box of a mask give the same voxels."""
    grid = Grid((9, 8, 7), np.diag([1.0, 1.2, 2.0, 1.0]))
    full = np.zeros(grid.shape, dtype=bool)
    full[2:6, 3:7, 1:5] = np.random.default_rng(seed).random((4, 4, 4)) < 0.5
    target = Grid(
        (14, 12, 15), np.array([[0.7, 0, 0, 1], [0, 0.7, 0, 1], [0, 0, 0.8, 0], [0, 0, 0, 1]])
    )
    whole = resample(
        Volume(full.astype(np.float32), grid, Unit.PROBABILITY), target, interpolation=interpolation
    )
    found = resample_mask(Mask.of(full, grid), target, interpolation=interpolation)
    differ = found.full() != (whole.array >= 0.5)
    # only interpolated values that equal one half up to rounding may differ
    assert np.abs(whole.array[differ] - 0.5).max(initial=0) < 1e-5


def test_a_mask_beyond_the_grid_is_lost_not_an_error() -> None:
    grid = Grid((4, 4, 4), np.eye(4))
    mask = Mask.of(np.ones((4, 4, 4), dtype=bool), grid)
    assert resample_mask(mask, grid.crop((20, 20, 20), (3, 3, 3))).voxels == 0
    empty = Mask.of(np.zeros((4, 4, 4), dtype=bool), grid)
    assert resample_mask(empty, isotropic_grid(grid, 2.0)).voxels == 0


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*[st.integers(-6, 34)] * 3),
    st.tuples(*[st.integers(1, 9)] * 3),
    st.sampled_from(["nearest", "linear", "cubic"]),
)
def test_a_box_of_a_grid_gets_the_values_of_the_whole(
    start: tuple[int, int, int], shape: tuple[int, int, int], kind: str
) -> None:
    """Inside of the image, across its border and outside of it."""
    source = Grid((24, 20, 12), oblique_affine((1.0, 1.5, 3.0)))
    array = np.random.default_rng(1).normal(0, 100, source.shape).astype(np.float32)
    volume = Volume(array, source, Unit.HU)
    grid = isotropic_grid(source, 1.37)  # no place is as near to one voxel as to the next
    around = grid.crop((-6, -6, -6), (50, 50, 50))
    i, j, k = (slice(a + 6, a + 6 + n) for a, n in zip(start, shape, strict=True))
    whole = resample(volume, around, interpolation=kind).array[i, j, k]
    box = resample(volume, grid.crop(start, shape), interpolation=kind).array
    assert box[: whole.shape[0], : whole.shape[1], : whole.shape[2]] == pytest.approx(
        whole, abs=1e-2
    )
