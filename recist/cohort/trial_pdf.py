"""The report of a trial on paper: answers first, then every table and plot, on pages of A4."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from recist.cohort.plots import Plot
from recist.cohort.sheet import Sheet, SheetRow, in_words
from recist.cohort.trial_page import MOST_ROWS, TrialReport
from recist.response import RESEARCH_USE

A4_LONG_INCHES, A4_SHORT_INCHES = 11.69, 8.27
#: Characters of a line and lines of a page, of tables (fixed width) and of sentences.
TABLE_POINTS, TABLE_CHARACTERS, TABLE_LINES = 6.8, 186, 58
TEXT_POINTS, TEXT_CHARACTERS, TEXT_LINES = 9, 150, 42
LINE_SPACING = 1.32
#: Blanks between two columns of a table.
GAP = 2
#: The part of a page that a plot may fill: left, bottom, width and height.
LEFT_FOR_PLOT = (0.04, 0.06, 0.92, 0.86)
#: The gap between a key and the axes, as a share of the page.
KEY_GAP = 0.015
#: The narrowest that a column of long texts is folded to.
NARROWEST = 9


@dataclass(frozen=True, slots=True)
class Page:
    """A page of lines, or of a plot."""

    title: str
    lines: tuple[str, ...] = ()
    is_table: bool = False
    plot: Plot | None = None


def as_pdf(report: TrialReport) -> bytes:
    """The same report gives the same bytes."""
    pages = [*_answers(report), *_tables(report.sheets)]
    pages += [Page(plot.title, plot=plot) for plot in report.plots]
    file = io.BytesIO()
    with PdfPages(file, metadata={"CreationDate": None, "Title": report.title}) as paper:
        for number, page in enumerate(pages, 1):
            place = f"{number} / {len(pages)}"
            if page.plot is not None:
                with _on_paper(page.plot, place) as drawing:
                    _add(paper, drawing)
            else:
                _add(paper, _written(page, place))
    return file.getvalue()


def _answers(report: TrialReport) -> Iterator[Page]:
    lines = [f"{name}: {value}" for name, value in report.header]
    lines += ["", *report.sentences]
    if report.attention:
        lines += ["", "Attention", *report.attention]
    folded = [part for line in lines for part in (textwrap.wrap(line, TEXT_CHARACTERS) or [""])]
    for start in range(0, max(1, len(folded)), TEXT_LINES):
        yield Page(report.title, tuple(folded[start : start + TEXT_LINES]))


def _tables(sheets: Sequence[Sheet]) -> Iterator[Page]:
    for sheet in sheets:
        if sheet.rows:
            yield from _table(sheet)


def _table(sheet: Sheet) -> Iterator[Page]:
    """A table with its heading on every page; no row is parted by the end of one."""
    shown = sheet.rows[:MOST_ROWS]
    columns = [
        column
        for column in sheet.shown_columns
        if any(row.get(column, "").strip() for row in shown)
    ]
    if not columns:
        return
    widths = column_widths(columns, shown)
    heading = _folded({column: in_words(column) for column in columns}, widths)
    heading.append("-" * (sum(widths.values()) + GAP * (len(widths) - 1)))
    lines = [*textwrap.wrap(sheet.note, TABLE_CHARACTERS), ""] if sheet.note else []
    lines += heading
    for row in shown:
        cells = _folded(row, widths)
        if len(lines) + len(cells) > TABLE_LINES:
            yield Page(sheet.title, tuple(lines), is_table=True)
            lines = list(heading)
        lines += cells
    if len(sheet.rows) > len(shown):
        left = len(sheet.rows) - len(shown)
        lines += ["", f"{left} more rows in {sheet.name}.csv"]
    yield Page(sheet.title, tuple(lines), is_table=True)


def column_widths(columns: Sequence[str], rows: Sequence[SheetRow]) -> Mapping[str, int]:
    """Characters of each column, so that all stand beside each other on the page.

    A column is as wide as its longest cell or word of its heading. Where that is too wide for the
    page, the widest columns are narrowed, and their cells folded.
    """
    widths = {
        column: max(
            *(len(word) for word in in_words(column).split()),
            *(len(row.get(column, "")) for row in rows),
        )
        for column in columns
    }
    words = {
        column: max(
            len(word)
            for text in (in_words(column), *(row.get(column, "") for row in rows))
            for word in text.split() or [""]
        )
        for column in columns
    }
    while sum(widths.values()) + GAP * (len(widths) - 1) > TABLE_CHARACTERS:
        # Words are broken only where all columns are as narrow as their longest one.
        folding = [column for column in columns if widths[column] > words[column]] or columns
        widest = max(folding, key=lambda column: widths[column])
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _folded(cells: SheetRow, widths: Mapping[str, int]) -> list[str]:
    """A row as lines of fixed width."""
    parts = [
        textwrap.wrap(cells.get(column, ""), width) or [""] for column, width in widths.items()
    ]
    blank = " " * GAP
    return [
        blank.join(
            (part[k] if k < len(part) else "").ljust(width)
            for part, width in zip(parts, widths.values(), strict=True)
        ).rstrip()
        for k in range(max(map(len, parts)))
    ]


def _written(page: Page, place: str) -> Figure:
    sheet = Figure(figsize=(A4_LONG_INCHES, A4_SHORT_INCHES))
    _frame(sheet, page.title, place)
    sheet.text(
        0.04, 0.90, "\n".join(page.lines), va="top", linespacing=LINE_SPACING, parse_math=False,
        fontsize=TABLE_POINTS if page.is_table else TEXT_POINTS,
        family="monospace" if page.is_table else "sans-serif",
    )  # fmt: skip
    return sheet


def _frame(sheet: Figure, title: str, place: str) -> list[object]:
    """Title, purpose and number of a page."""
    return [
        sheet.text(0.04, 0.955, title, fontsize=13, weight="bold", va="top", parse_math=False),
        sheet.text(0.04, 0.02, RESEARCH_USE, fontsize=7, color="#92400e"),
        sheet.text(0.96, 0.02, place, fontsize=7, ha="right"),
    ]


@contextmanager
def _on_paper(plot: Plot, place: str) -> Iterator[Figure]:
    """The drawing on a page of its own, upright where it is higher than wide; as it was after."""
    drawing = plot.drawing
    width, height = map(float, drawing.get_size_inches())
    engine = drawing.get_layout_engine()
    side: tuple[float, float] = (A4_LONG_INCHES, A4_SHORT_INCHES)
    if height > width:
        side = A4_SHORT_INCHES, A4_LONG_INCHES
    added = _frame(drawing, plot.title, place)
    drawing.set_size_inches(*side)
    left, bottom, wide, high = LEFT_FOR_PLOT
    if drawing.legends:
        drawing.draw_without_rendering()
    for key in drawing.legends:  # they stand outside of the axes, at the edge of the drawing
        room = key.get_window_extent()
        share = room.height / drawing.bbox.height + KEY_GAP
        key.set_bbox_to_anchor(LEFT_FOR_PLOT, transform=drawing.transFigure)
        high -= share
        if room.y0 < drawing.bbox.height / 2:
            bottom += share
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(left, bottom, wide, high))
    try:
        yield drawing
    finally:
        for text in added:
            text.remove()  # type: ignore[attr-defined]
        drawing.set_size_inches(width, height)
        for key in drawing.legends:
            key.set_bbox_to_anchor(None)
        if isinstance(engine, ConstrainedLayoutEngine):
            engine.set(rect=(0, 0, 1, 1))


def _add(pages: PdfPages, page: Figure) -> None:
    pages.savefig(page)  # type: ignore[no-untyped-call]
