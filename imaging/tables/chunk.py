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
        plain = self.plain_rows(delimiter)
        return self._parsed(delimiter) if plain is None else plain

    def plain_rows(self, delimiter: str, most: int = -1) -> Iterator[tuple[int, list[str]]] | None:
        """The rows as :meth:`rows` gives them; None where only csv can tell them apart.

        Args:
            most: delimiters at which a row is split; what follows the last of them stays whole.
        """
        text = self.text.replace(b"\r\n", b"\n")
        lines = text.decode("utf-8").removesuffix("\n").split("\n")
        # Without quotation marks a row is what lies between its delimiters, as csv reads it too.
        is_plain = b'"' not in text and b"\r" not in text and len(lines) == len(self.numbers)
        if is_plain and max(map(len, lines)) <= csv.field_size_limit():
            cells = map(methodcaller("split", delimiter, most), lines)
            return zip(self.numbers, cells, strict=True)
        return None

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
