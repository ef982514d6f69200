"""Whether a GPU does what the CPU does, how fast, and in how much memory.

    python scripts/gpu_check.py             # the GPU, or the CPU where there is none
    python scripts/gpu_check.py --small     # a chest instead of a whole body

Needs torch, numpy and MONAI's wheel alone, and the weights in ``models``; takes less than four
minutes. An image of noise and spheres is prepared, asked in windows and blended as a delineation
is; each stage is timed after a first run, for float32 and bf16, windows one by one and several at
once, and its answers are compared with the CPU's.
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from imaging.volume import Array, Grid, Index3, Unit, Volume
from segmentation.blended import blended
from segmentation.bundle import load_bundle
from segmentation.ensemble import WINDOWS_ON_GPU, Networks
from segmentation.gpu_preparation import on_grid_by
from segmentation.network import SPACING_MM, encode_ct
from segmentation.processor import choose_device, has_fast_bf16
from segmentation.windows import LONGEST_SIDE, Box, windows

T = TypeVar("T")
#: Shape and spacing of the CT: a whole body, and a chest that a CPU takes too.
WHOLE_BODY: tuple[Index3, tuple[float, float, float]] = ((512, 512, 600), (0.98, 0.98, 3.0))
SMALL: tuple[Index3, tuple[float, float, float]] = ((200, 200, 60), (1.5, 1.5, 3.0))
#: The answers of two processors are the same when these hold.
LARGEST_APART, LEAST_DICE = 0.02, 0.999
#: ... and of bf16, whose logits are coarser.
LEAST_DICE_BF16 = 0.97
REPEATS = 3
AIR_HU = -1000.0


def phantom(shape: Index3, spacing: tuple[float, float, float]) -> Volume:
    """A body of noise with denser spheres, in HU."""
    random = np.random.default_rng(3)
    values = np.full(shape, AIR_HU, dtype=np.int16)
    i, j, _ = shape
    body = (slice(i // 8, -i // 8), slice(j // 5, -j // 5), slice(None))
    values[body] = random.normal(20.0, 25.0, values[body].shape).astype(np.int16)
    for _ in range(12):
        middle = [int(random.integers(n // 4, 3 * n // 4)) for n in shape]
        reach = [max(1, int(18.0 / step)) for step in spacing]
        box = tuple(slice(max(m - r, 0), m + r + 1) for m, r in zip(middle, reach, strict=True))
        values[box] += 70
    return Volume(values, Grid(shape, np.diag([*spacing, 1.0])), Unit.HU)


def synchronised(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(device: torch.device, work: Callable[[], T], repeats: int = REPEATS) -> tuple[T, float]:
    """The result, and the least of some times after a first run."""
    found, seconds = work(), math.inf
    for _ in range(repeats):
        synchronised(device)
        began = time.perf_counter()
        found = work()
        synchronised(device)
        seconds = min(seconds, time.perf_counter() - began)
    return found, seconds


def graph_of(networks: Networks, shape: tuple[int, ...]) -> float | None:
    """Seconds of a batch replayed as a CUDA graph; None where it cannot be captured."""
    ask = networks.asking_one()
    image = torch.zeros(shape, device=networks.device)
    try:
        side = torch.cuda.Stream(networks.device)
        side.wait_stream(torch.cuda.current_stream(networks.device))
        with torch.cuda.stream(side):
            for _ in range(3):
                ask(image)
        torch.cuda.current_stream(networks.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            ask(image)
        return timed(networks.device, graph.replay)[1]
    except RuntimeError as error:
        print(f"  no CUDA graph: {str(error).splitlines()[0]}")
        return None


def agreement(one: Array, other: Array) -> tuple[float, float]:
    """Largest difference of two logits, and Dice of what they call a lesion."""
    first, second = one > 0, other > 0
    both = int(first.sum()) + int(second.sum())
    dice = 2.0 * int((first & second).sum()) / both if both else 1.0
    return float(np.abs(one - other).max()), dice


def middle_window(shape: tuple[int, ...], side: int) -> Box:
    i, j, k = (slice(max(n // 2 - side // 2, 0), max(n // 2 - side // 2, 0) + side) for n in shape)
    return i, j, k


def check(device: torch.device, *, small: bool) -> bool:
    """Print the table; whether the device agrees with the CPU."""
    shape, spacing = SMALL if small else WHOLE_BODY
    ct = phantom(shape, spacing)
    sides = [max(1, math.ceil(n * s / SPACING_MM)) for n, s in zip(shape, spacing, strict=True)]
    grid = Grid((sides[0], sides[1], sides[2]), np.diag([SPACING_MM] * 3 + [1.0]))
    factor = max(1, int(SPACING_MM / spacing[0] + 0.25))
    factors = (factor, factor, 1)
    print(f"image {shape}, network's grid {grid.shape}")

    hu, seconds = timed(device, lambda: on_grid_by(device, ct, grid, factors, fill=AIR_HU))
    print(f"  prepare on {device}: {seconds:.3f} s")
    cpu = torch.device("cpu")
    on_cpu, seconds = timed(cpu, lambda: on_grid_by(cpu, ct, grid, factors, fill=AIR_HU), 1)
    assert hu is not None
    assert on_cpu is not None
    apart_hu = float(np.abs(hu - on_cpu).max())
    print(f"  prepare on cpu: {seconds:.3f} s; largest difference {apart_hu:.4f} HU")
    agrees = apart_hu < LARGEST_APART

    channel = encode_ct(on_cpu)
    bundle = load_bundle()
    parts = windows((slice(0, sides[0]), slice(0, sides[1]), slice(0, sides[2])))
    side = min(LONGEST_SIDE, 48 if small else LONGEST_SIDE)
    one_window = [middle_window(channel.shape, side)]
    for bf16 in (False, True):
        if bf16 and not has_fast_bf16(device):
            print("  bf16: not worth it on this device")
            continue
        name = "bf16" if bf16 else "float32"
        networks = Networks(bundle, device, bf16, [])
        for at_once in dict.fromkeys((1, WINDOWS_ON_GPU if device.type == "cuda" else 2)):
            networks.at_once = at_once
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            ask = networks.asking_one()
            _, seconds = timed(
                device,
                lambda a=ask, n=networks: blended((channel, None, None), parts, a, n),  # type: ignore[misc]
                REPEATS if device.type == "cuda" else 1,
            )
            held = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0
            print(
                f"  {name}, {len(parts)} windows of {parts[0][0].stop - parts[0][0].start}, "
                f"{at_once} at once: {seconds:.3f} s" + (f", {held:.0f} MiB" if held else "")
            )
        if device.type == "cuda":
            size = tuple(s.stop - s.start for s in parts[0])
            replayed = graph_of(networks, (networks.at_once, 3, *size))
            batch = torch.zeros((networks.at_once, 3, *size), device=device)
            _, eager = timed(device, lambda n=networks, b=batch: n.asking_one()(b))  # type: ignore[misc]
            if replayed is not None:
                print(f"  {name}, a batch: {eager:.4f} s, as a CUDA graph {replayed:.4f} s")
        reference = Networks(bundle, cpu, False, [])
        own = blended((channel, None, None), one_window, networks.asking_one(), networks)
        theirs = blended((channel, None, None), one_window, reference.asking_one(), reference)
        apart, dice = agreement(own, theirs)
        least = LEAST_DICE_BF16 if bf16 else LEAST_DICE
        print(f"  {name}, agreement with the CPU: largest difference {apart:.4f}, Dice {dice:.5f}")
        agrees = agrees and dice >= least and (bf16 or apart < LARGEST_APART)
    return agrees


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    arguments.add_argument("--small", action="store_true", help="a chest; always on a CPU")
    chosen = arguments.parse_args()
    device = choose_device(chosen.device)
    began = time.perf_counter()
    if device.type == "cuda":
        print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}")
    else:
        print(f"no GPU: {platform.processor() or platform.machine()}, torch {torch.__version__}")
    agrees = check(device, small=chosen.small or device.type == "cpu")
    verdict = "agrees" if agrees else "DOES NOT AGREE"
    print(f"{verdict} with the CPU; {time.perf_counter() - began:.0f} s")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
