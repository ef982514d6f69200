"""The XML of a workbook as it stands: what a sheet that is read as a stream does not tell.

A sheet that is read as a stream leaves out rows and cells that do not come in their order, and
rows of a number that was there before: patients would lose rows without a word.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, NamedTuple
from xml.parsers import expat

from imaging.errors import InputError
from imaging.tables.limits import MOST_UNPACKED_BYTES, MOST_UNPACKED_RATIO

_BLOCK_BYTES = 1_000_000
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})")
_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_SAVE_AGAIN = "open it in Excel and save it again, or save the sheet as CSV"


class Merge(NamedTuple):
    """A merged range: columns from 0, rows from 1, both ends included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


class SheetFacts(NamedTuple):
    """The merged ranges of a sheet, by row, and the rows that are hidden."""

    merges: tuple[Merge, ...]
    hidden: frozenset[int]


class _RootReached(Exception):  # noqa: N818 - the way to stop a parser
    """The element that everything lies in: nothing is declared below it."""


def check_parts(path: Path) -> None:
    """Refuse what is no workbook, or one that is made to fill memory or to read other files.

    Raises:
        InputError: it is such a file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            unpacked, packed = sum(p.file_size for p in parts), path.stat().st_size
            if unpacked > max(MOST_UNPACKED_BYTES, MOST_UNPACKED_RATIO * packed):
                what = f"a workbook of {unpacked:,} bytes packed into {packed:,}"
                raise InputError(what, where=path, remedy="save the sheet as CSV")
            for part in parts:
                with archive.open(part) as stream:
                    if part.filename.endswith((".xml", ".rels")) and _declares(stream):
                        what = f"{part.filename} declares XML entities, which no workbook needs"
                        raise InputError(what, where=path, remedy="save it again in Excel")
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError, EOFError) as error:
        raise InputError("not an xlsx workbook", where=path) from error


def _declares(stream: IO[bytes]) -> bool:
    """Whether a part has a document type declaration, whatever its encoding."""
    found = False

    def declared(*_: object) -> None:
        nonlocal found
        found = True
        raise _RootReached

    def reached(*_: object) -> None:
        raise _RootReached

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = declared
    parser.StartElementHandler = reached
    try:
        while block := stream.read(_BLOCK_BYTES):
            parser.Parse(block)
    except (_RootReached, expat.ExpatError):  # what is damaged is told when it is read
        pass
    return found


def facts_of_sheet(path: Path, part: str) -> SheetFacts:
    """What the XML of a sheet says beside its cells.

    Raises:
        InputError: rows or cells out of their order, of which some would not be read.
    """
    merges: list[Merge] = []
    hidden: set[int] = set()
    row = column = 0

    def of_row(told: Mapping[str, str]) -> None:
        nonlocal row, column
        number = int(told["r"]) if "r" in told else row + 1
        if number <= row:
            what = f"row {number} comes after row {row}: some rows would be lost"
            raise InputError(what, where=path, remedy=_SAVE_AGAIN)
        row, column = number, 0
        if told.get("hidden") in ("1", "true"):
            hidden.add(number)

    def of_cell(told: Mapping[str, str]) -> None:
        nonlocal column
        place = _CELL.fullmatch(told["r"]) if "r" in told else None
        at = column + 1 if place is None else column_number(place[1]) + 1
        if at <= column or (place is not None and int(place[2]) != row):
            what = f"cell {told['r']} stands out of its place in row {row}"
            raise InputError(what, where=path, remedy=_SAVE_AGAIN)
        column = at

    def of_merge(told: Mapping[str, str]) -> None:
        held = _RANGE.fullmatch(told.get("ref", ""))
        if held is not None:
            first, first_row, last, last_row = held.groups()
            merges.append(
                Merge(int(first_row), int(last_row), column_number(first), column_number(last))
            )

    told_by: Mapping[str, Callable[[Mapping[str, str]], None]] = {
        "row": of_row,
        "c": of_cell,
        "mergeCell": of_merge,
    }

    def start(name: str, told: Mapping[str, str]) -> None:
        tell = told_by.get(name.rpartition(":")[2])
        if tell is not None:
            tell(told)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    with zipfile.ZipFile(path) as archive, archive.open(part) as stream:
        while block := stream.read(_BLOCK_BYTES):
            parser.Parse(block)
    return SheetFacts(tuple(sorted(merges)), frozenset(hidden))


def column_number(letters: str) -> int:
    """The number of a column from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1
