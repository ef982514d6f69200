"""A table that no file holds: a DataFrame or records as the text of a CSV file in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

from imaging.tables.dataframes import DataFrameLike, is_missing, rows_of
from imaging.tables.workbook import as_text


@dataclass(frozen=True, slots=True)
class HeldTable:
    """Text that is opened as a file is, so that one reader serves both."""

    name: str
    content: bytes

    @classmethod
    def of(cls, source: DataFrameLike | Iterable[Mapping[str, object]]) -> HeldTable:
        """A DataFrame of pandas or polars, or one mapping per row.

        Raises:
            UnsupportedError: another kind of object.
        """
        columns, rows = rows_of(source)
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([as_text(None if is_missing(value) else value) for value in row])
        return cls("the table", text.getvalue().encode("utf-8"))

    def open(self, mode: Literal["rb"]) -> BinaryIO:  # noqa: ARG002 - the one mode of reading
        return io.BytesIO(self.content)
