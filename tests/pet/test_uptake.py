"""Uptake of drawn lesions, whole-body totals, and the sarcoma patient with known truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from imaging.errors import GeometryError, InputError
from imaging.volume import Array, Grid, Mask, Unit, Volume
from pet.peak import PeakVariant, suv_peak
from pet.suv import to_suv
from pet.uptake import (
    Between,
    UptakeThreshold,
    burden,
    burden_by_field,
    dmax_mm,
    metabolic_mask,
    on_pet_grid,
    uptake,
)

GRID = Grid((20, 20, 20), np.diag([4.0, 4.0, 5.0, 1.0]), "1.2.3")
VOXEL_ML = 0.08


def cube(start: tuple[int, int, int], side: int = 2) -> Mask:
    return Mask(np.ones((side, side, side), dtype=np.bool_), start, GRID)


def body(**hot: float) -> Volume:
    """Background 1, and cubes of two voxels' side: ``at_2_2_2=8``."""
    array = np.ones(GRID.shape, dtype=np.float32)
    for name, value in hot.items():
        i, j, k = (int(part) for part in name.split("_")[1:])
        array[i : i + 2, j : j + 2, k : k + 2] = value
    return Volume(array, GRID, Unit.SUV_BW, "drawn")


def test_a_lesion_of_two_levels() -> None:
    suv = body(at_2_2_2=8.0, at_4_2_2=4.0)
    lesion = Mask(np.ones((4, 2, 2), dtype=np.bool_), (2, 2, 2), GRID)
    found = uptake(suv, lesion)
    assert (found.suv_max, found.suv_mean, found.suv_min, found.suv_median) == (8.0, 6.0, 4.0, 6.0)
    assert found.suv_sd == pytest.approx(2.0)
    assert found.mtv_ml == pytest.approx(16 * VOXEL_ML)
    assert found.tlg == pytest.approx(6.0 * 16 * VOXEL_ML)
    assert found.max_mm == (8.0, 8.0, 10.0)
    assert found.suv_peak.variant is PeakVariant.GLOBAL


@pytest.mark.parametrize(
    ("threshold", "name", "voxels"),
    [
        (UptakeThreshold.fixed(), "SUV>=4", 16),
        (UptakeThreshold.fixed(4.5), "SUV>=4.5", 8),
        (UptakeThreshold.relative(), "41%max", 16),
        (UptakeThreshold.relative(0.6), "60%max", 8),
        (UptakeThreshold("1.5xliver+2SD", value=1.5 * 2.0 + 2 * 0.2), "1.5xliver+2SD", 16),
        (UptakeThreshold("1.5xliver+2SD", value=1.5 * 3.0 + 2 * 0.5), "1.5xliver+2SD", 8),
    ],
)
def test_metabolic_volume_by_thresholds(threshold: UptakeThreshold, name: str, voxels: int) -> None:
    suv = body(at_2_2_2=8.0, at_4_2_2=4.0)
    lesion = Mask(np.ones((5, 2, 2), dtype=np.bool_), (2, 2, 2), GRID)
    found = burden(suv, [lesion], threshold=threshold)
    assert threshold.name == name
    assert found.mtv_ml == pytest.approx(voxels * VOXEL_ML)
    assert found.tlg == pytest.approx((8.0 * 8 + 4.0 * (voxels - 8)) * VOXEL_ML)


def test_a_threshold_is_a_value_or_a_share() -> None:
    with pytest.raises(InputError, match="either"):
        UptakeThreshold("both", value=4.0, share=0.4)
    with pytest.raises(InputError, match="either"):
        UptakeThreshold("neither")


def test_the_body_counts_shared_voxels_once() -> None:
    suv = body(at_2_2_2=8.0, at_10_2_2=5.0)
    lesions = [cube((2, 2, 2)), cube((2, 2, 2)), cube((10, 2, 2))]
    found = burden(suv, lesions)
    assert found.lesions == 3
    assert found.mtv_ml == pytest.approx(16 * VOXEL_ML)
    assert found.tlg == pytest.approx((8 * 8.0 + 8 * 5.0) * VOXEL_ML)
    assert found.suv_max == 8.0
    assert found.dmax_mm == pytest.approx(32.0)


def test_lesions_below_the_threshold_do_not_count() -> None:
    suv = body(at_2_2_2=8.0, at_10_2_2=3.0)
    found = burden(suv, [cube((2, 2, 2)), cube((10, 2, 2))], threshold=UptakeThreshold.fixed())
    assert (found.lesions, found.dmax_mm) == (1, 0.0)
    nothing = burden(suv, [cube((10, 2, 2))], threshold=UptakeThreshold.fixed())
    assert (nothing.lesions, nothing.mtv_ml, nothing.suv_max) == (0, 0.0, None)


def test_totals_inside_and_outside_of_the_field() -> None:
    suv = body(at_2_2_2=8.0, at_10_2_2=5.0, at_10_10_10=6.0)
    lesions = [cube((2, 2, 2)), cube((10, 2, 2)), cube((10, 10, 10))]
    found = burden_by_field(suv, lesions, ["in", "out", "out"], threshold=UptakeThreshold.fixed())
    assert list(found) == ["in", "out"]
    assert found["in"].tlg == pytest.approx(8 * 8.0 * VOXEL_ML)
    assert found["out"].lesions == 2
    assert found["out"].dmax_mm == pytest.approx(np.hypot(8 * 4.0, 8 * 5.0))


def test_dmax_between_centroids_and_between_voxels() -> None:
    lesions = [cube((2, 2, 2)), cube((10, 2, 2))]
    assert dmax_mm(lesions) == pytest.approx(32.0)
    outer = np.linalg.norm([9 * 4.0, 4.0, 5.0])
    assert dmax_mm(lesions, between=Between.VOXELS) == pytest.approx(outer)


def test_dmax_of_many_points_uses_their_hull() -> None:
    random = np.random.default_rng(3)
    full = random.random(GRID.shape) > 0.5
    whole = Mask.of(full, GRID)
    points = GRID.to_world_mm(np.argwhere(full))
    longest = max(float(np.linalg.norm(points - one, axis=1).max()) for one in points[::7])
    assert dmax_mm([whole], between=Between.VOXELS) >= longest
    flat = np.zeros(GRID.shape, dtype=np.bool_)
    flat[:, :, 3] = True
    assert dmax_mm([Mask.of(flat, GRID)], between=Between.VOXELS) == pytest.approx(
        np.hypot(19 * 4.0, 19 * 4.0)
    )


def test_a_mask_of_another_grid_goes_to_the_pet_grid() -> None:
    fine = Grid((80, 80, 100), np.diag([1.0, 1.0, 1.0, 1.0]), "1.2.3")
    lesion = Mask(np.ones((16, 16, 15), dtype=np.bool_), (8, 8, 10), fine)
    moved = on_pet_grid(lesion, GRID)
    assert moved.grid is GRID
    assert moved.volume_ml == pytest.approx(lesion.volume_ml, rel=0.1)
    with pytest.raises(GeometryError, match="different grids"):
        uptake(body(), lesion)


def test_masks_of_another_frame_of_reference_are_refused() -> None:
    other = Grid(GRID.shape, GRID.affine, "9.9.9")
    with pytest.raises(GeometryError, match="FrameOfReferenceUID"):
        on_pet_grid(Mask(np.ones((2, 2, 2), dtype=np.bool_), (0, 0, 0), other), GRID)


def test_a_mask_between_the_voxels_is_told() -> None:
    fine = Grid((80, 80, 100), np.diag([1.0, 1.0, 1.0, 1.0]), "1.2.3")
    speck = Mask(np.ones((1, 1, 1), dtype=np.bool_), (2, 2, 2), fine)
    with pytest.raises(GeometryError, match="no voxel centre"):
        on_pet_grid(speck, GRID)


def test_an_empty_delineation_has_no_uptake() -> None:
    empty = Mask(np.zeros((0, 0, 0), dtype=np.bool_), (0, 0, 0), GRID)
    with pytest.raises(InputError, match="empty"):
        uptake(body(), empty)
    assert metabolic_mask(body(), empty, UptakeThreshold.relative()).voxels == 0


# --- The sarcoma patient: real anatomy, three dates ------------------------------------------


def sarcoma(folder: Path) -> Volume:
    headers = sorted(
        (pydicom.dcmread(path) for path in folder.glob("*.dcm")),
        key=lambda header: float(header.ImagePositionPatient[2]),
    )
    stack: list[Array] = [h.pixel_array.T * np.float64(h.RescaleSlope) for h in headers]
    row, column = headers[0].PixelSpacing
    low, next_one = (np.array(headers[n].ImagePositionPatient, dtype=float) for n in (0, 1))
    affine = np.diag([float(column), float(row), float(next_one[2] - low[2]), 1.0])
    affine[:3, 3] = low
    array = np.stack(stack, axis=-1)
    grid = Grid((array.shape[0], array.shape[1], array.shape[2]), affine)
    return to_suv(Volume(array, grid, Unit.BQML), headers)[0]


@pytest.mark.data
@pytest.mark.parametrize("date", ["baseline", "fu1", "fu2"])
def test_the_sarcoma_holds_its_truth(date: str, data_dir: Path) -> None:
    import nibabel  # noqa: PLC0415 - only here

    folder = data_dir / "longitudinal" / "pet-sarcoma"
    truth = json.loads((folder / "truth" / f"{date}.json").read_text())["lesions"][0]["pet"]
    suv = sarcoma(folder / date / "PET")
    labels = nibabel.load(folder / "truth" / f"{date}_labels_pet.nii.gz")
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ labels.affine
    steps = [int(step) for step in np.sign(np.diag(to_lps)[:3])]
    label = np.asarray(labels.dataobj)[:: steps[0], :: steps[1], :: steps[2]] == 1
    lesion = Mask.of(label, suv.grid)
    found = uptake(suv, lesion)
    relative = burden(suv, [lesion], threshold=UptakeThreshold.relative())
    fixed = burden(suv, [lesion], threshold=UptakeThreshold.fixed())
    ours = {
        "suvmax": found.suv_max,
        "suvmean": found.suv_mean,
        "suvpeak_local": suv_peak(suv, lesion, PeakVariant.LOCAL).value,
        "suvpeak_global": found.suv_peak.value,
        "label_volume_ml": found.mtv_ml,
        "tlg_label": found.tlg,
    }
    assert ours == pytest.approx({key: truth[key] for key in ours}, rel=1e-4)
    at_41, at_4 = truth["mtv41_within_label"], truth["mtv_suv4_within_label"]
    assert (relative.mtv_ml, relative.tlg) == pytest.approx(
        (at_41["mtv_ml"], at_41["tlg"]), rel=1e-4
    )
    assert (fixed.mtv_ml, fixed.tlg) == pytest.approx((at_4["mtv_ml"], at_4["tlg"]), rel=2e-4)
    assert found.suv_peak.centre_mm == pytest.approx(truth["suvpeak_global_lps_mm"], abs=2e-3)
