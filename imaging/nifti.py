"""NIfTI volumes, read into patient coordinates (RAS to LPS)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from imaging.errors import GeometryError, InputError
from imaging.volume import FloatArray, Grid, Mask, Unit, Volume

_nib: Any = nib  # typed in parts only

#: NIfTI's x and y point right and anterior, DICOM's left and posterior.
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
#: A column of the affine this far from perpendicular to the others is a shear.
SHEAR_TOLERANCE = 1e-3


def read_nifti(path: Path, unit: Unit) -> tuple[Volume, tuple[str, ...]]:
    """A three-dimensional NIfTI file as a volume whose k axis is the most axial one.

    Axes are permuted and flipped so that i runs to the left, j to the back and k upwards, as in
    an axial DICOM series; voxels are not resampled. Integers without scaling stay integers,
    everything else becomes float32.

    Raises:
        InputError: the file is missing or not NIfTI.
        GeometryError: it is not three-dimensional, places no voxels, or is sheared.
    """
    try:
        image = _nib.load(path)
    except (ImageFileError, OSError) as error:
        raise InputError("not a NIfTI file, or missing", where=path) from error
    shape = tuple(n for n in image.shape if n != 1) if len(image.shape) > 3 else image.shape
    if len(shape) != 3:
        raise GeometryError(f"an image of shape {image.shape}, not three-dimensional", where=path)
    header = image.header
    if not int(header["sform_code"]) and not int(header["qform_code"]):
        raise GeometryError(
            "neither sform nor qform is set: the place of the voxels is unknown",
            where=path,
            remedy="convert the series again, with dcm2niix",
        )
    axial = _nib.funcs.squeeze_image(image) if len(image.shape) > 3 else image
    to_lps = _nib.orientations.io_orientation(RAS_TO_LPS @ axial.affine)
    axial = axial.as_reoriented(to_lps)
    affine = RAS_TO_LPS @ np.asarray(axial.affine, dtype=np.float64)
    _check_shear(affine, path)
    try:
        array = np.asanyarray(axial.dataobj)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError("the voxels cannot be read: a truncated file", where=path) from error
    if not np.issubdtype(array.dtype, np.integer):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise InputError("voxels that are not finite numbers", where=path)
    i, j, k = array.shape
    return Volume(np.asfortranarray(array), Grid((i, j, k), affine), unit, path.name), ()


def _check_shear(affine: FloatArray, path: Path) -> None:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR_TOLERANCE:
        raise GeometryError(
            "a sheared affine", where=path, remedy="resample the image to an orthogonal grid"
        )


def write_labels(path: Path, masks: Sequence[Mask]) -> None:
    """Masks of one grid as a label map: 1 for the first, 2 for the second, later ones on top.

    Raises:
        InputError: no mask at all, so no grid.
        GeometryError: masks on different grids.
    """
    if not masks:
        raise InputError("no mask to write", where=path)
    write_label_map(path, dict(enumerate(masks, start=1)), masks[0].grid)


def write_label_map(path: Path, masks: Mapping[int, Mask], grid: Grid) -> None:
    """Masks by their label, later ones on top; without any, an empty label map of the grid.

    Raises:
        GeometryError: a mask on another grid.
    """
    labels = np.zeros(grid.shape, dtype=np.uint16, order="F")
    for label, mask in masks.items():
        if not grid.same_as(mask.grid):
            raise GeometryError("masks on different grids in one label map", where=path)
        labels[mask.box][mask.array] = label
    image = _nib.Nifti1Image(labels, RAS_TO_LPS @ grid.affine)
    image.set_sform(image.affine, code=1)
    _nib.save(image, path)
