"""``recist receive``: diameters and outlines that were drawn elsewhere come back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import print_line, print_research_use


def receive(
    results: Annotated[Path, typer.Argument(help="Folder of results of recist run --dicom.")],
    objects: Annotated[
        list[Path],
        typer.Argument(
            help="Structured reports, SEG and RTSTRUCT (OHIF, dcmqi, 3D Slicer, a planning "
            "system ...), or folders."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Receives the tables; else RESULTS/received.")
    ] = None,
    reader: Annotated[
        str, typer.Option(help="Who stands for objects that name nobody (OHIF's do not).")
    ] = "",
    new: Annotated[
        bool,
        typer.Option("--new", help="Outlines of no known lesion are new lesions, by their names."),
    ] = False,
) -> None:
    """Take diameters and outlines back that were edited elsewhere: what they change, as
    corrections.

    Nothing is changed yet: the last line is the command that takes them over.
    """
    from recist.incoming.receiving import receive as take_back

    done = take_back(results, objects, out=out, reader=reader, new=new)
    for line in (*done.lines, *done.left):
        print_line(line)
    print_line(f"{done.unchanged} came back unchanged, {len(done.left)} left out")
    for tables in done.tables.values():
        given = " ".join(f"--{kind} {table}" for kind, table in tables.items())
        print_line(f"recist correct {results} {given}")
    print_research_use()
    raise typer.Exit(1 if done.left else 0)
