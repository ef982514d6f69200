"""Reference regions on a drawn trunk: lungs, liver, spine, aorta, and what can be wrong."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from imaging.errors import GeometryError
from imaging.volume import Array, Grid, Mask, Unit, Volume
from pet.anatomy import descending_aorta, read_anatomy, right_lobe
from pet.reference_regions import (
    ReferenceRegion,
    RegionName,
    blood_pool_region,
    liver_region,
    measure,
    region_in,
)

#: Trunk in LPS mm: x from -180 (right) to 180, y from -120 (front) to 120, z up.
SHAPE, STEP = (93, 63, 91), 4.0
ORIGIN = (-184.0, -124.0, -180.0)
CT_GRID = Grid(SHAPE, np.array([[STEP, 0, 0, ORIGIN[0]], [0, STEP, 0, ORIGIN[1]],
                                [0, 0, STEP, ORIGIN[2]], [0, 0, 0, 1]]), "1.2.3")  # fmt: skip
PET_GRID = Grid((75, 51, 73), np.array([[5.0, 0, 0, -185], [0, 5.0, 0, -125],
                                        [0, 0, 5.0, -180], [0, 0, 0, 1]]), "1.2.3")  # fmt: skip
LIVER_AT, AORTA_AT = (-85.0, 0.0, -80.0), (32.0, 44.0)


def places(grid: Grid) -> tuple[Array, Array, Array]:
    i, j, k = np.indices(grid.shape, sparse=True)
    steps, origin = grid.spacing_mm, grid.origin_mm
    return i * steps[0] + origin[0], j * steps[1] + origin[1], k * steps[2] + origin[2]


def ellipsoid(
    grid: Grid, at: tuple[float, float, float], half: tuple[float, float, float]
) -> Array:
    parts = [((place - a) / b) ** 2 for place, a, b in zip(places(grid), at, half, strict=True)]
    return parts[0] + parts[1] + parts[2] <= 1.0


def column(grid: Grid, at: tuple[float, float], half: tuple[float, float]) -> Array:
    x, y, z = places(grid)
    return ((x - at[0]) / half[0]) ** 2 + ((y - at[1]) / half[1]) ** 2 + 0 * z <= 1.0


@lru_cache(maxsize=4)
def trunk(*, aorta_hu: float = 45.0) -> Volume:
    hu = np.full(SHAPE, -1000.0, dtype=np.float32)
    hu[column(CT_GRID, (0, 0), (170, 110))] = -80.0  # fat
    hu[column(CT_GRID, (0, 0), (155, 95))] = 45.0  # soft tissue
    for side in (-80.0, 80.0):
        hu[ellipsoid(CT_GRID, (side, 0.0, 90.0), (62.0, 78.0, 130.0))] = -800.0
    hu[ellipsoid(CT_GRID, LIVER_AT, (70.0, 80.0, 75.0))] = 60.0
    hu[ellipsoid(CT_GRID, (70.0, 0.0, -100.0), (70.0, 85.0, 60.0))] = -80.0  # bowel fat
    hu[column(CT_GRID, (0, 70), (22, 18))] = 450.0  # spine: cortical,
    hu[column(CT_GRID, (0, 70), (14, 10))] = 150.0  # and trabecular bone
    hu[column(CT_GRID, (22, 40), (22, 20)) & (hu > -100.0)] = -80.0  # mediastinal fat
    hu[column(CT_GRID, AORTA_AT, (13, 13))] = aorta_hu
    return Volume(hu, CT_GRID, Unit.HU)


def uptake(*, liver: float = 2.0, blood: float = 1.5, hot: tuple[float, ...] = ()) -> Volume:
    suv = np.full(PET_GRID.shape, 0.8, dtype=np.float32)
    suv[ellipsoid(PET_GRID, LIVER_AT, (70.0, 80.0, 75.0))] = liver
    suv[column(PET_GRID, AORTA_AT, (14, 14))] = blood
    if hot:
        suv[ellipsoid(PET_GRID, (hot[0], hot[1], hot[2]), (14.0, 14.0, 14.0))] = 9.0
    return Volume(suv, PET_GRID, Unit.SUV_LBM, "drawn")


def found(region: ReferenceRegion | None) -> ReferenceRegion:
    assert region is not None
    return region


def test_the_liver_is_found_deep_in_the_right_lobe() -> None:
    region = found(liver_region(uptake(), ct=trunk()))
    assert region.plausible
    assert region.automatic
    assert region.mean == pytest.approx(2.0)
    assert region.sd == pytest.approx(0.0, abs=1e-6)
    assert np.linalg.norm(np.subtract(region.centre_mm, LIVER_AT)) < 40.0
    assert region.mask.volume_ml == pytest.approx(14.1, rel=0.05)


def test_the_liver_sphere_keeps_away_from_lesions() -> None:
    plain = found(liver_region(uptake(), ct=trunk()))
    at = plain.centre_mm
    lesion = Mask.of(ellipsoid(PET_GRID, at, (14.0, 14.0, 14.0)), PET_GRID)
    hot = uptake(hot=at)
    region = found(liver_region(hot, ct=trunk(), lesions=[lesion]))
    assert region.plausible
    assert np.linalg.norm(np.subtract(region.centre_mm, at)) > 14.0 + 15.0
    assert region.suv_max == pytest.approx(2.0)


def test_a_focus_nobody_marked_moves_the_sphere_too() -> None:
    at = found(liver_region(uptake(), ct=trunk())).centre_mm
    region = found(liver_region(uptake(hot=at), ct=trunk()))
    assert region.plausible
    assert region.suv_max == pytest.approx(2.0)


def test_a_liver_without_a_plausible_place_is_returned_with_its_concerns() -> None:
    region = found(liver_region(uptake(liver=9.0), ct=trunk()))
    assert not region.plausible
    assert "mean uptake 9.00 is outside" in region.concerns[0]


@pytest.mark.parametrize("aorta_hu", [45.0, 300.0], ids=["plain", "enhanced"])
def test_the_blood_pool_is_found_in_the_descending_aorta(aorta_hu: float) -> None:
    region = found(blood_pool_region(uptake(), ct=trunk(aorta_hu=aorta_hu)))
    assert region.plausible
    assert region.mean == pytest.approx(1.5)
    assert np.linalg.norm(np.subtract(region.centre_mm[:2], AORTA_AT)) < 6.0


def test_without_lungs_in_the_field_nothing_is_guessed() -> None:
    leg = Volume(np.full((40, 40, 40), 50.0, dtype=np.float32),
                 Grid((40, 40, 40), np.diag([4.0, 4.0, 4.0, 1.0])), Unit.HU)  # fmt: skip
    assert read_anatomy(leg) is None
    assert liver_region(uptake(), ct=leg) is None
    assert blood_pool_region(uptake(), ct=leg) is None
    assert liver_region(uptake()) is None
    assert blood_pool_region(uptake()) is None


def test_a_chest_that_ends_above_the_liver_has_no_liver() -> None:
    whole = trunk()
    upper = whole.grid.crop((0, 0, 68), (SHAPE[0], SHAPE[1], 20))
    chest = Volume(whole.array[:, :, 68:88], upper, Unit.HU)
    anatomy = read_anatomy(chest)
    assert anatomy is not None
    assert not right_lobe(anatomy).size


def test_a_chest_without_spine_or_aorta_has_no_blood_pool() -> None:
    ct = np.array(trunk().array)
    ct[column(CT_GRID, (0, 70), (24, 20))] = 45.0
    anatomy = read_anatomy(Volume(ct, CT_GRID, Unit.HU))
    assert anatomy is not None
    assert descending_aorta(anatomy) is None


def test_the_reader_may_give_the_places() -> None:
    liver = found(liver_region(uptake(), centre_mm=LIVER_AT))
    assert (liver.automatic, liver.mean, liver.plausible) == (False, pytest.approx(2.0), True)
    blood = found(blood_pool_region(uptake(), centre_mm=(*AORTA_AT, 60.0)))
    assert blood.mean == pytest.approx(1.5)
    assert blood.plausible


def test_what_speaks_against_a_given_place_is_told() -> None:
    at = (LIVER_AT[0], LIVER_AT[1], LIVER_AT[2])
    lesion = Mask.of(ellipsoid(PET_GRID, at, (14.0, 14.0, 14.0)), PET_GRID)
    far = Mask.of(ellipsoid(PET_GRID, (80.0, 0.0, 100.0), (14.0, 14.0, 14.0)), PET_GRID)
    region = found(liver_region(uptake(hot=at), centre_mm=at, lesions=[lesion, far]))
    assert any("varies" in concern for concern in region.concerns)
    assert "1 lesion(s) within 10 mm" in region.concerns
    edge = found(liver_region(uptake(liver=1.0), centre_mm=(-85.0, 0.0, -180.0)))
    assert any("lie in the image" in concern for concern in edge.concerns)


def test_a_single_hot_voxel_is_a_focus() -> None:
    suv = np.array(uptake().array)
    i, j, k = (int(part) for part in np.rint(PET_GRID.to_voxel(LIVER_AT)))
    suv[i, j, k] = 4.0
    volume = Volume(suv, PET_GRID, Unit.SUV_LBM)
    region = found(liver_region(volume, centre_mm=LIVER_AT))
    assert any("a focus of 4.00" in concern for concern in region.concerns)


def test_a_region_outside_of_the_image_is_refused() -> None:
    with pytest.raises(GeometryError, match="outside"):
        liver_region(uptake(), centre_mm=(900.0, 0.0, 0.0))
    empty = Mask(np.zeros((0, 0, 0), dtype=np.bool_), (0, 0, 0), PET_GRID)
    with pytest.raises(GeometryError, match="empty"):
        measure(RegionName.LIVER, uptake(), empty)


def test_a_pet_that_does_not_reach_the_liver() -> None:
    upper = PET_GRID.crop((0, 0, 50), (75, 51, 20))
    suv = Volume(np.ones((75, 51, 20), dtype=np.float32), upper, Unit.SUV_LBM)
    assert liver_region(suv, ct=trunk()) is None


@pytest.mark.data
@pytest.mark.parametrize("name", ["4DLung_113", "LIDC0001", "LIDC0314"])
def test_real_chests_show_liver_and_aorta(name: str, data_dir: Path) -> None:
    """Native and enhanced; the places were looked at once, this holds them by their density."""
    import nibabel  # noqa: PLC0415 - only here

    image = nibabel.load(data_dir / "ct-lesions" / f"{name}_2mm_ct.nii.gz")
    array = np.asarray(image.dataobj)
    grid = Grid((array.shape[0], array.shape[1], array.shape[2]),
                np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine)  # fmt: skip
    ct = Volume(array, grid, Unit.HU)
    anatomy = read_anatomy(ct)
    assert anatomy is not None
    as_suv = Volume(array.astype(np.float32), grid, Unit.OTHER)
    liver = found(liver_region(as_suv, centre_mm=right_lobe(anatomy)[0]))
    assert 20.0 < liver.mean < 160.0
    aorta = descending_aorta(anatomy)
    assert aorta is not None
    assert float(aorta[0, 0]) > anatomy.midline_mm - 15.0
    blood = found(blood_pool_region(as_suv, centre_mm=aorta.mean(axis=0)))
    assert 10.0 < blood.mean < 500.0


def test_a_lesion_beside_the_aorta_is_told() -> None:
    """The blood pool has one place only: it is not moved, its concern is stated."""
    place = found(blood_pool_region(uptake(), ct=trunk())).centre_mm
    node = Mask.of(ellipsoid(PET_GRID, (place[0] + 15.0, place[1], place[2]), (8.0, 8.0, 8.0)),
                   PET_GRID)  # fmt: skip
    region = found(blood_pool_region(uptake(), ct=trunk(), lesions=[node]))
    assert region.concerns == ("1 lesion(s) within 10 mm",)


def test_lungs_that_lie_on_the_left_only_give_no_liver() -> None:
    ct = np.array(trunk().array)
    ct[: SHAPE[0] // 2][ct[: SHAPE[0] // 2] == -800.0] = 45.0  # a right lung full of fluid
    anatomy = read_anatomy(Volume(ct, CT_GRID, Unit.HU))
    assert anatomy is not None
    assert abs(anatomy.midline_mm) < 10.0
    assert not right_lobe(anatomy).size


def test_a_sphere_lies_deep_in_a_liver_that_was_drawn() -> None:
    """Without CT: away from the edge of the organ, and from a lesion in its middle."""
    organ = ellipsoid(PET_GRID, LIVER_AT, (60, 50, 50))
    values = np.where(organ, 2.0, 0.4).astype(np.float32)
    lesion = ellipsoid(PET_GRID, LIVER_AT, (12, 12, 12))
    values[lesion] = 9.0
    suv = Volume(values, PET_GRID, Unit.SUV_BW)
    found = region_in(RegionName.LIVER, suv, Mask.of(organ, PET_GRID), [Mask.of(lesion, PET_GRID)])
    assert (found.plausible, found.automatic) == (True, False)
    assert (found.mean, found.sd) == (2.0, 0.0)
    assert found.mask.volume_ml == pytest.approx(14.1, abs=1.5)


def test_a_region_that_a_reader_drew_is_measured_as_it_is() -> None:
    drawn = Mask.of(ellipsoid(PET_GRID, LIVER_AT, (15, 15, 15)), PET_GRID)
    suv = Volume(np.full(PET_GRID.shape, 1.9, np.float32), PET_GRID, Unit.SUV_BW)
    found = region_in(RegionName.LIVER, suv, drawn)
    assert found.mask.voxels == drawn.voxels


def test_the_wall_of_a_drawn_aorta_is_left_out() -> None:
    vessel = column(PET_GRID, AORTA_AT, (16, 16))
    lumen = column(PET_GRID, AORTA_AT, (11, 11))
    suv = Volume(np.where(lumen, 1.6, 0.7).astype(np.float32), PET_GRID, Unit.SUV_BW)
    found = region_in(RegionName.BLOOD_POOL, suv, Mask.of(vessel, PET_GRID))
    assert found.plausible
    assert found.mean == pytest.approx(1.6, abs=0.02)
