"""Training images as a run holds them: small arrays on the network's grid.

Training needs nothing beyond torch, monai and numpy, so that it also runs where the libraries that
read images are not installed; :mod:`segmentation.packing` makes these files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaging.errors import InputError
from imaging.volume import Array


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One training image on the network's grid.

    Attributes:
        name: the case; cross-validation splits by it.
        ct: int16 HU (i, j, k).
        suv: float16 SUVbw, None where the case has no PET.
        label: uint8 lesion number, 0 outside.
        body: bool.
        clicks: float32 (n, 5): voxel index, lesion number, probability of being clicked.
    """

    name: str
    ct: Array
    suv: Array | None
    label: Array
    body: Array
    clicks: Array


def load(path: Path) -> tuple[Case, ...]:
    """The cases of a packed file, sorted by name."""
    if not path.is_file():
        raise InputError(
            "packed cases not found",
            where=path,
            remedy="give scripts/train.py the folders of images",
        )
    with np.load(path, allow_pickle=False) as stored:
        names = sorted({key.split("/")[0] for key in stored.files})
        return tuple(
            Case(
                name,
                stored[f"{name}/ct"],
                stored[f"{name}/suv"] if f"{name}/suv" in stored.files else None,
                stored[f"{name}/label"],
                stored[f"{name}/body"],
                stored[f"{name}/clicks"],
            )
            for name in names
        )
