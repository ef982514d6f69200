"""The rows of a table with each cell under the name of its column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imaging.errors import InputError
from imaging.tables.cells import without_apostrophe

if TYPE_CHECKING:
    from imaging.tables.source import Chunk, Table


def named_rows(table: Table, chunk: Chunk) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a chunk with their numbers; blank ones are left out.

    Raises:
        InputError: a row has more cells than there are columns, or rows cannot be told apart.
    """
    position, width = table.layout.position, table.layout.width
    for number, row in chunk.rows(table.delimiter):
        if len(row) > width and any(cell.strip() for cell in row[width:]):
            what = f"{len(row)} cells under {width} columns"
            where = f"{table.name}, row {number}"
            raise InputError(what, where=where, remedy="put cells with commas in quotes")
        if any(cell.strip() for cell in row):
            cells = {
                name: without_apostrophe(row[k].strip()) if k < len(row) else ""
                for name, k in position.items()
            }
            yield number, cells
