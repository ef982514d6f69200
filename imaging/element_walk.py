"""One data element of an uncompressed DICOM header after the other (PS3.5, chapter 7)."""

from __future__ import annotations

import struct

from imaging.dataset import DEEPEST_SEQUENCE

UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
#: Value representations whose length takes four bytes in explicit VR (PS3.5, 7.1.2).
_LONG = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
SHORT = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
EXPLICIT = struct.Struct("<HH2sH")
_IMPLICIT = struct.Struct("<HHI")
_LENGTH = struct.Struct("<I")
_DELIMITERS = 0xFFFE


class OutsideBufferError(Exception):
    """The walk left the bytes that were read."""


class TooDeepError(Exception):
    """Sequences within sequences beyond any object that is read here."""


class UnusualError(Exception):
    """Left to pydicom."""


def element_at(buffer: bytes, place: int, implicit: bool) -> tuple[int, bytes, int, int]:
    """Tag, value representation, length, and place of the value of the element at a place."""
    if implicit:
        group, element, length = _IMPLICIT.unpack_from(buffer, place)
        return group << 16 | element, b"", length, place + 8
    group, element, vr, length = EXPLICIT.unpack_from(buffer, place)
    if vr in SHORT:
        return group << 16 | element, vr, length, place + 8
    if vr not in _LONG and group != _DELIMITERS:
        raise UnusualError
    (length,) = _LENGTH.unpack_from(buffer, place + (4 if group == _DELIMITERS else 8))
    return group << 16 | element, vr, length, place + (8 if group == _DELIMITERS else 12)


def after_sequence(buffer: bytes, place: int, implicit: bool, depth: int) -> int:
    """The place after a sequence of undefined length that begins at ``place``."""
    if depth > DEEPEST_SEQUENCE:
        raise TooDeepError
    while True:
        group, element, length = _IMPLICIT.unpack_from(buffer, place)
        tag = group << 16 | element
        place += 8
        if tag == _SEQUENCE_END:
            return place
        if tag != _ITEM:
            raise UnusualError
        if length == UNDEFINED:
            place = _after_item(buffer, place, implicit, depth)
        else:
            place += length


def _after_item(buffer: bytes, place: int, implicit: bool, depth: int) -> int:
    """The place after an item of undefined length."""
    while True:
        tag, vr, length, value = element_at(buffer, place, implicit)
        if tag == _ITEM_END:
            return value
        if length == UNDEFINED:
            place = after_sequence(buffer, value, implicit or vr == b"UN", depth + 1)
        else:
            place = value + length
