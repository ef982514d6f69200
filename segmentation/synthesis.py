"""What the training images lack: small lesions, their absence, and uptake that is no lesion.

The sarcomas are 32 to 161 mm long and lie in the middle of their crops. Lesions of 8 to 30 mm are
therefore drawn into lung, soft tissue and fat; bladder-like and vessel-like hot spots are drawn as
background; and chest CTs without a PET get a plausible one.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional

from imaging.volume import Array, BoolArray, Volume
from segmentation.augmentation import BodyPatch
from segmentation.network import SPACING_MM

#: Diameter of a drawn lesion, log-uniform.
DIAMETER_MM = (8.0, 30.0)
#: Where the CT channel (0 air, 2 bone; 400 HU apart) turns from lung to tissue: -120 HU.
TISSUE_LEVEL = 0.2
#: A solid lesion before and after contrast, in the CT channel: 0 to 80 HU.
LESION_LEVEL = (0.8, 1.2)
#: Against soft tissue a lesion is told apart by this much, 10 to 50 HU.
CONTRAST = (0.05, 0.25)
WATER_LEVEL = 0.8
UPTAKE_SUV = (2.0, 15.0)
#: Width of the edge in CT (partial volume) and in PET (resolution of about 6 mm).
CT_EDGE_MM = 0.8
PET_EDGE_MM = 2.5
#: One drawn lesion in five takes up no more tracer than its surroundings.
COLD_SHARE = 0.2
#: The number a drawn lesion gets in the label; real ones stay below.
DRAWN = 200.0


def signed_distance_mm(
    patch: BodyPatch, centre: Array, radii_mm: Array, wobble: Array
) -> torch.Tensor:
    """About the distance outwards from the surface of a bumpy ellipsoid, over the patch."""
    device = patch.ct.device
    axis = torch.arange(patch.side, device=device, dtype=torch.float32)
    pairs = zip(centre, radii_mm, strict=True)
    scaled = [(axis - float(c)) * SPACING_MM / float(r) for c, r in pairs]
    x, y, z = torch.meshgrid(*scaled, indexing="ij")
    radius = torch.sqrt(x * x + y * y + z * z) + 1e-3
    bump = (
        wobble[0] * torch.sin(2.0 * x + wobble[3])
        + wobble[1] * torch.sin(2.0 * y + wobble[4])
        + wobble[2] * torch.sin(2.0 * z + wobble[5])
    )
    distance: torch.Tensor = (radius - 1.0 - bump * radius.clamp(max=1.5)) * float(
        np.mean(radii_mm)
    )
    return distance[None, None]


def bumpy_shape(rng: np.random.Generator, low_mm: float, high_mm: float) -> tuple[Array, Array]:
    """Radii in mm and bumps of an ellipsoid for :func:`signed_distance_mm`, by its diameter."""
    diameter = math.exp(rng.uniform(math.log(low_mm), math.log(high_mm)))
    radii = diameter / 2.0 * rng.uniform(0.75, 1.15, 3)
    wobble = np.concatenate([rng.uniform(-0.12, 0.12, 3), rng.uniform(0.0, 2 * math.pi, 3)])
    return radii, wobble


def draw_lesion(patch: BodyPatch, rng: np.random.Generator) -> None:
    """Draw a small lesion at the anchor, in place, and make it the patch's lesion."""
    radii, wobble = bumpy_shape(rng, *DIAMETER_MM)
    distance = signed_distance_mm(patch, patch.anchor, radii, wobble)
    inside = distance < 0
    solid = torch.sigmoid(-distance / CT_EDGE_MM)
    i, j, k = (round(a) for a in patch.anchor)
    around = patch.ct[..., i - 2 : i + 3, j - 2 : j + 3, k - 2 : k + 3].mean()
    level = rng.uniform(*LESION_LEVEL)
    if float(around) > 3 * TISSUE_LEVEL:
        sign = rng.choice([-1.0, 1.0])
        level = float(around) + sign * rng.uniform(*CONTRAST)
    patch.ct = patch.ct + solid * (level - patch.ct)
    if patch.has_pet:
        peak = 0.0 if rng.random() < COLD_SHARE else math.exp(rng.uniform(*np.log(UPTAKE_SUV)))
        add_uptake(patch, distance, peak)
    patch.label = torch.where(inside, torch.full_like(patch.label, DRAWN), patch.label)
    patch.number = int(DRAWN)


def insert_lesion(
    ct: Volume, index: Array, diameter_mm: float, rng: np.random.Generator
) -> tuple[Volume, BoolArray]:
    """A CT with a ball of tissue drawn in at a voxel, and the ball; for evaluation.

    A plain ball with a sharp edge, one voxel of partial volume and the noise of its surroundings:
    drawn otherwise than the lesions of the training. In lung and fat it has 40 HU, in soft tissue
    it differs by 40 HU from what was there.
    """
    half = np.ceil(diameter_mm / 2.0 / np.array(ct.grid.spacing_mm)).astype(int) + 2
    low = np.maximum(index - half, 0)
    high = np.minimum(index + half + 1, ct.grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    steps = np.moveaxis(np.indices(tuple(high - low)), 0, -1) + low - index
    away = np.linalg.norm(steps * np.array(ct.grid.spacing_mm), axis=-1)
    share = np.clip((diameter_mm / 2.0 - away) / min(ct.grid.spacing_mm) + 0.5, 0.0, 1.0)
    around = float(np.mean(ct.array[box]))
    level = around + float(rng.choice([-1.0, 1.0])) * 40.0 if around > 0 else 40.0
    hu = ct.array.astype(np.float32)
    noise = rng.normal(0.0, 10.0, share.shape)
    hu[box] += share * (level + noise - hu[box])
    drawn = np.zeros(ct.grid.shape, np.bool_)
    drawn[box] = away <= diameter_mm / 2.0
    return Volume(hu, ct.grid, ct.unit, ct.source), drawn


def draw_hot_spot(patch: BodyPatch, rng: np.random.Generator) -> None:
    """Physiological uptake beside the lesions: sometimes water-filled, never labelled."""
    radii, wobble = bumpy_shape(rng, 10.0, 60.0)
    centre = rng.uniform(0.1, 0.9, 3) * patch.side
    distance = signed_distance_mm(patch, centre, radii, wobble)
    if bool(((distance < 6.0) & (patch.label > 0)).any()):
        return
    if rng.random() < 0.5:
        solid = torch.sigmoid(-distance / CT_EDGE_MM)
        patch.ct = patch.ct + solid * (WATER_LEVEL + rng.uniform(-0.05, 0.1) - patch.ct)
    add_uptake(patch, distance, math.exp(rng.uniform(*np.log((2.0, 25.0)))))


def add_uptake(patch: BodyPatch, distance_mm: torch.Tensor, peak_suv: float) -> None:
    """Add tracer inside a surface, blurred as a scanner would."""
    share = torch.sigmoid(-distance_mm / PET_EDGE_MM)
    patch.suv = torch.log1p(torch.expm1(patch.suv) + peak_suv * share)


def imagine_pet(patch: BodyPatch, rng: np.random.Generator, noise: torch.Generator) -> None:
    """A PET for a CT that has none: tissue-dependent background, and uptake in its lesions."""
    tissue = (patch.ct > TISSUE_LEVEL).float()
    tissue = functional.avg_pool3d(tissue, 3, 1, 1, count_include_pad=False)
    coarse = torch.rand((1, 1, 8, 8, 8), generator=noise, device=patch.ct.device)
    texture = functional.interpolate(coarse, size=patch.ct.shape[2:], mode="trilinear")
    suv = (0.25 + tissue * rng.uniform(0.5, 1.6)) * (0.5 + texture)
    lesion = (patch.label > 0).float()
    if bool(lesion.any()):
        soft = functional.avg_pool3d(lesion, 3, 1, 1, count_include_pad=False)
        suv = suv + soft * math.exp(rng.uniform(*np.log(UPTAKE_SUV)))
    patch.suv = torch.log1p(suv)
    patch.has_pet = True
