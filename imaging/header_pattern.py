"""Headers of files one after the other, most of which are like the one before.

The slices of a series repeat each other: of a hundred elements a dozen differ. What stands there
byte for byte as in the file before need not be walked over again; the elements that differ are
walked as ever, so that what comes out is what :func:`imaging.header.read_header` gives.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from imaging.dataset import PREAMBLE_BYTES, open_sized
from imaging.element_walk import (
    EXPLICIT,
    SHORT,
    UNDEFINED,
    OutsideBufferError,
    TooDeepError,
    UnusualError,
    after_sequence,
    element_at,
)
from imaging.header import (
    IMPLICIT_LITTLE_ENDIAN,
    MEDIA_CLASS,
    META_GROUP,
    PIXEL_DATA,
    TRANSFER_SYNTAX,
    WANTED,
    Header,
    Tag,
    last_tag,
    read_header,
)

#: Bytes by which a header may be longer than the one before.
SLACK_BYTES = 2048
#: Longer headers are not compared: few files have them.
LONGEST_BYTES = 256 * 1024
#: Elements that may differ: with more, walking over all takes no longer.
MOST_VARYING = 40
#: Files in a row that are unlike the pattern, after which another is made.
UNLIKE = 2
#: They say how the rest is to be read, and must not differ.
_DECIDING = frozenset((TRANSFER_SYNTAX, MEDIA_CLASS, int(Tag.MODALITY)))
_MARK = PREAMBLE_BYTES - 4
_NOT_WALKED = (OutsideBufferError, TooDeepError, UnusualError, struct.error)


class HeaderReader:
    """Reads headers as :func:`imaging.header.read_header` does, in a third of the time.

    Args:
        to_pixels: walk on to the pixel data, so that their place in the file is known.
    """

    def __init__(self, *, to_pixels: bool = False) -> None:
        self._to_pixels = to_pixels
        self._pattern: _Pattern | None = None
        self._unlike = UNLIKE

    def read(self, path: str | os.PathLike[str]) -> Header:
        """The wanted elements of one file.

        Raises:
            NotDicomError, HeaderError, OSError: as :func:`imaging.header.read_header`.
        """
        name = os.fspath(path)
        if self._pattern is not None:
            buffer, size = _beginning(name, self._pattern.reach)
            header = self._pattern.header_of(name, buffer, size)
            if header is not None:
                self._unlike = 0
                return header
        header = read_header(name, to_pixels=self._to_pixels)
        self._unlike += 1
        if self._unlike >= UNLIKE:
            self._pattern = _pattern_of(name, header, to_pixels=self._to_pixels)
            self._unlike = 0
        return header


class _Element(NamedTuple):
    """One element of the header before: its bytes, None once they were seen to differ."""

    tag: int
    content: bytes | None
    implicit: bool


class _Piece(NamedTuple):
    """Elements that are the same, then one that differs."""

    same: bytes
    length: int
    tag: int
    implicit: bool


class _Pattern:
    """What headers in a row have in common.

    Attributes:
        reach: bytes of a file that are looked at.
    """

    def __init__(self, elements: list[_Element], end: int, before: Header, reach: int) -> None:
        self.reach = reach
        self._elements = elements
        self._end = end
        self._before = before
        self._pieces: list[_Piece] = []
        self._rest = b""
        self._compile()

    def _compile(self) -> None:
        self._pieces = []
        same = [b"DICM"]
        for tag, content, implicit in self._elements:
            if content is not None:
                same.append(content)
                continue
            joined = b"".join(same)
            self._pieces.append(_Piece(joined, len(joined), tag, implicit))
            same = []
        self._rest = b"".join(same)

    def header_of(self, path: str, buffer: bytes, size: int) -> Header | None:
        """The header that begins a file; None where it is unlike the one before."""
        try:
            header = self._matched(path, buffer, size)
            return self._learnt(path, buffer, size) if header is None else header
        except _NOT_WALKED:
            return None

    def _matched(self, path: str, buffer: bytes, size: int) -> Header | None:
        kept = self._before.elements.copy()
        place = _MARK
        for same, length, tag, implicit in self._pieces:
            if not buffer.startswith(same, place):
                return None
            place = _after(buffer, place + length, tag, implicit, kept)
        return (
            self._ended(path, buffer, place + len(self._rest), size, kept)
            if (buffer.startswith(self._rest, place))
            else None
        )

    def _learnt(self, path: str, buffer: bytes, size: int) -> Header | None:
        """The same element by element; those that differ are known from then on."""
        kept = self._before.elements.copy()
        elements: list[_Element] = []
        if not buffer.startswith(b"DICM", _MARK):
            return None
        place = PREAMBLE_BYTES
        for element in self._elements:
            tag, content, implicit = element
            if content is not None and buffer.startswith(content, place):
                place += len(content)
                elements.append(element)
                continue
            if tag in _DECIDING:
                return None
            place = _after(buffer, place, tag, implicit, kept)
            elements.append(_Element(tag, None, implicit))
        if sum(element.content is None for element in elements) > MOST_VARYING:
            return None
        header = self._ended(path, buffer, place, size, kept)
        if header is not None:
            self._elements = elements
            self._compile()
        return header

    def _ended(
        self, path: str, buffer: bytes, place: int, size: int, kept: dict[int, bytes]
    ) -> Header | None:
        """The header whose elements end at a place, if there it ends like the one before."""
        before = self._before
        implicit = before.transfer_syntax == IMPLICIT_LITTLE_ENDIAN
        tag, _, length, value = element_at(buffer, place, implicit)
        if tag != self._end:
            return None
        offset, pixels = -1, -1
        if tag == PIXEL_DATA:
            offset, pixels = value, -1 if length == UNDEFINED else length
        self._before = Header(path, before.transfer_syntax, kept, size, offset, pixels)
        return self._before


def _after(buffer: bytes, place: int, tag: int, implicit: bool, kept: dict[int, bytes]) -> int:
    """The place after an element that differs; its value, where it is wanted, goes to ``kept``.

    Raises:
        UnusualError: there is another element.
    """
    if implicit:
        found, vr, length, value = element_at(buffer, place, True)
    else:
        group, element, vr, length = EXPLICIT.unpack_from(buffer, place)
        found, value = group << 16 | element, place + 8
        if vr not in SHORT:
            found, vr, length, value = element_at(buffer, place, False)
    if found != tag:
        raise UnusualError
    if tag in WANTED:
        raw, before = buffer[value : value + length], kept.get(tag)
        if before is None or length == UNDEFINED or len(raw) < length:
            raise UnusualError
        if before != raw:  # what did not change is held once
            kept[tag] = raw
    elif length == UNDEFINED:
        return after_sequence(buffer, value, implicit or vr == b"UN", 1)
    return value + length


def _beginning(path: str, reach: int) -> tuple[bytes, int]:
    """The first bytes of a file, and its size."""
    handle, size = open_sized(path)
    try:
        return os.pread(handle, reach, 0), size
    finally:
        os.close(handle)


def _pattern_of(path: str, header: Header, *, to_pixels: bool) -> _Pattern | None:
    """What the next files are compared with; None of a header that only pydicom reads."""
    buffer, size = _beginning(path, LONGEST_BYTES)
    try:
        elements, end, place = _listed(buffer, header, last_tag(header.elements, to_pixels))
        tags = [element.tag for element in elements]
        pattern = _Pattern(elements, end, header, place + SLACK_BYTES)
        again = pattern.header_of(path, buffer, size)
    except _NOT_WALKED:
        return None
    if again is None or tags != sorted(set(tags)) or not header.elements.keys() <= set(tags):
        return None
    is_same = [*again.elements.items()] == [*header.elements.items()]
    places = (header.pixel_offset, header.pixel_bytes)
    return pattern if is_same and (again.pixel_offset, again.pixel_bytes) == places else None


def _listed(buffer: bytes, header: Header, last: int) -> tuple[list[_Element], int, int]:
    """The elements before a tag, the tag that ends them, and the place where it stands."""
    elements = [*_meta_elements(buffer)]
    place = PREAMBLE_BYTES + sum(len(element.content or b"") for element in elements)
    implicit = header.transfer_syntax == IMPLICIT_LITTLE_ENDIAN
    while True:
        tag, vr, length, value = element_at(buffer, place, implicit)
        if tag >= last:
            return elements, tag, place
        if length == UNDEFINED:
            after = after_sequence(buffer, value, implicit or vr == b"UN", 1)
        else:
            after = value + length
        if after > len(buffer):
            raise OutsideBufferError
        elements.append(_Element(tag, buffer[place:after], implicit))
        place = after


def _meta_elements(buffer: bytes) -> Iterator[_Element]:
    place = PREAMBLE_BYTES
    while buffer[place : place + 2] == META_GROUP:
        tag, _, length, value = element_at(buffer, place, implicit=False)
        yield _Element(tag, buffer[place : value + length], False)
        place = value + length
