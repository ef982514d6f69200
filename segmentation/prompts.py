"""What a reader points at, as the network's third channel.

A click or a RECIST line is 1 where it lies and falls off exponentially with the distance; a lesion
carried over from an earlier date is 1 inside and softened at its edge. Without a prompt the channel
is 0 and the network delineates every lesion it sees; with one, only the lesion meant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from imaging.errors import InputError
from imaging.resampling import resample_mask
from imaging.volume import Array, BoolArray, FloatArray, Grid, Mask
from segmentation.network import carried, near_segment

Point = tuple[float, float, float]

#: A reader's line may be this much shorter than the longest diameter.
LINE_SLACK = 1.1


@dataclass(frozen=True, slots=True)
class Click:
    """A point inside the lesion, LPS mm."""

    point_mm: Point


@dataclass(frozen=True, slots=True)
class Line:
    """The two ends of a RECIST diameter, LPS mm."""

    start_mm: Point
    end_mm: Point


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A lesion of an earlier date, already brought to where it should lie now."""

    mask: Mask

    def __post_init__(self) -> None:
        if not self.mask.voxels:
            raise InputError("the lesion carried over is empty", remedy="give a click instead")


Prompt = Click | Line | Carried


def deepest_click(lesion: BoolArray, grid: Grid) -> Click:
    """A click at the point of the largest component that is farthest from its surface."""
    depth = ndimage.distance_transform_edt(np.pad(lesion, 1), sampling=grid.spacing_mm)
    inside = depth[1:-1, 1:-1, 1:-1]
    x, y, z = grid.to_world_mm(np.unravel_index(int(inside.argmax()), lesion.shape))
    return Click((float(x), float(y), float(z)))


def kind_of(prompt: Prompt | None) -> str:
    """What a bundle calls a prompt where it tells its errors."""
    if prompt is None:
        return "automatic"
    return {Click: "click", Line: "line", Carried: "carried"}[type(prompt)]


def corners_mm(prompt: Prompt) -> FloatArray:
    """Points (n, 3) that the prompt extends over."""
    if isinstance(prompt, Click):
        return np.array([prompt.point_mm], dtype=np.float64)
    if isinstance(prompt, Line):
        return np.array([prompt.start_mm, prompt.end_mm], dtype=np.float64)
    return prompt.mask.box_grid.corners_mm()


def length_mm(prompt: Prompt) -> float | None:
    """How long the lesion is, as far as the prompt says: of a line, or of what was carried over."""
    if isinstance(prompt, Click):
        return None
    if isinstance(prompt, Line):
        start, end = corners_mm(prompt)
        return float(np.linalg.norm(end - start))
    mask = prompt.mask
    spacing = np.array(mask.grid.spacing_mm[:2])
    return max(
        float(np.linalg.norm(np.ptp(np.argwhere(mask.array[:, :, k]), axis=0) * spacing))
        for k in np.flatnonzero(mask.array.any(axis=(0, 1)))
    )


def middle_mm(prompt: Prompt) -> FloatArray:
    """The point that a prompt means, LPS mm."""
    if isinstance(prompt, Carried):
        return prompt.mask.centre_mm
    return np.asarray(corners_mm(prompt).mean(axis=0))


def check_inside(prompt: Prompt, grid: Grid) -> None:
    """A prompt must lie in the image.

    Raises:
        InputError: it lies outside.
    """
    voxels = grid.to_voxel(corners_mm(prompt))
    touches = ((voxels > -0.5) & (voxels < np.array(grid.shape) - 0.5)).all(axis=1)
    if not (touches.any() if isinstance(prompt, Carried) else touches.all()):
        place = ", ".join(f"{x:.1f}" for x in corners_mm(prompt).mean(axis=0))
        raise InputError(
            f"the prompt at ({place}) mm lies outside the image",
            remedy="give patient coordinates (LPS, mm)",
        )


def channel(prompt: Prompt | None, grid: Grid) -> Array:
    """The prompt's channel on a grid of the network, float32 (i, j, k)."""
    if prompt is None:
        return np.zeros(grid.shape, np.float32)
    if isinstance(prompt, Carried):
        full = resample_mask(prompt.mask, grid).full()
        softened = carried(torch.from_numpy(np.ascontiguousarray(full))[None, None])
        return np.asarray(softened[0, 0])
    ends = grid.to_voxel(corners_mm(prompt))
    return np.asarray(near_segment(grid.shape, ends[0], ends[-1], "cpu")[0, 0])


def beyond_line(line: Line, grid: Grid) -> BoolArray:
    """Where no lesion of this longest diameter can reach, on a grid; (i, j, k).

    In the slice of the line no point of the lesion is farther from either end than the line is
    long, or that would be the longer diameter. An oblique lesion moves sideways from slice to
    slice, so the distance grows by that to the slice.
    """
    ends = corners_mm(line)
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    normal = grid.directions[:, 2]
    allowed = LINE_SLACK * float(np.linalg.norm(ends[1] - ends[0])) + grid.spacing_mm[0]
    beyond = np.zeros(grid.shape, np.bool_)
    for end in ends:
        offset = points - end
        along = offset @ normal
        across = np.linalg.norm(offset - along[..., None] * normal, axis=-1)
        beyond |= across > allowed + np.abs(along)
    return beyond
