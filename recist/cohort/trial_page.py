"""The report of a trial as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from recist.cohort.plots import Plot
from recist.cohort.sheet import Sheet, in_words
from recist.report.environment import page

#: Rows of a table that the page and the paper show; all are in its CSV.
MOST_ROWS = 40


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
    return page(
        "trial.html",
        kind="Trial report",
        heading=report.title,
        header=report.header,
        report=report,
        drawings=[(plot, Markup(_inline(drawings[plot.name], plot.name))) for plot in report.plots],
        most_rows=MOST_ROWS,
        words=in_words,
    )


def _inline(svg: bytes, name: str) -> str:
    """The drawing without its XML head, its identifiers its own on the page."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    for mark in ('id="', 'href="#', "url(#"):
        text = text.replace(mark, f"{mark}{name}-")
    return text
