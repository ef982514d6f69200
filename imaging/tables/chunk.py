"""Some whole subjects of a table, as the unit of work."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from operator import methodcaller
from typing import NamedTuple

from imaging.errors import InputError
from imaging.tables.text import CONTROLS, QUOTE


class Chunk(NamedTuple):
    """Some subjects, whole: the lines as they stand in the file, and their row numbers."""

    numbers: Sequence[int]
    text: bytes

    @property
    def is_odd(self) -> bool:
        """Whether some cell may hold a control character, a line end among them."""
        return b'"' in self.text or len(self.text.translate(None, CONTROLS)) < len(self.text)

    def rows(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """The rows with their numbers.

        Raises:
            InputError: rows that cannot be told apart, or a cell beyond all bounds.
        """
        lines = self.plain_lines()
        if lines is None:
            return self._parsed(delimiter)
        return zip(self.numbers, map(methodcaller("split", delimiter), lines), strict=True)

    def plain_lines(self) -> list[str] | None:
        """A line for each row, its cells between delimiters; None where only csv can tell them."""
        text = self.text.replace(b"\r\n", b"\n")
        lines = text.decode("utf-8").removesuffix("\n").split("\n")
        # Without quotation marks a row is what lies between its delimiters, as csv reads it too.
        is_plain = b'"' not in text and b"\r" not in text and len(lines) == len(self.numbers)
        return lines if is_plain and max(map(len, lines)) <= csv.field_size_limit() else None

    def _parsed(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        lines = io.StringIO(self.text.decode("utf-8"), newline="\n")
        reader = csv.reader(lines, delimiter=delimiter, strict=b'"' in self.text)
        row = self.numbers[0]
        try:
            for number, cells in zip(self.numbers, reader, strict=True):
                row = number
                yield number, cells
        except (csv.Error, ValueError) as error:
            where = f"after row {row}" if row != self.numbers[0] else f"at row {row}"
            raise InputError(
                f"{where}: cells that cannot be told apart: {error}", remedy=QUOTE
            ) from error
