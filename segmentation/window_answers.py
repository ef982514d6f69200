"""The networks asked over a whole image, or around a prompt: windows answered and blended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imaging.volume import Array, Grid, Unit, Volume
from segmentation import prompts
from segmentation.blended import NO_LESION, blended, clipped
from segmentation.ensemble import Ask, Networks
from segmentation.inference_quality import InferenceQuality
from segmentation.placement import boxes, merged
from segmentation.prompts import Prompt
from segmentation.stages import StageClock
from segmentation.windows import LONGEST_SIDE, Box, body_box, hull, windows

#: Around a prompt this much is looked at to each side; half a window more on the sides that the
#: lesion reaches. A smaller window first drew balls in phantoms better and real lesions worse.
PROMPT_REACH_MM = 96.0
#: A lesion reaches a side of what is looked at when it comes this near to it.
CLEAR_MM = 3.0
#: A candidate is looked at again with this margin when several networks are asked.
REFINE_MARGIN_MM = 48.0
#: FAST looks again at so many voxels in all: four windows of the largest size.
FAST_VOXELS = 4 * LONGEST_SIDE**3
#: A voxel of this logit or more (probability 0.27) is worth asking all networks about.
NEARLY = -1.0


Channels = tuple[Array, Array | None]


def everywhere(
    channels: Channels, network: Networks, quality: InferenceQuality, clock: StageClock
) -> Array:
    """The whole body by one network, and what it found by all; a small body by all at once."""
    body_part, body = body_box(channels[0])
    small = _voxels(body_part) <= FAST_VOXELS

    def compute() -> Array:
        parts = windows(body_part, body, longest=network.longest)
        mirrored = quality is InferenceQuality.BEST
        ask = network.asking(mirrored=mirrored) if small else network.asking_one()
        return blended(channels, parts, ask, network, clock.report)

    logit = network.within_memory(compute)
    if small:
        return logit
    margin = REFINE_MARGIN_MM / network.bundle.spacing_mm
    found = merged(boxes(logit > NEARLY, margin))
    if quality is InferenceQuality.FAST and sum(_voxels(box) for box in found) > FAST_VOXELS:
        return logit
    return network.within_memory(lambda: _refine(logit, found, channels, network, quality))


def _refine(
    logit: Array,
    around: Sequence[Box],
    channels: Channels,
    network: Networks,
    quality: InferenceQuality,
) -> Array:
    """Ask all networks inside boxes around what one of them found, or nearly found."""
    if len(network.bundle.weights) == 1 and quality is not InferenceQuality.BEST:
        return logit
    ask = network.asking(mirrored=quality is InferenceQuality.BEST)
    refined = logit.copy()
    for box in around:
        parts = windows(box, longest=network.longest)
        refined[box] = blended(channels, parts, ask, network)[box]
    return refined


def _voxels(box: Box) -> int:
    return math.prod(side.stop - side.start for side in box)


@dataclass(frozen=True, slots=True, eq=False)
class PromptedLogits:
    """What the networks say around a prompt.

    Attributes:
        mean: over the networks, on the network's whole grid; ``NO_LESION`` where none was asked.
        each: (networks, i, j, k), what each of them says in ``box``.
        box: of the grid, where they were asked.
    """

    mean: Array
    each: Array
    box: Box

    def volumes(self, grid: Grid) -> tuple[Volume, ...]:
        """The answer of each network, where there are several; ``grid`` is the network's."""
        if len(self.each) < 2:
            return ()
        start = self.box[0].start, self.box[1].start, self.box[2].start
        i, j, k = self.each.shape[1:]
        own = grid.crop(start, (i, j, k))
        return tuple(Volume(one, own, Unit.OTHER) for one in self.each)

    def joined(self, other: PromptedLogits) -> PromptedLogits:
        """What either of two answers about one prompt shows, network by network."""
        box = hull([self.box, other.box])
        mine, theirs = (one._each_in(box) for one in (self, other))
        return PromptedLogits(np.maximum(self.mean, other.mean), np.maximum(mine, theirs), box)

    def _each_in(self, box: Box) -> Array:
        shape = tuple(side.stop - side.start for side in box)
        placed = np.full((len(self.each), *shape), NO_LESION, np.float32)
        own = tuple(
            slice(a.start - b.start, a.stop - b.start) for a, b in zip(self.box, box, strict=True)
        )
        placed[(slice(None), *own)] = self.each
        return placed


def around(
    prompt: Prompt, channels: Channels, grid: Grid, network: Networks, quality: InferenceQuality
) -> PromptedLogits:
    """The networks asked about a prompt, again with more around it where the lesion goes on."""
    asks = network.asking_each(mirrored=quality is InferenceQuality.BEST)
    pointed = prompts.channel(prompt, grid)
    ends = grid.to_voxel(prompts.corners_mm(prompt))
    reach = PROMPT_REACH_MM / network.bundle.spacing_mm
    clear = round(CLEAR_MM / network.bundle.spacing_mm)

    def compute() -> PromptedLogits:
        box = box_between(ends.min(axis=0) - reach, ends.max(axis=0) + reach)
        found = _in_box((*channels, pointed), box, asks, network)
        reached = _reached_sides(found.mean, box, clear)
        if not any(reached):
            return found
        return _in_box((*channels, pointed), _widened(box, reached), asks, network)

    return network.within_memory(compute)


def _in_box(
    channels: Sequence[Array | None], box: Box, asks: Sequence[Ask], network: Networks
) -> PromptedLogits:
    """What each network says in the windows of a box, and their mean."""
    parts = windows(box, longest=network.longest)
    present = channels[0]
    assert present is not None
    region, _ = clipped(hull(parts), present.shape)
    # Only what the windows see: a whole body is never blended for a place in it.
    seen = [None if channel is None else channel[region] for channel in channels]
    moved = [_moved(part, region) for part in parts]
    each = np.stack([blended(seen, moved, ask, network) for ask in asks])
    mean = np.full(present.shape, NO_LESION, np.float32)
    mean[region] = each.mean(axis=0)
    return PromptedLogits(mean, each, region)


def _moved(part: Box, region: Box) -> Box:
    i, j, k = (
        slice(side.start - base.start, side.stop - base.start)
        for side, base in zip(part, region, strict=True)
    )
    return i, j, k


def box_between(low: Array, high: Array) -> Box:
    i, j, k = (slice(int(np.floor(a)), int(np.ceil(b)) + 1) for a, b in zip(low, high, strict=True))
    return i, j, k


def _reached_sides(logit: Array, box: Box, clear: int) -> tuple[bool, ...]:
    """Whether the lesion comes within some voxels of the first and last face of a box, by axis.

    A face that is the image's own does not count.
    """
    reached = []
    for axis, side in enumerate(box):
        lesion = np.moveaxis(logit, axis, 0) > 0
        first = slice(max(side.start, 0), side.start + clear)
        last = slice(max(side.stop - clear, 0), side.stop)
        reached.append(side.start > 0 and bool(lesion[first].any()))
        reached.append(side.stop < logit.shape[axis] and bool(lesion[last].any()))
    return tuple(reached)


def _widened(box: Box, reached: tuple[bool, ...]) -> Box:
    """The box moved out by half of its length on the sides that the lesion reaches."""
    sides = []
    for axis, side in enumerate(box):
        more = (side.stop - side.start) // 2
        low, high = reached[2 * axis : 2 * axis + 2]
        sides.append(slice(side.start - more * low, side.stop + more * high))
    return sides[0], sides[1], sides[2]
