"""Seconds of a click or a line on one lesion, imports and the reading of weights apart.

    python scripts/benchmark_click.py [--repeats 5] [--threads 2] [--real] [--only soft]

Lesions of 10 to 60 mm are drawn into the lung and the soft tissue of a body of 400 x 400 x 326
voxels; the last click is into soft tissue where nothing is. With ``--real`` the four shortest
sarcomas of ``$RECIST_DATA/sts`` (39 to 56 mm, PET/CT) are clicked instead. The networks that ship
answer, with the classical method beside them and the interval of the diameter, as
``recist segment`` does. The first answer of a process is left out: it lays the weights out.
``--threads`` are torch's; ``--only`` keeps the lesions whose name holds a text.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from imaging.volume import Array, FloatArray, Grid, Mask, Unit, Volume
from recist.measure import caliper
from segmentation.packing import read_images
from segmentation.prompted import Models, delineate_prompted
from segmentation.prompts import Click, Line, Prompt, deepest_click
from segmentation.quality import flagged

SHAPE, SPACING_MM = (400, 400, 326), (2.04, 2.04, 3.27)
LENGTHS_MM = (10.0, 20.0, 40.0, 60.0)
#: LPS mm.
IN_LUNG_MM = (360.0, 408.0, 458.0)
IN_SOFT_TISSUE_MM = (490.0, 408.0, 719.0)
SHORTEST = ("STS_008", "STS_025", "STS_003", "STS_041")
LUNG = (slice(130, 230), slice(150, 250), slice(90, 190))


def body() -> tuple[Volume, Volume]:
    """A drawn body with a lung, and its PET."""
    grid = Grid(SHAPE, np.diag([*SPACING_MM, 1.0]))
    i, j = np.indices(SHAPE[:2])
    inside = ((i - 200) / 95) ** 2 + ((j - 200) / 65) ** 2 < 1
    hu = np.where(inside, 30, -1000)[:, :, None] + np.random.default_rng(0).normal(0, 20, SHAPE)
    hu[LUNG] = np.where(inside[LUNG[0], LUNG[1], None], -850, hu[LUNG])
    pet_grid = Grid((200, 200, 326), np.diag([4.08, 4.08, 3.27, 1.0]))
    suv = np.full(pet_grid.shape, 0.5, np.float32)
    return (
        Volume(hu.astype(np.int16), grid, Unit.HU, "drawn CT"),
        Volume(suv, pet_grid, Unit.SUV_BW, "drawn PET"),
    )


def with_ball(volume: Volume, centre_mm: FloatArray, radius_mm: float, value: float) -> Volume:
    """The image with a ball of one value."""
    array: Array = volume.array.copy()
    grid = volume.grid
    middle = np.rint(grid.to_voxel(centre_mm)).astype(int)
    reach = np.ceil(radius_mm / np.array(grid.spacing_mm)).astype(int) + 1
    box = tuple(slice(a - b, a + b + 1) for a, b in zip(middle, reach, strict=True))
    index = np.moveaxis(np.indices(tuple(2 * reach + 1)), 0, -1) + middle - reach
    near = np.linalg.norm(grid.to_world_mm(index) - centre_mm, axis=-1) <= radius_mm
    array[box][near] = value
    return Volume(array, grid, volume.unit, volume.source)


def timed(answer: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds by the clock and of the processor."""
    clock, spent = [], []
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        answer()
        clock.append(time.perf_counter() - begun)
        spent.append(time.process_time() - used)
    return statistics.median(clock), statistics.median(spent)


def longest_mm(mask: Mask) -> float:
    return float(caliper(mask).long_axis_mm)


def drawn() -> Iterator[tuple[str, Volume, Volume | None, Prompt]]:
    """What is asked: its name, CT, SUV and the prompt."""
    empty, cold = body()
    places = {"lung": IN_LUNG_MM, "soft tissue": IN_SOFT_TISSUE_MM}
    for length, (where, place) in itertools.product(LENGTHS_MM, places.items()):
        x, y, z = place
        ct = with_ball(empty, np.array(place), length / 2, 45)
        suv = with_ball(cold, np.array(place), length / 2, 8.0)
        ends = (x - length / 2, y, z), (x + length / 2, y, z)
        yield f"click, {length:.0f} mm in {where}", ct, suv, Click(place)
        yield f"line, {length:.0f} mm in {where}", ct, suv, Line(*ends)
    yield "click, nothing in soft tissue", empty, cold, Click(IN_SOFT_TISSUE_MM)


def real() -> Iterator[tuple[str, Volume, Volume | None, Prompt]]:
    folder = Path(os.environ["RECIST_DATA"]) / "sts"
    for name in SHORTEST:
        ct, suv, label = read_images(folder, name)
        yield f"click, {name}", ct, suv, deepest_click(np.asarray(label.array > 0), ct.grid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    models = Models.shipped()
    warm = True
    for name, ct, suv, prompt in real() if given.real else drawn():
        if given.only not in name:
            continue

        def answer(
            ct: Volume = ct, suv: Volume | None = suv, prompt: Prompt = prompt
        ) -> tuple[str, float]:
            found = delineate_prompted(ct, suv, prompt, models, device="cpu")
            seen = flagged(found, suv=suv, diameter=longest_mm)
            masks = [each.mask for each in seen.candidates]
            return seen.model, longest_mm(masks[0]) if masks else 0.0

        if warm:
            answer()
            warm = False
        seconds, spent = timed(answer, given.repeats)
        model, found_mm = answer()
        print(
            f"{name}: {seconds:.2f} s by the clock, {spent:.2f} s of the processor, "
            f"{given.threads} threads; {found_mm:.0f} mm by {model.partition(' ')[0]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
