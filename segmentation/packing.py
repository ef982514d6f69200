"""From a folder of NIfTI images to compact arrays that a training run holds in memory.

A case is three files: ``NAME_ct.nii.gz`` (HU), ``NAME_lab.nii.gz`` (lesion numbers on the CT grid)
and, where there is a PET, ``NAME_suv1000.nii.gz`` (SUVbw x 1000 on a grid of its own).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from imaging.body import without_holes
from imaging.errors import InputError
from imaging.nifti import read_nifti
from imaging.resampling import AIR_HU
from imaging.volume import Array, Unit, Volume
from imaging.writing import written_whole
from segmentation.cases import Case
from segmentation.network import SPACING_MM
from segmentation.preparation import network_grid, on_grid

#: Body is what is denser than this (between fat and lung), its holes filled slice by slice.
BODY_HU = -350.0
#: Seed of a click lies at least at this share of the depth of the deepest voxel.
CLICK_DEPTH = 0.35
#: So many possible clicks are kept per lesion.
CLICKS_KEPT = 400


def case_names(folder: Path) -> tuple[str, ...]:
    """The cases of a folder, sorted."""
    return tuple(sorted(p.name.removesuffix("_ct.nii.gz") for p in folder.glob("*_ct.nii.gz")))


def read_images(folder: Path, name: str) -> tuple[Volume, Volume | None, Volume]:
    """CT, SUV (or None) and label of a case, each on its own grid."""
    suv_path = folder / f"{name}_suv1000.nii.gz"
    ct, _ = read_nifti(folder / f"{name}_ct.nii.gz", Unit.HU)
    label, _ = read_nifti(folder / f"{name}_lab.nii.gz", Unit.LABEL)
    if not suv_path.exists():
        return ct, None, label
    stored, _ = read_nifti(suv_path, Unit.OTHER)
    suv = stored.array.astype(np.float32) / np.float32(1000.0)
    return ct, Volume(suv, stored.grid, Unit.SUV_BW, stored.source), label


def pack_case(folder: Path, name: str, spacing_mm: float = SPACING_MM) -> Case:
    """Bring a case to the network's grid and find where a reader would click."""
    ct, suv, label = read_images(folder, name)
    grid = network_grid(ct.grid, spacing_mm)
    hu = np.round(on_grid(ct, grid, fill=AIR_HU)).astype(np.int16)
    uptake = None if suv is None else on_grid(suv, grid, fill=0.0).astype(np.float16)
    numbers = np.zeros(grid.shape, np.uint8)
    for number in np.unique(label.array)[1:]:
        one = Volume((label.array == number).astype(np.float32), label.grid, Unit.PROBABILITY)
        numbers[on_grid(one, grid, fill=0.0) >= 0.5] = number
    return Case(name, hu, uptake, numbers, body_mask(hu), click_points(numbers))


def body_mask(hu: Array) -> Array:
    """The largest object denser than fat, filled slice by slice: body with its lungs."""
    labelled, count = ndimage.label(hu > BODY_HU)
    if count == 0:
        return np.zeros(hu.shape, np.bool_)
    largest = np.bincount(labelled.ravel())[1:].argmax() + 1
    return without_holes(labelled == largest)


def click_points(label: Array) -> Array:
    """Where a reader might click each lesion: deep voxels, the deeper the likelier."""
    points = []
    for number in np.unique(label)[1:]:
        depth = ndimage.distance_transform_edt(np.pad(label == number, 1))[1:-1, 1:-1, 1:-1]
        index = np.argwhere(depth >= max(1.0, CLICK_DEPTH * depth.max()))
        weight = depth[tuple(index.T)] ** 2
        if len(index) > CLICKS_KEPT:
            keep = np.random.default_rng(int(number)).choice(len(index), CLICKS_KEPT, replace=False)
            index, weight = index[keep], weight[keep]
        row = np.column_stack([index, np.full(len(index), number), weight / weight.sum()])
        points.append(row.astype(np.float32))
    return np.concatenate(points) if points else np.zeros((0, 5), np.float32)


def pack(folders: Sequence[Path], target: Path, spacing_mm: float = SPACING_MM) -> tuple[str, ...]:
    """Pack every case of the folders into one ``.npz``; the names packed.

    Raises:
        InputError: no folder holds a case.
    """
    arrays: dict[str, Array] = {}
    names = []
    for folder in folders:
        for name in case_names(folder):
            case = pack_case(folder, name, spacing_mm)
            names.append(name)
            for field in ("ct", "suv", "label", "body", "clicks"):
                if getattr(case, field) is not None:
                    arrays[f"{name}/{field}"] = getattr(case, field)
    if not names:
        raise InputError("no NAME_ct.nii.gz in the folders", where=", ".join(map(str, folders)))
    with written_whole(target) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return tuple(names)
