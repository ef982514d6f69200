"""``recist forecast``: growth of lesions, and who stays oligometastatic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import print_line, report_table
from recist.cli.shared_options import Events, Out, ProtocolName


def forecast(
    measurements: Annotated[Path, typer.Argument(help="Measurement table with a column field.")],
    out: Out,
    events: Events = None,
    protocol: ProtocolName = "recist11-eortc",
    calibrate: Annotated[
        int,
        typer.Option(min=0, help="Patients of the simulated cohorts that test it; 0: none."),
    ] = 0,
    explore: Annotated[
        bool, typer.Option("--explore", help="Add exploratory simulations (Iwata, emission).")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the simulations.")] = 1,
) -> None:
    """Growth rates with their error, fits as far as scans allow, new lesions to expect."""
    from recist.forecast import forecast_file

    found = forecast_file(
        measurements,
        out,
        events=events,
        protocol=protocol,
        calibrated_on=calibrate,
        explore=explore,
        seed=seed,
    )
    for line in found.assumptions:
        print_line(line)
    report_table(found.table)
