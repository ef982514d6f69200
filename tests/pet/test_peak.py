"""SUVpeak against kernels, synthetic images and the IBSI digital phantom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from imaging.errors import GeometryError, InputError
from imaging.volume import Array, BoolArray, Grid, Mask, Unit, Volume
from pet.peak import PeakVariant, peak_over, sphere, suv_peak
from pet.uptake import uptake

Spacing = tuple[float, float, float]


def image(array: Array, spacing: Spacing) -> Volume:
    i, j, k = array.shape
    return Volume(array, Grid((i, j, k), np.diag([*spacing, 1.0])), Unit.SUV_BW)


def box(shape: tuple[int, int, int], low: int, high: int) -> BoolArray:
    roi = np.zeros(shape, dtype=np.bool_)
    roi[low:high, low:high, low:high] = True
    return roi


def single_hot_voxel() -> tuple[Array, BoolArray]:
    array = np.ones((15, 15, 15))
    array[7, 7, 7] = 4.11
    return array, box(array.shape, 5, 10)


def uniform() -> tuple[Array, BoolArray]:
    return np.full((20, 20, 20), 5.0), box((20, 20, 20), 5, 15)


def spike_and_blob() -> tuple[Array, BoolArray]:
    array = np.ones((30, 30, 30))
    far = np.linalg.norm(np.indices(array.shape).T - 20, axis=-1).T * 2.0
    array[far <= 10.0] = 8.0
    array[5, 5, 5] = 20.0
    return array, array > 1.5


def gaussian() -> tuple[Array, BoolArray]:
    spacing = np.array([4.6875, 4.6875, 3.27])
    squared = (((np.indices((21, 21, 21)).T - 10) * spacing) ** 2).sum(axis=-1).T
    array = 10.0 * np.exp(-squared / (2 * 8.0**2))
    return array, array >= 4.1


def ramp() -> tuple[Array, BoolArray]:
    return np.indices((21, 21, 21)).sum(axis=0).astype(float), box((21, 21, 21), 10, 11)


def corner() -> tuple[Array, BoolArray]:
    array = np.ones((10, 10, 10))
    array[:3, :3, :3] = 6.0
    return array, array > 1.0


def coarse() -> tuple[Array, BoolArray]:
    array = np.ones((7, 7, 7))
    array[3, 3, 3] = 9.0
    return array, box(array.shape, 3, 4)


IMAGES: dict[str, Callable[[], tuple[Array, BoolArray]]] = {
    "single_hot_voxel_4mm": single_hot_voxel,
    "uniform_5": uniform,
    "spike20_vs_blob8": spike_and_blob,
    "gaussian_GE_spacing": gaussian,
    "linear_ramp_single_voxel_ROI": ramp,
    "corner_clipped": corner,
    "coarse_voxel": coarse,
}


def test_kernels_hold_the_voxels_of_the_table(pet_truth: Callable[[str], Any]) -> None:
    rows = pet_truth("suvpeak_truth.json")["kernel_voxel_counts"]
    assert len(rows) == 13
    for row in rows:
        spacing = tuple(float(step) for step in row["spacing_mm"])
        voxel_ml = float(np.prod(spacing)) / 1000.0
        plain, shares = sphere(spacing), sphere(spacing, weighted=True)
        assert np.count_nonzero(plain) == row["n_centre_in"]
        assert plain.sum() * voxel_ml == pytest.approx(row["volume_ml_centre_in"], abs=6e-5)
        assert np.count_nonzero(shares) == row["n_nonzero_weight_pv"]
        assert shares.sum() * voxel_ml == pytest.approx(row["volume_ml_pv"], abs=6e-5)


@pytest.mark.parametrize("name", IMAGES)
def test_synthetic_images_give_their_peaks(name: str, pet_truth: Callable[[str], Any]) -> None:
    (row,) = (case for case in pet_truth("suvpeak_truth.json")["synthetic_cases"]
              if case["id"] == name)  # fmt: skip
    array, roi = IMAGES[name]()
    suv = image(array, tuple(row["spacing_mm"]))
    mask = Mask.of(roi, suv.grid)
    hottest = mask.array & (array[mask.box] == array[roi].max())
    found = {
        "local_centre": suv_peak(suv, mask, PeakVariant.LOCAL),
        "global_centre": suv_peak(suv, mask),
        "local_pv": peak_over(suv, mask, hottest, PeakVariant.PARTIAL_VOLUME),
        "global_pv": suv_peak(suv, mask, PeakVariant.PARTIAL_VOLUME),
    }
    assert {key: peak.value for key, peak in found.items()} == pytest.approx(
        {key: row[key] for key in found}, abs=1e-6
    )


def test_the_realised_volume_is_told_and_clipped_at_the_border() -> None:
    array, roi = corner()
    suv = image(array, (2.0, 2.0, 2.0))
    inside = Mask.of(box(array.shape, 5, 6), suv.grid)
    assert suv_peak(suv, inside).volume_ml == pytest.approx(0.984)
    assert suv_peak(suv, Mask.of(roi, suv.grid)).volume_ml < 0.5


def test_the_centre_is_in_patient_space() -> None:
    array, roi = single_hot_voxel()
    peak = suv_peak(
        image(array, (4.0, 4.0, 4.0)), Mask.of(roi, Grid(roi.shape, np.diag([4.0, 4, 4, 1])))
    )
    assert peak.value == pytest.approx(1.163684, abs=1e-6)
    assert np.abs(np.array(peak.centre_mm) - 28.0).max() <= 4.0 * 2


def test_an_empty_or_foreign_mask_has_no_peak() -> None:
    suv = image(np.ones((5, 5, 5)), (4.0, 4.0, 4.0))
    with pytest.raises(InputError, match="empty"):
        suv_peak(suv, Mask.of(np.zeros((5, 5, 5), dtype=np.bool_), suv.grid))
    other = image(np.ones((5, 5, 5)), (3.0, 3.0, 3.0))
    with pytest.raises(GeometryError):
        suv_peak(suv, Mask.of(np.ones((5, 5, 5), dtype=np.bool_), other.grid))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), step=st.sampled_from([2.0, 3.27, 4.07, 5.3]))
def test_the_global_peak_is_that_of_a_convolution(seed: int, step: float) -> None:
    random = np.random.default_rng(seed)
    array = random.random((12, 11, 10))
    roi = random.random(array.shape) > 0.7
    roi[5, 5, 5] = True
    suv = image(array, (step, step, step))
    kernel = sphere(suv.grid.spacing_mm)
    sums = ndimage.convolve(array, kernel, mode="constant")
    counts = ndimage.convolve(np.ones_like(array), kernel, mode="constant")
    expected = (sums / counts)[roi].max()
    assert suv_peak(suv, Mask.of(roi, suv.grid)).value == pytest.approx(expected, rel=1e-12)


#: IBSI 1 digital phantom (CC BY 4.0), 5 x 4 x 4 voxels of 2 mm, slice by slice.
PHANTOM = [
    [[1, 1, 4, 4], [4, 4, 1, 4], [4, 6, 6, 6], [1, 1, 4, 4], [1, 1, 1, 1]],
    [[1, 1, 1, 4], [4, 1, 1, 4], [4, 6, 3, 6], [1, 1, 1, 1], [1, 1, 1, 1]],
    [[1, 1, 1, 1], [4, 1, 1, 1], [4, 1, 9, 6], [1, 1, 1, 1], [1, 1, 1, 1]],
    [[1, 1, 1, 1], [4, 1, 1, 1], [4, 1, 1, 6], [1, 1, 1, 1], [1, 1, 1, 1]],
]
#: The voxels (i, j, k) that are not in its mask.
OUTSIDE = [(0, 2, 1), (2, 2, 2), (3, 0, 2), (4, 0, 2), (3, 0, 3), (4, 0, 3)]


def test_the_ibsi_digital_phantom(pet_truth: Callable[[str], Any]) -> None:
    array = np.array(PHANTOM, dtype=np.float64).transpose(1, 2, 0)
    roi = np.ones(array.shape, dtype=np.bool_)
    roi[tuple(np.array(OUTSIDE).T)] = False
    suv = image(array, (2.0, 2.0, 2.0))
    mask = Mask.of(roi, suv.grid)
    found = uptake(suv, mask)
    ours = {
        "morph_vol_approx": found.mtv_ml * 1000.0,
        "stat_mean": found.suv_mean,
        "stat_var": found.suv_sd**2,
        "stat_median": found.suv_median,
        "stat_min": found.suv_min,
        "stat_max": found.suv_max,
        "loc_peak_loc": suv_peak(suv, mask, PeakVariant.LOCAL).value,
        "loc_peak_glob": found.suv_peak.value,
    }
    rows = pet_truth("ibsi_digital_phantom.json")["digital_phantom"]
    assert {row["tag"] for row in rows} == set(ours)
    for row in rows:
        rounded = float(f"{ours[row['tag']]:.3g}")
        assert abs(rounded - row["value"]) <= row["tolerance"], row["tag"]
