"""Stored pixel values of single-frame files, gathered into one array.

Uncompressed pixels are read from their place in each file straight into the array, and looked at
while they are still in the processor's cache; compressed ones, and files whose header needed
pydicom, are decoded by pydicom.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydicom.uid import UID

from imaging.dataset import DEFLATED, READ_ERRORS, complete_meta, parsed, quiet_pydicom, reason
from imaging.errors import HeaderError, UnsupportedError
from imaging.header import BIG_ENDIAN, NATIVE, Header, Tag
from imaging.spare_memory import room
from imaging.volume import Array, BoolArray

#: Stored values are looked at in pieces of this many slices, to stay within the cache.
PIECE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Stored values of slices.

    Attributes:
        values: (k, j, i), as stored plus ``added``, modulo the range of their type.
        lowest, highest: of the values as stored.
    """

    values: Array
    lowest: int
    highest: int
    added: int = 0

    @classmethod
    def of(cls, values: Array) -> Pixels:
        ends = [(int(p.min()), int(p.max())) for p in _pieces(values)]
        return cls(values, min(low for low, _ in ends), max(high for _, high in ends))

    def plus(self, offset: int) -> Pixels:
        """The stored values plus another number, in place."""
        _add(self.values, offset - self.added)
        return replace(self, added=offset)

    def between(self, low: int, high: int) -> BoolArray | None:
        """Where the values as stored lie in a range, ends included; None where none does."""
        if high < self.lowest or low > self.highest:
            return None
        found = np.empty(self.values.shape, dtype=np.bool_)
        for piece, there in zip(_pieces(self.values), _pieces(found), strict=True):
            stored = piece.copy()
            _add(stored, -self.added)
            np.logical_and(stored >= low, stored <= high, out=there)
        return found if found.any() else None

    def within_bits(self, bits: int, *, keep: tuple[int, int] | None) -> Pixels:
        """The same with the bits above Bits Stored cleared, if any is set (PS3.5, 8.1.1).

        Args:
            keep: values that mark padding; where they need those bits nothing is cleared.
        """
        spare = self.values.dtype.itemsize * 8 - bits
        if not 0 < spare < self.values.dtype.itemsize * 8:
            return self
        signed = np.issubdtype(self.values.dtype, np.signedinteger)
        high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
        low = -high - 1 if signed else 0
        if low <= self.lowest and self.highest <= high:
            return self
        if keep and not low <= keep[0] <= keep[1] <= high:
            return self
        values = self.plus(0).values
        for piece in _pieces(values):
            np.left_shift(piece, spare, out=piece)
            np.right_shift(piece, spare, out=piece)
        return Pixels.of(values)


def read_pixels(headers: Sequence[Header], *, add: int = 0) -> Pixels:
    """The pixels of the slices in the given order.

    Args:
        add: to each value of 16 bits, modulo 2^16, while it is at hand.

    Raises:
        HeaderError: a needed element is missing, or a file is truncated.
        UnsupportedError: a transfer syntax without decoder, or pixels of another number of bits.
    """
    first = headers[0]
    rows, columns = first.integer(Tag.ROWS), first.integer(Tag.COLUMNS)
    if not rows or not columns:
        raise HeaderError("Rows or Columns (0028,0010/0011) is missing", where=first.path)
    shape, dtype = (len(headers), rows, columns), stored_type(first)
    values = room(math.prod(shape) * dtype.itemsize).view(dtype).reshape(shape)
    added = add if values.itemsize == 2 else 0

    addend = np.array(added).astype(values.dtype)
    ends = [_gather(image, header, addend) for image, header in zip(values, headers, strict=True)]
    lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
    return Pixels(values, lowest, highest, added)


def stored_type(header: Header) -> np.dtype[np.generic]:
    """The NumPy type of one stored value, little endian."""
    bits, signed = header.integer(Tag.BITS_ALLOCATED), header.integer(Tag.SIGNED)
    if bits not in (8, 16, 32):
        raise UnsupportedError(f"Bits Allocated (0028,0100) is {bits}", where=header.path)
    return np.dtype(f"<{'i' if signed else 'u'}{bits // 8}")


def _pieces(values: Array) -> list[Array]:
    return [values[k : k + PIECE] for k in range(0, len(values), PIECE)]


def _add(values: Array, by: int) -> None:
    """Add to whole numbers modulo the range of their type."""
    if by:
        values += np.array(by).astype(values.dtype)


def _lies_plainly(header: Header) -> bool:
    """Whether pixels lie in their file as they are."""
    return header.transfer_syntax in NATIVE and header.pixel_offset > 0


def _gather(image: Array, header: Header, addend: Array) -> tuple[int, int]:
    """Fill an image with the pixels of its file, plus a number; their ends as stored."""
    if _lies_plainly(header):
        _read_into(image, header)
    else:
        decoded = decode(header)
        if decoded.shape != image.shape:
            raise HeaderError(
                f"pixels of shape {decoded.shape} for {image.shape[0]} rows of {image.shape[1]}",
                where=header.path,
                remedy="send the series again from the archive",
            )
        image[...] = decoded
    flat = image.reshape(-1)
    ends = int(np.minimum.reduce(flat)), int(np.maximum.reduce(flat))
    flat += addend
    return ends


def _read_into(image: Array, header: Header) -> None:
    """Read the pixel bytes of a file into a contiguous image."""
    handle = os.open(header.path, os.O_RDONLY)
    try:
        got = os.preadv(handle, [image.data], header.pixel_offset)
    finally:
        os.close(handle)
    if header.pixel_bytes >= image.nbytes + image.strides[0]:
        raise HeaderError(
            f"{header.pixel_bytes} pixel bytes for {image.shape[0]} rows of {image.shape[1]} "
            f"pixels, which take {image.nbytes}",
            where=header.path,
            remedy="send the series again from the archive",
        )
    if got < image.nbytes or header.pixel_bytes < image.nbytes:
        raise HeaderError(
            f"the file is truncated: {min(got, header.pixel_bytes)} of {image.nbytes} pixel bytes",
            where=header.path,
            remedy="send the series again from the archive",
        )


def decode(header: Header) -> Array:
    """The pixels of one file by pydicom, whatever its transfer syntax."""
    syntax = UID(header.transfer_syntax)
    try:
        with quiet_pydicom():
            dataset = parsed(header.path, force=True)
            complete_meta(dataset)
            return np.asarray(dataset.pixel_array)
    except (RuntimeError, ImportError, *READ_ERRORS) as error:
        if syntax in NATIVE or syntax in (BIG_ENDIAN, DEFLATED):
            raise HeaderError(
                f"the pixel data cannot be read: {reason(error)}",
                where=header.path,
                remedy="send the series again from the archive",
            ) from error
        raise UnsupportedError(
            f"transfer syntax {syntax.name} ({syntax}): {_first_line(error)}",
            where=header.path,
            remedy="install the decoders: pip install 'recist[codecs]', or decompress the series",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
