"""From trained folds to a bundle with its figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from imaging.errors import InputError
from imaging.tables.rows import written_rows
from imaging.writing import write_text
from segmentation import figures
from segmentation.bundle import DEFAULT_BUNDLE, Bundle, NetworkKind, load_bundle, record_weights
from segmentation.classical import METHODS
from segmentation.evaluation import Diameter
from segmentation.fine.fine_packing import box_patients
from segmentation.fine.fine_validation import PASTED, hosts, kinds, validate_box
from segmentation.limitations import limits_table, measured_limits
from segmentation.packing import case_names, read_images
from segmentation.training_steps import ALL_CASES
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
    name: str = DEFAULT_BUNDLE,
    on_case: Callable[[int, int, str], None] | None = None,
) -> str:
    """Every case by the network that has not seen it; tables and a plot into a folder.

    A case that is done is in the table at once: a run that was interrupted goes on after it.

    Args:
        data: folders of ``NAME_ct.nii.gz``, ``NAME_lab.nii.gz`` and ``NAME_suv1000.nii.gz``; boxes
            of one lesion with ``nodules.csv`` for a bundle of small lesions.
        root: the bundle, None for the one of this name that ships.
        folds: each case's (of a bundle of small lesions: each patient's) fold; None asks the whole
            bundle, for cases that it never saw.
        diameter: longest diameter of a mask in mm; the measuring lives one package up.
        on_case: told how many cases are done, of how many, and which is next.

    Returns:
        the summary as a Markdown table.

    Raises:
        InputError: the folder holds the table of another evaluation.
    """
    bundle = load_bundle(root, name=name)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out / "validation.json", bundle, folds)
    table, drawn = out / "validation.csv", out / "drawn.csv"
    done = {row.case for row in figures.read_rows(table)} | _first_column(drawn)
    plan = list(_plan(data, bundle, folds, device, diameter))
    for number, (case, rows) in enumerate(plan):
        if on_case is not None:
            on_case(number, len(plan), case)
        if case not in done:
            found = list(rows())
            figures.append_rows(table, [row for row in found if isinstance(row, ScoreRow)])
            figures.append_drawn(drawn, [row for row in found if isinstance(row, DrawnRow)])
    every = figures.read_rows(table)
    if every:
        figures.plot_dice(out / "validation.png", every)
    text = figures.markdown(figures.summary(every))
    if bundle.kind is NetworkKind.FINE:
        text += _by_kind(data, every)
    write_text(out / "validation.md", text)
    return text


def limited(
    data: Sequence[Path],
    root: Path | None,
    folds: Mapping[str, int] | None,
    out: Path,
    *,
    diameter: Diameter,
    device: str = "auto",
    on_case: Callable[[int, int, str], None] | None = None,
) -> str:
    """What limits the network of CT and PET, patient by patient; arguments as of :func:`validate`.

    Returns:
        a Markdown table, which ``limits.md`` holds too; every measured fact is in ``limits.csv``.

    Raises:
        InputError: the bundle is of small lesions; the folder holds the table of another.
    """
    bundle = load_bundle(root)
    if bundle.kind is NetworkKind.FINE:
        raise InputError("what limits an outline is told for the network of CT and PET alone")
    out.mkdir(parents=True, exist_ok=True)
    _claim(out / "validation.json", bundle, folds)
    cases = [
        (folder, name, unseen)
        for folder in data
        for name in case_names(folder)
        if (unseen := _unseen(bundle, folds, name)) is not None
    ]
    found = measured_limits(cases, out, diameter, device=device, on_case=on_case)
    text = limits_table(found)
    write_text(out / "limits.md", text)
    return text


def _claim(path: Path, bundle: Bundle, folds: Mapping[str, int] | None) -> None:
    """Say whose evaluation a folder holds; another's is not gone on with."""
    own = json.dumps({"bundle": bundle.source, "left_out": folds is not None})
    if path.exists() and path.read_text(encoding="utf-8") != own:
        raise InputError(
            "holds the table of another evaluation", where=path.parent, remedy="name another folder"
        )
    write_text(path, own)


def _first_column(path: Path) -> set[str]:
    table = written_rows(path)
    return {row[table.columns[0]] for row in table.rows}


Rows = Callable[[], Iterable[ScoreRow | DrawnRow]]


def _plan(
    data: Sequence[Path],
    bundle: Bundle,
    folds: Mapping[str, int] | None,
    device: str,
    diameter: Diameter,
) -> Iterator[tuple[str, Rows]]:
    """Each case with what computes its rows."""
    if bundle.kind is NetworkKind.FINE:
        yield from _boxes(data, bundle, folds, device, diameter)
        return
    for folder in data:
        for name in case_names(folder):
            unseen = _unseen(bundle, folds, name)
            if unseen is None:
                continue
            if (folder / f"{name}_suv1000.nii.gz").exists():
                yield (
                    name,
                    partial(validate_case, folder, name, unseen, diameter, device=device),
                )
            else:
                yield name, partial(_drawn, folder, name, unseen, device)


def _boxes(
    data: Sequence[Path],
    bundle: Bundle,
    folds: Mapping[str, int] | None,
    device: str,
    diameter: Diameter,
) -> Iterator[tuple[str, Rows]]:
    settings = bundle.root / "configs" / "train.json"
    apart = json.loads(settings.read_text())["kept_apart"] if settings.is_file() else []
    into = hosts(data, apart)
    for folder in data:
        for name, patient in box_patients(folder).items():
            unseen = _unseen(bundle, folds, patient)
            if unseen is not None:
                yield (
                    name,
                    partial(validate_box, folder, name, unseen, diameter, into=into, device=device),
                )


def _drawn(folder: Path, name: str, unseen: Bundle, device: str) -> Iterator[DrawnRow]:
    ct, _, _ = read_images(folder, name)
    yield from drawn_lesions(
        ct, unseen, count=DRAWN_PER_CT, seed=len(name), name=name, device=device
    )


def _by_kind(data: Sequence[Path], rows: Sequence[ScoreRow]) -> str:
    """The same figures by the size and the texture of the boxes, and the paired tests."""
    named = {name: words for folder in data for name, words in kinds(folder).items()}
    parts = []
    for index, title in enumerate(("size", "texture")):
        for word in sorted({words[index] for words in named.values()}):
            own = [row for row in rows if named[row.case][index] == word]
            table = figures.markdown(figures.summary(own, short=True))
            parts.append(f"\nBy {title}: {word}\n\n{table}")
    for where in ("", f", {PASTED}"):
        others = [method + where for method in METHODS]
        held = {row.method for row in rows}
        if f"line{where}" in held:
            p = figures.tests(rows, f"line{where}", [m for m in others if m in held])
            told = "; ".join(f"{method} p = {value:.2g}" for method, value in p.items())
            parts.append(f"\nDice of line{where} above (paired, one-sided): {told}\n")
    return "".join(parts)


def _unseen(bundle: Bundle, folds: Mapping[str, int] | None, name: str) -> Bundle | None:
    """The networks that never saw a case; None for a case that has no fold."""
    if folds is None:
        return bundle
    return fold_bundle(bundle, folds[name]) if name in folds else None
