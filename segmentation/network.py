"""The lesion network and how a patient is put before it.

Three channels on a 3 mm isotropic grid: CT in a soft-tissue window, the logarithm of the SUV
(zeros where there is no PET) and a prompt (zeros where there is none). One logit comes out.

The body is MONAI's SegResNet. It runs on a grid of half the resolution: a strided convolution
leads in, a pixel shuffle leads out, so that eight sub-voxel logits are decided together. That costs
an eighth of the arithmetic of the same network at full resolution, which is what makes a whole body
on two processor cores a matter of seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from imaging.volume import Array, Index3
from segmentation.monai_parts import monai_part

#: Edge of a voxel of the network's grid.
SPACING_MM = 3.0
#: The soft-tissue window that the CT is clipped to.
CT_WINDOW_HU = (-160.0, 240.0)
#: SUV is clipped here before the logarithm: bladder and brain say nothing more above it.
SUV_CEILING = 30.0
#: The prompt falls off by 1/e over this distance from the click or line.
PROMPT_FALLOFF_MM = 15.0
#: Sides of a window are multiples of this (stem, and two halvings inside).
SIDE_MULTIPLE = 8

CT_CHANNEL, SUV_CHANNEL, PROMPT_CHANNEL = 0, 1, 2
CHANNELS = 3


class LesionNet(torch.nn.Module):
    """(batch, channels, i, j, k) encoded image to (batch, 1, i, j, k) logit of "lesion".

    Args:
        filters: channels at the finest level of the body.
        blocks_down, blocks_up: residual blocks per level, as MONAI's SegResNet takes them.
        channels: of the image.
    """

    def __init__(
        self,
        filters: int = 16,
        blocks_down: Sequence[int] = (1, 2, 4),
        blocks_up: Sequence[int] = (1, 1),
        channels: int = CHANNELS,
    ) -> None:
        super().__init__()
        self.stem = torch.nn.Conv3d(channels, filters, kernel_size=2, stride=2)
        self.body = monai_part("monai.networks.nets.segresnet").SegResNet(
            spatial_dims=3,
            in_channels=filters,
            out_channels=8,
            init_filters=filters,
            blocks_down=tuple(blocks_down),
            blocks_up=tuple(blocks_up),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        shuffle = monai_part("monai.networks.utils").pixelshuffle
        logits: torch.Tensor = shuffle(self.body(self.stem(image)), 3, 2)
        return logits


class DirectConv3d(torch.nn.Conv3d):
    """A convolution that takes oneDNN's kernels for a single window too.

    Torch sends a float32 batch of one on a CPU to its own kernel wherever the first four sizes
    multiply to 20,480 or less, which is most of this network: a window of 96 voxels took 0.59 s
    there and 0.17 s here, on one thread. Everything else goes the usual way.
    """

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if (
            image.device.type == "cpu"
            and image.dtype == torch.float32
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
            and self.padding_mode == "zeros"
            and not isinstance(self.padding, str)
            and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        ):
            direct: torch.Tensor = torch.ops.aten.mkldnn_convolution(
                image,
                self.weight,
                self.bias,
                self.padding,
                self.stride,
                self.dilation,
                self.groups,
            )
            return direct
        return super().forward(image)


def direct(network: LesionNet) -> LesionNet:
    """The same network with convolutions that are fast for a single window on a CPU, in place."""
    for module in network.modules():
        if type(module) is torch.nn.Conv3d:
            module.__class__ = DirectConv3d
    return network


def channels_last(network: LesionNet) -> LesionNet:
    """The network with its weights laid out as processors' convolutions want them."""
    laid_out: LesionNet = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return laid_out


def encode_ct(hu: Array) -> Array:
    """HU to the network's CT channel: 0 for air, 2 for bone; float32."""
    low, high = CT_WINDOW_HU
    clipped = np.clip(hu, low, high).astype(np.float32, copy=False)
    clipped -= low
    clipped *= 2.0 / (high - low)
    return clipped


def encode_suv(suv: Array) -> Array:
    """SUVbw to the network's PET channel: the natural logarithm of 1 + SUV; float32."""
    clipped = np.clip(suv, 0.0, SUV_CEILING).astype(np.float32, copy=False)
    return np.log1p(clipped, out=clipped)


def near_segment(
    shape: Index3, start: Array, end: Array, device: torch.device | str
) -> torch.Tensor:
    """exp(-distance / falloff) to the segment between two voxels; (1, 1, *shape)."""
    axes = [torch.arange(n, device=device, dtype=torch.float32) for n in shape]
    direction = np.asarray(end, np.float64) - start
    length2 = float(direction @ direction)
    offsets = [axis - float(s) for axis, s in zip(axes, start, strict=True)]
    x, y, z = torch.meshgrid(*offsets, indexing="ij")
    if length2 > 0:
        along = (x * direction[0] + y * direction[1] + z * direction[2]) / length2
        along = along.clamp_(0.0, 1.0)
        x, y, z = (
            offset - along * float(d) for offset, d in zip((x, y, z), direction, strict=True)
        )
    distance = torch.sqrt(x * x + y * y + z * z) * SPACING_MM
    return torch.exp(-distance / PROMPT_FALLOFF_MM)[None, None]


def carried(mask: torch.Tensor) -> torch.Tensor:
    """The prompt of a lesion carried over: (1, 1, i, j, k) of 0 and 1, softened."""
    return blurred(mask.float())


def blurred(image: torch.Tensor) -> torch.Tensor:
    """Three-voxel running mean along each axis of (1, 1, i, j, k)."""
    for axis in range(3):
        kernel = [3 if axis == n else 1 for n in range(3)]
        image = functional.avg_pool3d(
            image, kernel, 1, [k // 2 for k in kernel], count_include_pad=False
        )
    return image
