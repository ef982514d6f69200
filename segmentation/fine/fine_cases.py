"""Training images of the network of small lesions, each on its scanner's own grid.

Needs nothing beyond numpy; :mod:`segmentation.fine.fine_packing` makes the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaging.errors import InputError
from imaging.volume import Array
from imaging.writing import written_whole


@dataclass(frozen=True, slots=True, eq=False)
class FineCase:
    """One image.

    Attributes:
        name, patient: cross-validation splits by the patient.
        hu: int16 (i, j, k); slices are along k.
        label: uint8 lesion number, 0 outside.
        spacing_mm: (3,) edges of a voxel.
        boxed: the image ends close to its one lesion and must be pasted into another CT.
        lung: (n,) flat indices of voxels of aerated lung; empty in a boxed image.
        body: (n,) flat indices of voxels of the body.
        lesions: (m, 5) number, centre voxel, longest axial diameter mm.
    """

    name: str
    patient: str
    hu: Array
    label: Array
    spacing_mm: Array
    boxed: bool
    lung: Array
    body: Array
    lesions: Array


FIELDS = ("hu", "label", "spacing_mm", "lung", "body", "lesions")


def save(cases: list[FineCase], path: Path) -> None:
    """Write cases to one ``.npz``, whole or not at all."""
    arrays: dict[str, Array] = {}
    for case in cases:
        for field in FIELDS:
            arrays[f"{case.name}/{field}"] = getattr(case, field)
        arrays[f"{case.name}/about"] = np.array([case.patient, "boxed" if case.boxed else ""])
    with written_whole(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load(path: Path) -> tuple[FineCase, ...]:
    """The cases of a packed file, sorted by name.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(
            "packed cases not found",
            where=path,
            remedy="give scripts/train.py the folders of images",
        )
    with np.load(path, allow_pickle=False) as stored:
        names = sorted({key.rpartition("/")[0] for key in stored.files})
        cases = []
        for name in names:
            patient, boxed = (str(text) for text in stored[f"{name}/about"])
            fields = {field: stored[f"{name}/{field}"] for field in FIELDS}
            cases.append(FineCase(name, patient, boxed=boxed == "boxed", **fields))
        return tuple(cases)
