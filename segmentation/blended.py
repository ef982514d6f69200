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
from segmentation.windows import Box, blending

#: The logit where nothing was computed.
NO_LESION = -20.0


def blended(
    channels: Sequence[Array | None],
    parts: Sequence[Box],
    ask: Ask,
    networks: Networks,
    report: Callable[[float], None] | None = None,
) -> Array:
    """The blended logit of windows, on the whole grid; ``NO_LESION`` where there is none.

    Args:
        channels: (i, j, k) float32, in the order of the network's; None for one of zeros.
        parts: windows of one size; what sticks out of the image is air.
        ask: the answer of a batch of windows, see :meth:`Networks.asking`.
        report: called with the share of the windows that is done.
    """
    device = networks.device
    held = [None if channel is None else _held(channel, device) for channel in channels]
    present = held[0]
    assert present is not None
    shape = tuple(present.shape)
    total, weight = (torch.zeros(shape, device=device) for _ in range(2))
    for first in range(0, len(parts), networks.at_once):
        batch = parts[first : first + networks.at_once]
        i, j, k = (side.stop - side.start for side in batch[0])
        image = torch.zeros((len(batch), CHANNELS, i, j, k), device=device)
        places = [clipped(part, shape) for part in batch]
        for n, (inside, within) in enumerate(places):
            for c, channel in enumerate(held):
                if channel is not None:
                    image[(n, c, *within)] = channel[inside]
        answers = ask(image)
        share = torch.from_numpy(blending((i, j, k))).to(device)
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
