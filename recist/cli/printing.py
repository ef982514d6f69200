"""What every command prints: where the results are, what was found on the way.

Without the library that draws bars and colours, which takes longer to load than a small table to
assess: see :mod:`recist.cli.console`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from imaging.errors import printable, spelt_out
from recist.cli import log
from recist.response import RESEARCH_USE

if TYPE_CHECKING:
    from recist.table.account import TableResult


def print_result(text: str) -> None:
    """What was asked for, in full, to standard output, where a script reads it."""
    typer.echo("\n".join(map(spelt_out, text.split("\n"))))
    log.said(text)


def print_line(text: str) -> None:
    """A line as it stands, but for what no terminal should get from a file."""
    typer.echo(printable(text), err=True)
    log.said(text)


def print_research_use() -> None:
    """What stands under every answer."""
    typer.secho(RESEARCH_USE, dim=True, err=True)
    log.said(RESEARCH_USE)


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
    print_research_use()
    raise typer.Exit(result.exit_code)
