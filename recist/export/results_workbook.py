"""One workbook of a batch for people: summary, time points, lesions, outcomes, warnings."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from imaging.errors import InputError
from imaging.tables.cells import inert
from imaging.tables.rows import written_rows
from imaging.writing import written_whole
from recist.patient.result_folder import EVENTS, FIELDS, MEASUREMENTS, SUMMARY
from recist.patient.result_folder import WARNINGS as WARNINGS_FILE
from recist.response import RESEARCH_USE
from recist.table.output import OUTCOMES, TIMEPOINTS

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

NAME = "results.xlsx"
#: Sheet -> table in the folder of results, in the order of the tabs.
SHEETS = {
    "Summary": SUMMARY,
    "Time points": TIMEPOINTS,
    "Lesions": MEASUREMENTS,
    "Outcomes": OUTCOMES,
    "Radiation field": FIELDS,
    "Events": EVENTS,
}
WARNINGS, ABOUT = "Warnings", "About"
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,12})?$")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
_IDENTIFIERS = frozenset({"subject", "lesion", "reader", "folder", "tracking_uid", "part"})
_WIDEST = 60
#: A workbook holds no more rows in a sheet (ECMA-376).
MOST_ROWS = 1_048_576
#: The time in every entry of the file: the same results give the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_workbook(source: Path, out: Path, folders: Sequence[tuple[str, Path]]) -> Path:
    """Write the tables of a run into one workbook, each in a sheet.

    Numbers and dates are cells of their kind; identifiers stay text.

    Args:
        source: the folder of results.
        out: the file.
        folders: subjects and their folders, for the warnings.

    Raises:
        InputError: no table of results, one with more rows than a sheet holds, openpyxl is not
            installed, or a place that cannot be written.
    """
    try:
        from openpyxl import Workbook  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError(
            "openpyxl is not installed", remedy="pip install recist[tables]"
        ) from error
    book = Workbook()
    book.properties.created = book.properties.modified = dt.datetime(*_EPOCH)
    about = book.worksheets[0]
    about.title = ABOUT
    about.append([RESEARCH_USE])
    for title, name in SHEETS.items():
        columns, rows = written_rows(source / name)
        if len(rows) >= MOST_ROWS:  # the names of the columns take a row too
            raise InputError(
                f"{len(rows)} rows, a sheet holds {MOST_ROWS - 1}",
                where=source / name,
                remedy="use csv",
            )
        if rows:
            lines = [[row[column] for column in columns] for row in rows]
            _fill(book.create_sheet(title), [columns, *lines])
            about.append([title, name, len(rows)])
    if len(book.worksheets) == 1:
        raise InputError("no table of results", where=source, remedy="name the OUT of recist run")
    warnings = [
        [subject, line]
        for subject, folder in folders
        if (folder / WARNINGS_FILE).is_file()
        for line in (folder / WARNINGS_FILE).read_text(encoding="utf-8").splitlines()
    ]
    _fill(book.create_sheet(WARNINGS), [["subject", "warning"], *warnings])
    about.column_dimensions["A"].width = _WIDEST // 2
    buffer = io.BytesIO()
    book.save(buffer)
    with written_whole(out) as file:
        file.write(_repeatable(buffer.getvalue()))
    return out


def _fill(sheet: Worksheet, lines: Sequence[Sequence[str]]) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill  # noqa: PLC0415

    header = list(lines[0])
    sheet.append(header)
    for line in lines[1:]:
        sheet.append([_cell(name, text) for name, text in zip(header, line, strict=False)])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="DDE5EC")
        cell.alignment = Alignment(vertical="top", wrap_text=True)
    for column, name in zip(sheet.columns, header, strict=False):
        longest = max(len(str(cell.value or "")) for cell in column)
        letter = column[0].column_letter
        sheet.column_dimensions[letter].width = min(max(longest, len(name) // 2) + 2, _WIDEST)
    sheet.freeze_panes = "C2"
    sheet.auto_filter.ref = sheet.dimensions


def _cell(name: str, text: str) -> str | Decimal | dt.date | None:
    """A number or date as one, and no text that is taken for a formula."""
    if not text:
        return None
    if name not in _IDENTIFIERS:
        if _DATE.match(text):
            return dt.date.fromisoformat(text)
        if _NUMBER.match(text):
            return Decimal(text)
    return inert(text)


def _repeatable(book: bytes) -> bytes:
    """The same workbook without the time at which it was packed."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as given,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in given.namelist():
            data = given.read(name)
            if name == "docProps/core.xml":  # openpyxl puts the present into it on saving
                data = re.sub(
                    rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", data
                )
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, data)
    return packed.getvalue()
