"""False lesions of whole bodies: CTs without lesions, with uptake drawn where bodies have it.

    python scripts/measure_whole_bodies.py DATA/ct-whole

Draws a PET over each CT (tissue, and the organs of :data:`ORGANS` as a person looked them up in
these CTs), asks the shipped network without a prompt, and prints for each CT how many components
and how much volume it took for lesions, by organ, and what of it is proposed as physiological.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from imaging.nifti import read_nifti
from imaging.volume import BoolArray, Grid, Unit, Volume
from segmentation.bundle import load_bundle
from segmentation.infer import delineate
from segmentation.physiological import proposed
from segmentation.preparation import network_grid, on_grid

#: CT: organ -> centre LPS mm, radii mm, SUV.
ORGANS = {
    "TOTALSEG_example_3mm": {
        "bladder": ((3, -165, 155), (42, 42, 38), 20.0),
        "kidney right": ((-57, -120, 340), (25, 25, 50), 8.0),
        "kidney left": ((57, -120, 340), (25, 25, 50), 8.0),
    },
    "ACRINFLT_001_19600104_2mm": {
        "bladder": ((0, 60, -815), (35, 30, 20), 20.0),
        "kidney right": ((-75, 60, -610), (28, 28, 50), 8.0),
        "kidney left": ((55, 60, -580), (28, 28, 50), 8.0),
    },
    "ACRINFLT_001_19600305_2mm": {"brain": ((0, -55, -55), (58, 75, 48), 8.0)},
    "CMBCRC_MSB-01068_2mm": {"heart": ((20, -35, -185), (45, 40, 40), 6.0)},
    "NSCLCRG_R01-001_2mm": {"heart": ((10, -165, -175), (50, 40, 50), 6.0)},
}
TISSUE_SUV, PET_MM, BLUR_MM = 1.0, 4.0, 3.0


def drawn_pet(ct: Volume, name: str) -> tuple[Volume, dict[str, BoolArray], Grid]:
    """A PET of tissue and organs on a grid of 4 mm, and where each organ was drawn."""
    grid = network_grid(ct.grid, PET_MM)
    hu = on_grid(ct, grid, fill=-1000.0)
    suv = np.where(hu > -350, TISSUE_SUV, 0.2)
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    drawn = {}
    for organ, (centre, radii, level) in ORGANS[name].items():
        within = (((points - np.array(centre)) / np.array(radii)) ** 2).sum(axis=-1) <= 1
        drawn[organ] = within & (hu > -30) & (hu < 300)
        suv[drawn[organ]] = level
    blurred = ndimage.gaussian_filter(suv, BLUR_MM / PET_MM).astype(np.float32)
    noise = 1.0 + 0.1 * np.random.default_rng(1).normal(size=suv.shape)
    pet = np.maximum(blurred * noise, 0.0).astype(np.float32)
    return Volume(pet, grid, Unit.SUV_BW, "drawn"), drawn, grid


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path)
    given = parser.parse_args()
    bundle = load_bundle(given.model)
    print("CT | false | ml | as an organ | ml | left as lesions | ml | seconds")
    for name in ORGANS:
        ct, _ = read_nifti(given.data / f"{name}_ct.nii.gz", Unit.HU)
        suv, drawn, grid = drawn_pet(ct, name)
        begun = time.perf_counter()
        found = proposed(delineate(ct, suv, bundle).candidates, ct, suv)
        seconds = time.perf_counter() - begun
        told = [each for each in found if each.physiological]
        left = [each for each in found if not each.physiological]
        sums = [f"{len(g)} | {sum(e.mask.volume_ml for e in g):.0f}" for g in (found, told, left)]
        print(f"{name} | {' | '.join(sums)} | {seconds:.1f}")
        for each in found:
            voxel = np.rint(grid.to_voxel(each.mask.centre_mm)).astype(int)
            inside = [
                o
                for o, where in drawn.items()
                if where[tuple(np.minimum(voxel, np.array(where.shape) - 1))]
            ]
            told_as = each.physiological or "lesion"
            print(f"    {each.mask.volume_ml:7.1f} ml in {inside or 'nothing drawn'}: {told_as}")


if __name__ == "__main__":
    main()
