"""Lesions from a logit on the network's grid to masks on the CT's, only where lesions are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import cc3d
import numpy as np
import numpy.typing as npt

from imaging.resampling import resample
from imaging.volume import BoolArray, Grid, Index3, Mask, Volume, box_around
from segmentation.blended import NO_LESION
from segmentation.instances import SMALLEST_CANDIDATE_ML, Candidate, components
from segmentation.necks import body_of
from segmentation.network import SIDE_MULTIPLE
from segmentation.prompts import Prompt, middle_mm
from segmentation.windows import Box, hull

#: A click this far outside the lesion found still means it.
CLICK_MISS_MM = 10.0


def boxes(lesion: BoolArray, margin_voxels: float) -> Iterator[Box]:
    """The box of each component, grown by a margin inside the image."""
    held = box_around(lesion)  # what is looked through is mostly empty
    if held is None:
        return
    labelled = cc3d.connected_components(
        lesion[held].astype(np.uint8), connectivity=26, binary_image=True
    )
    for box in cc3d.statistics(labelled)["bounding_boxes"][1:]:
        sides = [
            slice(
                max(0, int(base.start + s.start - margin_voxels)),
                min(size, int(base.start + s.stop + margin_voxels)),
            )
            for s, base, size in zip(box, held, lesion.shape, strict=True)
        ]
        yield sides[0], sides[1], sides[2]


def merged(found: Iterable[Box]) -> list[Box]:
    """Boxes that overlap, as one box around them; sides snapped to multiples of eight voxels.

    The network's answer depends a little on where a window lies: with snapped sides a voxel more or
    less of what was found does not move it.
    """
    apart: list[Box] = []
    for box in found:
        whole = _snapped(box)
        while touching := [other for other in apart if _overlap(whole, other)]:
            apart = [other for other in apart if other not in touching]
            whole = hull([whole, *touching])
        apart.append(whole)
    return apart


def _snapped(box: Box) -> Box:
    i, j, k = (
        slice(s.start - s.start % SIDE_MULTIPLE, s.stop + -s.stop % SIDE_MULTIPLE) for s in box
    )
    return i, j, k


def _overlap(one: Box, other: Box) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def place(
    logit: Volume,
    grid: Grid,
    *,
    level: float = 0.0,
    smallest_ml: float = SMALLEST_CANDIDATE_ML,
    source: str = "",
) -> tuple[Candidate, ...]:
    """Lesions on another grid from a logit: interpolated only in boxes around the lesions."""
    parts = [(box, *_reached(logit.grid, box, grid)) for box in boxes(logit.array > level, 1.0)]
    parts = [part for part in parts if min(part[2]) >= 1]
    if not parts:
        return ()
    # Only what holds lesions is looked through: after a prompt that is a small part of the body.
    low = np.min([start for _, start, _ in parts], axis=0)
    high = np.max([np.add(start, shape) for _, start, shape in parts], axis=0)
    full = np.zeros(tuple(high - low), np.bool_, order="F")
    for box, start, shape in parts:
        sides = tuple(slice(a - b, a - b + n) for a, b, n in zip(start, low, shape, strict=True))
        values = resample(_cropped(logit, box), grid.crop(start, shape), fill=NO_LESION).array
        full[sides] |= values > level
    found = components(full, grid, smallest_ml=smallest_ml, source=source)
    return tuple(replace(each, mask=_moved(each.mask, low)) for each in found)


def _moved(mask: Mask, by: npt.NDArray[np.intp]) -> Mask:
    i, j, k = (int(a + b) for a, b in zip(mask.start, by, strict=True))
    return Mask(mask.array, (i, j, k), mask.grid)


def _cropped(volume: Volume, box: Box) -> Volume:
    # A rim lets the interpolation see what lies next to the box.
    low: Index3 = (max(0, box[0].start - 1), max(0, box[1].start - 1), max(0, box[2].start - 1))
    i, j, k = (
        slice(a, min(n, s.stop + 1)) for a, s, n in zip(low, box, volume.array.shape, strict=True)
    )
    array = np.pad(volume.array[i, j, k], 1, mode="edge")
    shape: Index3 = (array.shape[0], array.shape[1], array.shape[2])
    start: Index3 = (low[0] - 1, low[1] - 1, low[2] - 1)
    return Volume(array, volume.grid.crop(start, shape), volume.unit, volume.source)


def _reached(coarse: Grid, box: Box, fine: Grid) -> tuple[Index3, Index3]:
    """The box of a finer grid that a box of a coarser one covers: first voxel and shape."""
    first = np.array([side.start - 0.5 for side in box])
    last = np.array([side.stop - 0.5 for side in box])
    corners = first + np.array(list(np.ndindex(2, 2, 2))) * (last - first)
    reached = fine.to_voxel(coarse.to_world_mm(corners))
    low = np.maximum(np.floor(reached.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(reached.max(axis=0)) + 1, fine.shape).astype(int)
    i, j, k = (int(n) for n in high - low)
    return (int(low[0]), int(low[1]), int(low[2])), (i, j, k)


def meant(
    found: tuple[Candidate, ...], prompt: Prompt, warnings: list[str]
) -> tuple[Candidate, ...]:
    """The one candidate that a prompt lies in, or nearly, without what hangs on it by a neck."""
    distances = [_distance_mm(candidate.mask, prompt) for candidate in found]
    if not distances or min(distances) > CLICK_MISS_MM:
        warnings.append("no lesion was found at the prompt")
        return ()
    nearest = found[int(np.argmin(distances))]
    return (replace(nearest, mask=body_of(nearest.mask, middle_mm(prompt))),)


def _distance_mm(mask: Mask, prompt: Prompt) -> float:
    """From the middle of a prompt to the nearest voxel of the mask."""
    points = mask.box_grid.to_world_mm(np.argwhere(mask.array))
    return float(np.sqrt(((points - middle_mm(prompt)) ** 2).sum(axis=1).min()))
