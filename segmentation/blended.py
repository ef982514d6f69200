"""The answers of windows, blended into one logit on the processor that gives them.

Image, sums and weights stay there from the first window to the last: on a GPU one copy goes there
and one comes back, and several windows are answered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from imaging.volume import Array
from segmentation.ensemble import Ask, Networks
from segmentation.network import CHANNELS
from segmentation.windows import Box, blending, hull

#: The logit where nothing was computed.
NO_LESION = -20.0


def blended(
    channels: Sequence[Array | None],
    parts: Sequence[Box],
    ask: Ask,
    networks: Networks,
    report: Callable[[float], None] | None = None,
    *,
    within: Box | None = None,
) -> Array:
    """The blended logit of windows; ``NO_LESION`` where there is none.

    Only the box around the windows is worked on: a body fills a fifth of its image, and a place
    that is asked about again a hundredth.

    Args:
        channels: (i, j, k) float32, in the order of the network's; None for one of zeros.
        parts: windows of one size; what sticks out of the image is air.
        ask: the answer of a batch of windows, see :meth:`Networks.asking`.
        report: called with the share of the windows that is done.
        within: the box of the grid that is given back; None for the whole grid.
    """
    present = channels[0]
    assert present is not None
    grid_shape = present.shape
    wanted, _ = clipped(within or _whole(grid_shape), grid_shape)
    logit = np.full([side.stop - side.start for side in wanted], NO_LESION, np.float32)
    if not parts:
        return logit
    region, _ = clipped(hull(parts), grid_shape)
    seen = [None if channel is None else channel[region] for channel in channels]
    answered = _summed(seen, [moved(part, region) for part in parts], ask, networks, report)
    into, _ = clipped(moved(region, wanted), logit.shape)
    out_of, _ = clipped(moved(wanted, region), answered.shape)
    logit[into] = answered[out_of]
    return logit


def _summed(
    channels: Sequence[Array | None],
    parts: Sequence[Box],
    ask: Ask,
    networks: Networks,
    report: Callable[[float], None] | None,
) -> Array:
    """The blended logit of windows on the grid that their channels lie on."""
    device = networks.device
    held = [None if channel is None else _held(channel, device) for channel in channels]
    present = held[0]
    assert present is not None
    shape = tuple(present.shape)
    total, weight = (torch.zeros(shape, device=device) for _ in range(2))
    i, j, k = (side.stop - side.start for side in parts[0])
    share = torch.from_numpy(blending((i, j, k))).to(device)
    for first in range(0, len(parts), networks.at_once):
        batch = parts[first : first + networks.at_once]
        image = torch.zeros((len(batch), CHANNELS, i, j, k), device=device)
        places = [clipped(part, shape) for part in batch]
        for n, (inside, within) in enumerate(places):
            for c, channel in enumerate(held):
                if channel is not None:
                    image[(n, c, *within)] = channel[inside]
        answers = ask(image)
        for answer, (inside, within) in zip(answers, places, strict=True):
            total[inside] += answer[within] * share[within]
            weight[inside] += share[within]
        if report is not None:
            report(min(first + len(batch), len(parts)) / len(parts))
    logit = torch.where(weight > 0, total / weight, NO_LESION)
    return np.asarray(logit.cpu())


def _held(channel: Array, device: torch.device) -> torch.Tensor:
    own = channel if channel.flags.writeable else channel.copy()
    return torch.from_numpy(own).to(device)


def clipped(part: Box, shape: tuple[int, ...]) -> tuple[Box, Box]:
    """The part of a window inside the image, as slices of the image and of the window."""
    inside, within = [], []
    for side, size in zip(part, shape, strict=True):
        start, stop = max(side.start, 0), min(side.stop, size)
        inside.append(slice(start, max(start, stop)))
        within.append(slice(start - side.start, max(start, stop) - side.start))
    return (inside[0], inside[1], inside[2]), (within[0], within[1], within[2])


def moved(part: Box, base: Box) -> Box:
    """A box of a grid, counted from where another one begins."""
    i, j, k = (
        slice(side.start - own.start, side.stop - own.start)
        for side, own in zip(part, base, strict=True)
    )
    return i, j, k


def _whole(shape: tuple[int, ...]) -> Box:
    i, j, k = (slice(0, size) for size in shape)
    return i, j, k
