"""Workbooks of Excel as CSV.

The sheet is the one that has the header. What Excel records of the size of a sheet is not believed:
programs that write workbooks often leave it wrong, and rows beyond it would be lost.
"""

from __future__ import annotations

import csv
import datetime as dt
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from imaging.errors import InputError
from imaging.tables.cells import CellError
from imaging.tables.columnar import missing_package
from imaging.tables.columns import Columns, plain_names
from imaging.tables.letters import seen
from imaging.tables.sheet_parts import Merge, check_parts, facts_of_sheet

#: Rows among which the header is looked for: a title and a few remarks may stand above it.
HEADER_ROWS = 20
#: What Excel holds in a cell at most, and as much of a longer one as is worth writing down.
LONGEST_CELL, SHOWN = 32_767, 100
#: Columns that hold dates, in which a plain number is a day count of Excel.
DATE_COLUMNS = frozenset({"date", "first_sign"})
#: Columns of identifiers, which Excel turns into dates where they look like one.
NAME_COLUMNS = frozenset({"subject", "lesion"})
#: Day counts from 1954 to 2064; other numbers are no dates of examinations.
SERIAL_DATES = range(20_000, 60_000)

WorkbookNotes = tuple[str, str]


class _Header(NamedTuple):
    """Where the header is, which columns are read, hold dates and names, and the epoch of dates."""

    row: int
    width: int
    read: frozenset[int]
    dates: Sequence[int]
    names: Sequence[int]
    epoch: dt.datetime


def copy_workbook(path: Path, copy: Path, columns: Columns) -> Iterator[WorkbookNotes]:
    """Write the sheet that holds the table as CSV, one line per row of the sheet.

    Returns:
        what was adapted, with a remedy each.

    Raises:
        InputError: no workbook, a hostile one, or no sheet or several that hold the table.
    """
    try:
        import openpyxl  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise missing_package("openpyxl", path) from error
    check_parts(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on styles and extensions, which hold no cells
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                return iter(_copied(book, path, copy, columns))
            finally:
                book.close()
    except (InputError, MemoryError):
        raise
    except Exception as error:  # damaged XML fails in any way
        raise InputError("not an xlsx workbook that can be read", where=path) from error


def _copied(book: Any, path: Path, copy: Path, columns: Columns) -> list[WorkbookNotes]:
    said: list[WorkbookNotes] = []
    sheets = [sheet for sheet in book.worksheets if hasattr(sheet, "reset_dimensions")]
    heads: dict[str, dict[int, list[str]]] = {}
    for sheet in sheets:
        sheet.reset_dimensions()
        heads[sheet.title] = _head(sheet)
    holding = [sheet for sheet in sheets if any(map(columns.fit, heads[sheet.title].values()))]
    filled = [sheet for sheet in sheets if heads[sheet.title]]
    if len(holding) > 1:
        titles = ", ".join(repr(sheet.title) for sheet in holding)
        remedy = "keep one sheet, or save each as CSV"
        raise InputError(
            f"{len(holding)} sheets hold the table: {titles}", where=path, remedy=remedy
        )
    if not filled:
        copy.write_text("")
        return said
    sheet = (holding or filled)[0]
    if len(filled) > 1:
        said.append((f"sheet {sheet.title!r} is read, of {len(filled)} with cells", "is it right?"))
    head = heads[sheet.title]
    first = next(iter(head))
    at = next((row for row, found in head.items() if columns.fit(found)), first)
    if at > first:
        said.append((f"the header is in row {at}", "the rows above it are left out"))
    names = plain_names(head[at])
    dates = [k for k, name in enumerate(names) if name in DATE_COLUMNS]
    identifiers = [k for k, name in enumerate(names) if name in NAME_COLUMNS]
    read = frozenset(k for k, name in enumerate(names) if name in columns.known)
    header = _Header(at, len(names), read, dates, identifiers, book.epoch)
    facts = facts_of_sheet(path, _part(sheet))
    try:
        said += _write(sheet, copy, header, facts.merges)
    except CellError as error:
        raise InputError(error.what, where=path, remedy=error.remedy) from error
    if unseen := sum(row > at for row in facts.hidden):
        said.append((f"{unseen} hidden rows are read too", "delete them if they are not meant"))
    return said


def _head(sheet: Any) -> dict[int, list[str]]:
    """The first rows that hold something, by their number."""
    head: dict[int, list[str]] = {}
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        if any(value is not None for value in row):
            head[number] = [as_text(value) for value in row]
        if len(head) == HEADER_ROWS:
            break
    return head


def _write(
    sheet: Any, copy: Path, header: _Header, merges: Sequence[Merge]
) -> Iterator[WorkbookNotes]:
    """Write the rows from the header on; the lines above it stay blank, so that numbers agree."""
    waiting = deque(merge for merge in merges if merge.last_row > header.row)
    active: dict[Merge, Any] = {}
    serials = filled = turned = 0
    with copy.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            row = list(cells)
            if number < header.row:
                file.write("\n")
                continue
            while waiting and waiting[0].first_row <= number:
                merge = waiting.popleft()
                shown = row[merge.first_column] if merge.first_column < len(row) else None
                if any(
                    merge.first_column <= each.last_column
                    and each.first_column <= merge.last_column
                    for each in active
                ):
                    what = f"merged ranges overlap in row {number}"
                    raise CellError(what, "open it in Excel and save it again")
                if shown is not None and number == merge.first_row:
                    active[merge] = shown
            for merge, shown in list(active.items()):
                filled += _fill(row, merge, shown, header.width)
                if merge.last_row <= number:
                    del active[merge]
            for k in header.dates if number > header.row else ():
                if k < len(row) and _is_serial(row[k]):
                    row[k] = header.epoch + dt.timedelta(days=int(row[k]))
                    serials += 1
            turned += sum(k < len(row) and hasattr(row[k], "isoformat") for k in header.names)
            writer.writerow(_as_texts(row, number, header))
    if turned:
        what = f"{turned} identifiers are dates: Excel turns 3-1 into one"
        yield what, "are they right? give the column the format of text"
    if serials:
        yield (
            f"{serials} dates are day counts of Excel",
            "they are read as the dates they stand for",
        )
    if filled:
        what = f"{filled} merged cells repeat the value that they show"
        yield what, "is every row meant so? write each value into its own row"


def _as_texts(row: Sequence[Any], number: int, header: _Header) -> list[str]:
    """The cells as text; of very long ones that are not read the beginning is enough."""
    texts = []
    for k, value in enumerate(row):
        held = value
        if isinstance(value, str) and len(value) > LONGEST_CELL:
            if k in header.read and number > header.row:
                what = f"row {number}: a cell of {len(value):,} characters"
                raise CellError(what, f"Excel holds {LONGEST_CELL:,} at most")
            held = value[:SHOWN]
        texts.append(as_text(held))
    return texts


def _fill(row: list[Any], merge: Merge, shown: object, width: int) -> int:
    """Give the cells of a merged range the value that it shows; the count of those filled."""
    end = min(merge.last_column + 1, width)
    row += [None] * (end - len(row))
    empty = [k for k in range(merge.first_column, end) if row[k] is None]
    for k in empty:
        row[k] = shown
    return len(empty)


def _is_serial(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and value == value  # noqa: PLR0124 - not NaN
        and int(value) in SERIAL_DATES
    )


def _part(sheet: Any) -> str:
    return str(sheet._worksheet_path).removeprefix("/")


def as_text(value: object) -> str:
    """A cell of a workbook or a DataFrame as text on one line; a date keeps its day only."""
    if value is None:
        return ""
    if isinstance(value, bool) or type(value).__name__ == "bool":  # NumPy's is no bool
        return "yes" if value else "no"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:10]
    return seen(" ".join(str(value).splitlines()))
