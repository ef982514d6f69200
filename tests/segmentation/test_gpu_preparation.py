"""What a GPU does to bring an image onto the network's grid is what the CPU does; here on a CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imaging.resampling import AIR_HU
from imaging.volume import Grid, Unit, Volume
from segmentation.gpu_preparation import on_grid_by
from segmentation.preparation import bins, network_grid, on_grid

CPU = torch.device("cpu")


def image(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], flip: int = 1
) -> Volume:
    affine = np.diag([spacing[0], flip * spacing[1], spacing[2], 1.0])
    affine[:3, 3] = (-40.0, 25.0, 7.0)
    values = np.random.default_rng(sum(shape)).normal(0.0, 300.0, shape).astype(np.int16)
    return Volume(np.asfortranarray(values), Grid(shape, affine), Unit.HU)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((40, 36, 20), (0.98, 0.98, 5.0)),  # averaged in the plane, between slices of 5 mm
        ((30, 31, 64), (1.5, 1.5, 1.0)),  # averaged along all axes
        ((12, 9, 8), (3.0, 4.0, 6.0)),  # interpolated alone
        ((25, 20, 1), (2.0, 2.0, 3.0)),  # a single slice
    ],
)
@pytest.mark.parametrize("flip", [1, -1])
def test_values_are_those_of_the_cpu(shape, spacing, flip) -> None:
    volume = image(shape, spacing, flip)
    grid = network_grid(volume.grid)
    found = on_grid_by(CPU, volume, grid, bins(volume, grid), fill=AIR_HU)
    assert found is not None
    assert found.dtype == np.float32
    assert np.allclose(found, on_grid(volume, grid, fill=AIR_HU), atol=0.02)


def test_a_pet_that_ends_before_the_ct_is_nothing_beyond() -> None:
    ct, pet = image((30, 30, 40), (2.0, 2.0, 3.0)), image((10, 12, 9), (4.0, 4.0, 4.0))
    grid = network_grid(ct.grid)
    found = on_grid_by(CPU, pet, grid, bins(pet, grid), fill=0.0)
    assert found is not None
    assert np.allclose(found, on_grid(pet, grid, fill=0.0), atol=0.02)
    assert (found == 0).any()


def test_other_axes_are_left_to_the_cpu() -> None:
    volume = image((12, 12, 12), (3.0, 3.0, 3.0))
    turned = volume.grid.affine.copy()
    angle = np.deg2rad(5.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned[:2, :2] = turn @ turned[:2, :2]
    grid = Grid((12, 12, 12), turned)
    assert on_grid_by(CPU, volume, grid, bins(volume, grid), fill=0.0) is None
