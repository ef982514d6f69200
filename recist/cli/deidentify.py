"""``recist deidentify``: DICOM files without the person, by the profile of PS3.15."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import print_line, print_research_use
from recist.cli.shared_options import Out


def deidentify(
    folder: Annotated[Path, typer.Argument(help="Folder tree of DICOM files.")],
    out: Out,
    key: Annotated[
        Path,
        typer.Option(
            "--key",
            help="Table of pseudonyms, shifts and the secret of UIDs; kept apart from the data. "
            "Written, or used again for later dates of the same patients.",
        ),
    ],
    table: Annotated[
        list[Path] | None,
        typer.Option(help="CSV table with a column subject (events, patients) to go with it."),
    ] = None,
    prefix: Annotated[str, typer.Option(help="Of the pseudonyms.")] = "P",
) -> None:
    """Pseudonyms for persons, shifted dates, new UIDs; intervals and links between objects stay."""
    from imaging.deidentification.folder import deidentify as write

    done = write(folder, out, key, tables=table or (), prefix=prefix)
    for line in done.reasons():
        print_line(f"left out: {line}")
    if done.passed_over:
        print_line(f"{done.passed_over} files are no DICOM and were passed over")
    print_line(f"{len(done.written)} objects in {out}; the key is {key}")
    print_line("check a sample yourself before it leaves the house: no profile knows every text")
    print_research_use()
    raise typer.Exit(0 if not done.left_out else 1 if done.written else 2)
