"""Training of the network of small lesions: one fold or all cases, resumable from any step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from imaging.errors import InputError
from segmentation.fine import encoding
from segmentation.fine.fine_cases import FineCase
from segmentation.fine.patches import Pool, sample
from segmentation.network import LesionNet
from segmentation.training_steps import RunSettings, TrainingBatch, run_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class FineSettings(RunSettings):
    """A training run of the network of small lesions; ``batch`` patches of 32 voxels a step."""

    steps: int = 1800
    learning_rate: float = 2e-3
    ema: float = 0.995
    batch: int = 12

    def __post_init__(self) -> None:
        RunSettings.__post_init__(self)
        if self.batch < 1:
            raise InputError("batch must be positive")


def network(filters: int) -> LesionNet:
    """The network, untrained."""
    return LesionNet(filters, channels=encoding.CHANNELS)


def train(
    cases: Sequence[FineCase],
    folds: dict[str, int],
    settings: FineSettings,
    out: Path,
    *,
    kept_apart: frozenset[str] = frozenset(),
    device: str = "cpu",
    start: Callable[[], LesionNet] | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> Path:
    """Train one network, or go on with one that was cut off; returns the final checkpoint.

    Args:
        folds: fold of each patient; a patient without one always trains.
        kept_apart: see :meth:`~segmentation.fine.patches.Pool.of`.
        out: folder for ``checkpoint.pt`` and ``log.csv``.
        start: makes the network to begin with, None draws its weights.
    """
    held_out = frozenset(name for name, fold in folds.items() if fold == settings.fold)
    pool = Pool.of(cases, held_out, kept_apart)
    if not (pool.boxed or pool.labelled):
        raise InputError("no case is left to train on", remedy="check the folds")
    chosen = torch.device(device)
    return run_steps(
        start or (lambda: network(settings.filters)),
        settings,
        lambda step: make_batch(pool, settings, step, chosen),
        out,
        device=chosen,
        on_step=on_step,
    )


def make_batch(
    pool: Pool, settings: FineSettings, step: int, device: torch.device
) -> TrainingBatch:
    """The batch of a step: images (batch, 4, n, n, n), targets and known (batch, 1, n, n, n)."""
    rng = np.random.default_rng([settings.seed, settings.fold + 1, step])
    images, targets, known = zip(*(sample(pool, rng) for _ in range(settings.batch)), strict=True)
    image, target, mask = torch.cat(images), torch.cat(targets), torch.cat(known)
    return image.to(device), target.to(device), mask.to(device)
