"""Stored pixel values of a single-frame series, sorted along its normal, with what they mean."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import pydicom
from pydicom import Dataset

from imaging.dataset import (
    read_beginning,
    read_dataset,
)
from imaging.errors import GeometryError, HeaderError, UnsupportedError
from imaging.header import Header, Tag
from imaging.header_pattern import HeaderReader
from imaging.pixels import Pixels, decode, read_pixels
from imaging.series import Series
from imaging.slices import SAME_POSITION_MM, Stack, arrange
from imaging.volume import FloatArray

#: PET series in Bq/ml reach slopes of thousands; beyond this nothing is a measurement, nor is an
#: intercept.
LARGEST_SLOPE = 1e9
#: What :func:`_check_same` looks at.
CHECKED = (
    Tag.CHARACTER_SET,
    Tag.SAMPLES_PER_PIXEL,
    Tag.FRAMES,
    Tag.ROWS,
    Tag.COLUMNS,
    Tag.BITS_ALLOCATED,
    Tag.BITS_STORED,
    Tag.SIGNED,
    Tag.FRAME_OF_REFERENCE_UID,
    Tag.PHOTOMETRIC,
    Tag.SLOPE,
)


class Headers(Sequence[Dataset]):
    """Headers of files, parsed by pydicom when first asked for.

    Args:
        sizes: bytes of each header, -1 where it is not known: what is known is read at once.
    """

    def __init__(self, files: Sequence[Path], sizes: Sequence[int] = ()) -> None:
        self._files = tuple(files)
        self._sizes = tuple(sizes) or (-1,) * len(self._files)
        self._parsed: dict[int, Dataset] = {}

    @property
    def files(self) -> tuple[Path, ...]:
        """One per header."""
        return self._files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Dataset: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Dataset, ...]: ...
    def __getitem__(self, index: int | slice) -> Dataset | tuple[Dataset, ...]:
        if isinstance(index, slice):
            return tuple(self[n] for n in range(*index.indices(len(self))))
        place = range(len(self))[index]
        if place not in self._parsed:
            file, size = self._files[place], self._sizes[place]
            self._parsed[place] = read_dataset(file) if size < 0 else read_beginning(file, size)
        return self._parsed[place]


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Stored values of all slices of a series, in the order of k.

    Attributes:
        pixels: unused bits cleared.
        slopes, intercepts: (k,) of each slice.
        stack: how the slices lie.
        headers: one per slice.
        padding: lowest and highest stored value that mark pixels outside the image, None when
            none are declared.
        slice_thickness_mm: as in the header, else the spacing.
    """

    pixels: Pixels
    slopes: FloatArray
    intercepts: FloatArray
    stack: Stack
    headers: Sequence[Dataset]
    sop_instance_uids: tuple[str, ...]
    frame_of_reference_uid: str | None
    padding: tuple[int, int] | None
    slice_thickness_mm: float
    warnings: tuple[str, ...] = ()


def read_slices(series: Series, *, to_hu: bool = False) -> Stored:
    """Read a series of single-frame files.

    Args:
        to_hu: add the intercept on the way where that is all that makes HU of stored values.

    Raises:
        GeometryError: see :func:`imaging.slices.arrange`; also matrices of different size.
        HeaderError: a needed element is missing, or a file is truncated.
        UnsupportedError: a transfer syntax without decoder, colour, or 1, 32 or 64 bit pixels.
    """
    ordered, stack, dropped = ordered_headers(series)
    first = ordered[0]
    thickness = first.number(Tag.SLICE_THICKNESS)
    files = {os.fspath(file): file for file in series.files}
    slopes, intercepts = rescaling(ordered)
    add = whole_intercept(slopes, intercepts) if to_hu else None
    pixels, bit_warnings = _within_bits(read_pixels(ordered, add=add or 0), first, series.name)
    return Stored(
        pixels=pixels,
        slopes=slopes,
        intercepts=intercepts,
        stack=stack,
        headers=Headers(
            [files[header.path] for header in ordered], [header.pixel_offset for header in ordered]
        ),
        sop_instance_uids=tuple(header.text(Tag.SOP_INSTANCE_UID) for header in ordered),
        frame_of_reference_uid=first.text(Tag.FRAME_OF_REFERENCE_UID) or None,
        padding=_padding(first),
        slice_thickness_mm=thickness or float(np.linalg.norm(stack.affine[:3, 2])),
        warnings=(*dropped, *stack.warnings, *bit_warnings),
    )


def ordered_headers(series: Series) -> tuple[list[Header], Stack, tuple[str, ...]]:
    """The headers of a series of single-frame files in the order of k, and how the slices lie.

    Returns:
        headers, stack, what was left out.

    Raises:
        GeometryError, HeaderError, UnsupportedError: as :func:`read_slices`.
    """
    read = HeaderReader(to_pixels=True).read
    headers, dropped = _distinct([read(path) for path in series.files])
    first = headers[0]
    checked = [*map(first.elements.get, CHECKED)]
    for header in headers:
        # What stands there byte for byte as in the first has been looked at.
        if header is first or [*map(header.elements.get, CHECKED)] != checked:
            _check_same(header, first, series.name)
    stack = arrange(
        _table(headers, Tag.POSITION, 3),
        _table(headers, Tag.ORIENTATION, 6),
        _table(headers, Tag.PIXEL_SPACING, 2),
        slice_thickness_mm=first.number(Tag.SLICE_THICKNESS),
        where=series.name,
        uneven=series.uneven_slices,
    )
    return [headers[n] for n in stack.order], stack, dropped


def rescaling(headers: Sequence[Header]) -> tuple[FloatArray, FloatArray]:
    """Slope and intercept of each slice."""
    return _table(headers, Tag.SLOPE, 1)[:, 0], _table(headers, Tag.INTERCEPT, 1)[:, 0]


def whole_intercept(slopes: FloatArray, intercepts: FloatArray) -> int | None:
    """What every stored value lacks to be rescaled; None where it takes more than a whole number.

    Args:
        slopes, intercepts: (k,) of each slice.
    """
    intercept = float(intercepts[0])
    is_plain = (slopes == 1.0).all() and (intercepts == intercept).all()
    is_whole = intercept.is_integer() and abs(intercept) <= LARGEST_SLOPE
    return int(intercept) if is_plain and is_whole else None


def read_slice(header: Header, first: Header, stack: Stack) -> Stored:
    """The stored values of one slice of a series, as if it were all of it.

    Args:
        first: header of the first slice, whose bits and padding hold for all.
    """
    pixels, warnings = _within_bits(read_pixels([header]), first, str(header.path))
    slopes, intercepts = rescaling([header])
    return Stored(
        pixels=pixels,
        slopes=slopes,
        intercepts=intercepts,
        stack=stack,
        headers=Headers([Path(header.path)]),
        sop_instance_uids=(header.text(Tag.SOP_INSTANCE_UID),),
        frame_of_reference_uid=header.text(Tag.FRAME_OF_REFERENCE_UID) or None,
        padding=_padding(first),
        slice_thickness_mm=first.number(Tag.SLICE_THICKNESS) or 0.0,
        warnings=warnings,
    )


def _floats(header: Header, tag: Tag, count: int) -> tuple[float, ...]:
    """A needed decimal-string element with so many values."""
    values = header.numbers(tag)
    if len(values) != count or not all(map(math.isfinite, values)):
        name = pydicom.datadict.dictionary_description(int(tag))
        raise HeaderError(
            f"{name} ({tag >> 16:04X},{tag & 0xFFFF:04X}) is missing or malformed",
            where=header.path,
            remedy="export the series again with its full header",
        )
    return values


def _table(headers: Sequence[Header], tag: Tag, count: int) -> FloatArray:
    """(n, count) a needed decimal-string element of each header; most say it in the same bytes."""
    known: dict[bytes | None, tuple[float, ...]] = {}
    for header in headers:
        raw = header.elements.get(tag)
        if raw not in known:
            known[raw] = _floats(header, tag, count)
    return np.array([known[header.elements.get(tag)] for header in headers])


def _check_same(header: Header, first: Header, name: str) -> None:
    if header.integer(Tag.SAMPLES_PER_PIXEL) not in (None, 1):
        raise UnsupportedError("colour images", where=header.path)
    if header.frames > 1:
        raise UnsupportedError("a multi-frame file in a single-frame series", where=header.path)
    for tag in (Tag.ROWS, Tag.COLUMNS):
        if header.integer(tag) != first.integer(tag):
            raise GeometryError("images of different matrix size in one series", where=name)
    for tag in (Tag.BITS_ALLOCATED, Tag.BITS_STORED, Tag.SIGNED):
        if header.integer(tag) != first.integer(tag):
            raise HeaderError("images of different pixel type in one series", where=name)
    if header.text(Tag.FRAME_OF_REFERENCE_UID) != first.text(Tag.FRAME_OF_REFERENCE_UID):
        raise HeaderError(
            "the images of one series name different frames of reference (0020,0052)",
            where=header.path,
            remedy="send the series again from the archive",
        )
    _check_pixel_type(header)


def _check_pixel_type(header: Header) -> None:
    """Bits, colours and rescaling that can be those of a scanner's image."""
    allocated, stored = header.integer(Tag.BITS_ALLOCATED), header.integer(Tag.BITS_STORED)
    if allocated is not None and stored is not None and not 0 < stored <= allocated:
        raise HeaderError(
            f"Bits Stored (0028,0101) is {stored} of {allocated} allocated", where=header.path
        )
    colours = header.text(Tag.PHOTOMETRIC)
    if colours and not colours.startswith("MONOCHROME"):
        raise UnsupportedError(
            f"Photometric Interpretation (0028,0004) is {colours}", where=header.path
        )
    slope = header.number(Tag.SLOPE)
    if slope is not None and not 0.0 < slope <= LARGEST_SLOPE:
        raise HeaderError(f"Rescale Slope (0028,1053) is {slope:g}", where=header.path)


def _distinct(headers: list[Header]) -> tuple[list[Header], tuple[str, ...]]:
    """The slices without second copies: the same position and the same stored pixels."""
    places = np.rint(_table(headers, Tag.POSITION, 3) / SAME_POSITION_MM).tolist()
    kept: dict[tuple[float, ...], list[Header]] = {}
    dropped = 0
    for place, header in zip(map(tuple, places), headers, strict=True):
        others = kept.setdefault(place, [])
        if others and any(_same_pixels(header, other) for other in others):
            dropped += 1
        else:
            others.append(header)
    message = f"{dropped} slices are stored twice with the same pixels; one copy of each is used"
    return [header for group in kept.values() for header in group], (message,) * bool(dropped)


def _same_pixels(one: Header, other: Header) -> bool:
    return one.elements.get(Tag.SLOPE) == other.elements.get(Tag.SLOPE) and np.array_equal(
        decode(one), decode(other)
    )


def _within_bits(pixels: Pixels, header: Header, name: str) -> tuple[Pixels, tuple[str, ...]]:
    """Clear bits above Bits Stored, where old files keep overlays."""
    bits = header.integer(Tag.BITS_STORED) or 0
    cleared = pixels.within_bits(bits, keep=_padding(header))
    if cleared is pixels:
        return pixels, ()
    return cleared, (f"{name}: bits above Bits Stored ({bits}) were set and are ignored",)


def _padding(header: Header) -> tuple[int, int] | None:
    """Pixel Padding Value to Pixel Padding Range Limit (0028,0120), (0028,0121)."""
    value = header.integer(Tag.PADDING)
    if value is None:
        return None
    limit = header.integer(Tag.PADDING_LIMIT)
    return padding_range(value, limit, is_signed=bool(header.integer(Tag.SIGNED)))


def padding_range(value: int, limit: int | None, *, is_signed: bool) -> tuple[int, int]:
    """Padding values as the pixels hold them: some writers give signed ones as unsigned."""
    ends = [value, value if limit is None else limit]
    signed = [end - 0x10000 if is_signed and end >= 0x8000 else end for end in ends]
    return min(signed), max(signed)
