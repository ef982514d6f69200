"""``recist receive``: diameters that were edited elsewhere come back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import console, print_line
from recist.response import RESEARCH_USE


def receive(
    results: Annotated[Path, typer.Argument(help="Folder of results of recist run --dicom.")],
    reports: Annotated[
        list[Path], typer.Argument(help="Structured reports (OHIF, dcmqi, ...), or folders.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Receives the tables; else RESULTS/received.")
    ] = None,
    reader: Annotated[
        str, typer.Option(help="Who stands for reports that name nobody (OHIF's do not).")
    ] = "",
) -> None:
    """Take diameters back that were edited in a viewer: what they change, as corrections."""
    from recist.incoming.receiving import receive as take_back

    done = take_back(results, reports, out=out, reader=reader)
    for line in (*done.lines, *done.left):
        print_line(line)
    print_line(f"{done.unchanged} diameters came back unchanged, {len(done.left)} left out")
    for table in done.tables.values():
        print_line(f"corrections: {table}")
    console.print(RESEARCH_USE, style="dim")
    raise typer.Exit(1 if done.left else 0)
