"""Maps between frames of reference, as registration objects state them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from imaging.errors import HeaderError, InputError, UnsupportedError
from imaging.frames_of_reference import FrameMap, map_between, read_frame_maps
from imaging.volume import Grid

QUARTER_TURN = np.array([[0.0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
UPWARDS = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 7], [0, 0, 0, 1]])


def registration(path: Path, *matrices: np.ndarray, target: str | None = "1.1") -> Path:
    """Of frame 1.2 to the target, and of the target to itself."""
    made = Dataset()
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.1"
    made.SOPInstanceUID = "1.9"
    if target is not None:
        made.FrameOfReferenceUID = target
    made.RegistrationSequence = []
    for frame, steps in (("1.1", [np.eye(4)]), ("1.2", matrices)):
        item = Dataset()
        item.FrameOfReferenceUID = frame
        sequence = Dataset()
        sequence.MatrixSequence = []
        for matrix in steps:
            step = Dataset()
            step.FrameOfReferenceTransformationMatrixType = "RIGID"
            step.FrameOfReferenceTransformationMatrix = [f"{v:g}" for v in matrix.ravel()]
            sequence.MatrixSequence.append(step)
        item.MatrixRegistrationSequence = [sequence]
        made.RegistrationSequence.append(item)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.save_as(path, enforce_file_format=True)
    return path


def test_a_matrix_takes_points_of_its_item_to_the_registered_frame(tmp_path: Path) -> None:
    (found,) = read_frame_maps(registration(tmp_path / "REG.dcm", QUARTER_TURN))
    assert (found.source_uid, found.target_uid) == ("1.2", "1.1")
    assert found.points_mm(np.array([[1.0, 2.0, 3.0]])).tolist() == [[3.0, 1.0, 3.0]]


def test_several_matrices_are_applied_in_their_order(tmp_path: Path) -> None:
    tilt = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    (found,) = read_frame_maps(registration(tmp_path / "REG.dcm", UPWARDS, tilt))
    assert found.points_mm(np.array([[1.0, 2.0, 3.0]])).tolist() == [[1.0, -10.0, 2.0]]


def test_a_grid_is_moved_without_touching_its_voxels() -> None:
    grid = Grid((2, 3, 4), np.diag([1.0, 2.0, 3.0, 1.0]), "1.2")
    moved = FrameMap("1.2", "1.1", QUARTER_TURN).grid(grid)
    assert moved.frame_of_reference_uid == "1.1"
    assert moved.to_world_mm([1, 1, 1]).tolist() == [3.0, 1.0, 3.0]


def test_maps_are_chained_and_inverted_where_that_leads_to_the_frame() -> None:
    maps = [FrameMap("1.2", "1.1", QUARTER_TURN), FrameMap("1.2", "1.3", UPWARDS)]
    found = map_between("1.1", "1.3", maps)
    assert found is not None
    assert found.points_mm(np.array([[3.0, 1.0, 3.0]])) == pytest.approx(np.array([[1, 2, 10.0]]))
    assert map_between("1.1", "9.9", maps) is None


def test_what_is_no_rigid_registration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HeaderError, match=r"REG\.dcm: a registration without frames"):
        read_frame_maps(registration(tmp_path / "REG.dcm", UPWARDS, target=None))
    with pytest.raises(InputError, match=r"none\.dcm: not readable"):
        read_frame_maps(tmp_path / "none.dcm")
    other = Dataset()
    other.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.3"
    other.SOPInstanceUID = "1.9"
    other.file_meta = FileMetaDataset()
    other.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    other.save_as(tmp_path / "d.dcm", enforce_file_format=True)
    with pytest.raises(UnsupportedError, match="not a rigid Spatial Registration"):
        read_frame_maps(tmp_path / "d.dcm")
