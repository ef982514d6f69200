"""Delineations as files: written, read back, and placed on an image by geometry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from imaging.errors import GeometryError, HeaderError, InputError
from imaging.masks import read_label_map, read_seg, to_grid
from imaging.seg import LYMPH_NODE, Algorithm, SegSegment, write_seg
from imaging.volume import Grid, Mask

SHAPE = (20, 24, 6)


def box(grid: Grid, i: slice, j: slice, k: slice) -> Mask:
    full = np.zeros(grid.shape, dtype=bool)
    full[i, j, k] = True
    return Mask.of(full, grid)


def lesions(grid: Grid) -> list[SegSegment]:
    return [
        SegSegment("L1", box(grid, slice(2, 9), slice(3, 8), slice(1, 4)), "2.25.1"),
        SegSegment(
            "N1",
            box(grid, slice(12, 18), slice(10, 20), slice(2, 6)),
            "2.25.2",
            region=LYMPH_NODE,
            algorithm=Algorithm("net", "1.0"),
        ),
    ]


class TestSeg:
    @pytest.mark.parametrize("labelmap", [False, True])
    def test_lesions_come_back_with_their_identity(
        self, headers, grid: Grid, tmp_path: Path, labelmap: bool, dicom_errors
    ) -> None:
        path = write_seg(tmp_path / "seg.dcm", lesions(grid), headers, labelmap=labelmap)
        one, node = read_seg(path, grid)
        assert np.array_equal(one.mask.full(), lesions(grid)[0].mask.full())
        assert np.array_equal(node.mask.full(), lesions(grid)[1].mask.full())
        assert (one.label, one.tracking_uid, one.algorithm) == ("L1", "2.25.1", None)
        assert (node.tracking_uid, node.region) == ("2.25.2", LYMPH_NODE)
        assert node.algorithm == Algorithm("net", "1.0")
        assert one.warnings == ()
        assert dicom_errors(path, "-new") == []
        assert "StudyID" not in headers[1], "the caller's headers stay as they are"
        assert not list(tmp_path.glob("*.part"))

    def test_lesions_that_overlap_keep_their_voxels(self, headers, grid, tmp_path: Path) -> None:
        one = SegSegment("A", box(grid, slice(2, 9), slice(3, 8), slice(1, 4)), "2.25.1")
        two = SegSegment("B", box(grid, slice(5, 12), slice(3, 8), slice(1, 3)), "2.25.2")
        path = write_seg(tmp_path / "seg.dcm", [one, two], headers)
        found = read_seg(path, grid)
        assert [segment.mask.voxels for segment in found] == [105, 70]
        with pytest.raises(InputError, match="LABELMAP cannot hold lesions that overlap"):
            write_seg(tmp_path / "map.dcm", [one, two], headers, labelmap=True)

    def test_frames_are_placed_by_position_not_by_number(self, headers, grid, tmp_path) -> None:
        wedge = np.zeros(SHAPE, dtype=bool)
        for k in range(1, 5):
            wedge[2 : 3 + 2 * k, 4:9, k] = True
        path = write_seg(
            tmp_path / "a.dcm", [SegSegment("L", Mask.of(wedge, grid), "2.25.1")], headers
        )
        dataset = pydicom.dcmread(path)
        frames = dataset.pixel_array[::-1]
        dataset.PerFrameFunctionalGroupsSequence = list(dataset.PerFrameFunctionalGroupsSequence)[
            ::-1
        ]
        dataset.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
        dataset.save_as(tmp_path / "b.dcm")
        (found,) = read_seg(tmp_path / "b.dcm", grid)
        assert np.array_equal(found.mask.full(), wedge)

    def test_rounded_positions_of_other_writers_are_the_same_voxels(
        self, headers, grid: Grid, tmp_path: Path
    ) -> None:
        path = write_seg(tmp_path / "seg.dcm", lesions(grid), headers)
        affine = grid.affine.copy()
        affine[:3, 3] += 0.04 * min(grid.spacing_mm)
        near = Grid(grid.shape, affine, grid.frame_of_reference_uid)
        found = read_seg(path, near)[0]
        assert (found.mask.voxels, found.warnings) == (105, ())

    def test_another_sampling_is_resampled_and_says_so(self, headers, grid, tmp_path) -> None:
        path = write_seg(tmp_path / "seg.dcm", lesions(grid), headers)
        affine = grid.affine.copy()
        affine[:3, :3] = affine[:3, :3] / 2
        fine = Grid((40, 48, 12), affine, grid.frame_of_reference_uid)
        found = read_seg(path, fine)[0]
        assert found.mask.volume_ml == pytest.approx(lesions(grid)[0].mask.volume_ml, rel=0.15)
        assert found.warnings == (
            "resampled to the image by nearest neighbour: its pixels do not coincide",
        )

    def test_without_an_image_the_frames_make_the_grid(self, headers, grid, tmp_path) -> None:
        path = write_seg(tmp_path / "seg.dcm", lesions(grid), headers)
        found = read_seg(path)[0]
        assert found.mask.grid.shape == (20, 24, 5)
        assert found.mask.centre_mm == pytest.approx(lesions(grid)[0].mask.centre_mm)

    def test_the_same_segments_give_the_same_bytes(self, headers, grid, tmp_path) -> None:
        first = write_seg(tmp_path / "a.dcm", lesions(grid), headers).read_bytes()
        assert write_seg(tmp_path / "b.dcm", lesions(grid), headers).read_bytes() == first

    @pytest.mark.parametrize(
        "change",
        [
            {"label": "another"},
            {"tracking_uid": "1.2.3.99"},
            {"region": LYMPH_NODE},
            {"algorithm": Algorithm("network", "2.0")},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_whatever_differs_gives_new_uids(self, headers, grid, tmp_path, change) -> None:
        usual = lesions(grid)
        changed = [replace(usual[0], **change), *usual[1:]]
        written = [
            pydicom.dcmread(write_seg(tmp_path / name, segments, headers))
            for name, segments in (("a.dcm", usual), ("b.dcm", changed))
        ]
        for name in ("SeriesInstanceUID", "SOPInstanceUID"):
            assert len({ds[name].value for ds in written}) == 2

    def test_a_voxel_more_gives_new_uids(self, headers, grid, tmp_path) -> None:
        usual = lesions(grid)
        array = usual[0].mask.array.copy()
        array[tuple(np.argwhere(array)[0])] = False
        smaller = replace(usual[0], mask=Mask(array, usual[0].mask.start, grid))
        uids = {
            pydicom.dcmread(write_seg(tmp_path / name, segments, headers)).SOPInstanceUID
            for name, segments in (("a.dcm", usual), ("b.dcm", [smaller, *usual[1:]]))
        }
        assert len(uids) == 2

    def test_a_fractional_segment_is_what_is_at_least_half_occupied(
        self, headers, grid: Grid, tmp_path: Path
    ) -> None:
        path = write_seg(tmp_path / "a.dcm", lesions(grid)[:1], headers)
        dataset = pydicom.dcmread(path)
        shares = np.zeros(dataset.pixel_array.shape, dtype=np.uint8)
        shares[:, 3:8, 2:9] = 127
        shares[:, 3:5, 2:9] = 128
        dataset.SegmentationType = "FRACTIONAL"
        dataset.MaximumFractionalValue = 255
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelData = shares.tobytes()
        dataset.save_as(tmp_path / "b.dcm")
        (found,) = read_seg(tmp_path / "b.dcm", grid)
        assert found.mask.voxels == 2 * 7 * 3

    def test_another_frame_of_reference_is_refused(self, headers, grid, tmp_path: Path) -> None:
        path = write_seg(tmp_path / "seg.dcm", lesions(grid), headers)
        with pytest.raises(GeometryError, match="another frame of reference"):
            read_seg(path, Grid(grid.shape, grid.affine, "9.9"))

    def test_what_cannot_be_written_is_refused(self, headers, grid: Grid, tmp_path: Path) -> None:
        one, two = lesions(grid)
        empty = SegSegment("E", Mask.of(np.zeros(SHAPE, dtype=bool), grid), "2.25.3")
        twin = SegSegment("T", two.mask, one.tracking_uid)
        small = Grid((5, 5, 5), grid.affine)
        elsewhere = SegSegment("S", Mask.of(np.ones((5, 5, 5), dtype=bool), small), "2.25.4")
        path = tmp_path / "seg.dcm"
        with pytest.raises(InputError, match="lesion E has no voxels"):
            write_seg(path, [empty], headers)
        with pytest.raises(InputError, match="Tracking UID of its own"):
            write_seg(path, [one, twin], headers)
        with pytest.raises(InputError, match="at least one lesion"):
            write_seg(path, [], headers)
        with pytest.raises(GeometryError, match="lesion S lies on a grid of"):
            write_seg(path, [elsewhere], headers)
        assert not path.exists()

    def test_an_image_is_not_a_segmentation(self, dicom) -> None:
        with pytest.raises(HeaderError, match="not a segmentation"):
            read_seg(dicom.ct()[0])


class TestLabelMap:
    @staticmethod
    def write(path: Path, labels: np.ndarray, affine_lps: np.ndarray) -> Path:
        nibabel.save(nibabel.Nifti1Image(labels, np.diag([-1.0, -1, 1, 1]) @ affine_lps), path)
        return path

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
    @pytest.mark.parametrize("flips", [(), (0,), (1, 2)])
    def test_any_order_and_direction_of_the_axes(
        self, grid: Grid, tmp_path: Path, order, flips
    ) -> None:
        labels = np.random.default_rng(3).integers(0, 4, SHAPE).astype(np.int16)
        affine = grid.affine[:, [*order, 3]].copy()
        stored = np.transpose(labels, order)
        for axis in flips:
            stored = np.flip(stored, axis)
            affine[:, 3] += affine[:, axis] * (stored.shape[axis] - 1)
            affine[:, axis] *= -1
        path = self.write(tmp_path / "l.nii.gz", stored, affine)
        assert np.array_equal(read_label_map(path, grid), labels)

    def test_a_map_of_another_image_is_refused(self, grid: Grid, tmp_path: Path) -> None:
        moved = grid.affine.copy()
        moved[0, 3] += 5.0
        path = self.write(tmp_path / "l.nii.gz", np.zeros(SHAPE, dtype=np.int16), moved)
        with pytest.raises(GeometryError, match=r"l\.nii\.gz: .* lie 5\.00 mm apart"):
            read_label_map(path, grid)
        path = self.write(tmp_path / "s.nii.gz", np.zeros((4, 4, 4), dtype=np.int16), grid.affine)
        with pytest.raises(GeometryError, match="4 x 4 x 4 voxels on an image of 20 x 24 x 6"):
            read_label_map(path, grid)

    def test_probabilities_are_no_labels(self, grid: Grid, tmp_path: Path) -> None:
        path = self.write(tmp_path / "p.nii.gz", np.full(SHAPE, 0.3, dtype=np.float32), grid.affine)
        with pytest.raises(InputError, match="not whole numbers"):
            read_label_map(path, grid)

    def test_a_missing_file_is_named(self, grid: Grid, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"none\.nii\.gz: not a NIfTI file, or missing"):
            read_label_map(tmp_path / "none.nii.gz", grid)


class TestPlacing:
    def test_what_lies_beyond_the_grid_is_cut_and_remarked(self, grid: Grid) -> None:
        mask = box(grid, slice(10, 20), slice(0, 4), slice(0, 2))
        left = Grid((15, 24, 6), grid.affine, grid.frame_of_reference_uid)
        placed, remark = to_grid(mask, left)
        assert (placed.voxels, remark) == (40, "40 voxels lie outside of the image")
        assert to_grid(mask, grid)[1] == ""

    def test_an_array_placed_outside_is_empty(self, grid: Grid) -> None:
        assert Mask.placed(np.ones((2, 2, 2), dtype=bool), (-5, 0, 0), grid).voxels == 0
        assert Mask.placed(np.ones((2, 2, 2), dtype=bool), (-1, 23, 5), grid).voxels == 1


@pytest.mark.data
def test_a_seg_of_another_writer_lies_on_its_nodule(data_dir: Path) -> None:
    study = data_dir / "dicom" / "LIDC-0001"
    slices = [pydicom.dcmread(path) for path in (study / "CT").iterdir()]
    slices.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    affine = np.diag([*map(float, slices[0].PixelSpacing), 2.5, 1.0])
    affine[:3, 3] = slices[0].ImagePositionPatient
    grid = Grid((512, 512, len(slices)), affine, str(slices[0].FrameOfReferenceUID))
    (nodule,) = read_seg(study / "nodule_01_annotation_0.dcm", grid)
    assert (nodule.mask.voxels, nodule.tracking_id, nodule.warnings) == (5498, "Nodule 1", ())
    k = nodule.mask.start[2] + nodule.mask.array.shape[2] // 2
    hounsfield = slices[k].pixel_array.T * float(slices[k].RescaleSlope) + float(
        slices[k].RescaleIntercept
    )
    inside = nodule.mask.full()[:, :, k]
    assert hounsfield[inside].mean() > -200, "solid, in lung of about -850 HU"
