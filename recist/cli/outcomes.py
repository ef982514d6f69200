"""``recist outcomes``: responses per date to outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import report_table
from recist.cli.shared_options import AsJson, Criteria, Events, Out, ProtocolName, names_of


def outcomes(
    responses: Annotated[Path, typer.Argument(help="Table: subject, date|day, overall.")],
    out: Out,
    events: Events = None,
    criteria: Criteria = "recist11",
    protocol: ProtocolName = "recist11-eortc",
    as_json: AsJson = False,
) -> None:
    """From time-point responses alone to best response and progression dates."""
    from recist.run.outcomes import outcomes_file

    result = outcomes_file(
        responses,
        out,
        events=events,
        criteria=names_of(criteria),
        protocol=protocol,
        with_json=as_json,
    )
    report_table(result)
