"""Headers of files that lie together as bytes, and back: what they share is written once.

Files whose headers have the same elements are one table. A column of it, the values of one element,
is its distinct values and, where some of them recur, which of them each file has.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise, repeat
from typing import NamedTuple

from imaging.header import Header

_SUM, _COUNT = struct.Struct("<I"), struct.Struct("<I")
#: Numbers as they are written: 64 bits with a sign, and 32 without.
_LONG, _SHORT = "q", "I"
_NAME_END = "\0"
#: The kind of a file that is no DICOM.
_OTHER_KIND = -1
#: Inodes of some file systems use all 64 bits.
_INODE_BITS = (1 << 63) - 1

#: What bytes that are not those that were written may raise.
_DAMAGED = (struct.error, ValueError, IndexError, StopIteration)


#: Size, time of change in ns and inode: what tells whether a file is still the one that was read.
FileStamp = tuple[int, int, int]


def stamp_of(path: str) -> FileStamp:
    """What the file system says of a file now.

    Raises:
        OSError: it says nothing.
    """
    status = os.stat(path)  # noqa: PTH116 - plain strings, as in the walk
    return status.st_size, status.st_mtime_ns, status.st_ino & _INODE_BITS


class KeptFile(NamedTuple):
    """One file.

    Attributes:
        header: None of a file that is no DICOM.
        refers_to: None of a file that was not asked for it.
    """

    stamp: FileStamp
    header: Header | None
    refers_to: str | None


def packed(rows: Mapping[str, KeptFile]) -> bytes:
    """Files by name as bytes, after a sum that tells whether they are still the same."""
    names = os.fsencode(_NAME_END.join(rows))
    stamps = [number for row in rows.values() for number in row.stamp]
    tables: dict[tuple[str, tuple[int, ...]], list[Header]] = {}
    numbers: dict[tuple[str, tuple[int, ...]], int] = {}
    kinds = []
    for row in rows.values():
        header, kind = row.header, _OTHER_KIND
        if header is not None:
            likeness = header.transfer_syntax, tuple(header.elements)
            kind = numbers.setdefault(likeness, len(numbers))
            tables.setdefault(likeness, []).append(header)
        kinds.append(kind)
    referring = [n for n, row in enumerate(rows.values()) if row.refers_to is not None]
    references = [(row.refers_to or "").encode("utf-8", "surrogatepass") for row in rows.values()]
    body = _joined(
        [
            names,
            _written(_LONG, stamps),
            _written(_LONG, kinds),
            _written(_SHORT, referring),
            _joined([references[n] for n in referring]),
            *(_table(syntax, tags, headers) for (syntax, tags), headers in tables.items()),
        ]
    )
    return _SUM.pack(zlib.crc32(body)) + body


def unpacked(folder: str, content: bytes) -> dict[str, KeptFile] | None:
    """The files by name; None where the bytes are not what they were.

    Args:
        folder: where they lie, for the paths of their headers; with a separator at its end.
    """
    body = content[_SUM.size :]
    try:
        if _SUM.unpack_from(content) != (zlib.crc32(body),):
            return None
        parts = _parts(body)
        names = os.fsdecode(parts[0]).split(_NAME_END)
        stamps = zip(*[iter(_read(_LONG, parts[1]))] * 3, strict=True)
        kinds = _read(_LONG, parts[2])
        referring = zip(_read(_SHORT, parts[3]), _parts(parts[4]), strict=True)
        paths = [folder + name for name in names]
        tables = [
            _headers(
                part, [path for path, kind in zip(paths, kinds, strict=True) if kind == number]
            )
            for number, part in enumerate(parts[5:])
        ]
        headers = [None if kind == _OTHER_KIND else next(tables[kind]) for kind in kinds]
        refers_to: list[str | None] = [None] * len(names)
        for n, text in referring:
            refers_to[n] = text.decode("utf-8", "surrogatepass")
        return dict(zip(names, map(KeptFile, stamps, headers, refers_to), strict=True))
    except _DAMAGED:
        return None


def _table(syntax: str, tags: Sequence[int], headers: Sequence[Header]) -> bytes:
    """Headers with the same elements."""
    places = [
        number
        for header in headers
        for number in (header.size, header.pixel_offset, header.pixel_bytes)
    ]
    columns = [_column([header.elements[tag] for header in headers]) for tag in tags]
    return _joined(
        [syntax.encode(), _written(_SHORT, tags), _written(_LONG, places), _joined(columns)]
    )


def _column(values: Sequence[bytes]) -> bytes:
    """The values of one element: those that there are, then which of them each file has."""
    distinct = {value: n for n, value in enumerate(dict.fromkeys(values))}
    is_plain = len(distinct) in (1, len(values))
    which = b"" if is_plain else _written(_SHORT, [distinct[value] for value in values])
    return _joined([which, *distinct])


def _headers(part: bytes, paths: Sequence[str]) -> Iterator[Header]:
    syntax, numbers, written, columns = _parts(part)
    tags = _read(_SHORT, numbers)
    shared: dict[int, bytes] = {}
    own: dict[int, Sequence[bytes]] = {}
    for tag, column in zip(tags, _parts(columns), strict=True):
        which, *values = _parts(column)
        shared[tag] = values[0]  # each element at its place, also those that differ
        if which:
            own[tag] = [*map(values.__getitem__, _read(_SHORT, which))]
        elif len(values) > 1:
            own[tag] = values
    elements = [shared.copy() for _ in paths]
    for each, row in zip(elements, zip(*own.values(), strict=True), strict=bool(own)):
        each.update(zip(own, row, strict=True))
    places = _read(_LONG, written)
    sizes, offsets, pixels = places[::3], places[1::3], places[2::3]
    return map(Header, paths, repeat(syntax.decode()), elements, sizes, offsets, pixels)


def _written(kind: str, numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}{kind}", *numbers)


def _read(kind: str, written: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(written) // struct.calcsize(f'<{kind}')}{kind}", written)


def _joined(parts: Sequence[bytes]) -> bytes:
    """Bytes one after the other, with their lengths before them."""
    lengths = _written(_SHORT, [*map(len, parts)])
    return b"".join((_COUNT.pack(len(parts)), lengths, *parts))


def _parts(joined: bytes) -> list[bytes]:
    (count,) = _COUNT.unpack_from(joined)
    start = _COUNT.size * (1 + count)
    ends = accumulate(_read(_SHORT, joined[_COUNT.size : start]), initial=start)
    return [joined[begin:end] for begin, end in pairwise(ends)]
