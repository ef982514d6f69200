"""``recist cohort``: the questions of a trial, from measurements and a table of patients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import print_line, print_result, report_table
from recist.cli.shared_options import Events, Out, ProtocolName, names_of


def cohort(
    measurements: Annotated[
        Path, typer.Argument(help="Measurement table, or the folder of results of recist run.")
    ],
    patients: Annotated[
        Path,
        typer.Option(
            help="Table of patients: subject, arm, and dates or days of randomisation, "
            "treatment_start, radiotherapy_start, radiotherapy_end, new_therapy, death, "
            "last_contact, previous_line_start, previous_line_progression; further columns stay."
        ),
    ],
    out: Out,
    events: Events = None,
    strata: Annotated[str, typer.Option(help="Columns of the patients, comma-separated.")] = "",
    control: Annotated[str, typer.Option(help="The control arm; default: the smallest.")] = "",
    arms: Annotated[str, typer.Option(help="Names an arm may have, comma-separated.")] = "",
    biomarkers: Annotated[str, typer.Option(help="Columns with a number each.")] = "",
    toxicity: Annotated[
        Path | None, typer.Option(help="Adverse events: subject, term, grade (CTCAE).")
    ] = None,
    quality_of_life: Annotated[
        Path | None, typer.Option(help="QLQ-C30: subject, date|day, q1 .. q30.")
    ] = None,
    protocol: ProtocolName = "recist11-eortc",
    title: Annotated[str, typer.Option(help="Name of the trial, for the report.")] = "Trial",
) -> None:
    """PFS, iPFS, OS, rates at 6 months, response, growth modulation, by arm; a report page."""
    from recist.cohort.trial import TrialChoices, TrialTables, cohort_file

    found = cohort_file(
        measurements,
        out,
        TrialTables(patients, events, toxicity, quality_of_life),
        TrialChoices(names_of(strata), names_of(biomarkers), control, names_of(arms)),
        protocol=protocol,
        title=title,
    )
    for sentence in found.sentences:
        print_result(sentence)
    print_line(f"report: {out / 'report.html'}, {out / 'report.pdf'}")
    report_table(found.table)
