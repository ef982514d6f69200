"""Tables that the program writes come back as they were, and are inert in a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from imaging.tables.rows import csv_text, written_rows

CELLS = st.text(st.characters(exclude_categories=("C",)), max_size=8)
TABLES = st.lists(st.fixed_dictionaries({"a": CELLS, "b": CELLS, "c": CELLS}), min_size=1)


@given(rows=TABLES)
def test_a_written_table_comes_back_cell_by_cell(
    rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_bytes(csv_text(rows, ("a", "b", "c")).encode())
    assert written_rows(path) == (("a", "b", "c"), tuple(rows))


def test_a_short_row_is_filled_and_a_long_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1\n")
    assert written_rows(path).rows == ({"a": "1", "b": ""},)
    path.write_text("a,b\n1,2,3\n")
    with pytest.raises(InputError, match="row 2 has 3 cells under 2 columns"):
        written_rows(path)


def test_no_file_and_an_empty_one_are_empty_tables(tmp_path: Path) -> None:
    assert written_rows(tmp_path / "none.csv") == ((), ())
    (tmp_path / "empty.csv").write_text(csv_text(()))
    assert written_rows(tmp_path / "empty.csv") == ((), ())


def test_bytes_that_are_no_text_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"a,b\n\xff\xfe\n")
    with pytest.raises(InputError, match="no table of this program"):
        written_rows(tmp_path / "table.csv")
