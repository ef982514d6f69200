"""A volume as one gzip file of NIfTI whose slices can be served alone.

Each slice is a piece of the deflate stream that refers to nothing before it. With a head and an
end of its own a piece is a whole gzip stream, so a slice is read from the file and sent as it lies
there, and the file as a whole is an ordinary ``.nii.gz``.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from imaging.nifti import RAS_TO_LPS
from imaging.volume import Array, Grid, Volume
from imaging.writing import write_text, written_whole

#: A gzip member without name and time (RFC 1952), and an empty last block (RFC 1951).
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = b"\x03\x00"
#: Quick: a slice is prepared once, and the loopback is fast.
LEVEL = 1
#: Voxels are sent as signed numbers of 16 bits.
BYTES, LARGEST = 2, 2**15 - 1
_NIFTI_INT16 = 4


@dataclass(frozen=True, slots=True)
class PackedVolume:
    """A prepared volume on the disk.

    Attributes:
        grid: where its voxels lie.
        step: what one step of its 16-bit numbers is worth in the unit of the voxels.
        pieces: (offset, length, CRC-32) of each slice in the file.
    """

    path: Path
    grid: Grid
    step: float
    pieces: tuple[tuple[int, int, int], ...]

    def slice_gzip(self, k: int) -> bytes:
        """An axial slice as a gzip stream of its rows, first row first."""
        offset, length, crc = self.pieces[k]
        with self.path.open("rb") as file:
            file.seek(offset)
            piece = file.read(length)
        size = self.grid.shape[0] * self.grid.shape[1] * BYTES
        return gzipped(piece, crc, size)

    def numbers(self) -> Array:
        """All of its 16-bit numbers, (i, j, k)."""
        i, j, k = self.grid.shape
        array = np.empty((k, j, i), dtype="<i2")
        with self.path.open("rb") as file:
            for n, (offset, length, _) in enumerate(self.pieces):
                file.seek(offset)
                content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(length))
                array[n] = np.frombuffer(content, "<i2").reshape(j, i)
        return array.transpose(2, 1, 0)


def gzipped(piece: bytes, crc: int, size: int) -> bytes:
    """A piece of a deflate stream as a gzip stream of its own."""
    return _GZIP_HEAD + piece + _LAST_BLOCK + struct.pack("<II", crc, size & 0xFFFFFFFF)


def piece_of(content: bytes) -> tuple[bytes, int]:
    """Bytes as a piece of a deflate stream that refers to nothing before it, and their CRC-32."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH), zlib.crc32(content)


#: Axes of the voxels along the columns, rows and slices of each plane.
PLANES = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (1, 2, 0)}


def plane_bytes(array: Array, n: int, plane: str = "axial") -> bytes:
    """A slice of 16-bit numbers as it is sent: rows of columns, little endian."""
    column, row, normal = PLANES[plane]
    shown = np.moveaxis(array, (column, row, normal), (1, 0, 2))[:, :, n]
    return np.ascontiguousarray(shown, dtype="<i2").tobytes()


def served(volume: Volume) -> tuple[Array, float]:
    """The voxels as they are served: int16, and what one step of them is worth in the unit."""
    array = volume.array
    if array.dtype == np.int16:
        return array, 1.0
    largest = float(np.abs(array).max(initial=0))
    if np.issubdtype(array.dtype, np.integer) and largest <= LARGEST:
        return array.astype(np.int16), 1.0
    step = largest / LARGEST or 1.0
    return np.round(array / np.float32(step)).astype(np.int16), step


def pack(
    volume: Volume, path: Path, *, on_slice: Callable[[int], None] = lambda _: None
) -> PackedVolume:
    """Write a volume as such a file, with the index of its slices beside it."""
    array, step = served(volume)
    head, crc = piece_of(_nifti_head(volume.grid, step))
    size = _HEAD_BYTES
    pieces = []
    with written_whole(path) as file:
        file.write(_GZIP_HEAD + head)
        at = len(_GZIP_HEAD) + len(head)
        for k in range(array.shape[2]):
            content = plane_bytes(array, k)
            piece, own = piece_of(content)
            crc = zlib.crc32(content, crc)
            size += len(content)
            file.write(piece)
            pieces.append((at, len(piece), own))
            at += len(piece)
            on_slice(k)
        file.write(_LAST_BLOCK + struct.pack("<II", crc, size & 0xFFFFFFFF))
    grid = volume.grid
    index = {
        "shape": grid.shape,
        "affine": grid.affine.tolist(),
        "frame_of_reference_uid": grid.frame_of_reference_uid,
        "step": step,
        "pieces": pieces,
    }
    write_text(index_of(path), json.dumps(index))
    return PackedVolume(path, grid, step, tuple(pieces))


def index_of(path: Path) -> Path:
    """The index beside a packed volume."""
    return path.with_name(path.name + ".json")


def opened(path: Path) -> PackedVolume | None:
    """A volume that was packed before; None where it is not there or not whole."""
    try:
        return _indexed(path, index_of(path).stat().st_mtime_ns, path.stat().st_size)
    except OSError:
        return None


@lru_cache(maxsize=256)
def _indexed(path: Path, _written: int, size: int) -> PackedVolume | None:
    """The volume by its index as it was written; the ``size`` says whether the file is whole."""
    try:
        index = json.loads(index_of(path).read_text())
        i, j, k = index["shape"]
        frame = index["frame_of_reference_uid"]
        grid = Grid((i, j, k), np.array(index["affine"]), frame)
        pieces = tuple((int(a), int(b), int(c)) for a, b, c in index["pieces"])
        offset, length, _ = pieces[-1]
        if size != offset + length + len(_LAST_BLOCK) + 8:
            return None
        return PackedVolume(path, grid, float(index["step"]), pieces)
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


_HEAD_BYTES = 352


def _nifti_head(grid: Grid, step: float) -> bytes:
    """The header of NIfTI-1 (nifti1.h): shape, type, and the affine as the sform."""
    affine = RAS_TO_LPS @ grid.affine
    head = bytearray(_HEAD_BYTES)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *grid.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, _NIFTI_INT16, 8 * BYTES)
    struct.pack_into("<8f", head, 76, 1.0, *grid.spacing_mm, 0, 0, 0, 0)
    struct.pack_into("<3f", head, 108, float(_HEAD_BYTES), step, 0.0)
    head[123] = 2  # millimetres
    struct.pack_into("<2h", head, 252, 0, 1)  # no qform; the sform is scanner space
    struct.pack_into("<12f", head, 280, *affine[:3].ravel())
    head[344:348] = b"n+1\x00"
    return bytes(head)
