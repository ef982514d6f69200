"""A table file that grows row by row."""

from __future__ import annotations

import csv
import io
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType

from imaging.tables.rows import csv_text
from imaging.writing import named_failure, written_whole

__all__ = ["LINE_END", "GrowingTable", "csv_text"]

LINE_END = "\r\n"


class GrowingTable:
    """A table file that holds every row as soon as it is known, and is written whole at the end.

    A row is appended; only a row with a column that no other had has all written again. No row is
    held in memory: they lie in a file without a name, so that nobody can take the table away.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: list[str] = []
        self._rows = TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - lives on
        weakref.finalize(self, self._rows.close)

    def add(self, row: Mapping[str, object]) -> None:
        wider = self._widen(row)
        line = self._line(row)
        self._rows.write(line)
        if wider or not self.path.is_file():
            self.finish()
            return
        with named_failure(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(line)

    def finish(self, changed: Mapping[int, Mapping[str, object]] = MappingProxyType({})) -> None:
        """Write the file whole.

        Args:
            changed: rows that take the place of those of their number.
        """
        for row in changed.values():
            self._widen(row)
        with written_whole(self.path) as file:
            if self.columns:
                file.write(csv_text((), self.columns, line_end=LINE_END).encode())
            for number, cells in enumerate(self._cells()):
                if number in changed:
                    line = self._line(changed[number])
                else:
                    lacking = [""] * (len(self.columns) - len(cells))
                    line = _written([*cells, *lacking])
                file.write(line.encode())

    def _widen(self, row: Mapping[str, object]) -> bool:
        new = [name for name in row if name not in self.columns]
        self.columns += new
        return bool(new)

    def _line(self, row: Mapping[str, object]) -> str:
        return csv_text([row], self.columns, line_end=LINE_END).split(LINE_END, 1)[1]

    def _cells(self) -> Iterator[list[str]]:
        """The rows in order, each as long as there were columns when it came."""
        self._rows.seek(0)
        yield from csv.reader(self._rows)
        self._rows.seek(0, 2)


def _written(cells: list[str]) -> str:
    """Cells as they were written before, as a line."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=LINE_END).writerow(cells)
    return text.getvalue()
