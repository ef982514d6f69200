"""Training of the lesion network: one fold or all cases, resumable from any step.

A step depends on the seed, the fold and its own number only: the patches, their alterations and
prompts are drawn from generators seeded with these. A run that was cut off therefore continues as
if it had not been.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from imaging.errors import InputError
from imaging.tables.rows import csv_text, written_rows
from imaging.writing import write_text, written_whole
from segmentation import synthesis
from segmentation.augmentation import BodyPatch, HeldCase, draw, draw_prompt, vary
from segmentation.cases import Case
from segmentation.composition import Composition, compose
from segmentation.network import SIDE_MULTIPLE, LesionNet, channels_last
from segmentation.processor import has_fast_bf16

ALL_CASES = -1
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
#: Added to both sides of the Dice ratio, in voxels.
DICE_SMOOTHING = 5.0
GRADIENT_NORM = 1.0
WARM_UP_STEPS = 100
#: So many steps in a row may be without a finite gradient before the run is given up.
MOST_SKIPPED = 20
LOGGED_EVERY = 20


TrainingBatch = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What every training run has.

    Attributes:
        fold: its cases are left out; ``ALL_CASES`` leaves out none.
        steps: when the run ends, and the learning rate reaches zero.
        ema: how much of the averaged weights is kept at a step.
        filters: see :class:`~segmentation.network.LesionNet`.
        bf16: compute in bf16 where the processor has the instructions; elsewhere it is twenty times
            slower than float32, which is then taken.
    """

    fold: int = ALL_CASES
    steps: int = 3000
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    ema: float = 0.998
    seed: int = 20
    filters: int = 16
    checkpoint_every: int = 200
    bf16: bool = True

    def __post_init__(self) -> None:
        if min(self.steps, self.filters, self.checkpoint_every) < 1:
            raise InputError("steps, filters and checkpoint_every must be positive")


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
        """Of the patches of a step that is not small."""
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


def run_steps(
    network: Callable[[], LesionNet],
    settings: RunSettings,
    batch: Callable[[int], TrainingBatch],
    out: Path,
    *,
    device: torch.device,
    on_step: Callable[[int, float], None] | None = None,
) -> Path:
    """The steps of a run that are not done yet; returns the final checkpoint.

    Args:
        network: makes the network, its weights drawn from torch's generator.
        batch: image, target and where the target is known (None: everywhere) of a step, which may
            depend on nothing but the step's number.
        out: folder for ``checkpoint.pt`` and ``log.csv``.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = _Run.start(network, settings, out, device)
    log = _Log(out / "log.csv", run.step)
    while run.step < settings.steps:
        loss, dice = run.advance(*batch(run.step))
        if run.step % LOGGED_EVERY == 0:
            log.write(run.step, run.rate, float(loss), float(dice))
        if on_step is not None:
            on_step(run.step, float(loss))
        if run.step % settings.checkpoint_every == 0 or run.step == settings.steps:
            run.save(out / "checkpoint.pt")
    return out / "checkpoint.pt"


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


def loss_terms(
    logit: torch.Tensor, target: torch.Tensor, known: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy plus one minus the mean Dice of the samples; and that soft Dice.

    Dice is taken sample by sample: over a whole batch a lesion of 8 mm would count for nothing
    beside a sarcoma a thousand times its volume. Voxels that are not ``known`` count for nothing.
    """
    logit = logit.float()
    entropy = functional.binary_cross_entropy_with_logits(logit, target, weight=known)
    probability = torch.sigmoid(logit)
    if known is not None:
        probability, target = probability * known, target * known
    voxels = (1, 2, 3, 4)
    overlap = 2.0 * (probability * target).sum(voxels) + DICE_SMOOTHING
    both = probability.sum(voxels) + target.sum(voxels) + DICE_SMOOTHING
    dice = (overlap / both).mean()
    return entropy + 1.0 - dice, dice.detach()


class _Run:
    """Network, averaged network, optimiser and the number of steps done."""

    def __init__(
        self, network: Callable[[], LesionNet], settings: RunSettings, device: torch.device
    ) -> None:
        torch.manual_seed(settings.seed + settings.fold)
        self.settings = settings
        self.device = device
        self.reduced = settings.bf16 and has_fast_bf16(device)
        self.network = channels_last(network().to(device))
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.step = 0
        self.skipped = 0
        self.rate = 0.0

    @classmethod
    def start(
        cls,
        network: Callable[[], LesionNet],
        settings: RunSettings,
        out: Path,
        device: torch.device,
    ) -> _Run:
        run = cls(network, settings, device)
        path = out / "checkpoint.pt"
        if path.is_file():
            stored = torch.load(path, map_location=device, weights_only=True)
            if stored["settings"] != asdict(settings):
                raise InputError(
                    "the checkpoint is of a run with other settings",
                    where=path,
                    remedy="choose another folder, or the settings it was begun with",
                )
            run.network.load_state_dict(stored["network"])
            run.average = stored["average"]
            run.optimiser.load_state_dict(stored["optimiser"])
            run.step = int(stored["step"])
        return run

    def advance(
        self, image: torch.Tensor, target: torch.Tensor, known: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.rate = learning_rate(self.settings, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate
        image = image.contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.reduced):
            logit = self.network(image)
        loss, dice = loss_terms(logit, target, known)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.step += 1
        if not bool(torch.isfinite(norm)):
            # A rare overflow in half precision: the step counts, the weights stay.
            self._skip()
            return loss.detach(), dice
        self.skipped = 0
        self.optimiser.step()
        keep = min(self.settings.ema, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1.0 - keep)
        return loss.detach(), dice

    def _skip(self) -> None:
        self.skipped += 1
        if self.skipped >= MOST_SKIPPED:
            raise InputError(
                f"no finite gradient in {MOST_SKIPPED} steps up to {self.step}",
                remedy="lower the learning rate, or train without bf16",
            )

    def save(self, path: Path) -> None:
        stored: dict[str, Any] = {
            "settings": asdict(self.settings),
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        with written_whole(path) as file:
            torch.save(stored, file)


def learning_rate(settings: RunSettings, step: int) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    if step < WARM_UP_STEPS:
        return settings.learning_rate * (step + 1) / WARM_UP_STEPS
    done = (step - WARM_UP_STEPS) / max(1, settings.steps - WARM_UP_STEPS)
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


class _Log:
    """``log.csv``: one row per logged step; rows after the step resumed from are dropped."""

    columns = ("step", "learning_rate", "loss", "dice", "seconds")

    def __init__(self, path: Path, step: int) -> None:
        logged = written_rows(path).rows if step else ()
        self.path = path
        self.begun = time.monotonic()
        kept = [row for row in logged if row["step"].isdigit() and int(row["step"]) <= step]
        write_text(path, csv_text(kept, self.columns))

    def write(self, step: int, rate: float, loss: float, dice: float) -> None:
        seconds = time.monotonic() - self.begun
        line = f"{step},{rate:.3g},{loss:.4f},{dice:.4f},{seconds:.1f}\n"
        with self.path.open("a", encoding="utf-8", newline="") as stream:
            stream.write(line)
