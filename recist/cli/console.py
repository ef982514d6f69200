"""The terminal of commands that draw: bars, a status, tables in colour."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console

from recist.cli import log


class _LoggedConsole(Console):
    """Prints to the terminal, and notes the same without colours in the log file."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*objects, **options)
        plain = Console(file=StringIO(), width=WIDTH, color_system=None)
        with plain.capture() as captured:
            plain.print(*objects, **options)
        log.said(captured.get())


#: Characters of a line in the log file, which no terminal breaks.
WIDTH = 10_000

console = _LoggedConsole(stderr=True)
