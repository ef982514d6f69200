"""What every command prints: where the results are, what was found on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.console import Console

from recist.response import RESEARCH_USE

if TYPE_CHECKING:
    from recist.table.output import TableResult

console = Console(stderr=True)


def report_table(result: TableResult) -> None:
    """What came of a table: findings in a line each, where the results are, the exit code."""
    for finding in result.findings:
        console.print(str(finding), highlight=False, soft_wrap=True, markup=False)
    shown = len(result.findings)
    hidden = sum(result.counts.values()) - shown
    if hidden > 0:
        console.print(f"... and {hidden} more findings in {result.out / 'checks.csv'}")
    done = result.subjects - len(result.failed)
    console.print(f"{done} of {result.subjects} subjects assessed; results in {result.out}")
    console.print(RESEARCH_USE, style="dim")
    raise typer.Exit(result.exit_code)
