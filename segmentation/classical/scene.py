"""What a classical method looks at: a cube of the CT around a prompt."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np

from imaging.volume import Array, BoolArray, FloatArray, Volume
from segmentation.close_up import close_up, cube
from segmentation.prompts import Click, Line, corners_mm

#: A line is about so many voxels long in its cube, and the cube this much longer.
LINE_VOXELS = 24.0
LINE_SIDE = 48
FINEST_MM, COARSEST_MM = 0.5, 4.0
#: The cube around a click: 1 mm, and as long as the largest lesion that a click may mean.
CLICK_MM = 1.0
CLICK_SIDE = 56


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A cube of HU and the prompt's ends in its voxels (both the same for a click)."""

    hu: Volume
    start: FloatArray
    end: FloatArray

    @classmethod
    def of(cls, ct: Volume, ends_mm: FloatArray, spacing_mm: float, side: int) -> Scene:
        window = cube(ct.grid, ends_mm.mean(axis=0), spacing_mm, side)
        ends = window.to_voxel(ends_mm)
        return cls(close_up(ct, window), ends[0], ends[-1])

    @property
    def spacing_mm(self) -> float:
        return self.hu.grid.spacing_mm[0]

    @property
    def middle(self) -> FloatArray:
        return np.asarray((self.start + self.end) / 2.0)

    @property
    def length(self) -> float:
        """The length of the line, in voxels."""
        return float(np.linalg.norm(self.end - self.start))

    def away(self, point: FloatArray) -> Array:
        """Distance of every voxel to a point, in voxels, float32."""
        axes = [
            (np.arange(n, dtype=np.float32) - np.float32(p)) ** 2
            for n, p in zip(self.hu.array.shape, point, strict=True)
        ]
        squared = axes[0][:, None, None] + axes[1][:, None] + axes[2]
        return np.asarray(np.sqrt(squared))

    def along(self, first: float, last: float) -> tuple[Array, ...]:
        """Indices of the voxels on a part of the line (0 is its start, 1 its end)."""
        count = max(2, int(2 * self.length * (last - first)) + 1)
        share = np.linspace(first, last, count)[:, None]
        points = np.rint(self.start + share * (self.end - self.start)).astype(int)
        points = np.clip(points, 0, np.array(self.hu.array.shape) - 1)
        return tuple(np.unique(points, axis=0).T)


def around_line(ct: Volume, line: Line) -> Scene:
    """The cube around a line."""
    ends = corners_mm(line)
    length = float(np.linalg.norm(ends[1] - ends[0]))
    spacing = min(COARSEST_MM, max(FINEST_MM, length / LINE_VOXELS))
    return Scene.of(ct, ends, spacing, LINE_SIDE)


def around_click(ct: Volume, click: Click) -> Scene:
    """The cube around a click."""
    return Scene.of(ct, corners_mm(click), CLICK_MM, CLICK_SIDE)


def connected(lesion: BoolArray, seed: BoolArray) -> BoolArray:
    """The components that hold a voxel of the seed."""
    labelled = cc3d.connected_components(lesion.astype(np.uint8), connectivity=6)
    wanted = np.unique(labelled[seed & lesion])
    return np.asarray(np.isin(labelled, wanted[wanted > 0]))
