"""From one frame of reference to another: the matrices of DICOM Spatial Registration objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from imaging.dataset import read_object, understood
from imaging.elements import decimals
from imaging.errors import HeaderError, UnsupportedError
from imaging.volume import FloatArray, Grid

#: Spatial Registration Storage; the deformable class (…66.3) holds no single matrix.
SPATIAL_REGISTRATION = "1.2.840.10008.5.1.4.1.1.66.1"

#: A matrix with a smaller determinant folds space into a plane.
SINGULAR = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class FrameMap:
    """Points of the source frame to the target frame: 4 x 4, LPS mm to LPS mm."""

    source_uid: str
    target_uid: str
    matrix: FloatArray

    def points_mm(self, points_mm: FloatArray) -> FloatArray:
        """Points (n, 3) of the source frame in the target frame."""
        moved = np.asarray(points_mm, dtype=np.float64) @ self.matrix[:3, :3].T
        return np.asarray(moved + self.matrix[:3, 3], dtype=np.float64)

    def grid(self, grid: Grid) -> Grid:
        """A grid of the source frame where its voxels lie in the target frame."""
        return Grid(grid.shape, self.matrix @ grid.affine, self.target_uid)

    @property
    def inverse(self) -> FrameMap:
        matrix = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        return FrameMap(self.target_uid, self.source_uid, matrix)


def read_frame_maps(path: Path) -> tuple[FrameMap, ...]:
    """The maps of a Spatial Registration object, each from a frame to the registered one.

    The matrix (3006,00C6) of an item takes points of the item's frame to the frame of the object;
    several matrices are applied in their order (PS3.3 C.20.2).

    Raises:
        UnsupportedError: a deformable registration.
        HeaderError: frames or matrices missing.
    """
    with understood(path, "Spatial Registration"):
        return _frame_maps(read_object(path), path)


def _frame_maps(dataset: Dataset, path: Path) -> tuple[FrameMap, ...]:
    if dataset.get("SOPClassUID") != SPATIAL_REGISTRATION:
        raise UnsupportedError("not a rigid Spatial Registration object", where=path)
    target = dataset.get("FrameOfReferenceUID")
    maps = []
    for item in dataset.get("RegistrationSequence", ()):
        source = item.get("FrameOfReferenceUID")
        if not source or not target:
            raise HeaderError("a registration without frames of reference", where=path)
        matrix = np.eye(4)
        for registration in item.get("MatrixRegistrationSequence", ()):
            for step in registration.get("MatrixSequence", ()):
                values = decimals(step, "FrameOfReferenceTransformationMatrix", 16, where=str(path))
                matrix = np.array(values).reshape(4, 4) @ matrix
        if abs(np.linalg.det(matrix)) < SINGULAR or (matrix[3] != (0, 0, 0, 1)).any():
            raise HeaderError("a registration matrix that is no mapping of space", where=path)
        if str(source) != str(target):
            maps.append(FrameMap(str(source), str(target), matrix))
    return tuple(maps)


def map_between(source_uid: str, target_uid: str, maps: Iterable[FrameMap]) -> FrameMap | None:
    """The shortest chain of maps, or of their inverses, between two frames; None without one."""
    known = [direction for one in maps for direction in (one, one.inverse)]
    reached = {source_uid: FrameMap(source_uid, source_uid, np.eye(4))}
    front = [source_uid]
    while front and target_uid not in reached:
        following = []
        for one in known:
            if one.source_uid in front and one.target_uid not in reached:
                matrix = one.matrix @ reached[one.source_uid].matrix
                reached[one.target_uid] = FrameMap(source_uid, one.target_uid, matrix)
                following.append(one.target_uid)
        front = following
    return reached.get(target_uid)
