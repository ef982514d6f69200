"""Delineated cases to train on: each a body with a hot cube, in files as training takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import nibabel
import numpy as np


def write_hot_cubes(
    folder: Path, names: Iterable[str], *, without_pet: Collection[str] = ()
) -> Path:
    """Write CT, label and, but for some, PET of each case into a new folder."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in names:
        hu = np.full((36, 34, 24), -1000, np.int16)
        hu[3:-3, 3:-3] = rng.normal(30, 5, (30, 28, 24)).astype(np.int16)
        label = np.zeros(hu.shape, np.uint8)
        label[12:22, 12:20, 8:16] = 1
        images = {"ct": (hu, 2.0), "lab": (label, 2.0)}
        if name not in without_pet:
            suv = (600 + 7000.0 * label[::2, ::2]).astype(np.uint16)
            images["suv1000"] = (suv, 4.0)
        for kind, (array, spacing) in images.items():
            affine = np.diag([-spacing, -spacing, 3.0, 1.0])
            nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"{name}_{kind}.nii.gz")
    return folder
