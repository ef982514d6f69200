"""The bytes of a CSV file: what they are, and where one row ends and the next begins.

A row that is read as part of another is lost without a word, and the patient loses a time point.
So a quotation mark counts only where it opens a cell, and whatever leaves it open which rows a
file has (a mark that is never closed, a carriage return amid a row) is refused with its row.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imaging.errors import InputError
from imaging.tables.held import HeldTable
from imaging.tables.letters import UNSEEN, seen
from imaging.tables.limits import LONGEST_ROW_BYTES

BOM = codecs.BOM_UTF8
QUOTE = 'put cells that hold quotation marks in quotes and double the marks ("a 2"" tube")'

_QUOTE = b'"'
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: Bytes that no text holds; the others below 32 are controls, which no identifier holds.
CONTROLS = bytes(n for n in range(1, 32) if n not in b"\t\n\r") + b"\x7f"
#: A letter beyond ASCII as UTF-8 writes it: next to it, other bytes are damage.
_WIDE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
#: Signs beside letters that people type into tables, as Windows-1252 has them.
_TYPED = frozenset("°µ²³±§·–—‘’“”„«»…€£¥½¼¾×÷ªº®©™•´`¨¸ ")


class TextTraits(NamedTuple):
    """What a first pass over a file found.

    Attributes:
        encoding: "utf-8", "utf-16" or "cp1252".
        has_unseen: signs that cannot be seen, or letters that are written in several ways.
        has_quotes: a quotation mark somewhere; ``has_loose_returns``: a carriage return that is not
            followed by a line feed.
    """

    encoding: str
    has_quotes: bool
    has_loose_returns: bool
    has_unseen: bool = False


def form_of(path: Path | HeldTable, name: str) -> TextTraits:
    """Read a file once, and tell what it is made of.

    Raises:
        InputError: no text at all, or a line longer than any row.
    """
    with path.open("rb") as file:
        if file.read(2) in _UTF16:
            return TextTraits("utf-16", has_quotes=True, has_loose_returns=True)
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        is_utf8, has_wide, has_quotes = True, False, False
        high: set[int] = set()
        since_line_end = rows = loose = 0
        last = tail = b""
        has_unseen = False
        while block := file.read(LONGEST_ROW_BYTES):
            at = block.rfind(b"\n")
            since_line_end = len(block) - at - 1 if at >= 0 else since_line_end + len(block)
            if since_line_end > LONGEST_ROW_BYTES:
                raise _too_long(name, rows + 1)
            if b"\0" in block:
                row = rows + block[: block.index(b"\0")].count(b"\n") + 1
                raise InputError("a NUL byte: no text", where=f"{name}, row {row}")
            rows += block.count(b"\n")
            has_quotes = has_quotes or _QUOTE in block
            if b"\r" in block or last == b"\r":
                pairs = block.count(b"\r\n") + (last == b"\r" and block.startswith(b"\n"))
                loose += block.count(b"\r") - pairs
            last = block[-1:]
            if not block.isascii():
                high |= set(block) - _ASCII
                has_wide = has_wide or _WIDE.search(block) is not None
                text = tail + block if tail else block.removeprefix(BOM)
                has_unseen = has_unseen or UNSEEN.search(text) is not None
                is_utf8 = is_utf8 and _decodes(decoder, block)
            elif is_utf8 and not _decodes(decoder, block):
                is_utf8 = False
            tail = block[-3:]
        is_utf8 = is_utf8 and _decodes(decoder, b"", final=True)
    if is_utf8:
        return TextTraits("utf-8", has_quotes, loose > 0, has_unseen)
    if has_wide or not _is_windows(high):
        raise InputError("not UTF-8 text", where=name, remedy="save the table as UTF-8")
    return TextTraits("cp1252", has_quotes, loose > 0)


_ASCII = frozenset(range(128))


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _is_windows(high: set[int]) -> bool:
    """Whether all bytes above 127 are letters or typed signs of Windows-1252."""
    try:
        signs = bytes(high).decode("cp1252")
    except UnicodeDecodeError:
        return False
    return all(sign.isalpha() or sign in _TYPED for sign in signs)


def copy_as_utf8(path: Path, copy: Path, encoding: str, name: str) -> None:
    """Write a file as UTF-8 and as it looks (see :func:`seen`), its line ends as they are.

    Raises:
        InputError: bytes that the encoding does not have.
    """
    try:
        with (
            path.open(encoding=encoding, newline="") as source,
            copy.open("w", encoding="utf-8", newline="") as file,
        ):
            while line := source.readline(LONGEST_ROW_BYTES):
                file.write(seen(line))
    except UnicodeError as error:
        remedy = "save the table as UTF-8"
        raise InputError(f"not {encoding.upper()} text", where=name, remedy=remedy) from error


class TableBody(NamedTuple):
    """The rows of a file.

    Attributes:
        name: of the file the user gave.
        start: where they begin, in bytes.
        most_inner: delimiters that a line inside a quoted cell may have; with more it is a row
            that a missing quotation mark has swallowed.
    """

    path: Path | HeldTable
    name: str
    start: int
    form: TextTraits
    delimiter: str
    most_inner: int


def rows_of(body: TableBody) -> Iterator[tuple[int, bytes, int]]:
    """The rows: number in an editor, text, and size in the file. Blank ones too.

    Raises:
        InputError: rows that cannot be told apart; the row is named.
    """
    path, name, start, form, delimiter, most_inner = body
    with path.open("rb") as file:
        number = file.read(start).count(b"\n") + 1
        if not form.has_quotes and not form.has_loose_returns:
            for line in file:
                yield number, line, len(line)
                number += 1
            return
        sign = delimiter.encode()
        for line in file:
            first, size = number, len(line)
            number += 1
            row = line
            if _QUOTE in line and ends_inside_quotes(line, sign):
                parts, is_open = [line], True
                while is_open:
                    more = file.readline(LONGEST_ROW_BYTES)
                    size += len(more)
                    if not more or size > LONGEST_ROW_BYTES:
                        what = "a quotation mark is opened and never closed"
                        raise InputError(what, where=f"{name}, row {first}", remedy=QUOTE)
                    if more.count(sign) >= most_inner:
                        what = f"row {number} lies inside a quoted cell"
                        raise InputError(what, where=f"{name}, row {first}", remedy=QUOTE)
                    parts.append(more)
                    is_open = ends_inside_quotes(more, sign, is_open=True)
                    number += 1
                row = b"".join(parts)
            if len(row) > csv.field_size_limit() and _QUOTE in row:
                _check_cells(row, delimiter, f"{name}, row {first}")
            if form.has_loose_returns:
                row = row.rstrip(b"\r\n") + b"\n"
                if b"\r" in row and b"\r" in _unquoted(row, sign):
                    what = "a carriage return amid the row: one row or two?"
                    remedy = "save the table again, with line feeds"
                    raise InputError(what, where=f"{name}, row {first}", remedy=remedy)
            yield first, row, size


def _check_cells(row: bytes, delimiter: str, where: str) -> None:
    try:
        cells_of(row.decode("utf-8", "replace"), delimiter)
    except csv.Error as error:
        what = f"cells that cannot be told apart: {error}"
        raise InputError(what, where=where, remedy=QUOTE) from error


def ends_inside_quotes(line: bytes, delimiter: bytes, *, is_open: bool = False) -> bool:
    """Whether a cell that a quotation mark opened goes on in the next line.

    Args:
        is_open: whether such a cell goes on in this line.
    """
    at = 0
    while True:
        if is_open or line.startswith(_QUOTE, at):
            at = _after_quoted(line, at if is_open else at + 1)
            if at < 0:
                return True
            is_open = False
        at = line.find(delimiter, at)
        if at < 0:
            return False
        at += 1


def _after_quoted(line: bytes, at: int) -> int:
    """Where a quoted cell ends that is open at a place; -1 where it goes on in the next line."""
    while (at := line.find(_QUOTE, at)) >= 0:
        if not line.startswith(_QUOTE, at + 1):
            return at + 1
        at += 2  # a mark within the cell is doubled
    return -1


def _unquoted(row: bytes, delimiter: bytes) -> bytes:
    """What stands outside of quoted cells of a whole row: a mark amid a cell opens none."""
    parts = []
    at = since = 0
    while True:
        if row.startswith(_QUOTE, at):
            parts.append(row[since:at])
            at = since = _after_quoted(row, at + 1)
        at = row.find(delimiter, at)
        if at < 0:
            return b"".join((*parts, row[since:]))
        at += 1


def cells_of(text: str, delimiter: str) -> list[str]:
    """The cells of one row; a stray quotation mark is read as it stands."""
    return next(csv.reader([text], delimiter=delimiter), [])


def cell_at(line: bytes, column: int, delimiter: str) -> bytes:
    """One cell of a row without the blanks around it; empty where the row ends before it."""
    if _QUOTE in line:
        cells = cells_of(line.decode("utf-8", "replace"), delimiter)
        return cells[column].strip().encode() if len(cells) > column else b""
    cells_ = line.split(delimiter.encode(), column + 1)
    return cells_[column].strip() if len(cells_) > column else b""


def _too_long(name: str, row: int) -> InputError:
    what = f"a row of more than {LONGEST_ROW_BYTES:,} characters"
    return InputError(what, where=f"{name}, row {row}", remedy="is it a table of measurements?")
