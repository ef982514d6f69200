"""The rows of a table with each cell under the name of its column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imaging.errors import InputError
from imaging.tables.cells import without_apostrophe
from imaging.tables.columns import Layout


def named_rows(
    name: str, layout: Layout, rows: Iterable[tuple[int, list[str]]]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows with their numbers and names; blank ones are left out.

    Args:
        name: of the table.

    Raises:
        InputError: a row has more cells than there are columns.
    """
    position, width = layout.position, layout.width
    for number, row in rows:
        if len(row) > width and any(cell.strip() for cell in row[width:]):
            what = f"{len(row)} cells under {width} columns"
            where = f"{name}, row {number}"
            raise InputError(what, where=where, remedy="put cells with commas in quotes")
        if any(cell.strip() for cell in row):
            cells = {
                column: without_apostrophe(row[k].strip()) if k < len(row) else ""
                for column, k in position.items()
            }
            yield number, cells
