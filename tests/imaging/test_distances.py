"""Distances from a region: those of an exact transform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from imaging.distances import away_mm

lengths_mm = st.sampled_from([0.7, 0.9765625, 1.0, 2.5, 5.0])


@given(seed=st.integers(0, 2**16), spacing_mm=st.tuples(lengths_mm, lengths_mm, lengths_mm))
def test_distances_are_those_between_the_centres_of_voxels(
    seed: int, spacing_mm: tuple[float, float, float]
) -> None:
    region = np.random.default_rng(seed).random((6, 7, 8)) < 0.1
    region[2, 3, 4] = True
    exact = ndimage.distance_transform_edt(~region, sampling=spacing_mm)
    assert away_mm(region, spacing_mm) == pytest.approx(exact, abs=1e-4)


def test_a_region_at_the_border_is_met_there() -> None:
    region = np.zeros((4, 3, 2), np.bool_)
    region[0] = True
    found = away_mm(region, (2.0, 1.0, 5.0))
    assert found[:, 0, 0].tolist() == [0.0, 2.0, 4.0, 6.0]
