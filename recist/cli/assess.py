"""``recist assess``: a table of diameters to responses and outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import print_line, report_table
from recist.cli.shared_options import AsJson, Criteria, Events, Out, ProtocolName, names_of


def assess(
    measurements: Annotated[
        Path, typer.Argument(help="Measurement table: CSV, xlsx or parquet; see --from.")
    ],
    out: Out,
    events: Events = None,
    criteria: Criteria = "recist11,irecist",
    protocol: ProtocolName = "recist11-eortc",
    form: Annotated[
        str,
        typer.Option(
            "--from",
            help="table: a row per lesion and date; worksheet: a row per lesion, a column per "
            "date; sdtm: folder with TU and TR as csv, xpt or json.",
        ),
    ] = "table",
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="Add the chance of each category under reading error."),
    ] = False,
    as_json: AsJson = False,
    jobs: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
) -> None:
    """From a table of diameters to responses and outcomes; no images, no network."""
    from recist.run.foreign_forms import as_measurement_table
    from recist.run.table import assess_file

    table, remarks = as_measurement_table(measurements, form, out)
    for remark in remarks:
        print_line(remark)
    result = assess_file(
        table,
        out,
        events=events,
        criteria=names_of(criteria),
        protocol=protocol,
        jobs=jobs,
        robustness=robustness,
        with_json=as_json,
    )
    report_table(result)
