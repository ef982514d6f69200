"""Time of the longest axial diameters of real lesions, beside SimpleITK's Feret diameter.

Usage: python scripts/benchmark_measure.py [DATA] [--repeats N] [--json]

DATA holds ``sts/*_lab.nii.gz`` (one lesion each; default: $RECIST_DATA). Both sides get the same
bounding boxes in memory and are timed in turn in one run; ours also finds the short axis and the
end points. SimpleITK is asked slice by slice: its Feret diameter of a volume is another question.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK

from imaging.volume import Grid, Mask
from recist.measure import Convention, caliper


def lesions(folder: Path) -> list[Mask]:
    """The lesion of every label map."""
    found = []
    for path in sorted(folder.glob("*_lab.nii.gz")):
        image = nib.load(path)
        array = np.asfortranarray(np.asarray(image.dataobj) > 0)
        grid = Grid(array.shape, np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine)
        if array.any():
            found.append(Mask.of(array, grid))
    return found


def ours(masks: Sequence[Mask], convention: Convention) -> list[float]:
    return [float(caliper(mask, convention=convention).long_axis_mm) for mask in masks]


def feret(masks: Sequence[Mask]) -> list[float]:
    """Largest 2D Feret diameter over the slices, SimpleITK."""
    statistics_2d = SimpleITK.LabelShapeStatisticsImageFilter()
    statistics_2d.ComputeFeretDiameterOn()
    longest = []
    for mask in masks:
        found = 0.0
        for _, plane in mask.slices():
            image = SimpleITK.GetImageFromArray(plane.T.astype(np.uint8))
            image.SetSpacing(mask.grid.spacing_mm[:2])
            statistics_2d.Execute(image)
            found = max(found, statistics_2d.GetFeretDiameter(1))
        longest.append(found)
    return longest


def timed(measure: Callable[[], list[float]]) -> tuple[float, list[float]]:
    start = time.perf_counter()
    found = measure()
    return time.perf_counter() - start, found


def compare(masks: Sequence[Mask], repeats: int) -> dict[str, float]:
    """Median seconds of each side for all lesions, their ratio, and how far the answers differ."""
    runs: dict[str, list[float]] = {"ours": [], "feret": []}
    for _ in range(repeats):
        seconds, own = timed(lambda: ours(masks, Convention.CENTRES_PLUS_HALF_PIXEL))
        runs["ours"].append(seconds)
        seconds, peer = timed(lambda: feret(masks))
        runs["feret"].append(seconds)
    own_s, feret_s = (statistics.median(runs[name]) for name in ("ours", "feret"))
    centres = ours(masks, Convention.CENTRES)
    return {
        "lesions": len(masks),
        "ours_s": own_s,
        "feret_s": feret_s,
        "ratio": feret_s / own_s,
        "feret_minus_centres_median_mm": statistics.median(np.subtract(peer, centres)),
        "feret_minus_ours_median_mm": statistics.median(np.subtract(peer, own)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("RECIST_DATA"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.data is None:
        print("left out: name the folder of the data, or set RECIST_DATA")
        return
    masks = lesions(Path(options.data) / "sts")
    if not masks:
        parser.error(f"no sts/*_lab.nii.gz in {options.data}")
    found = compare(masks, options.repeats)
    if options.json:
        print(json.dumps(found))
        return
    print(f"diameters of {found['lesions']} lesions, median of {options.repeats} runs")
    for what, value in (
        ("recist: longest, short axis, end points", f"{found['ours_s'] * 1000:8.0f} ms"),
        ("SimpleITK Feret, slice by slice", f"{found['feret_s'] * 1000:8.0f} ms"),
        ("ratio", f"{found['ratio']:8.1f}"),
        ("Feret minus centres, median", f"{found['feret_minus_centres_median_mm']:8.2f} mm"),
        ("Feret minus default, median", f"{found['feret_minus_ours_median_mm']:8.2f} mm"),
    ):
        print(f"  {what:42}{value}")


if __name__ == "__main__":
    main()
