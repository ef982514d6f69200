"""A later date made of a CT: lesions change as they are told, and image and outline agree."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.volume import Grid, Mask, Unit, Volume
from recist.measure import caliper
from recist.phantom.evolution import drawn_lesion, erased, evolved, stretch
from recist.phantom.moved_tissue import Motion, TissueMap

GRID = Grid((60, 60, 40), np.diag([1.5, 1.5, 2.0, 1.0]))
MIDDLE = GRID.corners_mm().mean(axis=0)


def lung(seed: int = 0) -> Volume:
    noise = np.random.default_rng(seed).normal(-850, 15, GRID.shape)
    return Volume(noise.astype(np.float32), GRID, Unit.HU)


def with_nodule(radius_mm: float = 9.0) -> tuple[Volume, Mask]:
    random = np.random.default_rng(1)
    return drawn_lesion(lung(), MIDDLE, np.full(3, radius_mm), 30.0, random)


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.3])
def test_a_lesion_is_as_large_as_it_was_told_to_be(scale: float) -> None:
    ct, nodule = with_nodule()
    random = np.random.default_rng(2)
    matrix = stretch(random, scale, uneven=0.05)
    motion = Motion.drawn(random, GRID, degrees=2.0, mm=4.0, bend_mm=2.0)
    later, (found,) = evolved(ct, [nodule], [matrix], motion, GRID, noise_hu=5.0, random=random)
    ratio = np.cbrt(found.volume_ml / nodule.volume_ml)
    assert ratio == pytest.approx(scale, rel=0.06)
    # The outline is where the image is dense.
    dense = later.array > -400
    shared = np.count_nonzero(dense & found.full())
    assert 2 * shared / (dense.sum() + found.voxels) > 0.85


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.4])
def test_a_size_does_not_hang_on_the_voxels_of_a_scan(scale: float) -> None:
    """A ball under a known change: its diameter to half a mm, whatever the voxels."""
    radius_mm = 9.0
    ball = Mask.of(
        np.linalg.norm(
            GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1)) - MIDDLE, axis=-1
        )
        < radius_mm,
        GRID,
    )
    motion = Motion((4.0, -3.0, 5.0), (3.0, -6.0, 2.0))
    matrix = scale * np.eye(3)
    still = TissueMap.of(GRID, (), (), Motion()).outlined(ball, np.eye(3), np.eye(3))
    later = TissueMap.of(GRID, [ball], [matrix], motion).outlined(ball, matrix, np.eye(3))
    grown = float(caliper(later).long_axis_mm) / float(caliper(still).long_axis_mm)
    assert float(caliper(ball).long_axis_mm) * grown == pytest.approx(
        2 * radius_mm * scale, abs=0.4
    )
    # The same lesion on the scan's voxels carries the steps of the outline along.
    middle = GRID.corners_mm().mean(axis=0)
    expected = motion.rotation @ (ball.centre_mm - middle) + middle + np.array(motion.shift_mm)
    assert np.allclose(later.centre_mm, expected, atol=0.3)


def test_nothing_moves_where_nothing_is_told_to() -> None:
    ct, nodule = with_nodule()
    random = np.random.default_rng(3)
    later, (found,) = evolved(ct, [nodule], [np.eye(3)], Motion(), GRID, random=random)
    assert np.allclose(later.array, ct.array, atol=1e-3)
    assert caliper(found) == caliper(nodule)


def test_an_erased_lesion_leaves_lung() -> None:
    ct, nodule = with_nodule()
    clean = erased(ct, nodule, np.random.default_rng(4))
    assert (clean.array[nodule.box][nodule.array] < -700).all()
    outside = np.ones(GRID.shape, np.bool_)
    outside[10:50, 10:50, 5:35] = False
    assert np.array_equal(clean.array[outside], ct.array[outside])


def test_a_stretch_keeps_to_its_mean_and_is_uneven_as_told() -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        matrix = stretch(random, 0.7, uneven=0.1)
        assert np.cbrt(np.linalg.det(matrix)) == pytest.approx(0.7)
        axes = np.linalg.eigvalsh(matrix)
        assert axes.max() / axes.min() < np.exp(0.2) + 1e-9
