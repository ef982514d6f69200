"""Dose-volume statistics against closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.contours import Roi
from imaging.dvh import Samples, dvh, samples_of_mask, samples_of_roi
from imaging.errors import InputError
from imaging.volume import Grid, Mask

#: D95 in Gy of a sphere of this radius in mm, 30 Gy at its centre and 0.2 Gy/mm: the share above
#: h mm from the centre is (2 R^3 / 3 - R^2 h + h^3 / 3) pi over the volume.
D95_GY = {3: 29.562, 5: 29.271, 10: 28.541, 20: 27.083}
SHIFT = np.array([0.31, -0.43, 0.0])


def ramp(samples: Samples, axis: int = 0) -> np.ndarray:
    """30 Gy at the centre of the sphere, 0.2 Gy/mm along an axis."""
    return 30.0 + 0.2 * (samples.points_mm - SHIFT)[:, axis]


class TestSpheresInALinearGradient:
    @pytest.mark.parametrize("axis", [0, 1])
    @pytest.mark.parametrize("dz", [1.0, 2.5])
    @pytest.mark.parametrize("radius", D95_GY)
    def test_contoured(self, sphere: Callable[..., Roi], radius: int, dz: float, axis: int) -> None:
        samples = samples_of_roi(sphere(radius, dz, SHIFT))
        found = dvh(ramp(samples, axis), samples)
        assert found is not None
        assert found.mean_gy == pytest.approx(30.0, abs=0.05)
        assert found.d_gy(95) == pytest.approx(D95_GY[radius], abs=0.06)
        assert found.max_gy == pytest.approx(30.0 + 0.2 * radius, abs=0.2 * 0.6)
        assert found.d_gy(5) == pytest.approx(60.0 - D95_GY[radius], abs=0.06)
        assert found.v(30.0) == pytest.approx(0.5, abs=0.005)

    @pytest.mark.parametrize("radius", [5, 10, 20])
    def test_along_the_slices_on_one_millimetre(
        self, sphere: Callable[..., Roi], radius: int
    ) -> None:
        samples = samples_of_roi(sphere(radius, 1.0, SHIFT))
        found = dvh(ramp(samples, axis=2), samples)
        assert found is not None
        assert found.d_gy(95) == pytest.approx(D95_GY[radius], abs=0.06)

    @pytest.mark.parametrize("radius", [5, 10, 20])
    def test_as_a_mask_of_half_millimetre_voxels(self, radius: int) -> None:
        grid = Grid((90, 90, 90), np.diag([0.5, 0.5, 0.5, 1.0]))
        centre = np.array([22.1, 22.3, 22.2])
        index = np.stack(np.indices(grid.shape), axis=-1)
        inside = np.linalg.norm(grid.to_world_mm(index) - centre, axis=-1) <= radius
        samples = samples_of_mask(Mask.of(inside, grid))
        found = dvh(30.0 + 0.2 * (samples.points_mm - centre)[:, 0], samples)
        assert found is not None
        assert found.mean_gy == pytest.approx(30.0, abs=0.05)
        assert found.d_gy(95) == pytest.approx(D95_GY[radius], abs=0.06)

    def test_the_volume_of_the_samples_is_that_of_the_slabs(
        self, sphere: Callable[..., Roi]
    ) -> None:
        found = samples_of_roi(sphere(10, 1.0)).volume_ml
        assert found == pytest.approx(4 / 3 * np.pi, rel=0.004)


class TestStatistics:
    #: Ten parts of 0.01 ml with 1, 2, ... 10 Gy.
    STEPS = dvh(np.arange(1.0, 11.0), Samples(np.zeros((10, 3)), np.full(10, 10.0)))

    def test_the_hottest_and_the_coldest(self) -> None:
        assert self.STEPS is not None
        assert (self.STEPS.min_gy, self.STEPS.mean_gy, self.STEPS.max_gy) == (1.0, 5.5, 10.0)
        assert self.STEPS.volume_ml == pytest.approx(0.1)
        assert self.STEPS.v(8.0) == pytest.approx(0.3)
        assert self.STEPS.v(8.1) == pytest.approx(0.2)
        assert (self.STEPS.v(0.0), self.STEPS.v(10.1)) == (pytest.approx(1.0), 0.0)
        assert self.STEPS.d_gy(50) == pytest.approx(5.5)
        assert self.STEPS.d_cc_gy(0.025) == pytest.approx(8.0)
        assert self.STEPS.d_cc_gy(99.0) == 1.0

    def test_the_near_maximum_of_a_small_lesion_is_its_hottest_two_per_cent(self) -> None:
        assert self.STEPS is not None
        assert self.STEPS.near_max_gy == self.STEPS.d_gy(2.0)
        large = dvh(np.arange(1.0, 11.0), Samples(np.zeros((10, 3)), np.full(10, 100.0)))
        assert large is not None
        assert large.near_max_gy == large.d_cc_gy(0.03)

    def test_a_part_without_known_dose_leaves_nothing_to_state(self) -> None:
        doses = np.array([1.0, np.nan])
        assert dvh(doses, Samples(np.zeros((2, 3)), np.ones(2))) is None

    @given(
        st.lists(st.floats(0.0, 80.0), min_size=2, max_size=30),
        st.lists(st.floats(0.1, 10.0), min_size=30, max_size=30),
    )
    def test_more_volume_never_has_a_higher_dose(self, doses, weights) -> None:
        samples = Samples(np.zeros((len(doses), 3)), np.array(weights[: len(doses)]))
        found = dvh(np.array(doses), samples)
        assert found is not None
        at = [found.d_gy(percent) for percent in (0, 2, 50, 95, 98, 100)]
        assert at == sorted(at, reverse=True)
        assert found.min_gy <= min(at) <= max(at) <= found.max_gy
        shares = [found.v(dose) for dose in (0.0, 20.0, 40.0, 80.1)]
        assert shares == sorted(shares, reverse=True)


def test_nothing_to_sample_is_refused(sphere: Callable[..., Roi]) -> None:
    with pytest.raises(InputError, match="an empty mask has no dose"):
        samples_of_mask(Mask.of(np.zeros((2, 2, 2), dtype=bool), Grid((2, 2, 2), np.eye(4))))
    with pytest.raises(InputError, match="no closed contour"):
        samples_of_roi(Roi(1, "empty", "", ()))
    with pytest.raises(InputError, match="on one slice only"):
        samples_of_roi(sphere(3, 5.0))
    assert samples_of_roi(sphere(3, 5.0), slice_mm=5.0).volume_ml == pytest.approx(
        np.pi * 9 * 5 / 1000, rel=0.002
    )
