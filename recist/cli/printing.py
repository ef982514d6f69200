"""What every command prints: where the results are, what was found on the way."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from imaging.errors import printable, spelt_out
from recist.cli import log
from recist.response import RESEARCH_USE

if TYPE_CHECKING:
    from recist.table.account import TableResult


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


def print_result(text: str) -> None:
    """What was asked for, in full, to standard output, where a script reads it."""
    typer.echo("\n".join(map(spelt_out, text.split("\n"))))
    log.said(text)


def print_line(text: str) -> None:
    """A line as it stands, but for what no terminal should get from a file."""
    console.print(printable(text), highlight=False, soft_wrap=True, markup=False)


def report_table(result: TableResult) -> None:
    """What came of a table: findings in a line each, where the results are, the exit code."""
    for finding in result.findings:
        print_line(str(finding))
    shown = len(result.findings)
    hidden = sum(result.counts.values()) - shown
    if hidden > 0:
        print_line(f"... and {hidden} more findings in {result.out / 'checks.csv'}")
    done = result.subjects - len(result.failed)
    print_line(f"{done} of {result.subjects} subjects assessed; results in {result.out}")
    console.print(RESEARCH_USE, style="dim")
    raise typer.Exit(result.exit_code)
