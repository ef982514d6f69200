"""Boxes of one lesion each, answered by the network that left the patient out, beside its peers.

A box is answered where it is, and pasted into the lung of a patient into whom nothing was pasted
in training. Where a box ends gives the lesion away, so it fades into its new surroundings over a
random distance, its border repeated; what is found in that zone, where nobody knows the truth,
counts neither for nor against a method.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaging.errors import InputError
from imaging.nifti import read_nifti
from imaging.volume import Array, BoolArray, FloatArray, Grid, Index3, Unit, Volume
from segmentation.bundle import Bundle
from segmentation.classical import METHODS, delineate_classically
from segmentation.close_up import close_up
from segmentation.evaluation import Diameter, Scores, score
from segmentation.fine.fine_packing import BOXES, box_rows, pack_case
from segmentation.infer import Delineation
from segmentation.packing import case_names, read_images
from segmentation.prompted import Models, delineate_prompted, on_line
from segmentation.prompts import Line, Prompt, deepest_click
from segmentation.validation import ScoreRow, longest_line

#: So far beyond a box its new surroundings reach.
AROUND_MM = 30.0
#: A box fades over at most so far.
LONGEST_FADE_MM = 6.0
PASTED = "pasted"
#: A line of a lesion of one or two voxels says nothing.
SHORTEST_LINE_MM = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A CT to paste into, and voxels of its aerated lung (n, 3)."""

    ct: Volume
    places: Array


def hosts(folders: Sequence[Path], patients: Sequence[str]) -> tuple[Host, ...]:
    """The CTs of the folders that are of these patients and hold lung."""
    found = []
    for folder in folders:
        for name in case_names(folder):
            if (folder / BOXES).is_file() or not name.startswith(tuple(patients)):
                continue
            case = pack_case(folder, name, None)
            if len(case.lung):
                ct, _ = read_nifti(folder / f"{name}_ct.nii.gz", Unit.HU)
                places = np.column_stack(np.unravel_index(case.lung, case.hu.shape))
                found.append(Host(ct, places))
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class BoxTruth:
    """A CT, the one lesion in it, and where it is known what is lesion; all on one grid."""

    ct: Volume
    lesion: BoolArray
    known: BoolArray


def validate_box(
    folder: Path,
    name: str,
    bundle: Bundle,
    diameter: Diameter,
    *,
    into: Sequence[Host] = (),
    device: str = "auto",
) -> Iterator[ScoreRow]:
    """Every method on one box; ``bundle`` must not have seen it.

    Pasted, only what starts from a line stands beside the network: no click was safe.
    """
    ct, _, label = read_images(folder, name)
    lesion = np.asarray(label.array > 0)
    truth = BoxTruth(ct, lesion, np.ones(lesion.shape, np.bool_))
    for method, scores, seconds in _scored(truth, bundle, diameter, device, tuple(METHODS)):
        yield ScoreRow(name, method, scores, seconds)
    if into:
        # The same place and fade whenever this box is validated.
        rng = np.random.default_rng(sum(map(ord, name)))
        host = into[int(rng.integers(len(into)))]
        place = host.ct.grid.to_world_mm(host.places[int(rng.integers(len(host.places)))])
        fade = float(rng.uniform(0.0, LONGEST_FADE_MM))
        pasted = paste(truth, host.ct, place, fade)
        from_line = tuple(name for name, (_, takes) in METHODS.items() if takes is Line)
        for method, scores, seconds in _scored(pasted, bundle, diameter, device, from_line):
            yield ScoreRow(name, f"{method}, {PASTED}", scores, seconds)


def _scored(
    truth: BoxTruth, bundle: Bundle, diameter: Diameter, device: str, classical: Sequence[str]
) -> Iterator[tuple[str, Scores, float]]:
    """Method, scores and seconds of each method on one lesion."""
    ct, true = truth.ct, truth.lesion
    click, line = deepest_click(true, ct.grid), longest_line(true, ct.grid)
    runs: dict[str, tuple[Prompt, Callable[[Prompt], Delineation]]] = {}
    models = Models.only(bundle)

    def ask(prompt: Prompt) -> Delineation:
        return delineate_prompted(ct, None, prompt, models, device=device, checked=False)

    runs["click"], runs["line"] = (click, ask), (line, ask)
    for method in classical:
        runs[method] = (
            line if METHODS[method][1] is Line else click,
            lambda p, m=method: delineate_classically(m, ct, p),  # type: ignore[misc]
        )
    for method, (prompt, run) in runs.items():
        if isinstance(prompt, Line) and _length_mm(prompt) < SHORTEST_LINE_MM:
            continue
        begun = time.perf_counter()
        try:
            found = run(prompt)
            if isinstance(prompt, Line):
                found = on_line(found, prompt)
            mask = found.mask() & truth.known
        except InputError:  # not in lung: the method has no answer
            mask = np.zeros_like(true)
        seconds = time.perf_counter() - begun
        yield method, _score(true, mask, ct.grid, diameter), seconds


def _score(true: BoolArray, found: BoolArray, grid: Grid, diameter: Diameter) -> Scores:
    """The scores, in the box of both masks: nothing lies outside of it."""
    either = np.argwhere(true | found)
    low, high = either.min(axis=0), either.max(axis=0) + 1
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    cut = grid.crop(
        (i.start, j.start, k.start), (i.stop - i.start, j.stop - j.start, k.stop - k.start)
    )
    return score(true[i, j, k], found[i, j, k], cut, diameter=diameter)


def _length_mm(line: Line) -> float:
    return float(np.linalg.norm(np.subtract(line.end_mm, line.start_mm)))


def paste(truth: BoxTruth, host: Volume, place_mm: FloatArray, fade_mm: float) -> BoxTruth:
    """A box in the lung of another patient, on the box's own grid, its middle at a place."""
    box = truth.ct
    spacing = np.array(box.grid.spacing_mm)
    more = np.ceil(AROUND_MM / spacing).astype(int)
    i, j, k = (int(n + 2 * m) for n, m in zip(box.grid.shape, more, strict=True))
    shape: Index3 = (i, j, k)
    start: Index3 = (-int(more[0]), -int(more[1]), -int(more[2]))
    grid = box.grid.crop(start, shape)
    affine = host.grid.affine.copy()
    affine[:3, :3] = host.grid.directions * spacing
    affine[:3, 3] = place_mm - affine[:3, :3] @ ((np.array(shape) - 1) / 2.0)
    around = close_up(host, Grid(shape, affine)).array
    pads = [(int(m), int(m)) for m in more]
    inner = np.pad(box.array.astype(np.float32), pads, mode="edge")
    beyond = np.zeros(shape, np.float32)
    for axis, (n, m) in enumerate(zip(box.grid.shape, more, strict=True)):
        steps = np.arange(n + 2 * m, dtype=np.float32) - np.float32(m)
        out = np.maximum(-0.5 - steps, steps - (n - 0.5)) * np.float32(spacing[axis])
        sides = [1, 1, 1]
        sides[axis] = -1
        beyond = np.maximum(beyond, out.reshape(sides))
    share = np.clip(1.0 - beyond / max(fade_mm, 1e-3), 0.0, 1.0)
    hu = around + share * (inner - around)
    known = (beyond <= 0) | (beyond > fade_mm)
    ct = Volume(hu, grid, Unit.HU, box.source)
    return BoxTruth(ct, np.pad(truth.lesion, pads), known)


def kinds(folder: Path) -> dict[str, tuple[str, str]]:
    """Size and texture of each box, in words, from its list; nothing where there is no list."""
    return {
        row["name"]: (_size(float(row["longest_axial_mm"])), _texture(int(row["texture"])))
        for row in box_rows(folder)
    }


def _size(length_mm: float) -> str:
    for limit, word in ((8.0, "below 8 mm"), (12.0, "8 to 12 mm"), (20.0, "12 to 20 mm")):
        if length_mm < limit:
            return word
    return "20 mm and more"


def _texture(grade: int) -> str:
    """LIDC's grades: 1 is ground glass, 5 solid."""
    return "solid" if grade == 5 else "part-solid" if grade > 1 else "ground glass"
