"""From a CT and a prompt to the logit of the one lesion that it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cc3d
import numpy as np
import torch

from imaging.volume import Array, BoolArray, Grid, Mask, Unit, Volume
from segmentation.bundle import Bundle
from segmentation.close_up import close_up, cube
from segmentation.fine import encoding
from segmentation.network import LesionNet, channels_last
from segmentation.processor import precision
from segmentation.prompts import Carried, Click, Line, Prompt, corners_mm, length_mm, middle_mm

#: A click this far outside of what was found still means it.
MISSED_MM = 4.0
#: The grid is matched again as long as the length differs by more than this factor, at most
#: ``MOST_ANSWERS`` times.
MATCHED = 1.3
MOST_ANSWERS = 4
#: A lesion that comes this near to the side of the cube, in voxels, is looked at on a coarser grid.
CLEAR_VOXELS = 2
COARSER = 1.6
#: After a click the logit from which a voxel is lesion falls with the length found, mm. The
#: networks draw within the border that most readers drew, the more so the larger the nodule: at a
#: logit of 0 those of 20 mm and more came out 8 mm too short, so 6 mm. Chosen on 82 boxes by
#: networks that had not seen them, checked on 180 others (see the card of the bundle).
CLICK_LENGTHS_MM, CLICK_LEVELS = (8.0, 20.0), (-1.0, -2.5)
#: Mirrorings that are averaged, axes of the batch.
MIRRORS: tuple[tuple[int, ...], ...] = ((), (2,))


@dataclass(frozen=True, slots=True, eq=False)
class LesionLogits:
    """What the networks say about one lesion.

    Attributes:
        logit: the mean, on a cube around the lesion.
        each: (networks, n, n, n), what each network says there.
        level: the logit from which a voxel is lesion.
        length_mm: longest diameter in a slice of what was found, 0 for nothing.
        certainty: mean probability inside of what was found.
    """

    logit: Volume
    each: Array
    level: float
    length_mm: float
    certainty: float


class FineNetworks:
    """The networks of a bundle for small lesions, on a device."""

    def __init__(self, bundle: Bundle, device: torch.device, *, bf16: bool | None = None) -> None:
        self.device = device
        self.bf16 = bf16
        self.level = float(np.log(bundle.threshold / (1.0 - bundle.threshold)))
        self.networks: Sequence[LesionNet] = [
            channels_last(network.to(device)) for network in bundle.networks(ensemble=True)
        ]

    def answer(self, ct: Volume, prompt: Prompt) -> LesionLogits:
        """The lesion meant, on a grid matched to it.

        Args:
            ct: HU.
            prompt: inside the image.
        """
        centre, length = middle_mm(prompt), length_mm(prompt)
        spacing = encoding.CLICK_MM if length is None else encoding.spacing_for(length)
        for number in range(MOST_ANSWERS):
            window = cube(ct.grid, centre, spacing, encoding.SIDE)
            each = self._logits(close_up(ct, window), window, prompt)
            logit = each.mean(axis=0)
            found = meant_by(logit > self.level, window, prompt)
            extent = _longest_mm(found, spacing)
            if isinstance(prompt, Line) or not found.any():
                break
            wanted = encoding.spacing_for(extent)
            if _reaches_side(found) and spacing < encoding.COARSEST_MM:
                wanted = min(encoding.COARSEST_MM, max(wanted, spacing * COARSER))
            if number > 0 and max(wanted / spacing, spacing / wanted) < MATCHED:
                break
            spacing = wanted
            centre = window.to_world_mm(np.argwhere(found).mean(axis=0))
        probability = 1.0 / (1.0 + np.exp(-logit[found])) if found.any() else np.zeros(1)
        level = self.level
        if isinstance(prompt, Click):
            level += float(np.interp(extent, CLICK_LENGTHS_MM, CLICK_LEVELS))
            extent = _longest_mm(meant_by(logit > level, window, prompt), window.spacing_mm[0])
        return LesionLogits(
            Volume(logit, window, Unit.OTHER),
            each,
            level,
            extent,
            float(probability.mean()),
        )

    def _logits(self, ct: Volume, window: Grid, prompt: Prompt) -> Array:
        image = encoded(ct, window, prompt)
        batch = torch.stack([image.flip([axis - 1 for axis in axes]) for axes in MIRRORS])
        batch = batch.to(self.device).contiguous(memory_format=torch.channels_last_3d)
        answers = []
        with precision(self.device, bf16=self.bf16):
            for network in self.networks:
                logits = network(batch).float()
                turned = [
                    one.flip([axis - 1 for axis in axes])
                    for one, axes in zip(logits, MIRRORS, strict=True)
                ]
                answers.append(torch.stack(turned).mean(dim=0)[0])
        return np.asarray(torch.stack(answers).cpu())


def encoded(ct: Volume, window: Grid, prompt: Prompt) -> torch.Tensor:
    """The network's image (4, n, n, n) of a cube."""
    device = torch.device("cpu")
    hu = torch.from_numpy(np.array(ct.array, np.float32))[None, None]
    ends = window.to_voxel(corners_mm(prompt))
    if isinstance(prompt, Carried):
        extent = torch.from_numpy(_share(prompt.mask, window))[None, None]
        middle = window.to_voxel(middle_mm(prompt))
        where = encoding.place(window.shape[0], middle, middle, device)
        extent = encoding.softened(extent > 0.5)
    else:
        where = encoding.place(window.shape[0], ends[0], ends[-1], device)
        extent = torch.zeros_like(where)
        if isinstance(prompt, Line):
            extent = encoding.ball(window.shape[0], ends[0], ends[-1], device)
    return torch.cat([encoding.windowed(hu), where, extent], dim=1)[0]


def _share(mask: Mask, window: Grid) -> Array:
    # A rim of background, so that the border that is repeated is background.
    low = tuple(int(n) for n in np.subtract(mask.start, 1))
    padded = np.pad(mask.array, 1).astype(np.float32)
    i, j, k = padded.shape
    grid = mask.grid.crop((low[0], low[1], low[2]), (i, j, k))
    return np.array(close_up(Volume(padded, grid, Unit.PROBABILITY), window).array)


def meant_by(lesion: BoolArray, window: Grid, prompt: Prompt) -> BoolArray:
    """The component at the prompt, or the nearest to it; nothing where none is near."""
    labelled = cc3d.connected_components(lesion.astype(np.uint8), connectivity=26)
    points = np.argwhere(labelled)
    if not len(points):
        return lesion
    away = np.linalg.norm(window.to_world_mm(points) - middle_mm(prompt), axis=1)
    nearest = int(away.argmin())
    if away[nearest] > max(MISSED_MM, 2.0 * window.spacing_mm[0]):
        return np.zeros_like(lesion)
    return np.asarray(labelled == labelled[tuple(points[nearest])])


def _longest_mm(lesion: BoolArray, spacing_mm: float) -> float:
    """The longest diameter in a slice, from voxel centres and half a voxel."""
    angles = np.arange(16) * np.pi / 16
    directions = np.stack([np.cos(angles), np.sin(angles)])
    longest = 0.0
    for k in np.flatnonzero(lesion.any(axis=(0, 1))):
        along = np.argwhere(lesion[:, :, k]) @ directions
        longest = max(longest, float(np.ptp(along, axis=0).max()) + 0.5)
    return longest * spacing_mm


def _reaches_side(lesion: BoolArray) -> bool:
    inner = lesion[(slice(CLEAR_VOXELS, -CLEAR_VOXELS),) * 3]
    return int(np.count_nonzero(inner)) < int(np.count_nonzero(lesion))
