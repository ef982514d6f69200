"""Contours: which voxels they hold, how much of each, and what is refused or remarked."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as MplPath
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from imaging.contours import (
    Contour,
    ContourKind,
    Roi,
    axial_grid,
    occupancy,
    rasterise,
    read_rtstruct,
    remarks,
    slabs,
    structure_set,
    volume_ml,
)
from imaging.errors import GeometryError, HeaderError, InputError, UnsupportedError
from imaging.outlines import outlines, write_rtstruct
from imaging.polygons import Polygons, coverage, fill
from imaging.seg import SegSegment
from imaging.volume import Grid, Mask

FRAME = "1.2.3.4"


def grid(shape=(12, 12, 6), spacing=(1.0, 1.0, 2.0), origin=(0.0, 0.0, 0.0)) -> Grid:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return Grid(shape, affine, FRAME)


def square(low: float, high: float, z: float) -> list[list[float]]:
    return [[low, low, z], [high, low, z], [high, high, z], [low, high, z]]


def circle(radius: float, z: float, turns: int = 1) -> np.ndarray:
    """Anticlockwise for ``turns`` 1, clockwise for -1."""
    angle = turns * np.linspace(0.0, 2.0 * np.pi, 720, endpoint=False)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(len(angle), z)])


def roi(*contours: Any, kind: ContourKind = ContourKind.CLOSED_PLANAR) -> Roi:
    drawn = tuple(Contour(kind, np.array(points, dtype=float)) for points in contours)
    return Roi(1, "lesion", "GTV", drawn, FRAME)


def polygons(*lines: np.ndarray) -> Polygons:
    vertices = np.concatenate([np.asarray(line, dtype=float) for line in lines])
    sizes = np.array([len(line) for line in lines])
    return Polygons(vertices[:, 0], vertices[:, 1], sizes, np.zeros(len(lines), dtype=int))


def crossings_to_the_right(point: tuple[int, int], line: np.ndarray) -> int:
    """The textbook test, one point and one edge at a time."""
    count = 0
    for (x0, y0), (x1, y1) in zip(line, np.roll(line, -1, axis=0), strict=True):
        if (y0 > point[1]) != (y1 > point[1]):
            count += point[0] < (x1 - x0) * (point[1] - y0) / (y1 - y0) + x0
    return count


class TestCentreInPolygon:
    def test_a_square_between_the_pixel_centres_holds_just_those_inside(self) -> None:
        drawn = np.zeros((12, 12, 6), dtype=bool)
        drawn[3:7, 3:7, 2] = True
        assert np.array_equal(rasterise(roi(square(2.5, 6.5, 4.0)), grid()).full(), drawn)

    def test_squares_that_share_an_edge_through_pixel_centres_share_no_pixel(self) -> None:
        left = rasterise(roi([[1, 1, 0], [5, 1, 0], [5, 6, 0], [1, 6, 0]]), grid()).full()
        right = rasterise(roi([[5, 1, 0], [9, 1, 0], [9, 6, 0], [5, 6, 0]]), grid()).full()
        both = rasterise(roi([[1, 1, 0], [9, 1, 0], [9, 6, 0], [1, 6, 0]]), grid()).full()
        assert not (left & right).any()
        assert np.array_equal(left | right, both)
        assert (left.sum(), right.sum()) == (20, 20)

    @pytest.mark.parametrize("origin", [-250.0, -163.019, 0.1])
    def test_vertices_on_voxel_centres_fall_the_same_way_on_any_grid(self, origin: float) -> None:
        spacing = 0.9766
        on = grid((12, 12, 6), (spacing, spacing, 2.0), (origin, origin, 0.0))
        drawn = np.array(square(2.0, 7.0, 0.0)) * (spacing, spacing, 1.0) + (origin, origin, 0.0)
        assert rasterise(roi(drawn), on).voxels == 25

    @given(
        st.lists(st.tuples(st.integers(-2, 12), st.integers(-2, 12)), min_size=4, max_size=4),
    )
    def test_two_triangles_partition_their_quadrilateral(self, corners) -> None:
        a, b, c, d = (np.array(corner, dtype=float) for corner in corners)
        one = fill(polygons(np.array([a, b, c])), (10, 10, 1))
        two = fill(polygons(np.array([a, c, d])), (10, 10, 1))
        whole = fill(polygons(np.array([a, b, c, d])), (10, 10, 1))
        assert np.array_equal(one ^ two, whole)

    @pytest.mark.parametrize("seed", range(5))
    def test_any_polygon_agrees_with_the_textbook_test_at_every_pixel(self, seed: int) -> None:
        line = np.random.default_rng(seed).uniform(-3, 15, size=(11, 2))
        expected = [
            [crossings_to_the_right((i, j), line) % 2 == 1 for j in range(12)] for i in range(12)
        ]
        assert np.array_equal(fill(polygons(line), (12, 12, 1))[:, :, 0], expected)

    def test_parts_beyond_the_image_are_cut_off(self) -> None:
        inside = rasterise(roi(square(-8.3, 4.5, 0.0)), grid())
        assert (inside.start, inside.array.shape) == ((0, 0, 0), (5, 5, 1))
        outside = rasterise(roi(square(40.0, 50.0, 0.0)), grid())
        assert outside.voxels == 0

    def test_of_two_planes_that_share_a_slice_each_counts_by_its_slab(self) -> None:
        inner, outer = square(4.5, 6.5, 4.2), square(2.5, 8.5, 3.2)  # 4 and 36 voxels
        mask = rasterise(roi(outer, inner), grid())
        # The slabs of 1 mm hold half of a slice each; one slice holds most of both.
        assert mask.voxels == round(0.5 * 36 + 0.5 * 4)
        assert mask.full()[5:7, 5:7, 2].all()

    def test_a_piece_thinner_than_a_slice_marks_the_nearest(self) -> None:
        thin = roi(square(2.5, 6.5, 4.4), square(2.5, 6.5, 4.9))
        assert rasterise(thin, grid()).full()[4, 4].tolist() == [0, 0, 1, 0, 0, 0]

    def test_an_oblique_image_takes_contours_drawn_on_its_own_slices(self) -> None:
        turn = np.deg2rad(20.0)
        tilted = np.eye(4)
        tilted[:3, :3] = [
            [1, 0, 0],
            [0, np.cos(turn), -np.sin(turn)],
            [0, np.sin(turn), np.cos(turn)],
        ]
        oblique = Grid((12, 12, 6), tilted, FRAME)
        drawn = oblique.to_world_mm(np.array(square(2.5, 6.5, 3.0)))
        assert rasterise(roi(drawn), oblique).voxels == 16
        with pytest.raises(UnsupportedError, match="not parallel to the slices"):
            rasterise(roi(drawn), grid())


class TestHoles:
    """An annulus of radii 10 and 5 mm, written in three ways."""

    AREA_MM2 = np.pi * (10.0**2 - 5.0**2)

    @staticmethod
    def forms() -> dict[str, Roi]:
        keyhole = np.concatenate([circle(10, 0), circle(10, 0)[:1], circle(5, 0, -1)])
        keyhole = np.concatenate([keyhole, circle(5, 0)[:1]])
        return {
            "inner contour": roi(circle(10, 0), circle(5, 0)),
            "keyhole": roi(keyhole),
            "xor": roi(circle(10, 0), circle(5, 0), kind=ContourKind.CLOSED_XOR),
        }

    @pytest.mark.parametrize("form", ["inner contour", "keyhole", "xor"])
    @pytest.mark.parametrize("pixel_mm", [0.5, 1.0, 2.0])
    def test_the_area_is_right_within_one_per_cent(self, form: str, pixel_mm: float) -> None:
        on = grid((60, 60, 1), (pixel_mm, pixel_mm, 1.0), (-29.3 * pixel_mm, -29.6 * pixel_mm, 0))
        found = volume_ml(self.forms()[form], on) * 1000.0
        assert found == pytest.approx(self.AREA_MM2, rel=0.003)
        if pixel_mm < 2:
            plain = rasterise(self.forms()[form], on).volume_ml * 1000.0
            assert plain == pytest.approx(self.AREA_MM2, rel=0.01)

    def test_the_three_forms_give_one_mask(self) -> None:
        on = grid((30, 30, 1), (1.0, 1.0, 1.0), (-14.3, -14.6, 0))
        masks = [rasterise(form, on).full() for form in self.forms().values()]
        assert np.array_equal(masks[0], masks[1])
        assert np.array_equal(masks[0], masks[2])


class TestOccupancy:
    #: Radius, slice distance in mm and error of the volume in %, spheres drawn on slabs half-way
    #: to the neighbours (computed apart from this code; the end slabs are the error).
    SPHERES = (
        (3, 1.0, -3.4),
        (5, 1.0, -1.2),
        (5, 2.5, -6.4),
        (10, 1.0, -0.3),
        (10, 2.5, -1.6),
        (10, 5.0, -6.3),
        (20, 1.0, -0.08),
        (20, 2.5, -0.41),
        (20, 5.0, -1.6),
    )

    @pytest.mark.parametrize(("radius", "dz", "percent"), SPHERES)
    def test_spheres_are_within_the_limits_of_their_slabs(
        self, sphere: Callable[..., Roi], radius: float, dz: float, percent: float
    ) -> None:
        on = grid((100, 100, 81), (0.5, 0.5, dz), (-24.8, -24.9, -40 * dz))
        true = 4 / 3 * np.pi * radius**3 / 1000.0
        error = 100 * (volume_ml(sphere(radius, dz), on) / true - 1)
        assert abs(error) <= abs(percent) + 0.1

    @pytest.mark.parametrize("seed", range(5))
    def test_the_share_of_a_pixel_is_the_area_inside(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        angle = np.sort(generator.uniform(0, 2 * np.pi, 9))
        radius = generator.uniform(2, 5.5, 9)
        line = np.column_stack([6 + radius * np.cos(angle), 6 + radius * np.sin(angle)])
        fine = fill(polygons((line + 0.5) * 40 - 0.5), (480, 480, 1))[:, :, 0]
        expected = fine.reshape(12, 40, 12, 40).mean(axis=(1, 3))
        found = coverage(polygons(line), (12, 12, 1), 20)[:, :, 0]
        assert np.abs(found - expected).max() < 0.04
        assert found.sum() == pytest.approx(expected.sum(), rel=0.005)

    def test_a_contour_half_way_between_two_slices_is_shared(self) -> None:
        drawn = roi(square(2.5, 6.5, 3.0), square(2.5, 6.5, 5.0))
        share, start = occupancy(drawn, grid())
        assert start[2] == 1
        assert share[1, 1].tolist() == pytest.approx([0.5, 1.0, 0.5])

    def test_slabs_end_half_a_step_beyond_the_last_plane_and_beside_gaps(self) -> None:
        lower, upper = slabs(np.array([0.0, 2.0, 4.0, 10.0, 12.0]), default=1.0)
        assert lower.tolist() == [-1, 1, 3, 9, 11]
        assert upper.tolist() == [1, 3, 5, 11, 13]


def ball_drawn_at(heights: np.ndarray, radius: float = 15.0) -> Roi:
    levels = [z for z in heights if z**2 < radius**2 - 0.5]
    return roi(*(circle(np.sqrt(radius**2 - z**2), z)[::10] for z in levels))


class TestContoursOfAnotherSpacing:
    """A ball of 15 mm drawn on slices of another image than the one that it is measured on."""

    BALL_ML = 4 / 3 * np.pi * 1.5**3

    @given(
        st.sampled_from(
            [0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.31, 1.36, 1.45, 1.5, 1.6, 2.0, 3.0, 4.0]
        ),
        st.sampled_from([1.0, 1.5, 2.0]),
        st.floats(0.0, 1.0),
        st.floats(0.0, 1.0),
    )
    @settings(max_examples=60)
    def test_the_volume_holds_and_no_slice_within_is_empty(
        self, ratio: float, slice_mm: float, contour_phase: float, slice_phase: float
    ) -> None:
        step = min(ratio * slice_mm, 6.0)
        drawn = ball_drawn_at(np.arange(-60, 61) * step + contour_phase * step)
        on = grid((40, 40, 41), (1.0, 1.0, slice_mm), (-19.6, -19.4, (slice_phase - 20) * slice_mm))
        mask = rasterise(drawn, on)
        assert mask.volume_ml == pytest.approx(self.BALL_ML, rel=0.06 if step < 5 else 0.08)
        assert mask.array.any(axis=(0, 1)).all()

    @pytest.mark.parametrize("steps", [(2.0, 4.0), (3.0, 3.0, 4.0), (2.9, 3.1, 3.0, 3.2)])
    def test_uneven_distances_are_no_gaps(self, steps: tuple[float, ...]) -> None:
        heights = -22.0 + np.cumsum(np.resize(steps, 20))
        on = grid((40, 40, 31), (1.0, 1.0, 2.0), (-19.6, -19.4, -30.0))
        mask = rasterise(ball_drawn_at(heights), on)
        assert mask.volume_ml == pytest.approx(self.BALL_ML, rel=0.06)
        assert mask.array.any(axis=(0, 1)).all()

    @pytest.mark.parametrize("step", [1.5, 2.0, 2.6, 3.0])
    def test_a_gap_between_two_pieces_stays_empty(self, step: float) -> None:
        heights = np.concatenate([np.arange(4) * step, 30.0 + np.arange(4) * step])
        drawn = roi(*(square(2.5, 8.5, z) for z in heights))
        mask = rasterise(drawn, grid((12, 12, 25)))
        level = np.arange(25) * 2.0
        between = (level - 1.0 > 3.5 * step) & (level + 1.0 < 30.0 - step / 2)
        assert not mask.full()[..., between].any()
        assert mask.volume_ml == pytest.approx(36 * 8 * step / 1000, rel=0.1)

    def test_a_neighbour_that_ends_does_not_swell_the_other(self) -> None:
        levels = np.arange(0.0, 20.0, 3.0)
        other = [square(2.5, 5.5, z) for z in levels] + [square(7.5, 10.5, z) for z in levels[:4]]
        full = rasterise(roi(*other), grid((12, 12, 12))).full()
        assert full[3:6, 3:6, :9].all()
        assert full.sum() == full[3:6, 3:6].sum() + full[8:11, 8:11].sum()


class TestRemarks:
    def test_slices_without_a_contour_are_reported_and_left_empty(self) -> None:
        drawn = roi(*(square(2.5, 6.5, z) for z in (0.0, 2.0, 6.0, 8.0)))
        assert rasterise(drawn, grid()).full()[4, 4].tolist() == [1, 1, 0, 1, 1, 0]
        assert remarks(drawn, grid()) == ("lesion: no contour between slices 1-3",)

    def test_an_roi_on_every_second_slice_is_filled_half_way(self) -> None:
        drawn = roi(*(square(2.5, 6.5, z) for z in (0.0, 4.0, 8.0)))
        assert rasterise(drawn, grid()).full()[4, 4].tolist() == [1, 1, 1, 1, 1, 1]
        assert rasterise(drawn, grid()).array.sum(axis=(0, 1)).tolist() == [16, 16, 16, 16, 16, 8]
        assert (
            "lesion: drawn on every 2.0th slice only, filled half-way to the neighbouring contours"
            in remarks(drawn, grid())
        )

    def test_few_contours_and_parts_beyond_the_image_are_remarked(self) -> None:
        found = remarks(roi(square(-5, 6.5, 0.0)), grid())
        assert found == (
            "lesion: on 1 slices only, its volume is uncertain",
            "lesion: reaches beyond the image",
        )


class TestReading:
    def test_a_structure_set_keeps_names_types_and_float_vertices(self, rtstruct) -> None:
        points = [[1.23456, 2.5, 0], [6.5, 2.5, 0], [6.5, 6.5, 0]]
        read = structure_set(rtstruct(("GTV_1", "GTV", [points]), ("Lung", "ORGAN", [])))
        assert [(r.name, r.number, r.interpreted_type) for r in read.rois] == [
            ("GTV_1", 1, "GTV"),
            ("Lung", 2, "ORGAN"),
        ]
        assert read.roi("GTV_1").contours[0].points_mm.tolist() == points
        assert read.frame_of_reference_uid == FRAME
        assert read.roi(2).contours == ()

    def test_points_and_open_lines_are_kept_but_bound_nothing(self, rtstruct) -> None:
        drawn = [
            ("POINT", [[4.0, 4.0, 0.0]]),
            ("OPEN_PLANAR", square(1, 9, 0)),
        ]
        read = structure_set(rtstruct(("L", "", [*drawn, square(2.5, 6.5, 0)])))
        assert rasterise(read.rois[0], grid()).voxels == 16
        assert read.warnings == ("ROI L: 2 contours of type POINT ignored",)
        only_open = structure_set(rtstruct(("L", "", drawn))).rois[0]
        with pytest.raises(InputError, match="ROI L cannot be used: it has no closed contour"):
            rasterise(only_open, grid())

    def test_a_contour_written_twice_does_not_cancel_itself(self, rtstruct) -> None:
        read = structure_set(rtstruct(("L", "", [square(2.5, 6.5, 0)] * 2)))
        assert rasterise(read.rois[0], grid()).voxels == 16
        assert read.warnings == ("ROI L: 1 repeated contours dropped",)

    def test_another_frame_of_reference_is_refused(self, rtstruct) -> None:
        read = structure_set(rtstruct(("L", "", [square(2.5, 6.5, 0)]), frame="9.9"))
        with pytest.raises(GeometryError, match="another frame of reference"):
            rasterise(read.rois[0], grid())

    def test_coordinates_that_are_no_triplets_are_refused(self, rtstruct) -> None:
        made = rtstruct(("L", "", [square(2.5, 6.5, 0)]))
        made.ROIContourSequence[0].ContourSequence[0].ContourData = ["1", "2", "3", "4"]
        (roi,) = structure_set(made, source="RS.dcm").rois
        with pytest.raises(InputError, match=r"ROI L cannot be used: Contour Data \(3006,0050\)"):
            rasterise(roi, grid())

    def test_another_modality_is_refused(self, rtdose) -> None:
        with pytest.raises(HeaderError, match="not RTSTRUCT"):
            structure_set(rtdose(np.zeros((2, 2, 2))))

    def test_an_unreadable_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "RS.dcm").write_bytes(b"no")
        with pytest.raises(InputError, match=r"RS\.dcm: not readable as DICOM"):
            read_rtstruct(tmp_path / "RS.dcm")


class TestFaults:
    """An ROI that cannot be used keeps its name and its reason; the others stay usable."""

    @staticmethod
    def two(rtstruct: Callable[..., Any]) -> Any:
        return rtstruct(("A", "GTV", [square(2.5, 6.5, 0)]), ("B", "GTV", [square(2.5, 8.5, 0)]))

    def test_numbers_given_twice_put_both_at_fault_and_orphans_are_named(self, rtstruct) -> None:
        made = self.two(rtstruct)
        made.StructureSetROISequence[1].ROINumber = 1
        read = structure_set(made)
        assert [(roi.name, bool(roi.closed)) for roi in read.rois] == [
            ("A", False),
            ("B", False),
            ("ROI 2", False),
        ]
        assert "2 ROIs share the number 1" in read.warnings[0]
        assert "belong to no ROI" in read.warnings[2]

    @pytest.mark.parametrize(
        ("value", "why"),
        [("1e9", "leads beyond 10 m"), ("4_0", "coordinate triplets"), ("nan", "triplets")],
    )
    def test_a_damaged_contour_costs_its_own_roi(self, rtstruct, value: str, why: str) -> None:
        made = self.two(rtstruct)
        contour = made.ROIContourSequence[0].ContourSequence[0]
        raw = b"2.5\\2.5\\0\\6.5\\2.5\\0\\6.5\\6.5\\" + value.encode()
        contour["ContourData"] = RawDataElement(
            Tag("ContourData"), "DS", len(raw), raw, 0, False, True
        )
        read = structure_set(made)
        assert why in read.roi("A").fault
        assert rasterise(read.roi("B"), grid()).voxels == 36

    def test_contours_of_no_known_kind_and_contours_given_twice(self, rtstruct) -> None:
        made = self.two(rtstruct)
        made.ROIContourSequence[0].ContourSequence[0].ContourGeometricType = "ROUND"
        assert "is 'ROUND'" in structure_set(made).roi("A").fault
        made.ROIContourSequence[0].ReferencedROINumber = 2
        assert "given twice" in structure_set(made).roi("B").fault


class TestWriting:
    @given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.95))
    def test_outlines_of_any_mask_give_it_back_with_its_area(self, seed: int, density: float):
        pixels = np.random.default_rng(seed).random((9, 13)) < density
        lines = outlines(pixels)
        if not lines:
            assert not pixels.any()
            return
        assert np.array_equal(fill(polygons(*lines), (9, 13, 1))[:, :, 0], pixels)
        assert np.allclose(coverage(polygons(*lines), (9, 13, 1), 5)[:, :, 0], pixels)

    def test_a_ring_is_one_contour_with_a_keyhole(self) -> None:
        ring = np.zeros((9, 9), dtype=bool)
        ring[1:8, 1:8] = True
        ring[3:6, 3:6] = False
        assert len(outlines(ring)) == 1

    def test_a_written_file_is_valid_and_reads_back_the_same(
        self, dicom, tmp_path: Path, dicom_errors
    ) -> None:
        headers = [pydicom.dcmread(path) for path in dicom.ct(slices=5, shape=(24, 20))]
        headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
        on = grid_of(headers)
        ball = np.zeros(on.shape, dtype=bool)
        ball[4:15, 5:17, 1:4] = True
        ball[8:10, 8:12, 2] = False
        segment = SegSegment("L1", Mask.of(ball, on), tracking_uid="2.25.7")
        path = write_rtstruct(tmp_path / "RS.dcm", [segment], headers)
        read = read_rtstruct(path)
        assert np.array_equal(rasterise(read.roi("L1"), on).full(), ball)
        assert read.frame_of_reference_uid == headers[0].FrameOfReferenceUID
        assert read.referenced_series_uids == (headers[0].SeriesInstanceUID,)
        assert volume_ml(read.roi("L1"), on) == pytest.approx(segment.mask.volume_ml, rel=1e-4)
        assert not list(tmp_path.glob("*.part"))
        assert dicom_errors(path, "-new") == []

    @pytest.mark.parametrize("spacing", [(0.7, 0.7, 1.0), (1.0, 1.0, 1.0), (0.977, 0.977, 2.5)])
    def test_spheres_from_8_mm_come_back_voxel_by_voxel_to_us_and_to_another_reader(
        self, dicom, tmp_path: Path, spacing: tuple[float, float, float]
    ) -> None:
        on = grid((70, 70, 50), spacing, origin=(-20.3, -21.6, -20.1))
        headers = series_on(pydicom.dcmread(dicom.ct(slices=1, shape=(4, 4))[0]), on)
        away = np.linalg.norm(on.to_world_mm(np.moveaxis(np.indices(on.shape), 0, -1)), axis=-1)
        balls = {f"{mm} mm": away <= mm / 2 for mm in (8, 10, 14, 20, 40)}
        segments = [SegSegment(name, Mask.of(ball, on)) for name, ball in balls.items()]
        held = read_rtstruct(write_rtstruct(tmp_path / "RS.dcm", segments, headers))
        for name, ball in balls.items():
            assert np.array_equal(rasterise(held.roi(name), on).full(), ball), name
            assert np.array_equal(by_matplotlib(held.roi(name), on), ball), name

    @pytest.mark.parametrize("diameter", [8, 10, 14, 20, 40])
    @pytest.mark.parametrize("dz", [1.0, 2.5])
    def test_smooth_spheres_of_others_are_the_voxels_whose_centres_they_hold(
        self, sphere: Callable[..., Roi], diameter: int, dz: float
    ) -> None:
        on = grid((70, 70, 50), (0.7, 0.7, dz), origin=(-24.5, -24.5, -25 * dz))
        away = np.linalg.norm(on.to_world_mm(np.moveaxis(np.indices(on.shape), 0, -1)), axis=-1)
        ball, drawn = away <= diameter / 2, rasterise(sphere(diameter / 2, dz), on).full()
        dice = 2 * np.count_nonzero(ball & drawn) / (ball.sum() + drawn.sum())
        assert dice >= 0.99


def series_on(like: pydicom.Dataset, on: Grid) -> list[pydicom.Dataset]:
    """Headers of an axial series on a grid."""
    headers = []
    for k in range(on.shape[2]):
        header = copy.deepcopy(like)
        header.Columns, header.Rows = on.shape[:2]
        header.PixelSpacing = [on.spacing_mm[1], on.spacing_mm[0]]
        header.ImagePositionPatient = on.to_world_mm(np.array([0, 0, k])).tolist()
        header.SOPInstanceUID = f"1.2.3.4.{k}"
        header.FrameOfReferenceUID = on.frame_of_reference_uid
        headers.append(header)
    return headers


def by_matplotlib(roi: Roi, on: Grid) -> np.ndarray:
    """The voxels whose centres a general library finds inside of the contours of their slices."""
    full = np.zeros(on.shape, dtype=bool)
    index = np.argwhere(np.ones(on.shape[:2], dtype=bool))
    for contour in roi.closed:
        at = on.to_voxel(contour.points_mm)
        k = round(float(at[0, 2]))
        inside = MplPath(at[:, :2]).contains_points(index)
        full[:, :, k] ^= inside.reshape(on.shape[:2])
    return full


def grid_of(headers: list[pydicom.Dataset]) -> Grid:
    first, second = (np.array(h.ImagePositionPatient, dtype=float) for h in headers[:2])
    affine = np.eye(4)
    affine[0, 0], affine[1, 1] = headers[0].PixelSpacing[1], headers[0].PixelSpacing[0]
    affine[:3, 2], affine[:3, 3] = second - first, first
    shape = (headers[0].Columns, headers[0].Rows, len(headers))
    return Grid(shape, affine, str(headers[0].FrameOfReferenceUID))


def test_a_grid_of_their_own_holds_the_rois_with_a_margin(sphere: Callable[..., Roi]) -> None:
    own = axial_grid([sphere(10, 2.5)], pitch_mm=0.5)
    assert own.spacing_mm == (0.5, 0.5, 2.5)
    mask = rasterise(sphere(10, 2.5), own)
    assert min(mask.start) > 0
    assert (np.add(mask.start, mask.array.shape) < own.shape).all()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "labels"), [("Tumor_c40", [1]), ("LN_c40", [2, 3, 4]), ("Nodule_sim", [5])]
)
def test_real_contours_give_exactly_the_labels_they_were_traced_from(
    data_dir: Path, name: str, labels: list[int]
) -> None:
    study = data_dir / "longitudinal" / "lung-abscopal"
    image = nibabel.load(study / "truth" / "baseline_labels.nii.gz")
    truth = np.isin(np.asarray(image.dataobj), labels)
    on = Grid(truth.shape, np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine)
    read = read_rtstruct(study / "baseline" / "RTSTRUCT" / "RS.dcm")
    assert np.array_equal(rasterise(read.roi(name), on).full(), truth)
