"""Reading tables of any size: files, DataFrames and records as a stream of whole subjects.

Every kind of table is read as lines of CSV. A table whose subjects lie together is streamed; one
whose subjects are scattered is read in a second pass through an index, in the order of the first
row of each subject. Memory holds one chunk of subjects, and a few bytes per subject or row.

A row without a subject goes with the row above it: what it belongs to is for the reader to say.
"""

from __future__ import annotations

import csv
import re
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

from imaging.errors import InputError, UnsupportedError
from imaging.tables.chunk import Chunk
from imaging.tables.columnar import copy_parquet
from imaging.tables.columns import Columns, Layout, match_header, nearest
from imaging.tables.dataframes import DataFrameLike
from imaging.tables.held import HeldTable
from imaging.tables.named_cells import named_rows
from imaging.tables.text import (
    BOM,
    TableBody,
    TextTraits,
    cell_at,
    cells_of,
    copy_as_utf8,
    form_of,
    rows_of,
)
from imaging.tables.workbook import HEADER_ROWS, copy_workbook

#: How a table is given: a file, a DataFrame of pandas or polars, or one mapping per row.
Source: TypeAlias = str | Path | DataFrameLike | Iterable[Mapping[str, object]]

#: Rows after which a chunk is closed at the end of its subject.
CHUNK_ROWS = 5_000

#: Bytes of lines that are looked through at a time.
BLOCK_BYTES = 1 << 20

_DELIMITERS = (",", ";", "\t")
_SUBJECT = "subject"


class Note(NamedTuple):
    """How a table was read where that is not self-evident.

    Attributes:
        doubtful: it may be wrong; otherwise it is only said.
    """

    what: str
    remedy: str
    doubtful: bool = False


class Stamp(NamedTuple):
    """Size and time of a file when it was opened."""

    size_bytes: int
    changed_ns: int


class Table(NamedTuple):
    """A table opened for reading.

    Attributes:
        name: of the file the user gave.
        body: the rows, of the file itself or of its copy as CSV.
        notes: what was adapted in order to read it.
    """

    name: str
    layout: Layout
    body: TableBody
    notes: tuple[Note, ...]
    stamp: Stamp

    @property
    def path(self) -> Path | HeldTable:
        """Where the CSV text is read from."""
        return self.body.path

    @property
    def delimiter(self) -> str:
        return self.body.delimiter


@contextmanager
def opened(source: Source, columns: Columns) -> Iterator[Table]:
    """Open a table of any kind; its header is the first row that names all required columns.

    Raises:
        InputError: the file is missing, empty, no table, or lacks a column.
        UnsupportedError: a kind of file, or of object, that is not read.
    """
    if not isinstance(source, str | Path):
        held = HeldTable.of(source)
        yield _table(held, held.name, columns, form_of(held, held.name), [])
        return
    path = Path(source)
    if not path.is_file():
        raise InputError("no such file", where=path)
    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv", ".txt", ".xlsx", ".parquet"):
        raise UnsupportedError(
            f"a {kind or 'nameless'} file", where=path, remedy="give CSV, xlsx or parquet"
        )
    with tempfile.TemporaryDirectory(prefix="recist-table-") as folder:
        name, copy, stamp = path.name, Path(folder) / "table.csv", _stamp(path)
        notes: list[Note] = []
        if kind in (".xlsx", ".parquet"):
            copier = copy_workbook if kind == ".xlsx" else copy_parquet
            notes += [Note(*said) for said in copier(path, copy, columns)]
            _check_unchanged(path, stamp)
            path = copy
        form = form_of(path, name)
        if form.encoding != "utf-8" or form.has_unseen:
            plain = Path(folder) / "plain.csv"
            copy_as_utf8(path, plain, form.encoding, name)
            _check_unchanged(Path(source), stamp)
            notes.append(_UNSEEN if form.encoding == "utf-8" else _ENCODINGS[form.encoding])
            path = plain
            form = form_of(path, name)
        yield _table(path, name, columns, form, notes)


_UNSEEN = Note(
    "signs that cannot be seen, or letters written in several ways",
    "it is read as it looks",
)
_ENCODINGS = {
    "utf-16": Note("UTF-16 text, as Excel writes it", "nothing to do"),
    "cp1252": Note(
        "no UTF-8 text: read as Windows-1252",
        "are all names with accents right? if not, save the table as UTF-8",
        doubtful=True,
    ),
}


def chunks(table: Table, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """The table as chunks of whole subjects; see :func:`is_gathered` for scattered ones.

    Raises:
        InputError: rows that cannot be told apart, or a file that changes while it is read.
    """
    column = table.layout.position[_SUBJECT]
    split = _streamed if is_gathered(table, column) else _gathered
    yield from split(table, column, rows)
    _check_unchanged(table.path, table.stamp)


def small_rows(
    source: Source, columns: Columns, *, others: bool = True
) -> list[tuple[int, dict[str, str]]]:
    """All rows of a small table by column name, with their numbers; blank ones are left out.

    Args:
        others: columns that are not read may be there; otherwise they are refused as slips.

    Raises:
        InputError: the table cannot be read, or a row has more cells than there are columns.
    """
    with opened(source, columns) as table:
        if table.layout.unknown and not others:
            name = table.layout.unknown[0]
            raise InputError(
                f"unknown column {name!r}",
                where=table.name,
                remedy=nearest(name, sorted(columns.known)),
            )
        found = [
            each
            for batch in _batches(table)
            for each in named_rows(table.name, table.layout, batch.rows(table.delimiter))
        ]
        _check_unchanged(table.path, table.stamp)
        return found


def _batches(table: Table) -> Iterator[Chunk]:
    """The rows in the order of the file."""
    lines = _lines(table)
    while batch := list(islice(lines, CHUNK_ROWS)):
        yield Chunk([number for number, _ in batch], b"".join(_ended(line) for _, line in batch))


def is_gathered(table: Table, column: int) -> bool:
    """Whether the rows of each subject lie together."""
    seen: set[int] = set()
    previous = b""
    for cell, _ in groupby(_subjects(table, column)):
        subject = cell.strip()
        if subject and subject != previous:
            key = hash(subject)
            if key in seen:
                return False
            seen.add(key)
            previous = subject
    return True


def _subjects(table: Table, column: int) -> Iterator[bytes]:
    """The subject of each row, with the blanks around it; empty where the row has none.

    One row may stand for those below it that begin with the same cell.
    """
    if column or not _has_plain_lines(table):
        for _, line in _lines(table):
            yield cell_at(line, column, table.delimiter)
        return
    sign = re.escape(table.delimiter.encode())
    # The first cell of a line, and whatever lines below it begin with the same cell.
    rows = re.compile(rb"([^%b\n]*)[^\n]*\n(?:\1%b[^\n]*\n)*" % (sign, sign))
    with table.path.open("rb") as file:
        file.seek(table.body.start)
        while block := file.read(BLOCK_BYTES):
            text = block + file.readline()
            yield from rows.findall(text if text.endswith(b"\n") else text + b"\n")


def _has_plain_lines(table: Table) -> bool:
    """Whether each line is a row, and its cells what lies between the delimiters."""
    return not table.body.form.has_quotes and not table.body.form.has_loose_returns


def _streamed(table: Table, column: int, rows: int) -> Iterator[Chunk]:
    if _has_plain_lines(table):
        yield from _plain(table, column, rows)
        return
    more = _lines(table)
    head = list(islice(more, rows))
    while head:
        numbers, lines = [number for number, _ in head], [line for _, line in head]
        head = []
        previous = _last_subject(lines, column, table.delimiter)
        for number, line in more:
            subject = cell_at(line, column, table.delimiter)
            if subject and subject != previous:
                head = [(number, line), *islice(more, rows - 1)]
                break
            numbers.append(number)
            lines.append(line)
        lines[-1] = _ended(lines[-1])
        yield Chunk(numbers, b"".join(lines))


def _plain(table: Table, column: int, rows: int) -> Iterator[Chunk]:
    """The same of lines that are rows: numbered by the chunk, not one by one."""
    with table.path.open("rb") as file:
        first = file.read(table.body.start).count(b"\n") + 1
        head = list(islice(file, rows))
        while head:
            lines, head = head, []
            previous = _last_subject(lines, column, table.delimiter)
            for line in file:
                subject = cell_at(line, column, table.delimiter)
                if subject and subject != previous:
                    head = [line, *islice(file, rows - 1)]
                    break
                lines.append(line)
            numbers: Sequence[int] = range(first, first + len(lines))
            first += len(lines)
            if not all(map(bytes.strip, lines)):
                numbers = [
                    number for number, line in zip(numbers, lines, strict=True) if line.strip()
                ]
                lines = [line for line in lines if line.strip()]
            if lines:
                lines[-1] = _ended(lines[-1])
                yield Chunk(numbers, b"".join(lines))


def _last_subject(lines: list[bytes], column: int, delimiter: str) -> bytes:
    subjects = (cell_at(line, column, delimiter) for line in reversed(lines))
    return next((subject for subject in subjects if subject), b"")


def _gathered(table: Table, column: int, rows: int) -> Iterator[Chunk]:
    """Chunks through an index of the lines, subjects in the order of their first row."""
    starts, sizes, numbers, owners = (array("q") for _ in range(4))
    order: dict[bytes, int] = {}
    offset, subject = table.body.start, b""
    for number, line, size in rows_of(table.body):
        if line.strip():
            starts.append(offset)
            sizes.append(size)
            numbers.append(number)
            subject = cell_at(line, column, table.delimiter) or subject
            owners.append(order.setdefault(subject, len(order)))
        offset += size
    by_owner = sorted(range(len(owners)), key=owners.__getitem__)
    with table.path.open("rb") as file:
        picked: list[int] = []
        for position, k in enumerate(by_owner):
            last = position + 1 == len(by_owner)
            picked.append(k)
            ends = last or owners[by_owner[position + 1]] != owners[k]
            if last or (ends and len(picked) >= rows):
                lines = [_line_at(file, starts[p], sizes[p]) for p in picked]
                yield Chunk([numbers[p] for p in picked], b"".join(lines))
                picked = []


def _line_at(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return _ended(file.read(size))


def _ended(line: bytes) -> bytes:
    return line.rstrip(b"\r\n") + b"\n"


def _lines(table: Table) -> Iterator[tuple[int, bytes]]:
    """The rows of the body as bytes, with their row numbers, without blank ones."""
    for number, line, _ in rows_of(table.body):
        if line.strip():
            yield number, line


def _table(
    path: Path | HeldTable, name: str, columns: Columns, form: TextTraits, notes: list[Note]
) -> Table:
    with path.open("rb") as file:
        skipped: list[bytes] = []
        found: tuple[list[str], str, int] | None = None
        while found is None and len(skipped) < HEADER_ROWS and (line := file.readline()):
            if not line.removeprefix(BOM).strip():
                continue
            for delimiter in _by_likelihood(line):
                header = _header(line, delimiter)
                if columns.fit(header):
                    found = header, delimiter, file.tell()
                    break
            else:
                skipped.append(line)
        if found is None:
            file.seek(0)
            found = _as_it_is(file, skipped, name)
        elif skipped:
            what = f"{len(skipped)} rows above the header"
            notes.append(Note(what, "they are left out"))
    header, delimiter, start = found
    layout = match_header(header, name, columns)
    must = sorted(at for key, at in layout.position.items() if key not in columns.optional)
    inner = max(1, must[-2] if len(must) > 1 else 1)
    body = TableBody(path, name, start, form, delimiter, inner)
    return Table(name, layout, body, tuple(notes), _stamp(path))


def _as_it_is(file: BinaryIO, skipped: list[bytes], name: str) -> tuple[list[str], str, int]:
    """The first row, which is to be told what it lacks."""
    if not skipped:
        raise InputError("the table is empty", where=name, remedy="the first row names the columns")
    if b"\r" in skipped[0].rstrip(b"\r\n"):
        remedy = "save it as CSV with line feeds"
        raise InputError("lines end in carriage returns alone", where=name, remedy=remedy)
    for line in file:
        if line == skipped[0]:
            break
    delimiter = _by_likelihood(line)[0]
    return _header(line, delimiter), delimiter, file.tell()


def _by_likelihood(line: bytes) -> list[str]:
    return sorted(_DELIMITERS, key=lambda sign: -line.count(sign.encode()))


def _header(line: bytes, delimiter: str) -> list[str]:
    try:
        return cells_of(line.removeprefix(BOM).decode("utf-8"), delimiter)
    except (csv.Error, UnicodeDecodeError):
        return []


def _stamp(path: Path | HeldTable) -> Stamp:
    if isinstance(path, HeldTable):
        return Stamp(len(path.content), 0)
    status = path.stat()
    return Stamp(status.st_size, status.st_mtime_ns)


def _check_unchanged(path: Path | HeldTable, stamp: Stamp) -> None:
    try:
        same = _stamp(path) == stamp
    except OSError:
        same = False
    if not same:
        what = "the table changed while it was read"
        raise InputError(what, where=path.name, remedy="let it rest, then run again")
