"""What every command prints: where the results are, what was found on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.console import Console

from imaging.errors import printable
from recist.response import RESEARCH_USE

if TYPE_CHECKING:
    from recist.table.output import TableResult

console = Console(stderr=True)


def print_line(text: str) -> None:
    """A line as it stands, but for control characters: values of files could command a terminal."""
    console.print(printable(text), highlight=False, soft_wrap=True, markup=False)


def report_table(result: TableResult) -> None:
    """What came of a table: findings in a line each, where the results are, the exit code."""
    for finding in result.findings:
        print_line(str(finding))
    shown = len(result.findings)
    hidden = sum(result.counts.values()) - shown
    if hidden > 0:
        console.print(f"... and {hidden} more findings in {result.out / 'checks.csv'}")
    done = result.subjects - len(result.failed)
    console.print(f"{done} of {result.subjects} subjects assessed; results in {result.out}")
    console.print(RESEARCH_USE, style="dim")
    raise typer.Exit(result.exit_code)
