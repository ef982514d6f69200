"""Registration of a drawn patient who moved, was cropped or is someone else; and landmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
from scipy.spatial import KDTree

from imaging.beside import NOBODY, Beside
from imaging.errors import GeometryError, UnsupportedError
from imaging.registration import (
    LesionSpheres,
    Registration,
    RegistrationMethod,
    RegistrationQuality,
    as_anatomy,
    refined_at,
    register,
    register_dates,
)
from imaging.registration.flow import SMOOTHED_TO, _smooth
from imaging.registration.reduction import reduced
from imaging.registration.shifts import best_translation_mm
from imaging.registration.warping import _doubled
from imaging.volume import FloatArray, Grid, Mask, Unit, Volume

GRID = Grid((72, 56, 48), np.diag([4.0, 4.0, 4.0, 1.0]))
MIDDLE = np.array([142.0, 110.0, 94.0])


def anatomy(points: FloatArray, seed: int = 0) -> FloatArray:
    """HU of a drawn trunk: an oval body with spine, two lungs and round organs."""
    x, y, z = np.moveaxis(points - MIDDLE, -1, 0)
    hu = np.full(x.shape, -1000.0)
    # the trunk widens downwards, so that slices differ
    body = (x / (110 + 0.12 * z)) ** 2 + (y / (75 + 0.08 * z)) ** 2 < 1
    hu[body] = 30.0
    for side in (-1, 1):
        lung = ((x - side * 50) / 32) ** 2 + (y / 42) ** 2 + ((z + 40) / 60) ** 2 < 1
        hu[lung] = -800.0
    spine = (x / 16) ** 2 + ((y - 45) / 16) ** 2 < 1
    hu[spine & (np.sin(z / 5) > -0.6)] = 240.0
    random = np.random.default_rng(seed)
    for centre, radius, value in zip(
        random.uniform((-80, -45, 25), (80, 40, 90), (14, 3)),
        random.uniform(8, 20, 14),
        random.uniform(-90, 200, 14),
        strict=True,
    ):
        hu[np.linalg.norm(np.stack([x, y, z], -1) - centre, axis=-1) < radius] = value
    return hu


def bent(points: FloatArray, by_mm: float) -> FloatArray:
    """The trunk bends sideways along its length."""
    moved = points.copy()
    moved[..., 0] += by_mm * np.sin(points[..., 2] / 35)
    return moved


def scan(
    grid: Grid, to_anatomy: FloatArray | None = None, *, seed: int = 0, bend_mm: float = 0.0
) -> Volume:
    """A CT of the anatomy after a motion: ``to_anatomy`` (4 x 4) maps scanner to body."""
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    if to_anatomy is not None:
        points = points @ to_anatomy[:3, :3].T + to_anatomy[:3, 3]
    points = bent(points, bend_mm)
    noise = np.random.default_rng(7).normal(0, 8, grid.shape)
    return Volume(anatomy(points, seed) + noise, grid, Unit.HU)


def motion(degrees: float, shift_mm: tuple[float, float, float]) -> FloatArray:
    """4 x 4, body at the first date to scanner at the second: a turn about z, then a shift."""
    turn = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:3, 3] = MIDDLE - matrix[:3, :3] @ MIDDLE + np.array(shift_mm)
    return matrix


def landmarks() -> FloatArray:
    return MIDDLE + np.random.default_rng(3).uniform((-70, -40, -60), (70, 40, 60), (60, 3))


def error_mm(found: Registration, true: FloatArray) -> FloatArray:
    points = landmarks()
    moved = points @ true[:3, :3].T + true[:3, 3]
    return np.asarray(np.linalg.norm(found.to_moving_mm(points) - moved, axis=1))


FIXED = scan(GRID)


def test_a_patient_who_moved_is_found_again() -> None:
    true = motion(4.0, (14.0, -9.0, 18.0))
    found = register(FIXED, scan(GRID, np.linalg.inv(true)), deformable=False)
    assert found.quality.method is RegistrationMethod.RIGID
    assert error_mm(found, true).mean() < 1.0
    assert found.quality.similarity_after > found.quality.similarity_before


def test_a_deformation_leaves_a_rigid_motion_in_place_and_can_be_inverted() -> None:
    true = motion(-3.0, (-8.0, 6.0, 10.0))
    found = register(FIXED, scan(GRID, np.linalg.inv(true)))
    assert found.quality.method is RegistrationMethod.DEFORMABLE
    assert error_mm(found, true).mean() < 1.5
    points = landmarks()
    assert found.to_fixed_mm(found.to_moving_mm(points)) == pytest.approx(points, abs=0.1)
    assert 0.3 < found.quality.jacobian_min <= 1 <= found.quality.jacobian_max < 3


def test_a_smaller_field_of_view_at_another_table_position_is_found() -> None:
    """Only the lower half was scanned, and the scanner counts its table from elsewhere."""
    true = motion(2.0, (40.0, 25.0, 400.0))
    crop = GRID.crop((6, 4, 20), (60, 48, 26))
    affine = crop.affine.copy()
    affine[:3, 3] += (40.0, 25.0, 400.0)
    moving = scan(Grid(crop.shape, affine), np.linalg.inv(true))
    found = register(FIXED, moving, deformable=False)
    assert found.quality.method is RegistrationMethod.RIGID
    assert error_mm(found, true).mean() < 2.0
    assert found.quality.overlap < 0.75


def test_orientation_and_spacing_of_the_grid_do_not_matter() -> None:
    true = motion(0.0, (6.0, -4.0, 8.0))
    affine = np.diag([-3.0, 3.0, -5.0, 1.0])
    affine[:3, 3] = GRID.to_world_mm((71, 0, 47))
    moving = scan(Grid((94, 74, 38), affine), np.linalg.inv(true))
    assert error_mm(register(FIXED, moving, deformable=False), true).mean() < 1.5


def test_a_mask_is_carried_back_to_the_first_date() -> None:
    true = motion(4.0, (14.0, -9.0, 18.0))
    found = register(FIXED, scan(GRID, np.linalg.inv(true)), deformable=False)
    centre = MIDDLE + np.array([30, 10, 20])
    there = centre @ true[:3, :3].T + true[:3, 3]
    place = GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
    mask = Mask.of(np.linalg.norm(place - there, axis=-1) < 20, GRID)
    back = found.warp_mask(mask, GRID)
    assert back.centre_mm == pytest.approx(centre, abs=2.5)  # voxels of 4 mm
    assert back.volume_ml == pytest.approx(mask.volume_ml, rel=0.1)
    beyond = GRID.crop((500, 500, 500), (4, 4, 4))
    assert found.warp_mask(mask, beyond).voxels == 0


def test_a_deformation_follows_a_body_that_bends() -> None:
    motion_mm = motion(2.0, (5.0, 5.0, 5.0))
    moving = scan(GRID, np.linalg.inv(motion_mm), bend_mm=8.0)
    found, again = register(FIXED, moving), register(FIXED, moving)
    rigid = register(FIXED, moving, deformable=False)
    points = landmarks()
    true = bent(points, -8.0) @ motion_mm[:3, :3].T + motion_mm[:3, 3]
    errors = [
        np.linalg.norm(each.to_moving_mm(points) - true, axis=1).mean() for each in (rigid, found)
    ]
    assert found.quality.method is RegistrationMethod.DEFORMABLE
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 2.5
    # and the same images give the same registration, to the last digit
    assert found.displacement_mm is not None
    assert again.displacement_mm is not None
    assert (found.rigid == again.rigid).all()
    assert (found.displacement_mm == again.displacement_mm).all()


def test_an_image_of_nothing_is_reported_not_registered() -> None:
    empty = Volume(np.full(GRID.shape, -1000.0), GRID, Unit.HU)
    for fixed, moving in ((FIXED, empty), (empty, FIXED), (empty, empty)):
        found = register(fixed, moving)
        assert found.quality.method is RegistrationMethod.IDENTITY
        assert found.quality.flags
        assert found.to_moving_mm(landmarks()) == pytest.approx(landmarks())


def test_something_else_is_reported_not_registered() -> None:
    """A phantom of bars has nothing in common with the trunk."""
    bars = np.where(np.indices(GRID.shape)[0] % 12 < 6, 40.0, -1000.0)
    found = register(FIXED, Volume(bars, GRID, Unit.HU), spacing_mm=8.0)
    assert found.quality.method is RegistrationMethod.IDENTITY
    assert "scanner coordinates" in found.quality.flags[0]


def test_a_few_slices_are_registered_rigidly_only() -> None:
    slab = GRID.crop((0, 0, 22), (72, 56, 5))
    found = register(scan(slab), scan(slab, np.linalg.inv(motion(0.0, (6.0, 4.0, 0.0)))))
    assert found.quality.method is RegistrationMethod.RIGID
    assert "too thin" in found.quality.flags[0]


def test_a_date_that_shares_nothing_with_the_first_is_aligned_through_the_one_between() -> None:
    """Chest, then chest and abdomen, then abdomen at another table position."""
    chest, abdomen = GRID.crop((0, 0, 0), (72, 56, 22)), GRID.crop((0, 0, 30), (72, 56, 18))
    first, second = motion(2.0, (6.0, -4.0, 9.0)), motion(-2.0, (-7.0, 5.0, 30.0))
    volumes = [
        scan(chest),
        scan(GRID, np.linalg.inv(first)),
        scan(abdomen, np.linalg.inv(second)),
    ]
    none, by_first, by_second = register_dates(volumes, deformable=False)
    assert none is None
    assert by_first is not None
    assert by_second is not None
    assert error_mm(by_first, first).mean() < 2.0
    assert by_second.quality.flags == ("aligned through the date before",)
    assert error_mm(by_second, second).mean() < 4.0
    assert by_second.quality.expected_error_mm > by_first.quality.expected_error_mm


def test_a_patient_who_lies_turned_is_found() -> None:
    true = motion(14.0, (10.0, -6.0, 4.0))
    found = register(FIXED, scan(GRID, np.linalg.inv(true)), deformable=False)
    assert error_mm(found, true).mean() < 1.0


def test_a_motion_that_a_featureless_body_does_not_show_is_not_made() -> None:
    """A cylinder with two lesions, both unmoved; the second scan starts lower and is noisy."""
    x, y, z = np.moveaxis(GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1)), -1, 0)
    plain = np.where((x - 142) ** 2 + (y - 110) ** 2 < 85**2, 40.0, -1000.0)
    lesions = np.array([[110.0, 110.0, 70.0], [170.0, 120.0, 130.0]])
    volumes = []
    for seed, radii, first in ((1, (9, 8), 0), (2, (8, 9), 6)):
        hu = plain + np.random.default_rng(seed).normal(0, 12, GRID.shape)
        for place, radius in zip(lesions, radii, strict=True):
            hu[np.linalg.norm(np.stack([x, y, z], -1) - place, axis=-1) < radius] += 60
        part = GRID.crop((0, 0, first), (72, 56, 48 - first))
        volumes.append(Volume(hu[:, :, first:], part, Unit.HU))
    found = register(*volumes)
    assert np.linalg.norm(found.to_moving_mm(lesions) - lesions, axis=1).max() < 2.0


def pushed(points: FloatArray, centre: FloatArray, by_mm: float) -> FloatArray:
    """Tissue within some 50 mm of a place lies elsewhere at the later date."""
    moved = points.copy()
    weight = np.exp(-np.sum((points - centre) ** 2, axis=-1) / (2 * 30.0**2))
    moved[..., 0] -= by_mm * weight
    return moved


def test_a_registration_is_refined_around_a_lesion_and_knows_its_error_there() -> None:
    """Vessels and a lesion moved by 5 mm; the rigid motion of the body knows nothing of it."""
    centre = MIDDLE + np.array([10.0, -10.0, 40.0])
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = centre - np.array([96, 80, 64])
    grid = Grid((96, 80, 64), affine)
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    spots = centre + np.random.default_rng(5).uniform(-60, 60, (150, 3))

    def tissue(at: FloatArray, lesion_mm: float) -> FloatArray:
        near, _ = KDTree(spots).query(at, distance_upper_bound=7.0)
        hu = np.where(near < 7.0, 150.0, 20.0)
        hu[np.sum((at - centre) ** 2, axis=-1) < lesion_mm**2] = 60.0
        return hu

    fixed = Volume(tissue(points, 10.0), grid, Unit.HU)
    moving = Volume(tissue(pushed(points, centre, 5.0), 6.0), grid, Unit.HU)
    coarse = Registration(
        grid, grid, np.eye(4), RegistrationQuality(RegistrationMethod.RIGID, 0.9, 0.9, 1.0)
    )
    close = refined_at(coarse, fixed, moving, LesionSpheres(centre[None], np.array([10.0])))
    off = np.linalg.norm(close.to_moving_mm(centre) - centre - np.array([5.0, 0.0, 0.0]))
    assert off < 1.5
    assert off <= close.error_mm(centre)[0] < coarse.error_mm(centre)[0]
    # what lies far from any lesion is as sure as before, and the way back is known
    far = centre + np.array([[0.0, 70.0, 0.0]])
    assert close.to_moving_mm(far) == pytest.approx(far)
    assert close.error_mm(far)[0] == coarse.quality.expected_error_mm
    assert close.to_fixed_mm(close.to_moving_mm(centre))[0] == pytest.approx(centre, abs=0.1)


def test_a_place_outside_of_the_other_image_is_left_as_it_is() -> None:
    found = Registration(
        GRID, GRID, np.eye(4), RegistrationQuality(RegistrationMethod.RIGID, 0.9, 0.9, 1.0)
    )
    beyond = np.array([[900.0, 0.0, 0.0]])
    assert refined_at(found, FIXED, FIXED, LesionSpheres(beyond, np.array([5.0]))).places is None
    assert (
        refined_at(found, FIXED, FIXED, LesionSpheres(np.zeros((0, 3)), np.zeros(0))).places is None
    )


def test_dates_are_refined_around_the_lesions_of_both() -> None:
    true = motion(2.0, (5.0, 5.0, 5.0))
    moving = scan(GRID, np.linalg.inv(true), bend_mm=6.0)
    here = LesionSpheres(MIDDLE + np.array([[30.0, 0.0, 40.0]]), np.array([6.0]))
    there = LesionSpheres(MIDDLE + np.array([[-40.0, 10.0, 55.0]]), np.array([5.0]))
    _, found = register_dates([FIXED, moving], lesions=[here, there])
    assert found is not None
    assert found.places is not None
    assert len(found.places.centres_mm) == 2
    back = found.to_moving_mm(found.to_fixed_mm(there.centres_mm))
    assert back == pytest.approx(there.centres_mm, abs=0.1)


def test_dates_are_registered_alike_by_several_processes(beside: Beside) -> None:
    moving = scan(GRID, np.linalg.inv(motion(2.0, (5.0, 5.0, 5.0))))
    lesions = LesionSpheres(MIDDLE + np.array([[30.0, 0.0, 40.0]]), np.array([6.0]))
    one, other = (
        register_dates([FIXED, moving], lesions=[lesions] * 2, deformable=False, beside=each)[1]
        for each in (NOBODY, beside)
    )
    assert one is not None
    assert other is not None
    assert one.quality == other.quality
    assert (one.rigid == other.rigid).all()
    places = lesions.centres_mm
    assert (one.to_moving_mm(places) == other.to_moving_mm(places)).all()
    assert (one.error_mm(places) == other.error_mm(places)).all()
    assert other.bent


def test_the_best_translation_needs_no_guess() -> None:
    """Of a part, and of the whole at another place: to a voxel of the coarse grid."""
    part = GRID.crop((8, 6, 12), (56, 44, 30))
    fixed, moving = (reduced(scan(grid), 4.0) for grid in (GRID, part))
    assert best_translation_mm(fixed, moving) == pytest.approx(np.zeros(3), abs=4.01)
    true = motion(0.0, (16.0, -8.0, 24.0))
    shifted = reduced(scan(GRID, np.linalg.inv(true)), 4.0)
    assert best_translation_mm(fixed, shifted) == pytest.approx([16.0, -8.0, 24.0], abs=4.01)


def test_only_ct_is_registered() -> None:
    with pytest.raises(UnsupportedError, match="CT"):
        register(FIXED, Volume(np.zeros(GRID.shape), GRID, Unit.SUV_BW))
    with pytest.raises(GeometryError, match="spacing"):
        register(FIXED, FIXED, spacing_mm=0.0)


def read_dicom(folder: Path) -> Volume:
    """The CT slices of a folder, sorted along the patient: enough for a test of registration."""
    import pydicom  # noqa: PLC0415 - only the tests on real images need it

    headers = sorted(
        (pydicom.dcmread(path) for path in folder.glob("*.dcm")),
        key=lambda header: float(header.ImagePositionPatient[2]),
    )
    first, second = (np.array(h.ImagePositionPatient, dtype=float) for h in headers[:2])
    affine = np.eye(4)
    row_mm, column_mm = (float(step) for step in headers[0].PixelSpacing)
    affine[:3, 0] = np.array(headers[0].ImageOrientationPatient[:3], dtype=float) * column_mm
    affine[:3, 1] = np.array(headers[0].ImageOrientationPatient[3:], dtype=float) * row_mm
    affine[:3, 2] = second - first
    affine[:3, 3] = first
    pixels = np.stack([header.pixel_array for header in headers]).astype(np.float32)
    hu = pixels * float(headers[0].RescaleSlope) + float(headers[0].RescaleIntercept)
    i, j, k = hu.T.shape
    return Volume(hu.T, Grid((i, j, k), affine), Unit.HU)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "follow_up"),
    [
        pytest.param("lung-abscopal", "fu1", marks=pytest.mark.long),
        pytest.param("lung-abscopal", "fu2", marks=pytest.mark.long),
        ("lung-abscopal", "fu3"),
        pytest.param("pet-sarcoma", "fu1", marks=pytest.mark.long),
        ("pet-sarcoma", "fu2"),
    ],
)
def test_landmarks_of_the_simulated_patients_are_found(
    data_dir: Path, study: str, follow_up: str
) -> None:
    """Outside of the zones where a shrinking lesion was painted; 7 to 12 mm before."""
    folder = data_dir / "longitudinal" / study
    truths = [
        json.loads((folder / "truth" / f"{name}.json").read_text())
        for name in ("baseline", follow_up)
    ]
    found = register(
        read_dicom(folder / "baseline" / "CT"),
        read_dicom(folder / follow_up / "CT"),
        lesions=(lesions_of(truths[0]), lesions_of(truths[1])),
    )
    landmarks = truths[1]["transform"]["landmarks"]
    marks = [mark for mark in landmarks if not mark["in_lesion_warp_zone"]]
    points = np.array([mark["baseline_lps_mm"] for mark in marks])
    true = np.array([mark["followup_lps_mm"] for mark in marks])
    rigid = Registration(found.fixed_grid, found.moving_grid, found.rigid, found.quality)
    before, by_rigid, after = (
        np.linalg.norm(place - true, axis=1)
        for place in (points, rigid.to_moving_mm(points), found.to_moving_mm(points))
    )
    assert found.quality.method is RegistrationMethod.DEFORMABLE
    assert np.median(before) > 6.0
    assert np.median(by_rigid) < 1.6
    assert np.median(after) < min(0.8, float(np.median(by_rigid)))
    assert after[[not mark["kind"].startswith("centroid") for mark in marks]].max() < 4.5
    # At the lesions it knows how far off it may be.
    assert found.places is not None
    near = found.error_mm(points) != found.quality.expected_error_mm
    assert near.any()
    assert (after[near] <= found.error_mm(points)[near]).all()


def lesions_of(truth: dict[str, Any]) -> LesionSpheres:
    """What was painted or contoured at a date."""
    present = [lesion for lesion in truth["lesions"] if lesion["present"]]
    volumes = np.array([lesion["volume_ml"] for lesion in present])
    centres = np.array([lesion["centroid_lps_mm"] for lesion in present])
    return LesionSpheres(centres, np.cbrt(volumes * 1000 * 3 / (4 * np.pi)))


def uptake(shift_mm: tuple[float, float, float], tumour_suv: float) -> Volume:
    """A drawn FDG PET: liver, kidneys, heart, lungs and a tumour, moved as a whole."""
    x, y, z = np.moveaxis(GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1)), -1, 0)
    x, y, z = (a - m - s for a, m, s in zip((x, y, z), MIDDLE, shift_mm, strict=True))
    suv = np.full(GRID.shape, 0.02)
    suv[(x / (110 + 0.1 * z)) ** 2 + (y / (75 + 0.06 * z)) ** 2 < 1] = 0.6
    organs = (
        ((-50, 0, -40), (32, 42, 60), 0.35),
        ((50, 0, -40), (32, 42, 60), 0.35),
        ((-45, -5, 55), (45, 40, 30), 2.3),
        ((20, -20, -10), (25, 22, 25), 3.4),
        ((-40, 35, 70), (14, 14, 22), 4.5),
        ((40, 35, 70), (14, 14, 22), 4.5),
        ((60, 10, -50), (14, 14, 14), tumour_suv),
    )
    for centre, half, value in organs:
        parts = [((a - c) / h) ** 2 for a, c, h in zip((x, y, z), centre, half, strict=True)]
        suv[sum(parts) < 1] = value
    noise = np.random.default_rng(round(tumour_suv)).normal(0, 0.1, GRID.shape)
    return Volume(np.clip(suv * (1 + noise), 0, None).astype(np.float32), GRID, Unit.SUV_BW)


def test_a_pet_is_aligned_by_its_anatomy_while_the_tumour_goes() -> None:
    """Shifted by a known way; the tumour loses its uptake, and does not pull."""
    pair = [as_anatomy(uptake((0, 0, 0), 12.0)), as_anatomy(uptake((12, -8, 10), 1.0))]
    found = register_dates(pair, deformable=False)[1]
    assert found is not None
    assert found.quality.good
    there = found.to_moving_mm(MIDDLE[None])[0] - MIDDLE
    assert np.linalg.norm(there - (12, -8, 10)) < 2.0


def test_only_suv_stands_for_anatomy() -> None:
    with pytest.raises(UnsupportedError, match="not an SUV"):
        as_anatomy(Volume(np.zeros(GRID.shape, np.float32), GRID, Unit.CNTS))


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_nodes_are_smoothed_as_by_a_filter(sigma: float) -> None:
    values = np.random.default_rng(0).normal(size=(2, 3, 1, 9)).astype(np.float32)
    near = scipy.ndimage.gaussian_filter(
        values, sigma, mode="nearest", truncate=SMOOTHED_TO, axes=(1, 2, 3)
    )
    assert np.allclose(_smooth(values, sigma), near, atol=1e-5)


def test_voxels_lie_between_the_nodes_around_them() -> None:
    nodes = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype(np.float32)
    found = _doubled(nodes)
    assert found.shape == (3, 2, 4, 6)
    at = [np.repeat(np.arange(1, n - 1), 2) + np.tile([-0.25, 0.25], n - 2) for n in (3, 4, 5)]
    index = np.stack(np.meshgrid(*at, indexing="ij"))
    for own, axis in zip(found, nodes, strict=True):
        assert np.allclose(own, scipy.ndimage.map_coordinates(axis, index, order=1), atol=1e-5)
