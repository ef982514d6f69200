"""Both shipped networks trained in one command, with torch, numpy and monai alone.

    python scripts/train_on_gpu.py --pack DATA/sts DATA/ct-lesions DATA/ct-nodules DATA/ct-whole
    python scripts/train_on_gpu.py -o RUNS          # where the GPU is; under ten minutes on one
    python scripts/train.py DATA/... --bundle models/lesion_ct --runs RUNS/lesion_ct --trained

The first, where the images are, writes ``.packed/compact.npz`` (37 MiB). The second reads it and
trains every network that ``configs/train.json`` of both bundles names, each in a process of its own
that draws its patches on one core while all share the GPU; then it asks each network about patches
of the patients that it left out, on the GPU and on the CPU, and prints how far both agree. The
third takes the results into the bundle and validates them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))

from segmentation import compact_cases, training  # noqa: E402 - runs where nothing is installed
from segmentation.augmentation import HeldCase  # noqa: E402
from segmentation.fine import fine_training  # noqa: E402
from segmentation.fine.patches import Pool  # noqa: E402
from segmentation.network import LesionNet  # noqa: E402
from segmentation.training_steps import ALL_CASES  # noqa: E402

COARSE, FINE = "lesion_ctpet", "lesion_ct"
PACKED = Path(".packed/compact.npz")
#: So many patches that a network did not see are asked about.
ASKED = 24
#: A step number that no training reaches: patches drawn with it were never trained on.
UNSEEN_STEP = 10**6


@dataclass(frozen=True, slots=True)
class Run:
    """One network to train: bundle, fold and steps."""

    bundle: str
    fold: int
    steps: int
    out: Path
    device: str
    packed: Path
    asked: int = ASKED

    @property
    def name(self) -> str:
        return "all" if self.fold == ALL_CASES else f"fold{self.fold}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pack", type=Path, nargs="+", help="folders of images, to be packed")
    parser.add_argument("--packed", type=Path, default=PACKED)
    parser.add_argument("-o", "--out", type=Path, default=Path(".runs"))
    parser.add_argument("--steps", type=int, help="instead of the recipe's, for a trial")
    parser.add_argument("--networks", type=int, help="only the first so many, for a trial")
    parser.add_argument("--asked", type=int, default=ASKED, help="unseen patches to ask about")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="networks at a time")
    return parser.parse_args()


def pack(folders: list[Path], target: Path) -> None:
    """Every case of the folders for the network that takes it; needs the whole toolkit."""
    from segmentation.fine import fine_packing  # noqa: PLC0415
    from segmentation.packing import case_names, pack_case  # noqa: PLC0415

    coarse, fine = [], []
    for folder in folders:
        patients = fine_packing.box_patients(folder)
        for name in case_names(folder):
            fine.append(fine_packing.pack_case(folder, name, patients.get(name)))
            if name not in patients and (folder / f"{name}_lab.nii.gz").is_file():
                coarse.append(pack_case(folder, name))
    target.parent.mkdir(parents=True, exist_ok=True)
    size = compact_cases.save(coarse, fine, target)
    print(f"{len(coarse)} and {len(fine)} cases in {target}, {size / 2**20:.1f} MiB")


def recipe_of(bundle: str) -> tuple[dict[str, Any], dict[str, int]]:
    configs = HERE / "models" / bundle / "configs"
    recipe: dict[str, Any] = json.loads((configs / "train.json").read_text())
    return recipe, training.read_folds(configs / "folds.json")


def planned(given: argparse.Namespace) -> list[Run]:
    """Every network of both recipes, the longest first."""
    found = []
    for bundle in (COARSE, FINE):
        recipe, folds = recipe_of(bundle)
        steps = recipe.get("steps", recipe["settings"].get("steps"))
        wanted = (
            {int(fold): int(count) for fold, count in steps.items()}
            if isinstance(steps, dict)
            else {fold: int(steps) for fold in (ALL_CASES, *sorted(set(folds.values())))}
        )
        found += [
            Run(bundle, f, given.steps or n, given.out, given.device, given.packed, given.asked)
            for f, n in wanted.items()
        ]
    if given.networks is None:
        return sorted(found, key=lambda run: -run.steps)
    # Of a trial's networks some are of either kind.
    kinds = [[run for run in found if run.bundle == bundle] for bundle in (COARSE, FINE)]
    turns = [run for pair in itertools.zip_longest(*kinds) for run in pair if run is not None]
    return turns[: given.networks]


def settings_of(run: Run) -> training.Settings | fine_training.FineSettings:
    recipe, _ = recipe_of(run.bundle)
    settings = {key: value for key, value in recipe["settings"].items() if key != "steps"}
    kind = training.Settings if run.bundle == COARSE else fine_training.FineSettings
    return kind(fold=run.fold, steps=run.steps, **settings)


def train(run: Run) -> str:
    """Train one network and compare it on both processors; a line for the table."""
    torch.set_num_threads(1)
    begun = time.monotonic()
    recipe, folds = recipe_of(run.bundle)
    coarse, fine = compact_cases.load(run.packed)
    settings = settings_of(run)
    out = run.out / run.bundle / run.name
    if isinstance(settings, training.Settings):
        path = training.train(coarse, folds, settings, out, device=run.device)
    else:
        apart = frozenset(recipe.get("kept_apart", ()))
        path = fine_training.train(fine, folds, settings, out, kept_apart=apart, device=run.device)
    seconds = time.monotonic() - begun
    state = torch.load(path, map_location="cpu", weights_only=True)["average"]
    images, targets = unseen(run, coarse, fine, folds, settings)
    here, there = (
        answered(settings, state, images, "cpu"),
        answered(settings, state, images, run.device),
    )
    apart_by = float((here - there).abs().max())
    shared = dice(here > 0, there > 0)
    right = float(np.mean([dice(one > 0, t > 0.5) for one, t in zip(here, targets, strict=True)]))
    return (
        f"{run.bundle} | {run.name} | {run.steps} | {seconds:.0f} s | {right:.3f} | "
        f"{shared:.5f} | {apart_by:.4f}"
    )


def unseen(
    run: Run,
    coarse: tuple[Any, ...],
    fine: tuple[Any, ...],
    folds: dict[str, int],
    settings: training.Settings | fine_training.FineSettings,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches of the patients that a network left out; of all of them where it left out none."""
    cpu = torch.device("cpu")
    fold = run.fold if run.fold != ALL_CASES else 0
    count = -(-run.asked // settings.batch)
    if isinstance(settings, training.Settings):
        held = [HeldCase.of(case, cpu) for case in coarse if folds.get(case.name) == fold]
        # Steps of patches of the usual size: every second of the last third takes small ones.
        every = range(UNSEEN_STEP, UNSEEN_STEP + 4 * count)
        steps = [step for step in every if not settings.is_small(step)][:count]
        batches = [training.make_batch(held, settings, step, cpu) for step in steps]
    else:
        pool = Pool.of(fine, frozenset(name for name, number in folds.items() if number != fold))
        steps = list(range(UNSEEN_STEP, UNSEEN_STEP + count))
        batches = [fine_training.make_batch(pool, settings, step, cpu)[:2] for step in steps]
    images, targets = zip(*batches, strict=True)
    return torch.cat(images), torch.cat(targets)


def answered(
    settings: training.RunSettings,
    state: dict[str, torch.Tensor],
    images: torch.Tensor,
    device: str,
) -> torch.Tensor:
    network = LesionNet(settings.filters, channels=images.shape[1])
    network.load_state_dict(state)
    network = network.to(device).eval()
    with torch.inference_mode():
        parts = [network(part.to(device)).float().cpu() for part in images.split(4)]
    return torch.cat(parts)


def dice(one: torch.Tensor, other: torch.Tensor) -> float:
    both = int(one.sum()) + int(other.sum())
    return 2.0 * int((one & other).sum()) / both if both else 1.0


def main() -> None:
    given = arguments()
    if given.pack:
        pack(given.pack, given.packed)
        return
    runs = planned(given)
    begun = time.monotonic()
    print(
        "bundle | network | steps | time | Dice of unseen patches | Dice CPU, device | logit off by"
    )
    jobs = max(1, min(given.jobs or 1, len(runs)))
    # A process that holds a GPU cannot be forked.
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=1) as pool:
        for line in pool.imap_unordered(train, runs, chunksize=1):
            print(line, flush=True)
    print(f"{len(runs)} networks on {given.device} in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
