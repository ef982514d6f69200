"""``recist assess-pet``: a table of uptake to metabolic responses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imaging.errors import InputError
from recist.cli.printing import print_line, print_research_use, print_result
from recist.cli.shared_options import AsJson, Out, ProtocolName, names_of


def assess_pet(
    table: Annotated[Path, typer.Argument(help="Table of uptake, one row per date and lesion.")],
    out: Out,
    criteria: Annotated[
        str, typer.Option(help="Comma-separated names of PET criteria; default: all.")
    ] = "",
    protocol: ProtocolName = "recist11-eortc",
    as_json: AsJson = False,
    jobs: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
) -> None:
    """From a table of uptake to metabolic responses: PERCIST, EORTC and others."""
    from pet.response.uptake_table import assess_pet_table
    from recist.protocol import load

    chosen = load(protocol)
    failures: dict[str, InputError] = {}
    for path in assess_pet_table(
        table,
        out,
        criteria=names_of(criteria) or None,
        settings=chosen.pet,
        failures=failures,
        date_order=chosen.date_order,
        with_json=as_json,
        jobs=jobs,
        on_remark=lambda remark: print_line(f"warning: {remark}"),
    ):
        print_result(str(path))
    for subject, error in failures.items():
        print_line(f"error: {subject}: {error}")
    print_research_use()
    raise typer.Exit(1 if failures else 0)
