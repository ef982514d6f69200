"""DICOM headers, read quickly: only the elements that a catalogue or a reader needs.

A small walker steps over the data elements of uncompressed-header files (explicit or implicit VR,
little endian) and keeps the raw bytes of the wanted ones; everything unusual (big endian,
deflated, no preamble, a broken length) is left to pydicom. `docs/imaging.md` has the figures.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.multival import MultiValue

from imaging.dataset import (
    DEEPEST_SEQUENCE,
    DEFLATED,
    PREAMBLE_BYTES,
    READ_ERRORS,
    open_sized,
    quiet_pydicom,
    read_dataset,
    reason,
)
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
from imaging.elements import number_of
from imaging.errors import HeaderError

#: Bytes read at first: nearly every image header up to the pixel module fits.
FIRST_READ_BYTES = 8 * 1024
LARGEST_HEADER_BYTES = 16 * 1024 * 1024

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
#: A directory of a medium (DICOMDIR), whatever its file is called; it has no other SOP class.
DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
#: Transfer syntaxes whose pixels lie in the file as they are: implicit and explicit VR LE.
NATIVE = frozenset((IMPLICIT_LITTLE_ENDIAN, "1.2.840.10008.1.2.1"))

META_GROUP, MEDIA_CLASS, TRANSFER_SYNTAX = b"\x02\x00", 0x00020002, 0x00020010
PIXEL_DATA = 0x7FE00010


class Tag(IntEnum):
    """The elements that are kept (PS3.6)."""

    CHARACTER_SET = 0x00080005
    IMAGE_TYPE = 0x00080008
    SOP_CLASS_UID = 0x00080016
    SOP_INSTANCE_UID = 0x00080018
    STUDY_DATE = 0x00080020
    SERIES_DATE = 0x00080021
    ACQUISITION_DATE = 0x00080022
    CONTENT_DATE = 0x00080023
    ACQUISITION_TIME = 0x00080032
    MODALITY = 0x00080060
    STUDY_DESCRIPTION = 0x00081030
    SERIES_DESCRIPTION = 0x0008103E
    MODEL = 0x00081090
    PATIENT_NAME = 0x00100010
    PATIENT_ID = 0x00100020
    BIRTH_DATE = 0x00100030
    SEX = 0x00100040
    CONTRAST_AGENT = 0x00180010
    SLICE_THICKNESS = 0x00180050
    TRIGGER_TIME = 0x00181060
    KERNEL = 0x00181210
    FRAME_DURATION = 0x00181242
    STUDY_UID = 0x0020000D
    SERIES_UID = 0x0020000E
    SERIES_NUMBER = 0x00200011
    ACQUISITION_NUMBER = 0x00200012
    POSITION = 0x00200032
    ORIENTATION = 0x00200037
    FRAME_OF_REFERENCE_UID = 0x00200052
    TEMPORAL_POSITION = 0x00200100
    SAMPLES_PER_PIXEL = 0x00280002
    PHOTOMETRIC = 0x00280004
    FRAMES = 0x00280008
    ROWS = 0x00280010
    COLUMNS = 0x00280011
    PIXEL_SPACING = 0x00280030
    CORRECTED_IMAGE = 0x00280051
    BITS_ALLOCATED = 0x00280100
    BITS_STORED = 0x00280101
    SIGNED = 0x00280103
    PADDING = 0x00280120
    PADDING_LIMIT = 0x00280121
    INTERCEPT = 0x00281052
    SLOPE = 0x00281053
    RESCALE_TYPE = 0x00281054
    TIME_SLICES = 0x00540101
    SERIES_TYPE = 0x00541000
    UNITS = 0x00541001
    FRAME_REFERENCE_TIME = 0x00541300


WANTED = frozenset(int(tag) for tag in Tag)
#: The walk ends before the first of these: the image module is over, for PET its own too.
_LAST, _LAST_OF_PET = 0x00290000, 0x00550000
#: Modality (0008,0060) has been passed.
_MODALITY_KNOWN = 0x00100000
_BINARY = {
    Tag.SAMPLES_PER_PIXEL,
    Tag.ROWS,
    Tag.COLUMNS,
    Tag.BITS_ALLOCATED,
    Tag.BITS_STORED,
    Tag.SIGNED,
    Tag.PADDING,
    Tag.PADDING_LIMIT,
}
#: What decimal strings are made of; `float` alone would take more (PS3.5, 6.2).
_DECIMALS = b"0123456789+-.eE\\ "


@lru_cache(maxsize=4096)
def numbers_of(raw: bytes | None) -> tuple[float, ...]:
    """The values of a raw decimal or integer string; empty when absent or malformed."""
    if not raw:
        return ()
    if not raw.translate(None, _DECIMALS):  # letters of no number: `float` takes what DICOM takes
        with suppress(ValueError):
            values = tuple(map(float, raw.decode("ascii").split("\\")))
            return values if all(map(math.isfinite, values)) else ()
    found = [number_of(part) for part in raw.decode("ascii", "replace").split("\\")]
    known = tuple(value for value in found if value is not None)
    return known if len(known) == len(found) else ()


def binary_of(raw: bytes | None) -> int | None:
    """The value of a raw binary 16-bit unsigned element; None when absent or cut off."""
    return int.from_bytes(raw[:2], "little") if raw and len(raw) >= 2 else None


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """The kept elements of one file, as raw bytes, decoded when asked for.

    Attributes:
        path: the file.
        transfer_syntax: UID, from the file meta information.
        elements: tag to raw little-endian value.
        size: bytes of the file.
        pixel_offset: where the pixel bytes begin, -1 when the walk ended before them.
        pixel_bytes: how many there are; -1 when compressed or unknown.
    """

    path: str
    transfer_syntax: str
    elements: dict[int, bytes] = field(repr=False)
    size: int
    pixel_offset: int = -1
    pixel_bytes: int = -1

    def __reduce__(self) -> tuple[object, ...]:
        # The way of a frozen class with slots asks for its fields by name, at three times the cost:
        # those of a large tree lie on disk and are read over and over.
        return Header, (
            self.path,
            self.transfer_syntax,
            self.elements,
            self.size,
            self.pixel_offset,
            self.pixel_bytes,
        )

    def text(self, tag: Tag) -> str:
        """A string element, without padding; empty when absent."""
        raw = self.elements.get(tag)
        if not raw:
            return ""
        try:
            return raw.decode("ascii").strip(" \0")
        except UnicodeDecodeError:
            declared = self.elements.get(Tag.CHARACTER_SET, b"").decode("ascii", "replace")
            try:
                with quiet_pydicom():
                    names = [part.strip(" \0") for part in declared.split("\\")]
                    text = str(decode_bytes(raw, convert_encodings(names), set()))
            except (LookupError, *READ_ERRORS):  # a character set that nobody knows
                text = raw.decode("latin-1")
            return text.strip(" \0")

    def texts(self, tag: Tag) -> tuple[str, ...]:
        """The values of a string element, in upper case."""
        text = self.text(tag)
        return tuple(part.strip().upper() for part in text.split("\\")) if text else ()

    def numbers(self, tag: Tag) -> tuple[float, ...]:
        """The values of a decimal string; empty when absent or malformed."""
        return numbers_of(self.elements.get(tag))

    def number(self, tag: Tag) -> float | None:
        """The first value of a decimal or integer string; None when absent or malformed."""
        values = self.numbers(tag)
        return values[0] if values else None

    def integer(self, tag: Tag) -> int | None:
        """A binary 16-bit unsigned element."""
        return binary_of(self.elements.get(tag))

    @property
    def frames(self) -> int:
        """Number of Frames (0028,0008), 1 when absent.

        Raises:
            HeaderError: it is no positive whole number.
        """
        if not self.elements.get(Tag.FRAMES):
            return 1
        text = self.text(Tag.FRAMES)
        if not text:
            return 1
        if not text.isascii() or not text.isdigit() or int(text[:10]) < 1:
            raise HeaderError(f"Number of Frames (0028,0008) is {text[:20]!r}", where=self.path)
        return int(text[:10])

    def date(self, tag: Tag) -> dt.date | None:
        """A date, YYYYMMDD or the old YYYY.MM.DD; None when absent or malformed."""
        digits = self.text(tag).replace(".", "")[:8]
        try:
            return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
        except ValueError:
            return None


def read_header(path: str | os.PathLike[str], *, to_pixels: bool = False) -> Header:
    """Read the wanted elements of one file.

    Args:
        path: any file.
        to_pixels: walk on to the pixel data, so that their place in the file is known.

    Raises:
        NotDicomError: the file is of another kind.
        HeaderError: it is DICOM, but broken or truncated.
        OSError: it cannot be opened.
    """
    name = os.fspath(path)
    handle, size = open_sized(name)
    try:
        take = FIRST_READ_BYTES
        while True:
            buffer = os.pread(handle, take, 0)
            if buffer[128:132] != b"DICM":
                return _by_pydicom(name, size)
            try:
                return _walk(name, buffer, size, to_pixels)
            except (OutsideBufferError, struct.error):
                if take >= min(size, LARGEST_HEADER_BYTES):
                    return _by_pydicom(name, size)
                take *= 16
            except UnusualError:
                return _by_pydicom(name, size)
            except TooDeepError:
                raise HeaderError(
                    f"sequences nested more than {DEEPEST_SEQUENCE} deep", where=name
                ) from None
    finally:
        os.close(handle)


def _meta(buffer: bytes) -> tuple[str, str, int]:
    """Transfer syntax, media class, and the first place after the file meta information."""
    place, syntax, media_class = PREAMBLE_BYTES, "", ""
    while buffer[place : place + 2] == META_GROUP:
        tag, _, length, value = element_at(buffer, place, implicit=False)
        if tag in (TRANSFER_SYNTAX, MEDIA_CLASS):
            text = buffer[value : value + length].rstrip(b" \0").decode("ascii", "replace")
            syntax, media_class = (text, media_class) if tag == TRANSFER_SYNTAX else (syntax, text)
        place = value + length
    return syntax, media_class, place


def last_tag(kept: Mapping[int, bytes], to_pixels: bool) -> int:
    """Before which tag a walk ends, once Modality (0008,0060) is known."""
    if to_pixels:
        return PIXEL_DATA
    return _LAST_OF_PET if kept.get(Tag.MODALITY, b"")[:2] == b"PT" else _LAST


def _walk(path: str, buffer: bytes, size: int, to_pixels: bool) -> Header:
    syntax, media_class, place = _meta(buffer)
    if media_class == DIRECTORY_CLASS:
        return Header(path, syntax, {Tag.SOP_CLASS_UID: media_class.encode()}, size)
    if syntax in ("", BIG_ENDIAN, DEFLATED):
        raise UnusualError
    implicit = syntax == IMPLICIT_LITTLE_ENDIAN
    kept: dict[int, bytes] = {}
    last = PIXEL_DATA if to_pixels else _MODALITY_KNOWN
    while place < size:
        if not implicit and (place := _over_plain(buffer, place, size, last, kept)) >= size:
            break
        tag, vr, length, value = element_at(buffer, place, implicit)
        if tag >= last:
            if tag == PIXEL_DATA:
                known = -1 if length == UNDEFINED else length
                return Header(path, syntax, kept, size, value, known)
            if last != _MODALITY_KNOWN:
                break
            last = last_tag(kept, to_pixels)
        if length == UNDEFINED:
            place = after_sequence(buffer, value, implicit or vr == b"UN", 1)
            continue
        if tag in WANTED:
            kept[tag] = buffer[value : value + length]
            if len(kept[tag]) < length:
                raise OutsideBufferError
        place = value + length
    return Header(path, syntax, kept, size)


def _over_plain(buffer: bytes, place: int, size: int, last: int, kept: dict[int, bytes]) -> int:
    """The place after a run of elements with explicit, short value representations.

    Most elements are such, a hundred in a file: here they are met without a call for each.

    Args:
        last: the run ends before this tag.
        kept: receives the wanted ones.
    """
    unpack = EXPLICIT.unpack_from
    while place < size:
        group, element, vr, length = unpack(buffer, place)
        tag = group << 16 | element
        if vr not in SHORT or tag >= last:
            return place
        if tag in WANTED:
            kept[tag] = value = buffer[place + 8 : place + 8 + length]
            if len(value) < length:
                raise OutsideBufferError
        place += 8 + length
    return place


def _by_pydicom(path: str, size: int) -> Header:
    """The same through pydicom: slower, and it knows every encoding."""
    dataset = read_dataset(path)
    try:
        with quiet_pydicom():
            kept = {int(tag): _raw(dataset[tag].value, tag) for tag in Tag if tag in dataset}
    except READ_ERRORS as error:
        raise HeaderError(
            f"the DICOM header cannot be read: {reason(error)}", where=path
        ) from error
    kept[Tag.CHARACTER_SET] = b"ISO_IR 192"  # pydicom has decoded the strings
    syntax = getattr(dataset.file_meta, "TransferSyntaxUID", None)
    return Header(path, str(syntax or IMPLICIT_LITTLE_ENDIAN), kept, size)


def _raw(value: Any, tag: Tag) -> bytes:
    """A pydicom value back as the little-endian bytes that the walker would have kept."""
    if value is None:
        return b""
    if tag in _BINARY:
        return (int(value) & 0xFFFF).to_bytes(2, "little")
    parts = value if isinstance(value, (MultiValue, list, tuple)) else [value]
    return "\\".join(str(part) for part in parts).encode("utf-8")
