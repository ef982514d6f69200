"""From trained folds to a bundle with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from imaging.errors import InputError
from segmentation import figures
from segmentation.bundle import Bundle, load_bundle, record_weights
from segmentation.evaluation import Diameter
from segmentation.packing import case_names, read_images
from segmentation.training import ALL_CASES
from segmentation.validation import DrawnRow, ScoreRow, drawn_lesions, fold_bundle, validate_case

#: So many lesions are drawn into each CT that has no PET.
DRAWN_PER_CT = 40


def write_weights(root: Path, runs: Mapping[int, Path]) -> Bundle:
    """Put the averaged weights of finished runs into a bundle: all cases first, then the folds.

    Raises:
        InputError: a run is missing or not finished.
    """
    states = {}
    for fold in sorted(runs):
        path = runs[fold] / "checkpoint.pt"
        if not path.is_file():
            raise InputError("no checkpoint", where=path, remedy="train this fold first")
        stored = torch.load(path, map_location="cpu", weights_only=True)
        done, steps = int(stored["step"]), int(stored["settings"]["steps"])
        if done < steps:
            raise InputError(f"only {done} of {steps} steps are done", where=path)
        name = "model.pt" if fold == ALL_CASES else f"fold{fold}.pt"
        seen = "all cases" if fold == ALL_CASES else f"all cases but those of fold {fold}"
        states[name] = (stored["average"], f"{seen}, {steps} steps")
    record_weights(root, states)
    return load_bundle(root)


def validate(
    data: Sequence[Path],
    root: Path | None,
    folds: Mapping[str, int] | None,
    out: Path,
    *,
    diameter: Diameter,
    device: str = "auto",
) -> str:
    """Every case by the network that has not seen it; tables and a plot into a folder.

    Args:
        data: folders of ``NAME_ct.nii.gz``, ``NAME_lab.nii.gz`` and ``NAME_suv1000.nii.gz``.
        root: the bundle, None for the one that ships.
        folds: each case's fold; None asks the whole bundle, for cases that it never saw.
        diameter: longest diameter of a mask in mm; the measuring lives one package up.

    Returns:
        the summary as a Markdown table.
    """
    bundle = load_bundle(root)
    rows = list(_rows(data, bundle, folds, device, diameter))
    drawn = list(_drawn(data, bundle, folds, device))
    out.mkdir(parents=True, exist_ok=True)
    figures.write_rows(out / "validation.csv", rows)
    figures.write_drawn(out / "drawn.csv", drawn)
    figures.plot_dice(out / "validation.png", rows)
    table = figures.markdown(figures.summary(rows))
    (out / "validation.md").write_text(table, encoding="utf-8")
    return table


def _rows(
    data: Sequence[Path],
    bundle: Bundle,
    folds: Mapping[str, int] | None,
    device: str,
    diameter: Diameter,
) -> Iterator[ScoreRow]:
    for folder in data:
        for name in case_names(folder):
            unseen = _unseen(bundle, folds, name)
            if unseen is None or not (folder / f"{name}_suv1000.nii.gz").exists():
                continue
            yield from validate_case(folder, name, unseen, diameter, device=device)


def _drawn(
    data: Sequence[Path], bundle: Bundle, folds: Mapping[str, int] | None, device: str
) -> Iterator[DrawnRow]:
    for folder in data:
        for name in case_names(folder):
            unseen = _unseen(bundle, folds, name)
            if unseen is None or (folder / f"{name}_suv1000.nii.gz").exists():
                continue
            ct, _, _ = read_images(folder, name)
            yield from drawn_lesions(
                ct, unseen, count=DRAWN_PER_CT, seed=len(name), name=name, device=device
            )


def _unseen(bundle: Bundle, folds: Mapping[str, int] | None, name: str) -> Bundle | None:
    """The networks that never saw a case; None for a case that has no fold."""
    if folds is None:
        return bundle
    return fold_bundle(bundle, folds[name]) if name in folds else None
