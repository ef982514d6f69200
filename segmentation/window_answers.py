"""The networks asked over a whole image, or around a prompt: windows answered and blended."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imaging.volume import Array, Grid, Unit, Volume
from segmentation import prompts
from segmentation.blended import NO_LESION, blended, clipped, moved
from segmentation.ensemble import Networks
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


#: CT and PET as the network sees them; None without PET.
Channels = tuple[Array, Array | None]
#: The channels in a box of the network's grid: a place in a whole body costs what the place does.
Look = Callable[[Box], Channels]


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
        refined[box] = blended(channels, parts, ask, network, within=box)
    return refined


def _voxels(box: Box) -> int:
    return math.prod(side.stop - side.start for side in box)


@dataclass(frozen=True, slots=True, eq=False)
class PromptedLogits:
    """What the networks say around a prompt.

    Attributes:
        mean: over the networks, in ``box``.
        each: (networks, i, j, k), what each of them says there.
        box: of the network's grid, where they were asked.
    """

    mean: Array
    each: Array
    box: Box

    def own(self, grid: Grid) -> Grid:
        """The voxels of the answer; ``grid`` is the network's."""
        return cropped(grid, self.box)

    def volumes(self, grid: Grid) -> tuple[Volume, ...]:
        """The answer of each network, where there are several; ``grid`` is the network's."""
        if len(self.each) < 2:
            return ()
        return tuple(Volume(one, self.own(grid), Unit.OTHER) for one in self.each)

    def joined(self, other: PromptedLogits) -> PromptedLogits:
        """What either of two answers about one prompt shows, network by network."""
        box = hull([self.box, other.box])
        mean = np.maximum(self.within(box), other.within(box))
        each = [
            np.maximum(_placed(mine, self.box, box), _placed(theirs, other.box, box))
            for mine, theirs in zip(self.each, other.each, strict=True)
        ]
        return PromptedLogits(mean, np.stack(each), box)

    def within(self, box: Box) -> Array:
        """The mean in another box; ``NO_LESION`` where no network was asked."""
        return _placed(self.mean, self.box, box)


def _placed(array: Array, own: Box, box: Box) -> Array:
    placed = np.full([side.stop - side.start for side in box], NO_LESION, np.float32)
    into, out_of = [], []
    for a, b in zip(own, box, strict=True):
        first, last = max(a.start, b.start), max(a.start, b.start, min(a.stop, b.stop))
        into.append(slice(first - b.start, last - b.start))
        out_of.append(slice(first - a.start, last - a.start))
    placed[tuple(into)] = array[tuple(out_of)]
    return placed


def around(
    prompt: Prompt, look: Look, grid: Grid, network: Networks, quality: InferenceQuality
) -> PromptedLogits:
    """The networks asked about a prompt, again with more around it where the lesion goes on.

    Args:
        look: gives the image on a box of ``grid``, the network's.
    """
    asks = network.asking_each(mirrored=quality is InferenceQuality.BEST)
    ends = grid.to_voxel(prompts.corners_mm(prompt))
    reach = PROMPT_REACH_MM / network.bundle.spacing_mm
    clear = round(CLEAR_MM / network.bundle.spacing_mm)

    def in_box(box: Box) -> PromptedLogits:
        parts = windows(box, longest=network.longest)
        region, _ = clipped(hull(parts), grid.shape)
        seen = (*look(region), prompts.channel(prompt, cropped(grid, region)))
        own = [moved(part, region) for part in parts]
        each = np.stack([blended(seen, own, ask, network) for ask in asks])
        return PromptedLogits(each.mean(axis=0), each, region)

    def compute() -> PromptedLogits:
        box = box_between(ends.min(axis=0) - reach, ends.max(axis=0) + reach)
        found = in_box(box)
        reached = _reached_sides(found, box, grid.shape, clear)
        return in_box(_widened(box, reached)) if any(reached) else found

    return network.within_memory(compute)


def cropped(grid: Grid, box: Box) -> Grid:
    """The grid of a box of a grid."""
    i, j, k = box
    shape = i.stop - i.start, j.stop - j.start, k.stop - k.start
    return grid.crop((i.start, j.start, k.start), shape)


def box_between(low: Array, high: Array) -> Box:
    i, j, k = (slice(int(np.floor(a)), int(np.ceil(b)) + 1) for a, b in zip(low, high, strict=True))
    return i, j, k


def _reached_sides(
    found: PromptedLogits, box: Box, shape: tuple[int, ...], clear: int
) -> tuple[bool, ...]:
    """Whether the lesion comes within some voxels of the first and last face of a box, by axis.

    A face that is the image's own does not count.
    """
    reached = []
    for axis, side in enumerate(box):
        lesion = np.moveaxis(found.mean, axis, 0) > 0
        begin = found.box[axis].start
        low, high = max(side.start, 0) - begin, min(side.stop, shape[axis]) - begin
        reached.append(side.start > 0 and bool(lesion[low : low + clear].any()))
        last = slice(max(high - clear, 0), high)
        reached.append(side.stop < shape[axis] and bool(lesion[last].any()))
    return tuple(reached)


def _widened(box: Box, reached: tuple[bool, ...]) -> Box:
    """The box moved out by half of its length on the sides that the lesion reaches."""
    sides = []
    for axis, side in enumerate(box):
        more = (side.stop - side.start) // 2
        low, high = reached[2 * axis : 2 * axis + 2]
        sides.append(slice(side.start - more * low, side.stop + more * high))
    return sides[0], sides[1], sides[2]
