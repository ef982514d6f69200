"""Headers that were read before, kept beside the results: a later run reads only what changed.

An archive of a million files is read once; after that its files are only asked for their size and
time. What is kept is what :class:`~imaging.header.Header` keeps, patients' names among it: the file
is readable by its owner alone. It is never needed: a damaged index, one of another release, or one
that another run holds is named and put aside, and the files are read.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from imaging.dataset import NotDicomError
from imaging.header import WANTED, Header

#: What a row means; together with the wanted elements it tells an index of another release.
FORM = 1
VERSION = zlib.crc32(repr((FORM, sorted(WANTED))).encode()) >> 1
#: Trees of fewer files are read in a second: an index is begun for larger ones.
WORTH_KEEPING = 5_000
#: A file changed less than this before it was read may change again within the same tick.
SETTLED_NS = 2_000_000_000
#: Files after which what was read is safe from a run that is ended.
SAVED_EVERY = 50_000
#: How long another run that holds the index is waited for.
WAIT_SECONDS = 2.0

_TABLES = """
CREATE TABLE IF NOT EXISTS folder (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS file (
    folder INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, header BLOB NOT NULL, refers_to TEXT, PRIMARY KEY (folder, name)
) WITHOUT ROWID;
"""
_SUM, _NUMBERS = struct.Struct("<I"), struct.Struct("<qqqHH")
#: Stands for a file that is no DICOM.
_OTHER_KIND = b""


class _Stamp(NamedTuple):
    """What tells whether a file is still the one that was read."""

    size: int
    mtime_ns: int
    inode: int


class _Row(NamedTuple):
    """One file as it is kept; ``refers_to`` is None of a file that was not asked for it."""

    stamp: _Stamp
    header: bytes
    refers_to: str | None


class HeaderIndex:
    """Headers by path, read where they are not known or no longer true.

    Args:
        file: of the index; begun when a tree has :data:`WORTH_KEEPING` files.
        read: how a header is read (:func:`imaging.header_pattern.HeaderReader.read`).
        references: how what an object refers to is read.

    Attributes:
        remark: why the index could not be used, "" where it could.
        known: files whose headers came from the index.
        looked_at: files that were asked for.
    """

    def __init__(
        self,
        file: Path,
        read: Callable[[str], Header],
        references: Callable[[str], frozenset[str]],
    ) -> None:
        self.remark = ""
        self.known = self.looked_at = 0
        self._file, self._read, self._references = file, read, references
        self._began_ns = time.time_ns()
        self._folder = ""
        self._before: dict[str, _Row] = {}
        self._now: dict[str, _Row] = {}
        self._early: list[tuple[str, dict[str, _Row]]] = []
        self._base: sqlite3.Connection | None = None
        self._unsaved = 0
        if file.is_file():
            self._open()

    def header(self, path: str) -> Header:
        """The header of a file.

        Raises:
            NotDicomError, HeaderError, OSError: as ``read`` raises them.
        """
        self.looked_at += 1
        folder, name = os.path.split(path)
        if folder != self._folder:
            self._turn_to(folder)
        status = os.stat(path)  # noqa: PTH116 - plain strings, as in the walk
        stamp = _Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
        row = self._before.get(name)
        if row is not None and row.stamp == stamp:
            header = _unpacked(path, row.header)
            if header is not None or row.header == _OTHER_KIND:
                self.known += 1
                self._now[name] = row
                if header is None:
                    raise NotDicomError("not DICOM", where=path)
                return header
        try:
            header = self._read(path)
        except NotDicomError:
            self._keep(name, _Row(stamp, _OTHER_KIND, None))
            raise
        self._keep(name, _Row(stamp, _packed(header), None))
        return header

    def references(self, path: str) -> frozenset[str]:
        """What an object refers to; its header was asked for before.

        Raises:
            HeaderError: as ``references`` raises it.
        """
        name = os.path.basename(path)  # noqa: PTH119
        row = self._now.get(name)
        if row is not None and isinstance(row.refers_to, str):
            return frozenset(row.refers_to.split())
        found = self._references(path)
        if row is not None:
            self._now[name] = row._replace(refers_to=" ".join(sorted(found)))
        return found

    def close(self) -> None:
        """Keep what was read, and let go of the file."""
        self._turn_to("")
        if self._base is not None:
            with suppress(sqlite3.Error):
                self._base.commit()
            self._base.close()
            self._base = None

    def _keep(self, name: str, row: _Row) -> None:
        if row.stamp.mtime_ns < self._began_ns - SETTLED_NS:
            self._now[name] = row

    def _turn_to(self, folder: str) -> None:
        """Keep what was read of a folder, and look up what is known of the next."""
        if self._folder and self._now != self._before:
            self._write(os.path.abspath(self._folder), self._now, self._before)  # noqa: PTH100
        self._folder, self._before, self._now = folder, {}, {}
        if folder and self._base is not None:
            try:
                rows = self._base.execute(
                    "SELECT name, size, mtime_ns, inode, header, refers_to FROM file "
                    "WHERE folder = (SELECT id FROM folder WHERE path = ?)",
                    (os.path.abspath(folder),),  # noqa: PTH100
                )
                self._before = {
                    name: _Row(_Stamp(size, mtime_ns, inode), header, refers_to)
                    for name, size, mtime_ns, inode, header, refers_to in rows
                }
            except sqlite3.Error as error:
                self._give_up(error)

    def _write(self, folder: str, rows: dict[str, _Row], before: dict[str, _Row]) -> None:
        if self._base is None:
            if self.remark:
                return
            self._early.append((folder, rows))
            if self.looked_at >= WORTH_KEEPING:
                self._open()
            return
        try:
            self._put(folder, rows, before)
        except sqlite3.Error as error:
            self._give_up(error)

    def _put(self, folder: str, rows: dict[str, _Row], before: dict[str, _Row]) -> None:
        assert self._base is not None
        self._base.execute("INSERT OR IGNORE INTO folder (path) VALUES (?)", (folder,))
        own = "(SELECT id FROM folder WHERE path = ?)"
        gone = [(folder, name) for name in before.keys() - rows.keys()]
        self._base.executemany(f"DELETE FROM file WHERE folder = {own} AND name = ?", gone)
        self._base.executemany(
            f"INSERT OR REPLACE INTO file VALUES ({own}, ?, ?, ?, ?, ?, ?)",
            [
                (folder, name, *row.stamp, row.header, row.refers_to)
                for name, row in rows.items()
                if before.get(name) != row
            ],
        )
        self._unsaved += len(rows)
        if self._unsaved >= SAVED_EVERY:
            self._base.commit()
            self._base.execute("BEGIN IMMEDIATE")
            self._unsaved = 0

    def _open(self) -> None:
        """Open the index, or begin one; one that is damaged or of another release is begun anew."""
        try:
            try:
                self._base = self._connected()
            except sqlite3.DatabaseError as error:
                if _is_of_the_moment(error):
                    raise
                self._file.unlink()
                self.remark = "the index of headers was damaged: it is made anew"
                self._base = self._connected()
            early, self._early = self._early, []
            for folder, rows in early:
                self._put(folder, rows, {})
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _connected(self) -> sqlite3.Connection:
        os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))
        base = sqlite3.connect(self._file, timeout=WAIT_SECONDS)
        try:
            (version,) = base.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                if version:
                    self.remark = "the index of headers is of another release: it is made anew"
                base.executescript("DROP TABLE IF EXISTS file; DROP TABLE IF EXISTS folder;")
            base.executescript(f"{_TABLES} PRAGMA user_version = {VERSION};")
            base.execute("BEGIN IMMEDIATE")
        except BaseException:
            base.close()
            raise
        return base

    def _give_up(self, error: Exception) -> None:
        """Go on without: what cannot be looked up is read."""
        if self._base is not None:
            self._base.close()
            self._base = None
        self._before, self._early = {}, []
        if isinstance(error, sqlite3.DatabaseError) and not _is_of_the_moment(error):
            with suppress(OSError):
                self._file.unlink()
            self.remark = "the index of headers was damaged: the next run makes it anew"
        else:
            self.remark = f"the index of headers was not used: {error}"


def _is_of_the_moment(error: sqlite3.DatabaseError) -> bool:
    """Held by another run, a full disk, a folder that cannot be written: no damage."""
    return isinstance(error, sqlite3.OperationalError)


@lru_cache(maxsize=256)
def _table_of(count: int) -> struct.Struct:
    """The tags of so many elements, then their lengths."""
    return struct.Struct(f"<{2 * count}I")


def _packed(header: Header) -> bytes:
    """A header as bytes, after a sum that tells whether they are still the same."""
    elements = header.elements
    syntax = header.transfer_syntax.encode()
    numbers = header.size, header.pixel_offset, header.pixel_bytes, len(elements), len(syntax)
    table = _table_of(len(elements)).pack(*elements, *map(len, elements.values()))
    body = b"".join((_NUMBERS.pack(*numbers), table, syntax, *elements.values()))
    return _SUM.pack(zlib.crc32(body)) + body


def _unpacked(path: str, kept: bytes) -> Header | None:
    """The header that was kept; None where its bytes are not what they were."""
    try:
        if _SUM.unpack_from(kept) != (zlib.crc32(memoryview(kept)[_SUM.size :]),):
            return None
        size, offset, pixels, count, length = _NUMBERS.unpack_from(kept, _SUM.size)
        place = _SUM.size + _NUMBERS.size
        numbers = _table_of(count).unpack_from(kept, place)
        place += 8 * count
        syntax = kept[place : place + length].decode()
        ends = list(accumulate(numbers[count:], initial=place + length))
        values = map(kept.__getitem__, map(slice, ends, ends[1:]))  # some forty of each file
        elements = dict(zip(numbers[:count], values, strict=True))
    except (struct.error, UnicodeDecodeError, TypeError):
        return None
    return Header(path, syntax, elements, size, offset, pixels)
