"""Train the lesion network: from folders of images to a bundle with its figures.

    python scripts/train.py DATA/sts DATA/ct-lesions --runs .runs

packs the images, trains the network of all cases and one per fold, writes the weights into the
bundle, and validates every fold on the cases it left out. Cut off, it goes on where it stopped.
Training needs torch, monai and numpy; packing and validation need the rest of the toolkit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from imaging.volume import Mask
from segmentation import training
from segmentation.cases import load
from segmentation.processor import choose_device

BUNDLE = Path(__file__).resolve().parents[1] / "models" / "lesion_ctpet"


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
    parser.add_argument("--steps", type=int, default=training.Settings.steps)
    parser.add_argument("--batch", type=int, default=training.Settings.batch)
    parser.add_argument("--seed", type=int, default=training.Settings.seed)
    parser.add_argument("--folds", type=int, nargs="*", help="only these; -1 is all cases")
    parser.add_argument("--no-bundle", action="store_true", help="leave the bundle as it is")
    parser.add_argument("--no-validation", action="store_true")
    return parser.parse_args()


def train_all(given: argparse.Namespace, folds: dict[str, int], wanted: list[int]) -> None:
    cases = load(given.packed)
    for fold in wanted:
        settings = training.Settings(
            fold=fold, steps=given.steps, batch=given.batch, seed=given.seed
        )
        done = training.train(
            cases,
            folds,
            settings,
            given.runs / run_name(fold),
            device=str(choose_device(given.device)),
            on_step=lambda step, loss, f=fold: step % 100 == 0 and print(f, step, f"{loss:.3f}"),
        )
        print(done)


def run_name(fold: int) -> str:
    return "all" if fold == training.ALL_CASES else f"fold{fold}"


def longest_mm(mask: Mask) -> float:
    from recist.measure import caliper, diameter_mm  # noqa: PLC0415

    return float(diameter_mm(caliper(mask), is_node=False))


def main() -> None:
    given = arguments()
    if given.threads:
        torch.set_num_threads(given.threads)
    folds = training.read_folds(given.bundle / "configs" / "folds.json")
    every = [training.ALL_CASES, *sorted(set(folds.values()))]
    if given.data and not given.packed.exists():
        from segmentation import packing  # noqa: PLC0415

        print("packed", len(packing.pack(given.data, given.packed)), "cases")
    train_all(given, folds, every if given.folds is None else given.folds)
    if given.no_bundle:
        return
    from segmentation import release  # noqa: PLC0415

    release.write_weights(given.bundle, {fold: given.runs / run_name(fold) for fold in every})
    if given.data and not given.no_validation:
        table = release.validate(
            given.data, given.bundle, folds, given.runs, diameter=longest_mm, device=given.device
        )
        print(table)


if __name__ == "__main__":
    main()
