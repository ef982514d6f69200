"""From folders of NIfTI images to the cases that the network of small lesions trains on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import pdist

from imaging.errors import InputError
from imaging.nifti import read_nifti
from imaging.tables.columns import Columns
from imaging.tables.source import small_rows
from imaging.volume import Array, Unit
from segmentation.fine.fine_cases import FineCase, save
from segmentation.packing import body_mask, case_names

#: The list of boxes that lies beside images which end close to their lesion.
BOXES = "nodules.csv"
BOX_COLUMNS = Columns(("name", "patient"), ("longest_axial_mm", "texture"), is_dated=False)
AERATED_HU = -700.0
#: So many voxels of lung and of body are kept to draw places from.
PLACES = 20_000


def pack(folders: Sequence[Path], target: Path) -> tuple[str, ...]:
    """Pack every case of the folders into one ``.npz``; the names packed.

    A folder with ``nodules.csv`` holds boxes of one lesion each; any other holds whole images, with
    ``NAME_lab.nii.gz`` where lesions are known.

    Raises:
        InputError: no folder holds a case.
    """
    cases = []
    for folder in folders:
        patients = box_patients(folder)
        cases += [pack_case(folder, name, patients.get(name)) for name in case_names(folder)]
    if not cases:
        raise InputError("no NAME_ct.nii.gz in the folders", where=", ".join(map(str, folders)))
    save(cases, target)
    return tuple(case.name for case in cases)


def box_patients(folder: Path) -> dict[str, str]:
    """The patient of each box of a folder; nothing where it holds no boxes."""
    return {row["name"]: patient_of(row["patient"]) for row in box_rows(folder)}


def box_rows(folder: Path) -> tuple[dict[str, str], ...]:
    """The list of the boxes of a folder by column; nothing where it holds none."""
    path = folder / BOXES
    if not path.is_file():
        return ()
    return tuple(row for _, row in small_rows(path, BOX_COLUMNS))


def patient_of(name: str) -> str:
    """The patient of a case: ``LIDC-IDRI-0001``, ``LIDC0001_2mm`` and ``LIDC0001_01`` are one."""
    if name.upper().startswith("LIDC"):
        digits = "".join(c for c in name.split("_", maxsplit=1)[0] if c.isdigit())
        return f"LIDC{digits}"
    return name.removesuffix("_2mm").removesuffix("_3mm")


def pack_case(folder: Path, name: str, patient: str | None) -> FineCase:
    """One case; ``patient`` is given for a box, None for a whole image."""
    ct, _ = read_nifti(folder / f"{name}_ct.nii.gz", Unit.HU)
    path = folder / f"{name}_lab.nii.gz"
    label = np.zeros(ct.grid.shape, np.uint8)
    if path.exists():
        label = read_nifti(path, Unit.LABEL)[0].array.astype(np.uint8)
    spacing = np.array(ct.grid.spacing_mm, np.float32)
    hu = np.ascontiguousarray(ct.array.astype(np.int16))
    lung = body = np.zeros(0, np.int32)
    if patient is None:
        inside = body_mask(hu)
        body = _some(inside & (label == 0))
        lung = _some(inside & (label == 0) & (ndimage.uniform_filter(hu, 5) < AERATED_HU))
    return FineCase(
        name,
        patient or patient_of(name),
        hu,
        np.ascontiguousarray(label),
        spacing,
        patient is not None,
        lung,
        body,
        lesion_table(label, spacing),
    )


def _some(mask: Array) -> Array:
    flat = np.flatnonzero(mask).astype(np.int32)
    if len(flat) > PLACES:
        flat = np.sort(np.random.default_rng(0).choice(flat, PLACES, replace=False))
    return flat


def lesion_table(label: Array, spacing_mm: Array) -> Array:
    """(m, 5): number, deepest voxel, longest axial diameter mm, of each lesion."""
    rows = []
    for number in np.unique(label)[1:]:
        lesion = label == number
        depth = ndimage.distance_transform_edt(np.pad(lesion, 1), sampling=spacing_mm)
        centre = np.unravel_index(int(depth[1:-1, 1:-1, 1:-1].argmax()), lesion.shape)
        rows.append([number, *centre, longest_axial_mm(lesion, spacing_mm)])
    return np.array(rows, np.float32).reshape(-1, 5)


def longest_axial_mm(lesion: Array, spacing_mm: Array) -> float:
    """The longest distance between voxel centres within one slice."""
    longest = 0.0
    for k in np.flatnonzero(lesion.any(axis=(0, 1))):
        rim = lesion[:, :, k] & ~ndimage.binary_erosion(lesion[:, :, k])
        points = np.argwhere(rim) * spacing_mm[:2]
        if len(points) > 1:
            longest = max(longest, float(pdist(points).max()))
    return longest
