"""Training of the lesion network: one fold or all cases, resumable from any step.

A step depends on the seed, the fold and its own number only: the patches, their alterations and
prompts are drawn from generators seeded with these. A run that was cut off therefore continues as
if it had not been.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from imaging.errors import InputError
from segmentation import synthesis
from segmentation.augmentation import BodyPatch, HeldCase, draw, draw_prompt, vary
from segmentation.cases import Case
from segmentation.composition import Composition, compose
from segmentation.network import SIDE_MULTIPLE, LesionNet
from segmentation.training_steps import RunSettings, run_steps

#: Shares of the kinds of patches; the rest are negatives.
REAL_SHARE = 0.62
DRAWN_SHARE = 0.28
SMALL_REAL_SHARE = 0.15
SMALL_DRAWN_SHARE = 0.65
HOT_SPOT_SHARE = 0.15
#: PET is taken away this often, so that CT alone works.
PET_DROPPED = 0.15
#: A CT without PET is given an imagined one this often.
PET_IMAGINED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(RunSettings):
    """A training run of the network for PET/CT.

    Attributes:
        batch, side: patches of a step, and their side in voxels.
        small_from: from this step on, one in ``small_every`` steps takes ``small_batch`` patches
            of ``small_side`` voxels, most of them with a small drawn lesion.
        large_every: every so many steps takes patches of ``large_side`` voxels, which hold a
            sarcoma of 160 mm with its surroundings; 0 never.
        composition: how often lesions and organs are altered as
            :mod:`segmentation.composition` says; None never.
    """

    small_from: int = 2000
    small_every: int = 2
    small_batch: int = 12
    small_side: int = 32
    batch: int = 2
    side: int = 64
    large_every: int = 0
    large_side: int = 80
    composition: Composition | None = None

    def __post_init__(self) -> None:
        RunSettings.__post_init__(self)
        if self.batch < 1:
            raise InputError("batch must be positive")
        for side in (self.side, self.small_side, self.large_side):
            if side % SIDE_MULTIPLE:
                raise InputError(f"the side of a patch must be a multiple of 8, not {side}")

    def is_small(self, step: int) -> bool:
        """Whether a step is one of small patches."""
        return step >= self.small_from and step % self.small_every == 1

    def side_of(self, step: int) -> int:
        """The side of the patches of a step that is not small."""
        large = self.large_every > 0 and step % self.large_every == 0
        return self.large_side if large else self.side


def split(names: Sequence[str], folds: int, seed: int) -> dict[str, int]:
    """Each case's fold, by patient: shuffled once, dealt out in turn."""
    order = np.random.default_rng(seed).permutation(sorted(names))
    return {str(name): index % folds for index, name in enumerate(order)}


def read_folds(path: Path) -> dict[str, int]:
    """The fixed folds of a file ``{"CASE": fold}``."""
    try:
        return {str(name): int(fold) for name, fold in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"no folds can be read: {error}", where=path) from error


def train(
    cases: Sequence[Case],
    folds: dict[str, int],
    settings: Settings,
    out: Path,
    *,
    device: str = "cpu",
    start: Callable[[], LesionNet] | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> Path:
    """Train one network, or go on with one that was cut off.

    Args:
        folds: fold of each case; a case without one always trains.
        out: folder for ``checkpoint.pt`` and ``log.csv``.
        start: makes the network to begin with, None draws its weights.

    Returns:
        The final checkpoint.
    """
    chosen = torch.device(device)
    held = [HeldCase.of(c, chosen) for c in cases if folds.get(c.name, -2) != settings.fold]
    if not held:
        raise InputError("no case is left to train on", remedy="check the folds")
    return run_steps(
        start or (lambda: LesionNet(settings.filters)),
        settings,
        lambda step: (*make_batch(held, settings, step, chosen), None),
        out,
        device=chosen,
        on_step=on_step,
    )


def make_batch(
    held: Sequence[HeldCase], settings: Settings, step: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """The batch of a step: images (batch, 3, n, n, n) and targets (batch, 1, n, n, n)."""
    rng = np.random.default_rng([settings.seed, settings.fold + 1, step])
    noise = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    if settings.is_small(step):
        kind = _Kind(settings.small_side, SMALL_REAL_SHARE, SMALL_DRAWN_SHARE)
        samples = [_sample(held, kind, settings, rng, noise) for _ in range(settings.small_batch)]
    else:
        kind = _Kind(settings.side_of(step), REAL_SHARE, DRAWN_SHARE)
        samples = [_sample(held, kind, settings, rng, noise) for _ in range(settings.batch)]
    images, targets = zip(*samples, strict=True)
    return torch.cat(images), torch.cat(targets)


@dataclass(frozen=True, slots=True)
class _Kind:
    """The side of a step's patches, and how many hold a real and how many a drawn lesion."""

    side: int
    real: float
    drawn: float


def _sample(
    held: Sequence[HeldCase],
    kind: _Kind,
    settings: Settings,
    rng: np.random.Generator,
    noise: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    patch = _patch(held, kind, rng, noise)
    if settings.composition is not None:
        compose(patch, settings.composition, rng, noise)
    if patch.has_pet and rng.random() < HOT_SPOT_SHARE:
        synthesis.draw_hot_spot(patch, rng)
    vary(patch, rng, noise)
    if patch.has_pet and rng.random() < PET_DROPPED:
        patch.suv = torch.zeros_like(patch.suv)
    prompt, prompted = draw_prompt(patch, rng)
    target = patch.label == patch.number if prompted else patch.label > 0
    return torch.cat([patch.ct, patch.suv, prompt], dim=1), target.float()


def _patch(
    held: Sequence[HeldCase], kind: _Kind, rng: np.random.Generator, noise: torch.Generator
) -> BodyPatch:
    with_pet = [case for case in held if case.has_pet]
    without = [case for case in held if not case.has_pet] or with_pet
    chance = rng.random()
    if chance < kind.real:
        # The few cases without PET are drawn as often as any other.
        labelled = [case for case in held if len(case.clicks)]
        case = labelled[int(rng.integers(len(labelled)))]
        patch = draw(case, *case.lesion_point(rng), kind.side, rng)
    else:
        pool = without if rng.random() < 0.6 else (with_pet or held)
        case = pool[int(rng.integers(len(pool)))]
        patch = draw(case, case.body_point(rng), 0, kind.side, rng)
    if not patch.has_pet and rng.random() < PET_IMAGINED:
        synthesis.imagine_pet(patch, rng, noise)
    if kind.real <= chance < kind.real + kind.drawn:
        synthesis.draw_lesion(patch, rng)
    return patch
