"""NIfTI volumes, read into patient coordinates (RAS to LPS)."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import OrientationError
from nibabel.spatialimages import HeaderDataError

from imaging.errors import GeometryError, InputError
from imaging.volume import Array, FloatArray, Grid, Mask, Unit, Volume

_nib: Any = nib  # typed in parts only

#: NIfTI's x and y point right and anterior, DICOM's left and posterior.
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
#: A column of the affine this far from perpendicular to the others is a shear.
SHEAR_TOLERANCE = 1e-3
#: A voxel smaller than that of any scanner: the affine is flat, or in another unit.
SMALLEST_VOXEL_MM3 = 1e-6
#: What is read of one image; 1024 x 1024 x 1000 voxels of 4 bytes.
LARGEST_VOXELS_BYTES = 4 * 1024**3
#: Deflation packs nothing tighter (zlib: 1032 to 1).
LARGEST_RATIO = 1032
#: Beyond the voxels of a file, extensions and padding are followed so far; in pieces of so much.
BEYOND_VOXELS_BYTES, PIECE_BYTES = 10_000_000, 4_000_000
#: A file that unpacks to no more than this is unpacked once, checked and read from memory; a larger
#: one twice, in pieces.
UNPACKED_AT_ONCE_BYTES = 256_000_000
#: Level of zlib, that of nibabel.
PACKED = 1
#: The same place, written as a matrix and as a quaternion, may differ by rounding.
SAME_PLACE_MM = 0.5
#: What NumPy, zlib and the file system raise over damaged voxels.
VOXEL_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    ArithmeticError,
    MemoryError,
    zlib.error,
    HeaderDataError,
    OrientationError,
)


def read_nifti(path: Path, unit: Unit) -> tuple[Volume, tuple[str, ...]]:
    """A three-dimensional NIfTI file as a volume whose k axis is the most axial one.

    Axes are permuted and flipped so that i runs to the left, j to the back and k upwards, as in
    an axial DICOM series; voxels are not resampled. Integers without scaling stay integers,
    everything else becomes float32.

    Raises:
        InputError: the file is missing or not NIfTI.
        GeometryError: it is not three-dimensional, places no voxels, or is sheared.
    """
    image = opened(path)
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
    try:
        axial = _nib.funcs.squeeze_image(image) if len(image.shape) > 3 else image
        to_lps = _nib.orientations.io_orientation(RAS_TO_LPS @ axial.affine)
        axial = axial.as_reoriented(to_lps)
        affine = RAS_TO_LPS @ np.asarray(axial.affine, dtype=np.float64)
        _check_shear(affine, path)
        array = np.asanyarray(axial.dataobj)
    except (*VOXEL_ERRORS, TypeError) as error:
        raise InputError("the voxels cannot be read: a truncated file", where=path) from error
    if not np.issubdtype(array.dtype, np.integer):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise InputError("voxels that are not finite numbers", where=path)
    i, j, k = array.shape
    volume = Volume(np.asfortranarray(array), Grid((i, j, k), affine), unit, path.name)
    return volume, _two_places(header, path)


def opened(path: Path) -> Any:
    """A NIfTI file whose header can be believed; its voxels are read when they are asked for.

    Raises:
        InputError: missing, no NIfTI, of colours, in another unit than mm, larger than is read, or
            larger than the file can hold.
        GeometryError: an affine that places no voxels.
    """
    try:
        image = _nib.load(path)
        shape, kind = image.shape, image.get_data_dtype()
        affine = np.asarray(image.affine, dtype=np.float64)
        units = image.header.get_xyzt_units()[0] if hasattr(image.header, "get_xyzt_units") else ""
        voxels = math.prod(int(n) for n in shape)
    except (ImageFileError, *VOXEL_ERRORS, TypeError, KeyError, AttributeError) as error:
        raise InputError("not a NIfTI file, or missing", where=path) from error
    if kind.kind not in "iuf":
        raise InputError(f"voxels of type {kind}, not numbers: a colour image?", where=path)
    if units not in ("mm", "unknown", ""):
        raise InputError(
            f"the header gives lengths in {units}, not mm",
            where=path,
            remedy="convert the image again, with dcm2niix",
        )
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < SMALLEST_VOXEL_MM3:
        raise GeometryError("an affine that places no voxels (not finite, or flat)", where=path)
    if voxels < 1 or voxels * kind.itemsize > LARGEST_VOXELS_BYTES:
        raise InputError(f"an image of {' x '.join(map(str, shape))} voxels", where=path)
    packed = path.name.endswith(".gz")
    if voxels * kind.itemsize > path.stat().st_size * (LARGEST_RATIO if packed else 1):
        raise InputError(
            f"the file is truncated: {path.stat().st_size} bytes for {voxels} voxels", where=path
        )
    if not packed:
        return image
    bytes_read = voxels * kind.itemsize + BEYOND_VOXELS_BYTES
    unpacked = None
    if bytes_read <= UNPACKED_AT_ONCE_BYTES and isinstance(image, _nib.Nifti1Image):
        unpacked = _unpacked(path, bytes_read)
    if unpacked is not None:
        return type(image).from_bytes(unpacked)
    _check_sum(path, bytes_read)
    return image


def _unpacked(path: Path, most_bytes: int) -> bytes | None:
    """A file unpacked in one go, to its end, where its checksum stands.

    None where that is not all: packed in pieces, damaged, or more than so many bytes.
    """
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = reader.decompress(path.read_bytes(), most_bytes)
    except VOXEL_ERRORS:
        return None
    return unpacked if reader.eof and not reader.unused_data else None


def _check_sum(path: Path, most_bytes: int) -> None:
    """Unpack a file to its end, where its checksum stands: who stops at the last voxel never asks.

    Args:
        most_bytes: a file that unpacks to more is not followed further.

    Raises:
        InputError: the checksum does not fit, or the file ends before.
    """
    try:
        with gzip.open(path) as file:
            while (piece := file.read(PIECE_BYTES)) and most_bytes > 0:
                most_bytes -= len(piece)
    except VOXEL_ERRORS as error:
        what = "a truncated file" if isinstance(error, EOFError) else "its checksum does not fit"
        raise InputError(
            f"the voxels cannot be read: {what}", where=path, remedy="copy it again"
        ) from error


def _two_places(header: Any, path: Path) -> tuple[str, ...]:
    """A warning where the two affines of a header place the voxels differently."""
    if not int(header["sform_code"]) or not int(header["qform_code"]):
        return ()
    try:
        one, other = (
            np.asarray(each, dtype=np.float64) for each in (header.get_sform(), header.get_qform())
        )
    except VOXEL_ERRORS:
        return (f"{path.name}: its qform cannot be read; the sform places the voxels",)
    far = np.append(np.array(header.get_data_shape()[:3], dtype=np.float64) - 1, 1.0)
    corners = (np.array([0.0, 0.0, 0.0, 1.0]), far)
    apart_mm = max(float(np.linalg.norm((one - other) @ corner)) for corner in corners)
    if not apart_mm > SAME_PLACE_MM:
        return ()
    return (
        f"{path.name}: sform and qform place its voxels up to {apart_mm:.1f} mm apart; "
        "the sform counts",
    )


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
    write_array(path, labels, grid)


def write_array(path: Path, array: Array, grid: Grid) -> None:
    """Values (i, j, k) of a grid as NIfTI, in the type that they have."""
    image = _nib.Nifti1Image(array, RAS_TO_LPS @ grid.affine)
    image.set_sform(image.affine, code=1)
    if path.suffix != ".gz":
        _nib.save(image, path)
        return
    # In one piece: nibabel packs slice by slice, and a thread that computes beside it lets it wait
    # for Python's lock after each. The bytes are the same.
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=PACKED, fileobj=file, mtime=0) as packed,
    ):
        packed.write(image.to_bytes())
