"""Train a network of the toolkit: from folders of images to a bundle with its figures.

    python scripts/train.py DATA/sts DATA/ct-lesions
    python scripts/train.py DATA/ct-nodules DATA/ct-lesions DATA/ct-whole DATA/sts \\
        --bundle models/lesion_ct --packed .packed/small.npz --runs .runs/small

packs the images, trains the networks that the bundle's ``configs/train.json`` names with the
settings it gives, writes the weights into the bundle, and validates every fold on the cases it left
out. Cut off, it goes on where it stopped. Training needs torch, monai, numpy and scipy; packing and
validation need the rest of the toolkit. On a CPU give each fold one core and one thread.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from imaging.volume import Mask
from segmentation import training, training_steps
from segmentation.bundle import DEFAULT_BUNDLE, FINE_BUNDLE, NetworkKind
from segmentation.cases import load
from segmentation.fine import fine_training
from segmentation.fine.fine_cases import load as load_fine
from segmentation.processor import choose_device

BUNDLE = Path(__file__).resolve().parents[1] / "models" / DEFAULT_BUNDLE


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="*", help="folders of NAME_ct.nii.gz and labels")
    parser.add_argument("--runs", type=Path, default=Path(".runs"), help="checkpoints and logs")
    parser.add_argument("--packed", type=Path, default=Path(".packed/cases.npz"))
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0 leaves it to torch")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--batch", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--folds", type=int, nargs="*", help="only these; -1 is all cases")
    parser.add_argument("--no-bundle", action="store_true", help="leave the bundle as it is")
    parser.add_argument("--no-validation", action="store_true")
    parser.add_argument(
        "--trained", action="store_true", help="--runs holds every network, trained elsewhere"
    )
    return parser.parse_args()


def kind_of(bundle: Path) -> NetworkKind:
    inference = json.loads((bundle / "configs" / "inference.json").read_text())
    return NetworkKind(inference.get("kind", NetworkKind.COARSE))


def recipe_of(given: argparse.Namespace) -> dict[str, Any]:
    """``configs/train.json``, with what the command line says instead."""
    recipe: dict[str, Any] = json.loads((given.bundle / "configs" / "train.json").read_text())
    own = {name: getattr(given, name) for name in ("batch", "seed")}
    recipe["settings"] |= {name: value for name, value in own.items() if value is not None}
    return recipe


def steps_of(recipe: dict[str, Any], fold: int, instead: int | None) -> int:
    """Of a fold: the recipe gives one number for all, or each fold its own."""
    steps = recipe.get("steps", recipe["settings"].get("steps"))
    return instead or int(steps[str(fold)] if isinstance(steps, dict) else steps)


def runs_of(recipe: dict[str, Any], folds: dict[str, int]) -> list[int]:
    """The networks that a recipe trains: those it names, or all cases and every fold."""
    named = recipe.get("steps")
    if isinstance(named, dict):
        return sorted(int(fold) for fold in named)
    return [training_steps.ALL_CASES, *sorted(set(folds.values()))]


def train_all(given: argparse.Namespace, folds: dict[str, int], wanted: list[int]) -> None:
    recipe = recipe_of(given)
    settings = {key: value for key, value in recipe["settings"].items() if key != "steps"}
    fine = kind_of(given.bundle) is NetworkKind.FINE
    cases: Any = load_fine(given.packed) if fine else load(given.packed)
    apart = frozenset(recipe.get("kept_apart", ()))
    for fold in wanted:
        steps = steps_of(recipe, fold, given.steps)
        run: dict[str, Any] = {
            "device": str(choose_device(given.device)),
            "on_step": progress(fold),
        }
        out = given.runs / run_name(fold)
        if fine:
            own = fine_training.FineSettings(fold=fold, steps=steps, **settings)
            print(fine_training.train(cases, folds, own, out, kept_apart=apart, **run))
        else:
            plain = training.Settings(fold=fold, steps=steps, **settings)
            print(training.train(cases, folds, plain, out, **run))


def progress(fold: int) -> Callable[[int, float], None]:
    return lambda step, loss: print(fold, step, f"{loss:.3f}") if step % 100 == 0 else None


def run_name(fold: int) -> str:
    return "all" if fold == training_steps.ALL_CASES else f"fold{fold}"


def longest_mm(mask: Mask) -> float:
    from recist.measure import caliper, diameter_mm  # noqa: PLC0415

    return float(diameter_mm(caliper(mask), is_node=False))


def main() -> None:
    given = arguments()
    if given.threads:
        torch.set_num_threads(given.threads)
    folds = training.read_folds(given.bundle / "configs" / "folds.json")
    every = runs_of(recipe_of(given), folds)
    fine = kind_of(given.bundle) is NetworkKind.FINE
    if given.data and not given.trained and not given.packed.exists():
        from segmentation import packing  # noqa: PLC0415
        from segmentation.fine import fine_packing  # noqa: PLC0415

        pack = fine_packing.pack if fine else packing.pack
        print("packed", len(pack(given.data, given.packed)), "cases")
    if not given.trained:
        train_all(given, folds, every if given.folds is None else given.folds)
    if given.no_bundle:
        return
    from segmentation import release  # noqa: PLC0415

    release.write_weights(given.bundle, {fold: given.runs / run_name(fold) for fold in every})
    if given.data and not given.no_validation:
        table = release.validate(
            given.data,
            given.bundle,
            folds,
            given.runs,
            diameter=longest_mm,
            device=given.device,
            name=FINE_BUNDLE if fine else DEFAULT_BUNDLE,
        )
        print(table)


if __name__ == "__main__":
    main()
