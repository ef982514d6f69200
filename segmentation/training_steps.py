"""The steps of a training run: resumable, logged, with the loss and the learning rate of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from imaging.errors import InputError
from imaging.tables.rows import csv_text, written_rows
from imaging.writing import write_text, written_whole
from segmentation.network import LesionNet, channels_last
from segmentation.processor import has_fast_bf16

ALL_CASES = -1
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
