"""Fit the trees that judge candidates in the lung, and measure them on chests they have not seen.

    python scripts/train_candidates.py DATA [-o .runs/candidates] [--no-bundle]

Real nodules (``DATA/ct-nodules``) are pasted into the lungs of three CTs; each blob of a pasted
nodule is an example of one, every blob of the CT as it was an example of none. Nodules of a fold
are drawn by the network that left them out. Printed: of the pasted nodules, how many come before
so many blobs of the same CT as it was, each CT by trees fitted on the two others, beside the order
by contrast and roundness. Trees fitted on all three go into the bundle ``lesion_ct``. What was
gathered is kept in ``-o``. Needs scikit-learn (``pip install 'recist[train]'``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imaging.nifti import read_nifti
from imaging.resampling import resample
from imaging.volume import Array, FloatArray, Grid, Unit, Volume
from imaging.writing import write_text, written_whole
from segmentation.bundle import FINE_BUNDLE, METADATA, Bundle, file_sha256, load_bundle
from segmentation.close_up import close_up
from segmentation.fine.answering import FineNetworks
from segmentation.fine.blob_columns import answer_columns
from segmentation.fine.fine_packing import box_patients, pack_case
from segmentation.fine.lung_candidates import MOST_ASKED, MOST_LISTED, blobs_of, columns_of
from segmentation.packing import read_images
from segmentation.prompts import Click
from segmentation.training import read_folds
from segmentation.trees import FIELDS, Trees
from segmentation.validation import fold_bundle

BUNDLE = Path(__file__).resolve().parents[1] / "models" / FINE_BUNDLE
CHESTS = ("ct-whole/CMBCRC_MSB-01068_2mm", "ct-lesions/LIDC0001_2mm", "ct-lesions/LIDC0314_2mm")
#: Nodules of a fold pasted into each chest, and folds; no two are nearer than this, mm.
PASTED, FOLDS, APART_MM = 14, 2, 55.0
#: A blob this near to a nodule is of it, mm.
NEAR_MM = 4.0
#: Few and small trees: 70 nodules can teach no more.
TREES: dict[str, Any] = {
    "max_iter": 40,
    "learning_rate": 0.08,
    "max_leaf_nodes": 4,
    "min_samples_leaf": 8,
    "l2_regularization": 5.0,
    "class_weight": "balanced",
}
SHOWN = (4, 8, 16, 32)


@dataclass(frozen=True, slots=True, eq=False)
class Blobs:
    """What is known of the blobs of a CT; ``nodule`` is "" where there is none."""

    chest: str
    nodule: Array
    columns: FloatArray

    @property
    def by_image(self) -> FloatArray:
        return self.columns[:-5]


def gathered(data: Path, out: Path, bundle: Bundle) -> Iterator[Blobs]:
    """Blobs of every chest as it is, and of pasted nodules."""
    folds = read_folds(bundle.root / "configs" / "folds.json")
    patients = box_patients(data / "ct-nodules")
    random = np.random.default_rng(5)
    for fold in range(FOLDS):
        own = random.permutation(sorted(n for n, p in patients.items() if folds[p] == fold))
        networks = FineNetworks(fold_bundle(bundle, fold), torch.device("cpu"))
        for number, chest in enumerate(CHESTS):
            names = own[number * PASTED : (number + 1) * PASTED]
            for pasted in (False, True) if fold == 0 else (True,):
                path = out / f"{Path(chest).name}_{fold}_{'pasted' if pasted else 'plain'}.npz"
                if not path.is_file():
                    found = _described(data, chest, names if pasted else (), networks, fold)
                    np.savez(path, nodule=found.nodule, columns=found.columns)
                    print(path, len(found.nodule), flush=True)
                with np.load(path, allow_pickle=False) as held:
                    yield Blobs(chest, held["nodule"], held["columns"])


def _described(
    data: Path, chest: str, names: Sequence[str], networks: FineNetworks, fold: int
) -> Blobs:
    ct, _ = read_nifti(data / f"{chest}_ct.nii.gz", Unit.HU)
    lesions = {}
    if len(names):
        ct, lesions = pasted_into(ct, data, chest, names, np.random.default_rng(fold + 100))
    blobs = blobs_of(ct)
    nodule = np.array([_nearest(np.array(blob.point_mm), lesions) for blob in blobs])
    kept = [n for n in range(len(blobs)) if nodule[n] or not lesions]
    blobs, nodule = tuple(blobs[n] for n in kept), nodule[kept]
    clicks = [Click(blob.point_mm) for blob in blobs]
    drawn = [answer_columns(networks.answer(ct, click), click) for click in clicks]
    columns = np.concatenate([columns_of(ct, blobs), np.stack(drawn, axis=1)])
    return Blobs(chest, nodule.astype(np.str_), columns)


def _nearest(point_mm: FloatArray, lesions: dict[str, FloatArray]) -> str:
    away = {n: float(np.linalg.norm(p - point_mm, axis=1).min()) for n, p in lesions.items()}
    nearest = min(away, key=lambda n: away[n], default="")
    return nearest if nearest and away[nearest] < NEAR_MM else ""


def pasted_into(
    ct: Volume, data: Path, chest: str, names: Sequence[str], random: np.random.Generator
) -> tuple[Volume, dict[str, FloatArray]]:
    """The CT with nodules in its lung, and the points (LPS mm) of each."""
    case = pack_case(data / Path(chest).parent, Path(chest).name, None)
    places = np.column_stack(np.unravel_index(case.lung, case.hu.shape))
    hu, lesions = ct.array.astype(np.float32).copy(), {}
    taken: list[FloatArray] = []
    for name in names:
        for _ in range(200):
            place = ct.grid.to_world_mm(places[random.integers(len(places))].astype(float))
            if all(np.linalg.norm(place - other) > APART_MM for other in taken):
                break
        else:
            continue
        box, _, label = read_images(data / "ct-nodules", name)
        fade_mm = float(random.uniform(0.0, 6.0))
        points = _pasted(hu, ct.grid, (box, label), place, fade_mm)
        if len(points):
            taken.append(place)
            lesions[str(name)] = points
    return Volume(hu, ct.grid, Unit.HU), lesions


def _pasted(
    hu: Array, grid: Grid, nodule: tuple[Volume, Volume], place: FloatArray, fade_mm: float
) -> FloatArray:
    """Paste a box (CT and label) with its middle at a place, faded; the lesion's points."""
    box, label = nodule
    spacing, shape = np.array(box.grid.spacing_mm), np.array(box.grid.shape)
    affine = np.eye(4)
    affine[:3, :3] = grid.directions * spacing
    affine[:3, 3] = place - affine[:3, :3] @ ((shape - 1) / 2)
    there = Grid(box.grid.shape, affine)
    reach = np.ceil((shape * spacing / 2 + fade_mm + 2) / np.array(grid.spacing_mm)).astype(int)
    middle = np.rint(grid.to_voxel(place)).astype(int)
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, grid.shape)
    a, b, c = (int(n) for n in low)
    i, j, k = (int(n) for n in high - low)
    part = grid.crop((a, b, c), (i, j, k))
    inner = close_up(Volume(box.array.astype(np.float32), there, Unit.HU), part).array
    index = there.to_voxel(part.to_world_mm(np.moveaxis(np.indices(part.shape), 0, -1)))
    beyond = np.maximum((-0.5 - index) * spacing, (index - (shape - 0.5)) * spacing).max(axis=-1)
    share = np.clip(1.0 - beyond / max(fade_mm, 1e-3), 0.0, 1.0)
    where = tuple(slice(int(s), int(e)) for s, e in zip(low, high, strict=True))
    hu[where] += share * (inner - hu[where])
    drawn = Volume((label.array > 0).astype(np.float32), there, Unit.PROBABILITY)
    inside = resample(drawn, part, fill=0.0).array >= 0.5
    return np.asarray(part.to_world_mm(np.argwhere(inside)))


def fitted(blobs: Sequence[Blobs], *, asked: bool) -> Trees:
    """Trees by the image alone, or also by what the network draws."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - an extra

    rows = np.concatenate([(b.columns if asked else b.by_image).T for b in blobs])
    is_nodule = np.concatenate([b.nodule != "" for b in blobs])
    return as_trees(HistGradientBoostingClassifier(**TREES).fit(rows, is_nodule))


def as_trees(model: Any) -> Trees:
    """scikit-learn's trees as arrays, filled up to the longest."""
    trees = [one[0].nodes for one in model._predictors]
    shape = len(trees), max(len(nodes) for nodes in trees)
    table = {name: np.zeros(shape, np.int16) for name in ("column", "left", "right")}
    table |= {name: np.zeros(shape, np.float64) for name in ("limit", "value")}
    table["column"][:] = -1
    for row, nodes in enumerate(trees):
        own = slice(0, len(nodes))
        table["column"][row, own] = np.where(nodes["is_leaf"], -1, nodes["feature_idx"])
        table["limit"][row, own] = np.where(nodes["is_leaf"], 0.0, nodes["num_threshold"])
        for name in ("left", "right", "value"):
            table[name][row, own] = nodes[name]
    return Trees(float(model._baseline_prediction.ravel()[0]), **table)


def ranks(every: Sequence[Blobs], *, by_trees: bool) -> dict[str, int]:
    """Before how many blobs of its chest as it was does each nodule come, at best."""
    found: dict[str, int] = {}
    for chest in CHESTS:
        others = [b for b in every if b.chest != chest]
        own = [b for b in every if b.chest == chest]
        plain = next(b for b in own if not (b.nodule != "").any())
        if by_trees:
            first, second = fitted(others, asked=False), fitted(others, asked=True)
            least = np.sort(first.logit(plain.by_image))[-MOST_ASKED]
            scores = [
                np.where(first.logit(b.by_image) >= least, second.logit(b.columns), -np.inf)
                for b in own
            ]
        else:
            scores = [np.exp(b.columns[0]) * b.columns[1] for b in own]
        rivals = scores[own.index(plain)]
        for blobs, score in zip(own, scores, strict=True):
            for name, value in zip(blobs.nodule, score, strict=True):
                if name and np.isfinite(value):
                    rank = int((rivals > value).sum())
                    found[str(name)] = min(rank, found.get(str(name), rank))
    return found


def written(trees: dict[str, Trees], root: Path) -> None:
    """Put the trees into a bundle and list the file with its SHA-256."""
    path = root / "models" / "candidates.npz"
    held = {
        f"{name}/{field}": getattr(one, field) for name, one in trees.items() for field in FIELDS
    }
    held |= {f"{name}/baseline": np.array(one.baseline) for name, one in trees.items()}
    with written_whole(path) as file:
        np.savez_compressed(file, allow_pickle=False, **held)
    metadata = json.loads((root / METADATA).read_text())
    told = f"{FOLDS * PASTED * len(CHESTS)} places for nodules in {len(CHESTS)} chests"
    metadata["candidates"] = [
        {"file": "models/candidates.npz", "sha256": file_sha256(path), "trained_on": told}
    ]
    write_text(root / METADATA, json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path(".runs/candidates"))
    parser.add_argument("--no-bundle", action="store_true", help="leave the bundle as it is")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    every = list(gathered(given.data, given.out, load_bundle(BUNDLE)))
    nodules = sorted({str(n) for b in every for n in b.nodule if n})
    print(f"{len(nodules)} nodules were blobs; as entries before so many false ones {SHOWN}")
    for name, by_trees in (("contrast times roundness", False), ("trees", True)):
        found = ranks(every, by_trees=by_trees)
        before = [sum(rank < most for rank in found.values()) for most in SHOWN]
        print(f"{name}: {before}; listed at {MOST_LISTED}: {before[SHOWN.index(MOST_LISTED)]}")
    if not given.no_bundle:
        trees = {name: fitted(every, asked=name == "answer") for name in ("image", "answer")}
        written(trees, BUNDLE)


if __name__ == "__main__":
    main()
