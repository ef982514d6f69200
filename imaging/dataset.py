"""Whole DICOM files by pydicom, within limits, and every failure by name.

A file may claim anything: sequences nested two thousand deep, twenty megabytes that inflate to
fourteen gigabytes, a pipe that never ends. Whatever pydicom raises over it becomes a
:class:`~imaging.errors.HeaderError` that names the file.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.elements import whole
from imaging.errors import HeaderError, InputError, UnsupportedError
from imaging.volume import Array

PREAMBLE_BYTES = 132
#: No single file of those read here is larger; a scanner writes a slice or a volume per file.
LARGEST_FILE_BYTES = 4 * 1024**3
#: What a deflated file may hold once it is inflated. An image of 512 x 512 x 600 takes 300 MB.
LARGEST_INFLATED_BYTES = 512 * 1024**2
#: Decoded pixels of one object.
LARGEST_PIXELS_BYTES = 4 * 1024**3
#: Sequences within sequences; the deepest object that is read here (RTPLAN) has seven levels.
DEEPEST_SEQUENCE = 64
INFLATED_PIECE_BYTES = 1024**2

DEFLATED = "1.2.840.10008.1.2.1.99"
#: Deflated Image Frame Compression (Supplement 244): frames deflated one by one.
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"

#: What pydicom raises over broken files.
READ_ERRORS = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    NotImplementedError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    UserWarning,
    OSError,  # without a number: "No tag to read"
    struct.error,
    zlib.error,
)
SEND_AGAIN = "send it again from the archive"


class NotDicomError(UnsupportedError):
    """A file of another kind."""


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Silence pydicom's remarks on malformed values: they quote them, patients' names too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def understood(where: str | Path, kind: str) -> Iterator[None]:
    """What goes wrong within becomes an error that names the file.

    Raises:
        HeaderError: whatever pydicom or NumPy raised over the content.
        InputError: the file cannot be opened.
    """
    try:
        with quiet_pydicom():
            yield
    except InputError:
        raise
    except READ_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f"not readable: {error.strerror}", where=where) from error
        raise HeaderError(f"not readable as {kind}: {reason(error)}", where=where) from error


def reason(error: BaseException) -> str:
    """A line for an error of pydicom's; never the values that it quotes from the file."""
    if isinstance(error, RecursionError):
        return "its sequences are nested too deep"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, AttributeError) and (name := getattr(error, "name", None)):
        return f"it has no {name}"
    return f"damaged ({type(error).__name__})"


def open_file(path: str | os.PathLike[str]) -> int:
    """A handle of a regular file; see :func:`open_sized`."""
    return open_sized(path)[0]


def open_sized(path: str | os.PathLike[str]) -> tuple[int, int]:
    """A handle of a regular file, and its size; pipes and devices are refused without waiting.

    Raises:
        NotDicomError: not a regular file.
        HeaderError: larger than any file that is read here.
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_FILE_BYTES:
        return handle, status.st_size
    os.close(handle)
    if not stat.S_ISREG(status.st_mode):
        raise NotDicomError("not a regular file but a pipe, device or folder", where=path_of(path))
    raise HeaderError(
        f"{status.st_size / 1024**3:.0f} GB: larger than any file that is read here",
        where=path_of(path),
    )


def path_of(path: str | os.PathLike[str]) -> str:
    return os.fspath(path)


class _Bounded(io.BufferedReader):
    """A file of which no more is read at once than it has.

    Python reserves what is asked for: a length of 2 GB in a file of 1 kB would take 2 GB.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(io.FileIO(open_file(path)))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1) -> bytes:
        left = max(self._size - self.tell(), 0)
        return super().read(left if size is None or not 0 <= size <= left else size)


def parsed(
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    stop_before_pixels: bool = False,
    specific_tags: list[int] | None = None,
) -> pydicom.Dataset:
    """What pydicom makes of a file; whatever it raises is the caller's to name."""
    with _Bounded(path) as file:
        return pydicom.dcmread(
            file, force=force, stop_before_pixels=stop_before_pixels, specific_tags=specific_tags
        )


def read_beginning(path: str | os.PathLike[str], size: int) -> pydicom.Dataset:
    """A whole header by pydicom, of a file that is known to be DICOM.

    Args:
        size: bytes before the pixels: what lies there is read at once.

    Raises:
        HeaderError: it is broken, or no longer what it was.
        InputError: it cannot be opened.
    """
    with understood(path_of(path), "DICOM"):
        with open(open_file(path), "rb", buffering=0) as file:
            beginning = io.BytesIO(file.read(size))
        return pydicom.dcmread(beginning, stop_before_pixels=True)


def read_dataset(
    path: str | os.PathLike[str], tags: Iterable[int] | None = None
) -> pydicom.Dataset:
    """A whole header by pydicom, without the pixels, also where the preamble is missing.

    Raises:
        NotDicomError: the file is of another kind.
        HeaderError: it is DICOM, but broken or truncated.
        OSError: it cannot be opened.
    """
    marked = _check_kind(path)
    try:
        with quiet_pydicom():
            dataset = parsed(
                path, stop_before_pixels=True, force=not marked, specific_tags=_list(tags)
            )
        usable = "SOPClassUID" in dataset
    except READ_ERRORS as error:
        kind = HeaderError if marked else NotDicomError
        raise kind(
            f"the DICOM header cannot be read: {reason(error)}" if marked else "not DICOM",
            where=path_of(path),
            remedy="export the file again",
        ) from error
    if not usable:
        raise HeaderError(
            "a DICOM file without SOP Class UID (0008,0016), probably truncated",
            where=path_of(path),
            remedy="export the file again",
        )
    return dataset


def read_object(path: str | os.PathLike[str]) -> pydicom.Dataset:
    """A whole RT, SEG or registration object, its pixels too, also without preamble.

    Raises:
        HeaderError: no DICOM, broken, or shorter than it says.
        InputError: it cannot be opened.
    """
    with understood(path_of(path), "DICOM"):
        try:
            marked = _check_kind(path)
        except NotDicomError as error:
            raise HeaderError(f"not readable as DICOM: {error.what}", where=path_of(path)) from None
        # A reader that meets the end of the file too early only warns.
        warnings.filterwarnings("error", message=".*(?i:end of file|EOF)")
        dataset = parsed(path, force=not marked)
        for element in dataset.values():
            length = getattr(element, "length", 0xFFFFFFFF)  # of elements not yet parsed
            if length != 0xFFFFFFFF and len(element.value or b"") < length:
                raise HeaderError("the file is truncated", where=path_of(path), remedy=SEND_AGAIN)
        complete_meta(dataset)
    return dataset


def complete_meta(dataset: pydicom.Dataset) -> None:
    """Name the encoding of a file without meta information: pixels are not decoded without."""
    meta = getattr(dataset, "file_meta", None) or FileMetaDataset()
    if "TransferSyntaxUID" not in meta:
        implicit, little = dataset.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        meta.TransferSyntaxUID = syntax if little or implicit else ExplicitVRBigEndian
        dataset.file_meta = meta


def _check_kind(path: str | os.PathLike[str]) -> bool:
    """Whether a file has DICOM's mark; refused are files that are none and those that burst."""
    with os.fdopen(open_file(path), "rb") as file:
        start = file.read(1024)
        marked = start[128:132] == b"DICM"
        if not marked and not _looks_bare(start):
            raise NotDicomError("not DICOM", where=path_of(path))
        if DEFLATED.encode() in start:
            length = int.from_bytes(start[140:144], "little")  # of group 0002
            file.seek(144 + length if start[132:136] == b"\2\0\0\0" else 0)
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            _check_inflated(inflater, iter(lambda: file.read(INFLATED_PIECE_BYTES), b""), path)
    return marked


def _check_inflated(
    inflater: zlib._Decompress, pieces: Iterable[bytes], path: str | os.PathLike[str]
) -> None:
    total = 0
    for piece in pieces:
        rest = piece
        while rest:
            try:
                total += len(inflater.decompress(rest, INFLATED_PIECE_BYTES))
            except zlib.error:
                return  # named when it is read
            rest = inflater.unconsumed_tail
            if total > LARGEST_INFLATED_BYTES:
                raise HeaderError(
                    f"deflated data that inflate to more than {LARGEST_INFLATED_BYTES // 1024**2} "
                    "MB: not read",
                    where=path_of(path),
                    remedy="export the file without deflation",
                )


def pixels(dataset: pydicom.Dataset, where: str) -> Array:
    """The stored pixels of an object, (frames, rows, columns) or (rows, columns).

    Raises:
        HeaderError: pixels missing, too many, or not as many as the header says.
        UnsupportedError: no decoder for the transfer syntax.
    """
    frames = whole(dataset, "NumberOfFrames", where=where)
    frames = 1 if frames is None else frames
    size = [int(dataset.get(name) or 0) for name in ("Rows", "Columns", "BitsAllocated")]
    if min(*size, frames) < 1:
        raise HeaderError("Rows, Columns, Bits Allocated or Number of Frames is wrong", where=where)
    if frames * size[0] * size[1] * max(size[2] // 8, 1) > LARGEST_PIXELS_BYTES:
        raise HeaderError(
            f"{frames} frames of {size[0]} x {size[1]} pixels are more than is read", where=where
        )
    if "PixelData" not in dataset:
        raise HeaderError("no pixel data (7FE0,0010)", where=where, remedy=SEND_AGAIN)
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        if syntax == DEFLATED_FRAMES:
            return _inflated_frames(dataset, frames, *size)
        return np.asarray(dataset.pixel_array)
    except (RuntimeError, ImportError) as error:
        if not syntax.is_compressed:
            raise HeaderError(
                f"the pixel data cannot be read: {reason(error)}", where=where
            ) from error
        raise UnsupportedError(
            f"pixels in {syntax.name}, which cannot be decoded here",
            where=where,
            remedy="install the decoders: pip install 'recist[codecs]', or decompress it",
        ) from error
    except READ_ERRORS as error:
        raise HeaderError(
            f"the pixel data are not those of {frames} frames of {size[0]} x {size[1]} pixels",
            where=where,
            remedy=SEND_AGAIN,
        ) from error


def _inflated_frames(
    dataset: pydicom.Dataset, frames: int, rows: int, columns: int, bits: int
) -> Array:
    """Frames that were deflated one by one; of single bits each begins at a whole byte."""
    size = (rows * columns * bits + 7) // 8
    found = []
    for frame in generate_frames(dataset.PixelData, number_of_frames=frames):
        raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, size + 1)
        if len(raw) < size:
            raise EOFError
        raw = raw[:size]
        if bits == 1:
            image = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
            found.append(image[: rows * columns].reshape(rows, columns))
        else:
            found.append(np.frombuffer(raw, f"<u{bits // 8}").reshape(rows, columns))
    if len(found) != frames:
        raise ValueError
    return np.stack(found)


def _list(tags: Iterable[int] | None) -> list[int] | None:
    return None if tags is None else [0x00080016, *tags]


def _looks_bare(start: bytes) -> bool:
    """Whether the bytes begin with a data element of group 0002 or 0008 (no preamble)."""
    if len(start) < 12:
        return False
    group, element, vr, _ = struct.unpack_from("<HH2sH", start, 0)
    if group not in (0x0002, 0x0008) or element > 0x0100:
        return False
    explicit = vr.isalpha() and vr.isupper()
    (length,) = struct.unpack_from("<I", start, 4)
    return bool(explicit or length < 1024)
