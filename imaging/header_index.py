"""Headers that were read before, kept beside the results: a later run reads only what changed.

An archive of a million files is read once; after that its files are only asked for their size and
time. What is kept is what :class:`~imaging.header.Header` keeps, patients' names among it: the file
is readable by its owner alone. It is never needed: a damaged index, one of another release, or one
that another run holds is named and put aside, and the files are read.
"""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from imaging.dataset import NotDicomError
from imaging.header import WANTED, Header
from imaging.header_packing import KeptFile, packed, stamp_of, unpacked

#: What a part means; together with the wanted elements it tells an index of another release.
FORM = 2
VERSION = zlib.crc32(repr((FORM, sorted(WANTED))).encode()) >> 1
#: Trees of fewer files are read in a second: an index is begun for larger ones.
WORTH_KEEPING = 5_000
#: A file changed less than this before it was read may change again within the same tick.
SETTLED_NS = 2_000_000_000
#: Files of a folder that are kept together, one after the other by name.
TOGETHER = 1_000
#: Files after which what was read is safe from a run that is ended.
SAVED_EVERY = 50_000
#: How long another run that holds the index is waited for.
WAIT_SECONDS = 2.0

_TABLES = """
CREATE TABLE IF NOT EXISTS part (
    id INTEGER PRIMARY KEY, folder BLOB NOT NULL, first BLOB NOT NULL, content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS part_of ON part (folder);
"""
#: Tables of this release and of former ones.
_DROPPED = "".join(f"DROP TABLE IF EXISTS {name}; " for name in ("part", "file", "folder"))


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
        self._folder: str | None = None
        self._parts: list[tuple[str, int]] = []
        self._next = 0
        self._page: int | None = None
        self._before: dict[str, KeptFile] = {}
        self._now: dict[str, KeptFile] = {}
        self._changed = False
        self._waiting: list[tuple[str, dict[str, KeptFile]]] = []
        self._base: sqlite3.Connection | None = None
        self._unsaved = 0
        if file.is_file():
            self._open()

    def header(self, path: str) -> Header:
        """The header of a file; those of a folder are asked for in the order of their names.

        Raises:
            NotDicomError, HeaderError, OSError: as ``read`` raises them.
        """
        self.looked_at += 1
        cut = path.rfind(os.sep) + 1
        folder, name = path[:cut], path[cut:]
        if folder != self._folder:
            self._turn_to(folder)
        while self._next < len(self._parts) and self._parts[self._next][0] <= name:
            self._turn_page()
        stamp = stamp_of(path)
        row = self._before.get(name)
        if row is not None and row.stamp == stamp:
            self.known += 1
            self._now[name] = row
            if row.header is None:
                raise NotDicomError("not DICOM", where=path)
            return row.header
        try:
            header = self._read(path)
        except NotDicomError:
            self._keep(name, KeptFile(stamp, None, None))
            raise
        self._keep(name, KeptFile(stamp, header, None))
        return header

    def references(self, path: str) -> frozenset[str]:
        """What an object refers to; its header was asked for just before.

        Raises:
            HeaderError: as ``references`` raises it.
        """
        name = os.path.basename(path)  # noqa: PTH119
        row = self._now.get(name)
        if row is not None and row.refers_to is not None:
            return frozenset(row.refers_to.split())
        found = self._references(path)
        if row is not None:
            self._now[name] = row._replace(refers_to=" ".join(sorted(found)))
            self._changed = True
        return found

    def close(self) -> None:
        """Keep what was read, and let go of the file."""
        self._turn_to(None)
        if self._base is not None:
            with suppress(sqlite3.Error):
                self._base.commit()
            self._base.close()
            self._base = None

    def _keep(self, name: str, row: KeptFile) -> None:
        _, changed_ns, _ = row.stamp
        if changed_ns < self._began_ns - SETTLED_NS:
            if len(self._now) >= 2 * TOGETHER:
                self._write()  # the rest follows as a part of its own
            self._now[name] = row
            self._changed = True

    def _turn_to(self, folder: str | None) -> None:
        """Keep what was read of a folder, and look up which parts are known of the next."""
        while self._next < len(self._parts):  # parts of which no file is left
            self._turn_page()
        self._leave_page()
        self._folder, self._parts, self._next = folder, [], 0
        if folder is not None and self._base is not None:
            try:
                rows = self._base.execute(
                    "SELECT first, id FROM part WHERE folder = ?", (_kept_name(folder),)
                )
                self._parts = sorted((os.fsdecode(first), number) for first, number in rows)
            except sqlite3.Error as error:
                self._give_up(error)

    def _turn_page(self) -> None:
        """Go on to the next part of a folder."""
        self._leave_page()
        _, number = self._parts[self._next]
        self._next += 1
        self._page = number
        assert self._folder is not None
        if self._base is None:
            return
        try:
            found = self._base.execute("SELECT content FROM part WHERE id = ?", (number,))
            row = found.fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return
        content = row[0] if row else None
        known = unpacked(self._folder, content) if isinstance(content, bytes) else None
        self._before, self._changed = known or {}, known is None

    def _leave_page(self) -> None:
        """Keep what was read of a part, in its place."""
        if self._changed or len(self._now) != len(self._before):
            if self._page is not None and self._base is not None:
                try:
                    self._base.execute("DELETE FROM part WHERE id = ?", (self._page,))
                except sqlite3.Error as error:
                    self._give_up(error)
            self._write()
        self._page, self._before, self._now, self._changed = None, {}, {}, False

    def _write(self) -> None:
        """Write the files that were met as a part."""
        if self._now and self._folder is not None and (self._base is not None or not self.remark):
            self._waiting.append((self._folder, self._now))
            self._unsaved += len(self._now)
            self._now = {}
            if self._base is None and self.looked_at >= WORTH_KEEPING:
                self._open()
            elif self._base is not None:
                try:
                    self._put()
                except sqlite3.Error as error:
                    self._give_up(error)

    def _put(self) -> None:
        """Let the parts that wait go to the file."""
        assert self._base is not None
        waiting, self._waiting = self._waiting, []
        self._base.executemany(
            "INSERT INTO part (folder, first, content) VALUES (?, ?, ?)",
            (
                (_kept_name(folder), os.fsencode(next(iter(rows))), packed(rows))
                for folder, rows in waiting
            ),
        )
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
            self._put()
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
                base.executescript(_DROPPED)
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
        self._before, self._waiting = {}, []
        if isinstance(error, sqlite3.DatabaseError) and not _is_of_the_moment(error):
            with suppress(OSError):
                self._file.unlink()
            self.remark = "the index of headers was damaged: the next run makes it anew"
        else:
            self.remark = f"the index of headers was not used: {error}"


def _is_of_the_moment(error: sqlite3.DatabaseError) -> bool:
    """Held by another run, a full disk, a folder that cannot be written: no damage."""
    return isinstance(error, sqlite3.OperationalError)


def _kept_name(folder: str) -> bytes:
    return os.fsencode(os.path.abspath(folder))  # noqa: PTH100 - plain strings, as in the walk
