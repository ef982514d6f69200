"""The report of a trial on paper: nothing is cut off, no row parted, each page says what it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from recist.cohort.plots import Plot
from recist.cohort.sheet import Sheet
from recist.cohort.trial_page import TrialReport
from recist.cohort.trial_pdf import (
    A4_LONG_INCHES,
    A4_SHORT_INCHES,
    GAP,
    TABLE_CHARACTERS,
    TABLE_LINES,
    Page,
    _table,
    as_pdf,
    column_widths,
)

WORDS = st.text("abcdef ", max_size=60)


def pages_of(pdf: bytes) -> list[tuple[float, float]]:
    """Width and height of every page, in inches."""
    boxes = re.findall(rb"/MediaBox \[ 0 0 ([0-9.]+) ([0-9.]+) \]", pdf)
    return [(float(width) / 72, float(height) / 72) for width, height in boxes]


@given(st.lists(st.lists(WORDS, min_size=12, max_size=12), min_size=1, max_size=6))
def test_columns_stand_beside_each_other_whatever_their_cells(rows: list[list[str]]) -> None:
    named = tuple({f"column_{k}": cell for k, cell in enumerate(row)} for row in rows)
    columns = tuple(named[0])
    widths = column_widths(columns, named)
    assert sum(widths.values()) + GAP * (len(widths) - 1) <= TABLE_CHARACTERS
    for page in _table(Sheet("t", "T", named)):
        assert max(map(len, page.lines)) <= TABLE_CHARACTERS


def test_a_long_table_goes_on_with_its_heading_and_no_row_is_parted() -> None:
    rows = tuple({"subject": f"S{k}", "why": "word " * 120} for k in range(30))
    pages: list[Page] = list(_table(Sheet("why", "Why", rows, note="A note.")))
    assert len(pages) > 1
    assert all(len(page.lines) <= TABLE_LINES for page in pages)
    heading = next(line for line in pages[0].lines if line.startswith("subject"))
    for page in pages[1:]:
        assert page.lines[0] == heading
        assert page.lines[2].startswith("S")  # the first line below it begins a row
    written = " ".join(line for page in pages for line in page.lines)
    assert written.count("word") == 30 * 120


def test_more_rows_than_paper_holds_are_counted() -> None:
    rows = tuple({"subject": f"S{k}"} for k in range(100))
    *_, last = _table(Sheet("audit", "Audit", rows))
    assert last.lines[-1] == "60 more rows in audit.csv"


@pytest.mark.parametrize("size", [(8.2, 4.6), (9.0, 13.0)], ids=["wide", "high"])
def test_plots_lie_on_pages_of_a4_and_are_as_they_were_after(size: tuple[float, float]) -> None:
    drawing = Figure(figsize=size, layout="constrained")
    line = drawing.add_subplot().plot([0, 1], label="a")
    drawing.legend(handles=line, loc="outside lower center")
    report = TrialReport("T", (), ("An answer.",), (), (), (Plot("p", "P", drawing, ()),))
    first, page = pages_of(as_pdf(report))
    assert first == pytest.approx((A4_LONG_INCHES, A4_SHORT_INCHES), abs=0.01)
    assert page == pytest.approx(sorted(first, reverse=size[0] > size[1]), abs=0.01)
    assert tuple(drawing.get_size_inches()) == size and not drawing.texts
