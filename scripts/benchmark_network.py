"""Seconds and memory of whole-body delineation, beside a network of nnU-Net's default size.

    python scripts/benchmark_network.py [--windows 2]

The body is drawn: 400 x 400 x 326 voxels, PET of its own grid. For nnU-Net's side a DynUNet of 31
million random weights answers a few 128^3 windows in the same precision; its time for the body is
that of a window times the number of windows, at its default overlap of one half, over the same box
of the body as ours. In bf16 and without where the processor has it.
"""

from __future__ import annotations

import argparse
import math
import resource
import time

import numpy as np
import torch
from monai.networks.nets.dynunet import DynUNet

from imaging.volume import Grid, Unit, Volume
from segmentation.bundle import load_bundle
from segmentation.infer import delineate
from segmentation.preparation import encoded, network_grid
from segmentation.processor import has_fast_bf16, precision
from segmentation.windows import body_box

SHAPE = (400, 400, 326)
SPACING_MM = (2.04, 2.04, 3.27)
#: nnU-Net's defaults: 128^3 windows, stepping by half; spacing as of the CT's median, 2 x 2 x 3 mm.
PATCH, STEP = 128, 64


def body() -> tuple[Volume, Volume]:
    grid = Grid(SHAPE, np.diag([*SPACING_MM, 1.0]))
    i, j = np.indices(SHAPE[:2])
    away = ((i - 200) / 95) ** 2 + ((j - 200) / 65) ** 2
    rng = np.random.default_rng(0)
    hu = np.where(away < 1, 30, -1000)[:, :, None] + rng.normal(0, 20, SHAPE)
    hu[150:180, 170:230, 100:180] = -850
    pet_grid = Grid((200, 200, 326), np.diag([4.08, 4.08, 3.27, 1.0]))
    suv = np.full(pet_grid.shape, 0.5, np.float32)
    suv[80:90, 95:105, 100:110] = 8.0
    return (
        Volume(hu.astype(np.int16), grid, Unit.HU, "drawn CT"),
        Volume(suv, pet_grid, Unit.SUV_BW, "drawn PET"),
    )


def peer_seconds(
    windows: int, device: torch.device, sides: tuple[int, ...], *, bf16: bool
) -> tuple[float, int]:
    """Seconds per window of a network of nnU-Net's size, and how many windows a box takes."""
    network = DynUNet(
        3, 2, 2, [[3] * 3] * 6, [1, 2, 2, 2, 2, 2], [2] * 5, filters=[32, 64, 128, 256, 320, 320]
    )
    network = network.eval().to(device)
    window = torch.zeros(1, 2, PATCH, PATCH, PATCH, device=device)
    with precision(device, bf16=bf16):
        begun = time.perf_counter()
        for _ in range(windows):
            network(window).cpu()
    count = int(np.prod([max(1, -(-(n - PATCH) // STEP) + 1) for n in sides]))
    return (time.perf_counter() - begun) / windows, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--windows", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    ct, suv = body()
    bundle = load_bundle()
    device = torch.device(given.device)
    grid = network_grid(ct.grid)
    box, _ = body_box(encoded(ct, None, grid)[0])
    voxel_mm = grid.spacing_mm
    sides = tuple(
        math.ceil((side.stop - side.start) * voxel_mm[axis] / SPACING_MM[axis])
        for axis, side in enumerate(box)
    )
    for bf16 in (False, True) if has_fast_bf16(device) else (False,):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        begun, spent = time.perf_counter(), time.process_time()
        found = delineate(ct, suv, bundle, device=given.device, bf16=bf16)
        ours, spent = time.perf_counter() - begun, time.process_time() - spent
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        began = time.process_time()
        each, count = peer_seconds(given.windows, device, sides, bf16=bf16)
        peer_spent = (time.process_time() - began) / given.windows * count
        stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in found.seconds)
        print(f"ours {ours:.2f} s on {found.device} ({stages}), peak {peak:.2f} GB")
        print(f"  {before:.2f} GB before; box of the body {sides} of {SHAPE} voxels")
        print(f"peer {each * count:.1f} s in the same precision: {count} windows of {each:.2f} s")
        # On a busy machine only these compare: what the processor spent, all threads together.
        print(f"processor seconds {spent:.1f}, peer {peer_spent:.0f}: {peer_spent / spent:.1f} x")


if __name__ == "__main__":
    main()
