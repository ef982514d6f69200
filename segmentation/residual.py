"""The residual body of the lesion network: MONAI's SegResNet, name by name and number by number.

It is written here because any part of MONAI brings all of it along: 2 s of a processor and 200 MB
in each process of a run, half again of what torch takes. A test holds both to the same weights and
the same answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

#: Channels are normalised in so many groups (SegResNet's).
GROUPS = 8


class _Convolution(nn.Sequential):
    """A convolution that keeps the size of an image, or halves it; its weights are ``conv``'s."""

    def __init__(
        self, before: int, after: int, *, kernel: int = 3, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__()
        padding = kernel // 2
        self.add_module("conv", nn.Conv3d(before, after, kernel, stride, padding, bias=bias))


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, channels)
        self.norm2 = nn.GroupNorm(GROUPS, channels)
        self.act = nn.ReLU(inplace=True)
        self.conv1 = _Convolution(channels, channels)
        self.conv2 = _Convolution(channels, channels)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.conv1(self.act(self.norm1(image)))
        found = self.conv2(self.act(self.norm2(found)))
        found += image
        return found


class ResidualBody(nn.Module):
    """(batch, channels, i, j, k) to the same of other channels, over halved and doubled grids.

    Args:
        before, after: channels of what comes in and out.
        filters: channels at the finest level.
        blocks_down, blocks_up: residual blocks per level.
    """

    def __init__(
        self,
        before: int,
        after: int,
        *,
        filters: int,
        blocks_down: Sequence[int],
        blocks_up: Sequence[int],
    ) -> None:
        super().__init__()
        # The names and the order are SegResNet's: weights are kept by the one, drawn by the other.
        self.convInit = _Convolution(before, filters)
        self.down_layers = nn.ModuleList()
        for level, blocks in enumerate(blocks_down):
            own = filters * 2**level
            finer: nn.Module = _Convolution(own // 2, own, stride=2) if level else nn.Identity()
            self.down_layers.append(
                nn.Sequential(finer, *(_ResidualBlock(own) for _ in range(blocks)))
            )
        up_layers, up_samples = nn.ModuleList(), nn.ModuleList()
        for level, blocks in enumerate(blocks_up):
            own = filters * 2 ** (len(blocks_up) - level - 1)
            up_layers.append(nn.Sequential(*(_ResidualBlock(own) for _ in range(blocks))))
            finer = nn.Upsample(scale_factor=2, mode="trilinear", align_corners=False)
            up_samples.append(nn.Sequential(_Convolution(2 * own, own, kernel=1), finer))
        self.up_layers, self.up_samples = up_layers, up_samples
        self.conv_final = nn.Sequential(
            nn.GroupNorm(GROUPS, filters),
            nn.ReLU(inplace=True),
            _Convolution(filters, after, kernel=1, bias=True),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        held = self.convInit(image)
        levels = []
        for down in self.down_layers:
            held = down(held)
            levels.append(held)
        coarser = reversed(levels[:-1])
        for sample, layer, skipped in zip(self.up_samples, self.up_layers, coarser, strict=True):
            held = layer(sample(held) + skipped)
        answer: torch.Tensor = self.conv_final(held)
        return answer


def pixels_shuffled(image: torch.Tensor, factor: int) -> torch.Tensor:
    """(batch, n factor^3, i, j, k) to (batch, n, factor i, factor j, factor k)."""
    batch, channels, *sides = image.shape
    i, j, k = sides
    own = channels // factor**3
    apart = image.reshape(batch, own, factor, factor, factor, i, j, k)
    mixed = apart.permute(0, 1, 5, 2, 6, 3, 7, 4)
    return mixed.reshape(batch, own, i * factor, j * factor, k * factor)
