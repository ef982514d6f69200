"""The main job on composed studies of real anatomy, with the truth delineations as input.

Label numbers are shuffled at each date, so identity can come from the images alone.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from recist.patient.options import Options
from recist.run import batch

#: Folder of each study and its subject.
STUDIES = {"lung-abscopal": "ABSC-001", "pet-sarcoma": "PETS-001"}


def results_of(source: Path, folder: Path) -> Path:
    """The results folder of the patient of a study."""
    labels = folder / "labels" / STUDIES[source.name]
    shuffled_labels(source / "truth", labels, seed=7)
    done = batch.run(source, folder / "out", Options.create(lesions=str(labels.parent)))
    assert done.exit_code == 0, done.failures
    return done.out / done.subjects[0].folder


def shuffled_labels(truth: Path, folder: Path, seed: int) -> dict[str, dict[int, int]]:
    """Copies of the CT label maps with other label numbers; date -> new number -> old number."""
    folder.mkdir(parents=True)
    chance = random.Random(seed)
    numbers: dict[str, dict[int, int]] = {}
    for path in sorted(truth.glob("*_labels.nii.gz")):
        image: Any = nib.load(path)
        labels = np.asarray(image.dataobj)
        old = [int(n) for n in np.unique(labels) if n]
        new = chance.sample(range(1, 60), len(old))
        out = np.zeros_like(labels, dtype=np.uint16)
        for before, after in zip(old, new, strict=True):
            out[labels == before] = after
        nib.save(nib.Nifti1Image(out, image.affine), folder / path.name)
        numbers[path.name.removesuffix("_labels.nii.gz")] = dict(zip(new, old, strict=True))
    return numbers
