"""What the network of small lesions sees: four channels on a grid matched to the lesion.

A lesion of 6 mm and one of 60 mm are put before the network at about the same size in voxels: a
line says how long the lesion is, and after a click the first answer does. One network and one small
window then serve all sizes, and an answer does not jump where one resolution hands over to another.

Channels: CT in a lung window and in a soft-tissue window; the place meant (1 at the click or along
the line, falling off within a few voxels); its extent where it is known (a ball over the line, or
the lesion carried over from an earlier date).
"""

from __future__ import annotations

import torch
from torch.nn import functional

from imaging.volume import Array

#: Both windows are needed: in the lung window subsolid nodules show, in the other liver and nodes.
LUNG_WINDOW_HU = (-1000.0, 200.0)
SOFT_WINDOW_HU = (-160.0, 240.0)
CHANNELS = 4
#: Side of a window, voxels.
SIDE = 32
#: A lesion is looked at on a grid on which its longest diameter is about so many voxels.
LESION_VOXELS = 16.0
FINEST_MM, COARSEST_MM = 0.5, 3.0
#: The grid on which a click is first answered.
CLICK_MM = 1.0
#: The place falls off by 1/e over so many voxels.
FALLOFF_VOXELS = 5.0
#: Half-width of the edge of the ball over a line, voxels.
EDGE_VOXELS = 1.0


def spacing_for(length_mm: float) -> float:
    """Edge of a voxel, mm, of the grid for a lesion of this longest diameter."""
    return min(COARSEST_MM, max(FINEST_MM, length_mm / LESION_VOXELS))


def windowed(hu: torch.Tensor) -> torch.Tensor:
    """HU (batch, 1, i, j, k) to both windows (batch, 2, i, j, k), each from 0 to 2."""
    return torch.cat(
        [
            (hu.clamp(low, high) - low) * (2.0 / (high - low))
            for low, high in (LUNG_WINDOW_HU, SOFT_WINDOW_HU)
        ],
        dim=1,
    )


def offsets(side: int, point: Array, device: torch.device) -> torch.Tensor:
    """Voxel offsets (3, side, side, side) from a point of the window."""
    axis = torch.arange(side, device=device, dtype=torch.float32)
    axes = torch.meshgrid(*(axis - float(p) for p in point), indexing="ij")
    return torch.stack(axes)


def place(side: int, start: Array, end: Array, device: torch.device) -> torch.Tensor:
    """The place meant: 1 on the segment between two voxels; (1, 1, side, side, side)."""
    away = offsets(side, start, device)
    direction = torch.as_tensor(end - start, dtype=torch.float32, device=device).view(3, 1, 1, 1)
    length2 = float((direction * direction).sum())
    if length2 > 0:
        along = ((away * direction).sum(0) / length2).clamp_(0.0, 1.0)
        away = away - along * direction
    return torch.exp(-away.square().sum(0).sqrt() / FALLOFF_VOXELS)[None, None]


def ball(side: int, start: Array, end: Array, device: torch.device) -> torch.Tensor:
    """The extent that a line promises: a ball over it with a soft edge."""
    radius = float(((end - start) ** 2).sum()) ** 0.5 / 2.0
    away = offsets(side, (start + end) / 2.0, device).square().sum(0).sqrt()
    return torch.sigmoid((radius - away) / EDGE_VOXELS)[None, None]


def softened(mask: torch.Tensor) -> torch.Tensor:
    """The extent of a lesion carried over: (1, 1, i, j, k) of 0 and 1, its edge softened."""
    return functional.avg_pool3d(mask.float(), 3, 1, 1, count_include_pad=False)
