"""``recist export``: results in the forms that other systems read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import print_line, print_research_use
from recist.cli.shared_options import names_of
from recist.export.export_targets import TARGETS

_FORMS = "; ".join(f"{name}: {target.says}" for name, target in TARGETS.items())


def export(
    source: Annotated[
        Path, typer.Argument(help="Folder of results of recist run; a table for some targets.")
    ],
    to: Annotated[str, typer.Option("--to", help=f"Comma-separated. {_FORMS}.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where files go; else beside the results."),
    ] = None,
    subject: Annotated[
        list[str] | None, typer.Option(help="Only this subject; may be given several times.")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option("--events", help="CDISC, of a table: subject, date|day, event."),
    ] = None,
    criteria: Annotated[
        str, typer.Option(help="CDISC: recist11, irecist, irrecist, imrecist; else the run's own.")
    ] = "",
    protocol: Annotated[
        str, typer.Option("--protocol", help="CDISC: preset or TOML file; else the run's own.")
    ] = "",
    study: Annotated[str, typer.Option(help="CDISC: identifier of the trial.")] = "STUDY",
    accepted: Annotated[
        str, typer.Option(help="CDISC: the reader whose read counts (--ACPTFL).")
    ] = "",
    terminology: Annotated[
        Path | None,
        typer.Option(help="CDISC: TOML file with another release of the terminology."),
    ] = None,
    labelmap: Annotated[
        bool,
        typer.Option(
            "--labelmap", help="DICOM: SEG of the LABELMAP class, which some archives refuse."
        ),
    ] = False,
) -> None:
    """Write results for a PACS, a viewer, a planning system or a trial's database."""
    from recist.export.export_targets import targets_named
    from recist.export.request import Request

    request = Request(
        source,
        out,
        tuple(subject or ()),
        labelmap,
        events,
        names_of(criteria),
        protocol,
        study,
        accepted,
        terminology,
    )
    codes = []
    for target in targets_named(names_of(to)):
        exported = target.write(request)
        for line in (*exported.failures, *exported.remarks):
            print_line(line)
        places = sorted({str(path.parent) for path in exported.files})
        shown = places[0] if len(places) == 1 else f"{len(places)} folders" if places else "nowhere"
        print_line(f"{len(exported.files)} files in {shown}")
        codes.append(exported.exit_code)
    print_research_use()
    # All failed is worse than some; some failed is worse than none.
    raise typer.Exit(2 if set(codes) == {2} else int(any(codes)))
