"""``recist assess-pet``: a table of uptake to metabolic responses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.options import Out, ProtocolName, names_of
from recist.cli.output import console
from recist.response import RESEARCH_USE


def assess_pet(
    table: Annotated[Path, typer.Argument(help="Table of uptake, one row per date and lesion.")],
    out: Out,
    criteria: Annotated[
        str, typer.Option(help="Comma-separated names of PET criteria; default: all.")
    ] = "",
    protocol: ProtocolName = "recist11-eortc",
) -> None:
    """From a table of uptake to metabolic responses: PERCIST, EORTC and others."""
    from pet.response.table import assess_pet_table
    from recist.protocol import load

    for path in assess_pet_table(
        table, out, criteria=names_of(criteria) or None, settings=load(protocol).pet
    ):
        typer.echo(path)
    console.print(RESEARCH_USE, style="dim")
