"""A bundle of a hospital's own: ours trained further on its cases, cross-validated, with a card.

The cases are divided by patient. A network for each fold goes on from the bundle to begin with, and
is asked about the patients that it did not see, beside the bundle it began with; one more network
sees every case. All of it goes on where it stopped when it is cut off.
"""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imaging.errors import InputError
from imaging.writing import write_text
from segmentation import figures, packing
from segmentation.bundle import Bundle, NetworkKind, trainable
from segmentation.cases import load
from segmentation.composition import Composition
from segmentation.evaluation import Diameter, score
from segmentation.fine import fine_packing, fine_training
from segmentation.fine.fine_cases import load as load_fine
from segmentation.infer import delineate
from segmentation.packing import case_names, read_images
from segmentation.processor import choose_device
from segmentation.prompted import Models, delineate_prompted
from segmentation.prompts import Prompt, deepest_click
from segmentation.release import write_weights
from segmentation.training import Settings, split, train
from segmentation.training_steps import ALL_CASES
from segmentation.validation import ScoreRow, fold_bundle, longest_line

#: Which case is of which patient, where a folder holds several cases of one: ``case, patient``.
PATIENTS = "patients.csv"
#: Checkpoints, logs and packed images, below the new bundle until it is done.
WORK = ".training"
BEFORE = "before"
FEWEST_CASES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """How a bundle is trained further.

    Attributes:
        steps: of each network.
        folds: networks that leave a part of the patients out, to know how good the bundle is.
        learning_rate: a part of what a network trained from nothing takes.
    """

    steps: int = 600
    folds: int = 5
    learning_rate: float = 5e-4
    seed: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.folds < 2 or self.learning_rate <= 0:
            raise InputError("steps and learning rate must be positive, and folds two or more")


Progress = Callable[[str, int, int], None]


def retrain(
    data: Path,
    out: Path,
    start: Bundle,
    how: Retraining,
    *,
    diameter: Diameter,
    on_progress: Progress = lambda *_: None,
) -> str:
    """Train, write the bundle, cross-validate, write its card; returns the table of figures.

    Args:
        data: a folder of ``NAME_ct.nii.gz`` (HU), ``NAME_lab.nii.gz`` (a number for each lesion)
            and ``NAME_suv1000.nii.gz`` (SUVbw x 1000, where there is a PET); ``patients.csv`` says
            which cases are of one patient.
        out: the new bundle's folder; its name is the bundle's.
        start: the bundle to go on from, whose kind the new one has.
        diameter: longest diameter of a mask, mm.
        on_progress: told (what, done, of how many).

    Raises:
        InputError: too few cases, one without its label map, or ``out`` holds another bundle.
    """
    patients = patients_of(data)
    _check(data, patients, out, how)
    folds = split(sorted(set(patients.values())), how.folds, how.seed)
    job = _Job(data, out / WORK, start, how, patients, folds, on_progress)
    if not job.packed.is_file():
        on_progress("packing", 0, len(patients))
        pack = fine_packing.pack if start.kind is NetworkKind.FINE else packing.pack
        pack([data], job.packed)
    runs = {fold: job.work / _name(fold) for fold in (*range(how.folds), ALL_CASES)}
    for fold, folder in runs.items():
        _train(job, fold, folder)
    _write_bundle(out, job)
    made = write_weights(out, runs)
    rows = _validated(job, made, diameter)
    table = figures.markdown(figures.summary(rows, short=start.kind is NetworkKind.FINE))
    docs = out / "docs"
    docs.mkdir(exist_ok=True)
    shutil.copyfile(job.work / "validation.csv", docs / "validation.csv")
    figures.plot_dice(docs / "validation.png", rows)
    logs = {_name(fold): folder / "log.csv" for fold, folder in runs.items()}
    figures.plot_logs(docs / "training.png", logs)
    write_text(docs / "README.md", card(job, made, rows, table))
    shutil.rmtree(job.work)
    return table


@dataclass(frozen=True, slots=True)
class _Job:
    """What a retraining is about.

    Attributes:
        patients: of each case; folds: of each patient.
    """

    data: Path
    work: Path
    start: Bundle
    how: Retraining
    patients: dict[str, str]
    folds: dict[str, int]
    on_progress: Progress

    @property
    def packed(self) -> Path:
        return self.work / "cases.npz"

    @property
    def fold_of_case(self) -> dict[str, int]:
        return {name: self.folds[patient] for name, patient in self.patients.items()}


def patients_of(data: Path) -> dict[str, str]:
    """The patient of each case of a folder: as its ``patients.csv`` says, else each case's own.

    Raises:
        InputError: no case, or a table without the columns.
    """
    names = case_names(data)
    if not names:
        raise InputError(
            "holds no NAME_ct.nii.gz",
            where=data,
            remedy="name cases NAME_ct.nii.gz and NAME_lab.nii.gz, or give a folder of DICOM",
        )
    path = data / PATIENTS
    named: dict[str, str] = {}
    if path.is_file():
        with path.open(newline="", encoding="utf-8-sig") as stream:
            for row in csv.DictReader(stream):
                if not row.get("case") or not row.get("patient"):
                    raise InputError("needs the columns case and patient", where=path)
                named[row["case"]] = row["patient"]
    return {name: named.get(name, name) for name in names}


def _check(data: Path, patients: dict[str, str], out: Path, how: Retraining) -> None:
    for name in patients:
        if not (data / f"{name}_lab.nii.gz").is_file():
            raise InputError(f"{name} has no label map", where=data, remedy=f"{name}_lab.nii.gz")
    count = len(set(patients.values()))
    if count < max(FEWEST_CASES, how.folds):
        raise InputError(
            f"{count} patients are too few for {how.folds} folds",
            where=data,
            remedy=f"give {max(FEWEST_CASES, how.folds)} or more",
        )
    own = json.dumps({"data": sorted(patients), "settings": repr(how)})
    begun = out / WORK / "settings.json"
    if out.exists() and any(out.iterdir()):
        if not begun.is_file():
            raise InputError("holds something else", where=out, remedy="name a new folder")
        if begun.read_text(encoding="utf-8") != own:
            raise InputError(
                "holds a training of other cases or settings", where=out, remedy="name a new folder"
            )
        return
    begun.parent.mkdir(parents=True)
    write_text(begun, own)


def _name(fold: int) -> str:
    return "all" if fold == ALL_CASES else f"fold{fold}"


def _train(job: _Job, fold: int, out: Path) -> None:
    start, how = job.start, job.how
    what = "training on all cases" if fold == ALL_CASES else f"training, fold {fold + 1}"
    common: dict[str, Any] = {
        "fold": fold,
        "steps": how.steps,
        "learning_rate": how.learning_rate,
        "seed": how.seed,
        "ema": 0.99,
    }
    device = str(choose_device(how.device))

    def on_step(step: int, _loss: float) -> None:
        job.on_progress(what, step, how.steps)

    if start.kind is NetworkKind.FINE:
        named = [replace(case, patient=job.patients[case.name]) for case in load_fine(job.packed)]
        fine_training.train(
            named,
            job.folds,
            fine_training.FineSettings(**common),
            out,
            device=device,
            start=lambda: trainable(start, start.weights[0]),
            on_step=on_step,
        )
        return
    settings = Settings(
        **common, small_from=0, small_every=6, large_every=4, composition=Composition()
    )
    train(
        load(job.packed),
        job.fold_of_case,
        settings,
        out,
        device=device,
        start=lambda: trainable(start, start.weights[0]),
        on_step=on_step,
    )


def _write_bundle(out: Path, job: _Job) -> None:
    start = job.start
    (out / "configs").mkdir(parents=True, exist_ok=True)
    inference = json.loads((start.root / "configs" / "inference.json").read_text())
    inference["checkpoint"] = "$@bundle_root + '/models/model.pt'"
    metadata = json.loads((start.root / "configs" / "metadata.json").read_text())
    # Fitted on what the networks begun with draw: nothing is known of the new ones.
    metadata.pop("candidates", None)
    metadata |= {
        "name": out.name,
        "version": "1.0.0",
        "changelog": {"1.0.0": f"trained further from {start.source}"},
        "data_source": f"{len(job.patients)} cases of {len(set(job.patients.values()))} patients",
        "eval_metrics": {},
        "weights": [],
    }
    for name, content in (
        ("inference", inference),
        ("metadata", metadata),
        ("train", {"from": start.source, "settings": _settings(job.how)}),
        ("folds", job.fold_of_case),
    ):
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_text(out / "configs" / f"{name}.json", text)


def _settings(how: Retraining) -> dict[str, object]:
    return {name: getattr(how, name) for name in ("steps", "folds", "learning_rate", "seed")}


def _validated(job: _Job, made: Bundle, diameter: Diameter) -> list[ScoreRow]:
    """Every case by the network that did not see its patient, and by the bundle begun with."""
    table = job.work / "validation.csv"
    done = {row.case.rpartition("#")[0] for row in figures.read_rows(table)}
    before = replace(job.start, weights=job.start.weights[:1])
    for number, (name, patient) in enumerate(job.patients.items()):
        job.on_progress("validation", number, len(job.patients))
        if name in done:
            continue
        rows: list[ScoreRow] = []
        for words, bundle in (("", fold_bundle(made, job.folds[patient])), (f", {BEFORE}", before)):
            scored = _scored(job, name, bundle, diameter)
            rows += (replace(row, method=row.method + words) for row in scored)
        figures.append_rows(table, rows)
    return figures.read_rows(table)


def _scored(job: _Job, name: str, bundle: Bundle, diameter: Diameter) -> Iterator[ScoreRow]:
    ct, suv, label = read_images(job.data, name)
    device = job.how.device
    models = Models.only(bundle)
    for number in np.unique(label.array)[1:]:
        true = np.asarray(label.array == number)
        asked: dict[str, Prompt] = {
            "click": deepest_click(true, ct.grid),
            "line": longest_line(true, ct.grid),
        }
        for method, prompt in asked.items():
            begun = time.perf_counter()
            found = delineate_prompted(ct, suv, prompt, models, device=device, checked=False)
            seconds = time.perf_counter() - begun
            scores = score(true, found.mask(), ct.grid, diameter=diameter)
            yield ScoreRow(f"{name}#{number}", method, scores, seconds)
    if bundle.kind is NetworkKind.COARSE:
        begun = time.perf_counter()
        every = delineate(ct, suv, bundle, device=device).mask()
        scores = score(np.asarray(label.array > 0), every, ct.grid, diameter=diameter)
        yield ScoreRow(f"{name}#all", "automatic", scores, time.perf_counter() - begun)


def card(job: _Job, made: Bundle, rows: Sequence[ScoreRow], table: str) -> str:
    """What the new bundle is, what it was trained on and how good it is, in words and figures."""
    start, how, patients = job.start, job.how, job.patients
    told = []
    for method in dict.fromkeys(row.method for row in rows):
        if method.endswith(BEFORE):
            continue
        p = figures.tests(rows, method, [f"{method}, {BEFORE}"])
        told += [f"{method}: p = {value:.2g}" for value in p.values()]
    return f"""# {made.name}: trained further from {start.name}

**Research only. Not a medical device. Every delineation is to be checked by a reader.**

{start.source} trained further on {len(patients)} cases of {len(set(patients.values()))} patients
with `recist train`: {how.steps} steps for each network, learning rate {how.learning_rate:g},
{how.folds} folds by patient (`configs/folds.json`) and a network of all cases. Channels, grid and
prompts are those of {start.name}: see its card.

## Figures: {how.folds} folds by patient

Each lesion by the one network that did not see its patient; "{BEFORE}" is the network of
{start.name} that it went on from, on the same lesions. 95 % bootstrap intervals. The click is the
deepest point of the lesion, the line its longest diameter. Rows are in `validation.csv`.

{table}
One-sided paired Wilcoxon p that Dice is higher than before: {"; ".join(told)}.

![Dice](validation.png)
![Training](training.png)

## Limits

- Figures are of the hospital's own cases: they say nothing about other scanners and diseases.
- With few patients the intervals are wide; where they reach below the figures of before, the new
  bundle is not shown to be better, and the old one should be kept.
- The limits of {start.name} hold for this one too.
"""
