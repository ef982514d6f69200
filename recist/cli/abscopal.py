"""``recist abscopal``: response outside the irradiated field, patient by patient and in all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import print_result, report_table
from recist.cli.shared_options import Events, Out, ProtocolName


def abscopal(
    measurements: Annotated[Path, typer.Argument(help="Measurement table with a column field.")],
    out: Out,
    events: Events = None,
    arms: Annotated[
        Path | None, typer.Option("--arms", help="Table of arms: subject, arm; systemic if known.")
    ] = None,
    doses: Annotated[
        Path | None, typer.Option("--doses", help="field.csv of the main job: varies the dose.")
    ] = None,
    protocol: ProtocolName = "recist11-eortc",
    jobs: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
) -> None:
    """Did the lesions that were not irradiated respond, in whom, and how often by chance."""
    from recist.cohort import abscopal_file

    report_table(
        abscopal_file(
            measurements,
            out,
            events=events,
            arms=arms,
            doses=doses,
            protocol=protocol,
            jobs=jobs,
            on_answer=print_result,
        )
    )
