"""What real lesions are made of, varied, and what lies beside them.

Forty sarcomas do not show what a sarcoma can be. A lesion that is mostly fat, one whose lobes or
rim take up nothing, and one with next to no uptake were each seen once or never, and the network
drew the hot nodule alone. Such parts are therefore laid into lesions whose outline is known; oedema
without a label is laid around them; and organs of bodies without a lesion get the uptake that they
have by nature, so that uptake alone is no sign of a lesion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from segmentation.augmentation import BodyPatch
from segmentation.network import CT_WINDOW_HU, blurred
from segmentation.synthesis import add_uptake, bumpy_shape, signed_distance_mm

Range = tuple[float, float]

#: What a part of a lesion may turn into, with how often: HU (None: as it was) and SUVbw.
#: Fat of well-differentiated liposarcoma lies above that under the skin; liquid and dead tissue
#: enhance little; uptake of low-grade sarcomas is near that of muscle.
FATTY_HU, FATTY_SUV = (-110.0, -30.0), (0.2, 0.8)
NECROTIC_HU, NECROTIC_SUV = (0.0, 30.0), (0.2, 0.9)
COLD_SUV = (0.4, 1.6)
#: How much of the part's own texture gives way.
LAID_OVER: Range = (0.5, 0.95)
#: Parts: the whole lesion, patches of it, its core, its rim.
WHOLE, PATCHES, CORE, RIM = range(4)
#: Liquid in muscle: darker by this on CT, brighter by this on PET, as far as this from the lesion.
OEDEMA_HU: Range = (8.0, 30.0)
OEDEMA_SUV: Range = (0.2, 0.8)
OEDEMA_VOXELS = (2, 6)
MUSCLE_HU: Range = (0.0, 90.0)
#: Organs that take up tracer, by size and SUVbw: bowel to brain and bladder.
ORGAN_MM: Range = (20.0, 130.0)
ORGAN_SUV: Range = (1.5, 30.0)
ORGAN_HU: Range = (-30.0, 110.0)
#: No organ is drawn nearer to a lesion than this.
APART_MM = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """How often patches are altered; each share of those that could be.

    Attributes:
        fatty, necrotic, cold: of the patches with a lesion.
        oedema: likewise.
        organs: of the patches with a PET.
    """

    fatty: float = 0.12
    necrotic: float = 0.12
    cold: float = 0.12
    oedema: float = 0.15
    organs: float = 0.25


def compose(
    patch: BodyPatch, shares: Composition, rng: np.random.Generator, noise: torch.Generator
) -> None:
    """Alter what the patch's lesion consists of and what lies beside it, in place."""
    if patch.number:
        chance = rng.random()
        if chance < shares.fatty:
            _lay(patch, FATTY_HU, FATTY_SUV, rng, noise)
        elif chance < shares.fatty + shares.necrotic:
            _lay(patch, NECROTIC_HU, NECROTIC_SUV, rng, noise)
        elif chance < shares.fatty + shares.necrotic + shares.cold:
            _lay(patch, None, COLD_SUV, rng, noise)
        if rng.random() < shares.oedema:
            _soak(patch, rng, noise)
    if patch.has_pet and rng.random() < shares.organs:
        draw_organ(patch, rng)


def _level(hu: float) -> float:
    low, high = CT_WINDOW_HU
    return (hu - low) * 2.0 / (high - low)


def _field(patch: BodyPatch, noise: torch.Generator, cells: int = 5) -> torch.Tensor:
    """A smooth random field over the patch, 0 to 1."""
    coarse = torch.rand((1, 1, cells, cells, cells), generator=noise, device=patch.ct.device)
    return functional.interpolate(coarse, size=patch.ct.shape[2:], mode="trilinear")


def _part(
    lesion: torch.Tensor, patch: BodyPatch, rng: np.random.Generator, noise: torch.Generator
) -> torch.Tensor:
    """Where in a lesion something is laid, 0 to 1 with soft borders."""
    kind = rng.choice(4, p=[0.2, 0.4, 0.25, 0.15])
    if kind == WHOLE:
        return blurred(lesion)
    if kind == PATCHES:
        field = _field(patch, noise)
        inside = field[lesion > 0]
        level = torch.quantile(inside[:: max(1, len(inside) // 4096)], rng.uniform(0.2, 0.7))
        return torch.sigmoid((field - level) / 0.04) * blurred(lesion)
    size = int(rng.choice([5, 7, 9]))
    core = functional.avg_pool3d(lesion, size, 1, size // 2, count_include_pad=False) > 0.8
    part = core.float() if kind == CORE else lesion * (~core).float()
    return blurred(part)


def _lay(
    patch: BodyPatch,
    hu: Range | None,
    suv: Range,
    rng: np.random.Generator,
    noise: torch.Generator,
) -> None:
    lesion = (patch.label == patch.number).float()
    if not bool(lesion.any()):
        return
    part = _part(lesion, patch, rng, noise) * rng.uniform(*LAID_OVER)
    if hu is not None:
        patch.ct = patch.ct + part * (_level(rng.uniform(*hu)) - patch.ct)
    if patch.has_pet:
        uptake = torch.expm1(patch.suv)
        # PET spills over: what is laid in shows with a wider border than on CT.
        wide = blurred(part)
        wanted = torch.minimum(uptake, torch.full_like(uptake, rng.uniform(*suv)))
        patch.suv = torch.log1p(uptake + wide * (wanted - uptake))


def _soak(patch: BodyPatch, rng: np.random.Generator, noise: torch.Generator) -> None:
    lesion = (patch.label > 0).float()
    reach = int(rng.integers(OEDEMA_VOXELS[0], OEDEMA_VOXELS[1] + 1))
    near = functional.max_pool3d(lesion, 2 * reach + 1, 1, reach)
    side = torch.sigmoid((_field(patch, noise, 3) - 0.5) / 0.05)
    muscle = (patch.ct > _level(MUSCLE_HU[0])) & (patch.ct < _level(MUSCLE_HU[1]))
    shell = blurred(near * side) * muscle * (1.0 - lesion)
    darker = rng.uniform(*OEDEMA_HU) * 2.0 / (CT_WINDOW_HU[1] - CT_WINDOW_HU[0])
    patch.ct = patch.ct - shell * darker
    if patch.has_pet:
        uptake = torch.expm1(patch.suv) + blurred(shell) * rng.uniform(*OEDEMA_SUV)
        patch.suv = torch.log1p(uptake)


def draw_organ(patch: BodyPatch, rng: np.random.Generator) -> None:
    """Uptake in the soft tissue of a bumpy ellipsoid away from every lesion, not labelled."""
    radii, wobble = bumpy_shape(rng, *ORGAN_MM)
    centre = rng.uniform(0.0, 1.0, 3) * patch.side
    distance = signed_distance_mm(patch, centre, radii, wobble)
    if bool(((distance < APART_MM) & (patch.label > 0)).any()):
        return
    tissue = (patch.ct > _level(ORGAN_HU[0])) & (patch.ct < _level(ORGAN_HU[1]))
    outside = torch.where(tissue, distance, torch.full_like(distance, 9.0))
    add_uptake(patch, outside, float(np.exp(rng.uniform(*np.log(ORGAN_SUV)))))
    patch.suv = torch.log1p(blurred(torch.expm1(patch.suv)))
