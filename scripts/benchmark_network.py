"""Seconds and memory of whole-body delineation, beside a network of nnU-Net's default size.

    python scripts/benchmark_network.py [--windows 2]

The body is drawn: 400 x 400 x 326 voxels, PET of its own grid. For nnU-Net's side a DynUNet of 31
million random weights answers a few 128^3 windows; its time for the body is that of a window times
the number of windows at its default overlap of one half.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch
from monai.networks.nets.dynunet import DynUNet

from imaging.volume import Grid, Unit, Volume
from segmentation.bundle import load_bundle
from segmentation.infer import delineate

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


def peer_seconds(windows: int, device: torch.device) -> tuple[float, int]:
    """Seconds per window of a network of nnU-Net's size, and how many windows the body takes."""
    network = DynUNet(
        3, 2, 2, [[3] * 3] * 6, [1, 2, 2, 2, 2, 2], [2] * 5, filters=[32, 64, 128, 256, 320, 320]
    )
    network = network.eval().to(device)
    window = torch.zeros(1, 2, PATCH, PATCH, PATCH, device=device)
    with torch.inference_mode():
        begun = time.perf_counter()
        for _ in range(windows):
            network(window).cpu()
    count = int(np.prod([max(1, -(-(n - PATCH) // STEP) + 1) for n in SHAPE]))
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
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    begun, spent = time.perf_counter(), time.process_time()
    found = delineate(ct, suv, bundle, device=given.device)
    ours, spent = time.perf_counter() - begun, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    began = time.process_time()
    each, count = peer_seconds(given.windows, torch.device(given.device))
    peer_spent = (time.process_time() - began) / given.windows * count
    for stage, seconds in found.seconds:
        print(f"{stage:10s} {seconds:8.2f} s")
    print(f"ours       {ours:8.2f} s on {found.device}, peak {peak:.2f} GB ({before:.2f} before)")
    print(f"peer       {each * count:8.1f} s: {count} windows of {each:.2f} s (one fold, fp32)")
    print(f"ratio      {each * count / ours:8.1f}")
    # On a busy machine only these compare: what the processor spent, all threads together.
    print(f"processor  {spent:8.1f} s against {peer_spent:.0f} s, ratio {peer_spent / spent:.1f}")


if __name__ == "__main__":
    main()
