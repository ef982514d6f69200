"""The report of a trial: one self-contained HTML page, and the same on paper as PDF."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

import recist
from recist.cohort.plots import Plot
from recist.cohort.sheet import Sheet
from recist.report.environment import templates
from recist.report.palette import FIELD_COLOURS, TONE_COLOURS
from recist.response import RESEARCH_USE

#: Rows of a table that the page shows; all are in its CSV.
MOST_ROWS = 40
#: Rows and characters of a line on a page of the PDF.
PDF_ROWS, PDF_CHARACTERS = 44, 168
A4_LANDSCAPE_INCHES = (11.69, 8.27)


@dataclass(frozen=True, slots=True)
class TrialReport:
    """What the page shows.

    Attributes:
        header: what the report is about, as name and value.
        sentences: the main answers, in order.
        attention: what is wrong or assumed, in a line each.
    """

    title: str
    header: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    attention: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    plots: tuple[Plot, ...]


def as_html(report: TrialReport, drawings: Mapping[str, bytes]) -> str:
    """The page; ``drawings`` holds the plots as SVG by name."""
    environment = templates()
    style = environment.get_template("report.css").render(
        fields={field.value: colour for field, colour in FIELD_COLOURS.items()},
        tones=TONE_COLOURS,
    )
    return environment.get_template("trial.html").render(
        style=Markup(style),
        research_use=RESEARCH_USE,
        version=recist.__version__,
        report=report,
        drawings=[(plot, Markup(_inline(drawings[plot.name], plot.name))) for plot in report.plots],
        most_rows=MOST_ROWS,
        words=_words,
    )


def as_pdf(report: TrialReport) -> bytes:
    """Title and answers first, then a page for each table and plot."""
    file = io.BytesIO()
    with PdfPages(file, metadata={"CreationDate": None, "Title": report.title}) as pages:
        first = [f"{name}: {value}" for name, value in report.header]
        first += ["", *report.sentences]
        if report.attention:
            first += ["", "Attention", *report.attention]
        _text_pages(pages, report.title, _wrapped(first))
        for sheet in report.sheets:
            if sheet.rows:
                _text_pages(pages, sheet.title, _lines(sheet), monospace=True)
        for plot in report.plots:
            _add(pages, plot.drawing)
    return file.getvalue()


def _inline(svg: bytes, name: str) -> str:
    """The drawing without its XML head, its identifiers its own on the page."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    for mark in ('id="', 'href="#', "url(#"):
        text = text.replace(mark, f"{mark}{name}-")
    return text


def _words(column: str) -> str:
    return column.replace("_", " ")


def _lines(sheet: Sheet) -> list[str]:
    """A table as lines of fixed width; too wide ones as one block per row."""
    columns = [c for c in sheet.shown_columns if any(row.get(c) for row in sheet.rows)]
    rows = sheet.rows[:MOST_ROWS]
    widths = {c: max(len(_words(c)), *(len(row.get(c, "")) for row in rows)) for c in columns}
    lines = _wrapped([sheet.note, ""]) if sheet.note else []
    if sum(widths.values()) + 2 * len(widths) <= PDF_CHARACTERS:
        lines.append("  ".join(_words(c).ljust(widths[c]) for c in columns))
        lines += ["  ".join(row.get(c, "").ljust(widths[c]) for c in columns) for row in rows]
    else:
        for row in rows:
            cells = [f"{_words(c)}: {row[c]}" for c in columns if row.get(c)]
            lines += [*_wrapped(["; ".join(cells)]), ""]
    left = len(sheet.rows) - len(rows)
    return [*lines, f"... and {left} more rows in {sheet.name}.csv"] if left else lines


def _wrapped(lines: Sequence[str]) -> list[str]:
    import textwrap  # noqa: PLC0415 - only for paper

    return [part for line in lines for part in (textwrap.wrap(line, PDF_CHARACTERS - 20) or [""])]


def _text_pages(
    pages: PdfPages, title: str, lines: Sequence[str], *, monospace: bool = False
) -> None:
    for start in range(0, max(1, len(lines)), PDF_ROWS):
        page = Figure(figsize=A4_LANDSCAPE_INCHES)
        page.text(0.04, 0.95, title, fontsize=13, weight="bold", va="top")
        page.text(
            0.04, 0.90, "\n".join(lines[start : start + PDF_ROWS]),
            fontsize=6.3 if monospace else 8,
            family="monospace" if monospace else "sans-serif", va="top", linespacing=1.35,
            parse_math=False,
        )  # fmt: skip
        page.text(0.04, 0.02, RESEARCH_USE, fontsize=7, color="#92400e")
        _add(pages, page)


def _add(pages: PdfPages, page: Figure) -> None:
    pages.savefig(page)  # type: ignore[no-untyped-call]
