"""Dose: where it lies, what it means, and what may be added."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.dose import Dose, DoseKind, Summation, dose, read_dose, sum_doses
from imaging.errors import GeometryError, HeaderError, InputError, UnsupportedError
from imaging.fractionation import eqd2
from imaging.treatment import Irradiation
from imaging.volume import Grid, Unit, Volume

FRAME = "1.2.3.4"

#: EQD2 in Gy of n x d Gy at alpha/beta 3, 4, 5 and 10 Gy, by the linear-quadratic model.
EQD2 = {
    (3, 15): (162, 142.5, 128.57, 93.75),
    (3, 18): (226.8, 198, 177.43, 126),
    (5, 10): (130, 116.67, 107.14, 83.33),
    (5, 8): (88, 80, 74.29, 60),
    (5, 7): (70, 64.17, 60, 49.58),
    (3, 10): (78, 70, 64.29, 50),
    (3, 8): (52.8, 48, 44.57, 36),
    (4, 12.5): (155, 137.5, 125, 93.75),
    (15, 3): (54, 52.5, 51.43, 48.75),
    (10, 3.5): (45.5, 43.75, 42.5, 39.38),
}


def made(
    array: np.ndarray,
    *,
    kind: DoseKind = DoseKind.PHYSICAL,
    summation: Summation = Summation.PLAN,
    spacing: float = 2.0,
    frame: str | None = FRAME,
) -> Dose:
    affine = np.diag([spacing, spacing, spacing, 1.0])
    grid = Grid(array.shape, affine, frame)
    return Dose(Volume(array.astype(np.float32), grid, Unit.GY, "RD.dcm"), kind, summation)


def stored_index(frames: int, rows: int, columns: int) -> np.ndarray:
    """Each stored value tells its own place: 10000 k + 100 j + i."""
    k, j, i = np.indices((frames, rows, columns))
    return 10000 * k + 100 * j + i


def at(read: Dose, *points: tuple[float, float, float]) -> list[float]:
    return [round(float(value), 6) for value in read.at_gy(np.array(points, dtype=float))]


class TestPlace:
    def test_pixel_spacing_is_row_then_column(self, rtdose) -> None:
        read = dose(rtdose(stored_index(3, 4, 5), spacing=(4.0, 2.0), scaling=1.0))
        assert read.volume.grid.spacing_mm == (2.0, 4.0, 2.0)
        assert at(read, (2, 0, 0), (0, 4, 0), (0, 0, 2)) == [1, 100, 10000]

    def test_the_value_between_voxels_is_linear_in_all_directions(self, rtdose) -> None:
        read = dose(rtdose(stored_index(3, 4, 5), scaling=1.0))
        assert at(read, (1.0, 1.0, 1.0)) == [pytest.approx(5050.5)]

    def test_outside_of_the_voxel_centres_the_dose_is_unknown(self, rtdose) -> None:
        read = dose(rtdose(np.full((3, 4, 5), 100)))
        outside = [(-0.1, 0, 0), (8.1, 0, 0), (0, 6.1, 0), (0, 0, 4.1), (0, 0, -0.1)]
        assert np.isnan(read.at_gy(np.array(outside, dtype=float))).all()
        assert at(read, (0, 0, 0), (8, 6, 4)) == [1.0, 1.0]

    @pytest.mark.parametrize(
        ("offsets", "z_of_first_frame", "z_of_last_frame"),
        [
            ((0.0, 2.0, 4.0), 7.0, 11.0),  # relative
            ((0.0, -2.0, -4.0), 7.0, 3.0),  # relative, downwards
            ((7.0, 9.0, 11.0), 7.0, 11.0),  # absolute
            ((7.0, 5.0, 3.0), 7.0, 3.0),  # absolute, downwards
        ],
    )
    def test_frame_offsets_relative_and_absolute_in_both_directions(
        self, rtdose, offsets, z_of_first_frame: float, z_of_last_frame: float
    ) -> None:
        made = rtdose(stored_index(3, 4, 5), scaling=1.0, origin=(0, 0, 7.0), offsets=offsets)
        assert at(dose(made), (0, 0, z_of_first_frame), (0, 0, z_of_last_frame)) == [0, 20000]

    def test_unordered_frames_are_put_in_order(self, rtdose) -> None:
        read = dose(rtdose(stored_index(3, 4, 5), scaling=1.0, offsets=(0.0, 4.0, 2.0)))
        assert at(read, (0, 0, 4), (0, 0, 2), (0, 0, 1)) == [10000, 20000, 10000]

    def test_offsets_along_the_normal_of_a_flipped_orientation(self, rtdose) -> None:
        # Rows run towards the front: the normal, and with it the offsets, point to the feet.
        made = rtdose(stored_index(3, 4, 5), scaling=1.0, orientation=(1, 0, 0, 0, -1, 0))
        assert at(dose(made), (0, -2, -4)) == [20100]
        absolute = rtdose(
            stored_index(3, 4, 5),
            scaling=1.0,
            origin=(0, 0, 7.0),
            orientation=(1, 0, 0, 0, -1, 0),
            offsets=(7.0, 9.0, 11.0),
        )
        assert at(dose(absolute), (0, 0, 11)) == [20000]

    @pytest.mark.parametrize("orientation", [(-1, 0, 0, 0, -1, 0), (0, 1, 0, 0, 0, -1)])
    def test_prone_and_sagittal_grids(self, rtdose, orientation) -> None:
        read = dose(rtdose(stored_index(3, 4, 5), scaling=1.0, orientation=orientation))
        i, j = np.array(orientation[:3]), np.array(orientation[3:])
        point = 2.0 * i * 3 + 2.0 * j * 2 + 2.0 * np.cross(i, j)
        assert at(read, tuple(point)) == [10203]

    def test_an_oblique_grid(self, rtdose) -> None:
        turn = np.deg2rad(30.0)
        i = np.array([np.cos(turn), np.sin(turn), 0.0])
        j = np.array([-np.sin(turn), np.cos(turn), 0.0])
        made = rtdose(stored_index(3, 4, 5), scaling=1.0, orientation=(*i, *j))
        assert at(dose(made), tuple(6 * i + 4 * j)) == [pytest.approx(203.0)]

    def test_uneven_frames_are_interpolated_with_a_warning(self, rtdose) -> None:
        read = dose(rtdose(stored_index(4, 2, 2), scaling=1.0, offsets=(0.0, 2.0, 4.0, 8.0)))
        assert at(read, (0, 0, 6), (0, 0, 8)) == [25000, 30000]
        assert read.warnings == ("frames are not evenly spaced: interpolated to every 2.000 mm",)

    def test_a_missing_frame_of_reference_is_said(self, rtdose) -> None:
        read = dose(rtdose(stored_index(2, 2, 2), frame=None))
        assert read.volume.grid.frame_of_reference_uid is None
        assert read.warnings == ("no Frame of Reference UID (0020,0052): its place is not known",)


class TestDamage:
    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"PixelSpacing": [-2, 2]}, "Pixel Spacing"),
            ({"ImagePositionPatient": None}, "Image Position"),
            ({"DoseGridScaling": "0"}, "Dose Grid Scaling"),
            ({"NumberOfFrames": 3}, "pixel data|Grid Frame"),
            ({"Rows": 500}, "pixel data"),
            ({"PixelData": None}, "no pixel data"),
            ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "perpendicular"),
            ({"GridFrameOffsetVector": [0, 0.02, 4e6, 4e6 + 2]}, "from 0.02 to 4e"),
        ],
    )
    def test_it_is_refused_by_name(self, rtdose, change, named: str) -> None:
        made = rtdose(np.ones((4, 3, 3)))
        for keyword, value in change.items():
            if value is None:
                del made[keyword]
            else:
                setattr(made, keyword, value)
        with pytest.raises(InputError, match=named):
            dose(made)

    def test_negative_doses_are_refused(self, rtdose) -> None:
        made = rtdose(np.ones((4, 3, 3)))
        made.PixelRepresentation = 1
        made.PixelData = np.full((4, 3, 3), -3, dtype=np.int32).tobytes()
        with pytest.raises(HeaderError, match=r"-0\.03 Gy in places"):
            dose(made)


class TestMeaning:
    def test_the_scaling_of_the_instance_gives_gray(self, rtdose) -> None:
        assert at(dose(rtdose(np.full((2, 2, 2), 4500), scaling=0.01)), (1, 1, 1)) == [45.0]
        assert at(dose(rtdose(np.full((2, 2, 2), 4500), scaling=0.002)), (1, 1, 1)) == [9.0]

    @pytest.mark.parametrize(
        ("changes", "error", "says"),
        [
            ({"units": "RELATIVE"}, UnsupportedError, r"RD\.dcm: Dose Units .* are RELATIVE"),
            ({"kind": "ERROR"}, UnsupportedError, "Dose Type .* is ERROR"),
            ({"summation": ""}, HeaderError, "Dose Summation Type .* is missing"),
            ({"scaling": None}, HeaderError, r"Dose Grid Scaling \(3004,000E\) is None"),
            ({"scaling": 0.0}, HeaderError, r"Dose Grid Scaling \(3004,000E\) is '?0"),
            ({"offsets": (0.0, 2.0)}, HeaderError, "has 2 values for 3 frames"),
            ({"offsets": (3.0, 5.0, 7.0)}, HeaderError, "neither begins with zero nor"),
            ({"offsets": (0.0, 2.0, 2.0)}, HeaderError, "two frames at one position"),
        ],
    )
    def test_what_cannot_be_used_names_the_file_and_the_tag(
        self, rtdose, changes, error, says: str
    ) -> None:
        with pytest.raises(error, match=says):
            dose(rtdose(stored_index(3, 2, 2), **changes), source="RD.dcm")

    def test_a_single_plane_and_another_modality_are_refused(self, rtdose, rtplan) -> None:
        with pytest.raises(UnsupportedError, match="single plane"):
            dose(rtdose(stored_index(1, 2, 2)))
        with pytest.raises(HeaderError, match="not RTDOSE"):
            dose(rtplan())

    def test_a_file_that_is_no_dicom_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"RD\.dcm: not readable"):
            read_dose(tmp_path / "RD.dcm")


class TestSums:
    def test_doses_on_different_grids_are_added_at_their_places(self) -> None:
        coarse = made(np.full((4, 4, 4), 10.0), spacing=4.0)
        fine = made(np.full((4, 4, 4), 1.0), spacing=2.0)
        total = sum_doses([fine, coarse])
        assert total.volume.array.max() == total.volume.array.min() == 11.0
        beyond = sum_doses([coarse, fine]).volume.array
        assert np.isnan(beyond[2:]).all(), "where one of them is unknown the sum is"
        assert beyond[0, 0, 0] == 11.0

    def test_a_sum_of_plans_and_a_plan_are_never_added(self) -> None:
        plan, both = (
            made(np.ones((2, 2, 2))),
            made(np.ones((2, 2, 2)), summation=Summation("MULTI_PLAN")),
        )
        with pytest.raises(InputError, match="PHYSICAL MULTI_PLAN cannot be added to"):
            sum_doses([plan, both])

    def test_effective_and_physical_dose_are_never_added(self) -> None:
        with pytest.raises(InputError, match="EFFECTIVE PLAN cannot be added to PHYSICAL PLAN"):
            sum_doses([made(np.ones((2, 2, 2))), made(np.ones((2, 2, 2)), kind=DoseKind.EFFECTIVE)])

    @pytest.mark.parametrize("frame", [None, "9.9"])
    def test_doses_without_a_common_frame_of_reference_are_not_added(self, frame) -> None:
        with pytest.raises(GeometryError, match="different or unknown frames of reference"):
            sum_doses([made(np.ones((2, 2, 2))), made(np.ones((2, 2, 2)), frame=frame)])


class TestEqd2:
    @pytest.mark.parametrize(("scheme", "expected"), EQD2.items())
    def test_the_schemes_of_the_literature(self, scheme, expected) -> None:
        fractions, each = scheme
        found = [float(eqd2(fractions * each, fractions, ab)) for ab in (3, 4, 5, 10)]
        assert found == pytest.approx(expected, abs=0.0051)

    def test_low_dose_has_its_own_dose_per_fraction(self) -> None:
        assert eqd2(5.0, 3, 4.0) == pytest.approx(4.722, abs=0.0005)

    def test_plans_are_converted_before_they_are_added(self) -> None:
        assert eqd2(45.0, 3, 4.0) + eqd2(25.0, 5, 4.0) == pytest.approx(180.0)
        assert eqd2(70.0, 8, 4.0) != pytest.approx(180.0)

    def test_an_effective_dose_is_not_converted_again(self) -> None:
        gray = np.full((2, 2, 2), 45.0)
        physical, effective = (
            Irradiation("SBRT", None, made(gray, kind=kind), 45.0, 3)
            for kind in (DoseKind.PHYSICAL, DoseKind.EFFECTIVE)
        )
        converted = physical.eqd2_gy(gray, 4.0)
        assert converted is not None
        assert converted.max() == pytest.approx(142.5)
        assert effective.eqd2_gy(gray, 4.0) is gray

    @pytest.mark.parametrize(("fractions", "ratio"), [(0, 4.0), (3, 0.0)])
    def test_no_fractions_or_no_ratio_is_refused(self, fractions: int, ratio: float) -> None:
        with pytest.raises(InputError, match="EQD2 of"):
            eqd2(45.0, fractions, ratio)
