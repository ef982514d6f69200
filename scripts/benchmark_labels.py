"""The whole job on label maps of many lesions at many dates: reading, measuring, following, report.

    python scripts/benchmark_labels.py [LESIONS DATES]

The lesions are those of ``benchmark_tracking.py``, drawn into NIfTI label maps beside CTs of a
trunk. What is timed is ``recist run --lesions dicom`` on their folder, a process of its own, and
each of its stages. The limit is reading every file once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
from benchmark_run import print_stages
from benchmark_tracking import TRUNK, course
from scipy.ndimage import gaussian_filter

SIZE = (500, 10)
#: HU of the trunk's tissues, which vary over so many voxels, of its lesions, and of the noise.
TISSUE_HU, TISSUE_VOXELS, LESION_HU, NOISE_HU = (20.0, 70.0), 4.0, 60.0, 10.0
#: The trunk fills this share of the image's width and depth.
FILLED = 0.95


def write(root: Path, lesions: int, dates: int) -> None:
    """A CT and a label map at every date, and the manifest that names them."""
    turned = np.diag([-1.0, -1.0, 1.0, 1.0]) @ TRUNK.affine  # NIfTI counts to the left and back
    sides = [(np.arange(n) - (n - 1) / 2) / (n / 2 * FILLED) for n in TRUNK.shape[:2]]
    inside = np.add.outer(sides[0] ** 2, sides[1] ** 2) <= 1
    # The same anatomy at every date: without one, registration has nothing to go by.
    tissue = gaussian_filter(np.random.default_rng(1).normal(size=TRUNK.shape), TISSUE_VOXELS)
    tissue = TISSUE_HU[0] + TISSUE_HU[1] * tissue / tissue.std()
    lines = ["subject,date,ct,labels"]
    for n, date in enumerate(course(lesions, dates)):
        labels = np.zeros(TRUNK.shape, dtype=np.uint16)
        for number, candidate in enumerate(date.candidates, start=1):
            labels[candidate.mask.box][candidate.mask.array] = number
        random = np.random.default_rng(n)
        hu = random.normal(0, NOISE_HU, TRUNK.shape)
        hu += np.where(labels > 0, LESION_HU, tissue)
        hu[~inside] = -1000
        for name, values in (("ct", hu.astype(np.int16)), ("labels", labels)):
            nib.save(nib.Nifti1Image(values, turned), root / f"{name}{n}.nii.gz")
        day = f"2024-{1 + n:02d}-10"
        lines.append(f"MANY,{day},ct{n}.nii.gz,labels{n}.nii.gz")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")


def main() -> None:
    lesions, dates = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else SIZE
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "studies", Path(folder) / "out"
        root.mkdir()
        write(root, lesions, dates)
        began = time.perf_counter()
        for path in sorted(root.glob("*.nii.gz")):
            np.asarray(nib.load(path).dataobj)
        limit_s = time.perf_counter() - began
        command = [sys.executable, "-m", "recist", "run", str(root), "-o", str(out)]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "--lesions", "dicom"], check=False, capture_output=True, text=True
        )
        seconds = time.perf_counter() - began
        if not (out / "run.json").exists():
            sys.exit(done.stderr[-400:])
        record = json.loads((out / "run.json").read_text())
    print(
        f"{lesions} lesions x {dates} dates, label maps to report: {seconds:.1f} s by the clock, "
        f"peak {record['peak_memory_mb']} MB; reading the files alone {limit_s:.1f} s"
    )
    print_stages(record)


if __name__ == "__main__":
    main()
