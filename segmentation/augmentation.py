"""Patches for training, drawn and altered on the device that holds the cases.

Every choice comes from the generator that is handed in, so a step of a training run is the same
whenever it is drawn; that is what lets a run resume from any step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from imaging.volume import Array
from segmentation.cases import Case
from segmentation.network import (
    SPACING_MM,
    blurred,
    carried,
    encode_ct,
    encode_suv,
    near_segment,
)

MAX_ROTATION_DEG = 20.0
SCALE_RANGE = (0.7, 1.4)
#: An anchor lies at most this share of the side away from the centre of the patch.
MAX_OFFSET = 0.2
#: PET and CT are minutes apart; breathing and movement put them up to this far apart.
MAX_SHIFT_MM = 8.0
SUV_FACTOR = (0.7, 1.4)
CT_GAIN = (0.9, 1.1)
CT_OFFSET = 0.1
CT_NOISE = 0.1
SUV_NOISE = 0.1
#: A click may miss the point meant by this much per axis (standard deviation, voxels).
CLICK_JITTER = 0.7
#: A lesion carried over from an earlier date may lie this many voxels off per axis.
CARRIED_OFF = 3


@dataclass(slots=True, eq=False)
class BodyPatch:
    """One training sample in the making: encoded (1, 1, n, n, n) images and lesion numbers.

    Attributes:
        ct, suv: the encoded channels.
        label: lesion numbers as float, 0 outside.
        anchor: patch voxel of the point that was asked for.
        number: lesion number at the anchor, 0 for none.
        has_pet: False when ``suv`` holds nothing.
    """

    ct: torch.Tensor
    suv: torch.Tensor
    label: torch.Tensor
    anchor: Array
    number: int
    has_pet: bool

    @property
    def side(self) -> int:
        return int(self.ct.shape[-1])


@dataclass(frozen=True, slots=True, eq=False)
class HeldCase:
    """A case on the device, encoded once."""

    name: str
    image: torch.Tensor
    label: torch.Tensor
    has_pet: bool
    inside: Array
    clicks: Array

    @classmethod
    def of(cls, case: Case, device: torch.device) -> HeldCase:
        ct = encode_ct(case.ct)
        suv = np.zeros_like(ct) if case.suv is None else encode_suv(case.suv.astype(np.float32))
        image = torch.from_numpy(np.stack([ct, suv]))[None].to(device)
        label = torch.from_numpy(case.label.astype(np.float32))[None, None].to(device)
        inside = np.flatnonzero(case.body & (case.label == 0))
        return cls(case.name, image, label, case.suv is not None, inside, case.clicks)

    def lesion_point(self, rng: np.random.Generator) -> tuple[Array, int]:
        """A voxel a reader might click, and the lesion it lies in."""
        row = self.clicks[_weighted(self.clicks[:, 4], rng)]
        return row[:3].astype(np.float64), int(row[3])

    def body_point(self, rng: np.random.Generator) -> Array:
        """A voxel of the body outside every lesion."""
        flat = int(self.inside[rng.integers(len(self.inside))])
        return np.array(np.unravel_index(flat, tuple(self.label.shape[2:])), dtype=np.float64)


def _weighted(weights: Array, rng: np.random.Generator) -> int:
    total = np.cumsum(weights.astype(np.float64))
    return int(min(np.searchsorted(total, rng.random() * total[-1]), len(total) - 1))


def draw(
    case: HeldCase, point: Array, number: int, side: int, rng: np.random.Generator
) -> BodyPatch:
    """A rotated, scaled, mirrored and shifted patch in which ``point`` (case voxel) lies."""
    matrix = _random_matrix(rng)
    anchor = (side - 1) / 2.0 + rng.uniform(-MAX_OFFSET, MAX_OFFSET, 3) * side
    grid = _sampling_grid(matrix, point, anchor, side, case.image)
    image = functional.grid_sample(case.image, grid, align_corners=True)
    label = functional.grid_sample(case.label, grid, mode="nearest", align_corners=True)
    return BodyPatch(image[:, :1], image[:, 1:], label, anchor, number, case.has_pet)


def _random_matrix(rng: np.random.Generator) -> Array:
    """Patch voxel steps to case voxel steps: rotation, scale and mirroring."""
    a, b, c = np.deg2rad(rng.uniform(-MAX_ROTATION_DEG, MAX_ROTATION_DEG, 3))
    about_i = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    about_j = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    about_k = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    scale = math.exp(rng.uniform(*np.log(SCALE_RANGE))) * np.exp(rng.uniform(-0.1, 0.1, 3))
    mirror = rng.choice([-1.0, 1.0], 3)
    return np.asarray(about_i @ about_j @ about_k @ np.diag(mirror / scale), dtype=np.float64)


def _sampling_grid(
    matrix: Array, point: Array, anchor: Array, side: int, image: torch.Tensor
) -> torch.Tensor:
    size = np.array(image.shape[2:], dtype=np.float64)
    half = (side - 1) / 2.0
    # Normalised patch coordinate u is voxel half * (u + 1); torch lists axes k, j, i.
    linear = matrix * half * 2.0 / (size - 1)[:, None]
    at_zero = point + matrix @ (half - anchor)
    offset = at_zero * 2.0 / (size - 1) - 1.0
    theta = np.column_stack([linear[::-1, ::-1], offset[::-1]])
    wanted = torch.from_numpy(np.ascontiguousarray(theta, dtype=np.float32))[None]
    return functional.affine_grid(
        wanted.to(image.device), [1, 1, side, side, side], align_corners=True
    )


def vary(patch: BodyPatch, rng: np.random.Generator, noise: torch.Generator) -> None:
    """Alter contrast, noise, sharpness and the alignment of PET with CT, in place."""
    patch.ct = patch.ct * rng.uniform(*CT_GAIN) + rng.uniform(-CT_OFFSET, CT_OFFSET)
    if rng.random() < 0.2:
        patch.ct = blurred(patch.ct)
    patch.ct = (patch.ct + rng.uniform(0, CT_NOISE) * _normal(patch.ct, noise)).clamp_(0.0, 2.0)
    if not patch.has_pet:
        return
    factor = math.exp(rng.uniform(*np.log(SUV_FACTOR)))
    suv = torch.expm1(patch.suv) * factor
    if rng.random() < 0.2:
        suv = blurred(suv)
    suv = suv * (1.0 + rng.uniform(0, SUV_NOISE) * _normal(suv, noise)).clamp_(min=0.0)
    if rng.random() < 0.3:
        most = MAX_SHIFT_MM / SPACING_MM / math.sqrt(3.0)
        shift = [round(s) for s in rng.uniform(-most, most, 3)]
        suv = torch.roll(suv, shift, (2, 3, 4))
    patch.suv = torch.log1p(suv)


def _normal(like: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
    return torch.randn(like.shape, generator=noise, device=like.device, dtype=like.dtype)


def draw_prompt(patch: BodyPatch, rng: np.random.Generator) -> tuple[torch.Tensor, bool]:
    """A prompt for the patch's lesion as a reader or an earlier date would give it.

    Returns:
        the channel, and whether there is a prompt in it (half of the time there is none).
    """
    chance = rng.random()
    if chance < 0.5 or patch.number == 0:
        return torch.zeros_like(patch.ct), False
    side = (patch.side,) * 3
    if chance < 0.75:
        point = patch.anchor + rng.normal(0.0, CLICK_JITTER, 3)
        return near_segment(side, point, point, patch.ct.device), True
    lesion = (patch.label == patch.number)[0, 0]
    if chance < 0.88:
        start, end = _longest_line(lesion, rng)
        return near_segment(side, start, end, patch.ct.device), True
    shift = [int(s) for s in rng.integers(-CARRIED_OFF, CARRIED_OFF + 1, 3)]
    moved = _shifted(lesion, shift)[None, None].float()
    if rng.random() < 0.5:
        # An earlier date's lesion may have been larger or smaller.
        moved = (blurred(moved) > rng.choice([0.1, 0.9])).float()
    return carried(moved), True


def _longest_line(lesion: torch.Tensor, rng: np.random.Generator) -> tuple[Array, Array]:
    """About the longest axial diameter: extremes along eight directions in the largest slice."""
    area = lesion.sum(dim=(0, 1))
    k = int(area.argmax())
    points = torch.nonzero(lesion[:, :, k]).cpu().numpy().astype(np.float64)
    if len(points) == 0:
        return np.zeros(3), np.zeros(3)
    angles = np.arange(8) * np.pi / 8
    projected = points @ np.stack([np.cos(angles), np.sin(angles)])
    best = int((projected.max(axis=0) - projected.min(axis=0)).argmax())
    ends = points[[projected[:, best].argmin(), projected[:, best].argmax()]]
    ends = ends + rng.normal(0.0, CLICK_JITTER, ends.shape)
    return np.append(ends[0], k), np.append(ends[1], k)


def _shifted(lesion: torch.Tensor, shift: list[int]) -> torch.Tensor:
    moved = torch.roll(lesion, shift, (0, 1, 2))
    for axis, by in enumerate(shift):
        # What rolled out at one face must not come in at the other.
        length = lesion.shape[axis]
        moved.narrow(axis, 0 if by > 0 else length + by, abs(by)).zero_()
    return moved
