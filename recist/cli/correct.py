"""``recist correct``: a reader's corrections over the results of a run."""

from __future__ import annotations

import gc
import getpass
from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import print_line, print_research_use

_SAID = "reason, reader, recorded_at"


def correct(
    out: Annotated[Path, typer.Argument(help="Folder of results that recist run wrote.")],
    overrides: Annotated[
        Path | None,
        typer.Option(
            help="What a lesion is: subject, lesion, role (target, non-target, not-a-lesion), "
            "organ, nodal (yes, no), field (in, partial, low-dose, out), new (confirmed, "
            f"refused), {_SAID}."
        ),
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(
            help="Which delineation is which lesion: subject, date, candidate, lesion (empty: "
            f"none), {_SAID}."
        ),
    ] = None,
    measurements: Annotated[
        Path | None,
        typer.Option(
            help="How large, or what was seen: subject, date, lesion, status, diameter_mm, "
            "long_axis_mm, short_axis_mm, long_axis and short_axis (x y z x y z, LPS mm), "
            f"merged_into, {_SAID}; or a measurements.csv of the run, edited."
        ),
    ] = None,
    dates: Annotated[
        Path | None,
        typer.Option(help=f"Dates gone through: subject, date, checked (yes), {_SAID}."),
    ] = None,
    drawn: Annotated[
        Path | None,
        typer.Option(
            help="Lesions drawn: subject, date, lesion, points (x y z, or both ends of the "
            "longest diameter), outline (NIfTI file, or a part that is proposed of an outline that "
            f"narrows: L3 part 1), organ, nodal, {_SAID}."
        ),
    ] = None,
    subject: Annotated[
        list[str] | None, typer.Option(help="Only this subject; may be given several times.")
    ] = None,
    reason: Annotated[
        str,
        typer.Option(
            help="Why results are changed that a reader signed: a new version, signed by nobody."
        ),
    ] = "",
) -> None:
    """Correct the results of a run: assessed and written again at once, and what it changed.

    A table takes the place of what was said before of its kind. Without one, the tables that lie
    beside each patient's results, under corrections, are taken as they are; empty cells leave what
    was proposed. Results that a reader signed are changed with --reason only.
    """
    # What the imports make stays to the end: it is not searched for what could go, again and again.
    gc.disable()
    from recist.run.correcting import correct as corrected

    gc.freeze()
    gc.enable()
    tables = {
        "overrides": overrides,
        "links": links,
        "measurements": measurements,
        "dates": dates,
        "drawn": drawn,
    }
    done = corrected(out, tables, only=subject or (), reason=reason, by=getpass.getuser())
    for patient in done:
        if patient.changes is None:
            print_line(f"{patient.subject}: {patient.failure}")
            continue
        for line in patient.changes.lines() or ("nothing changed",):
            print_line(f"{patient.subject} {line}" if len(done) > 1 else line)
        if patient.superseded is not None:
            was = patient.superseded
            print_line(
                f"{patient.subject}: {was.who} signed the results on {was.time[:19]}; this is a "
                "new version, which nobody has signed"
            )
    failed = sum(patient.changes is None for patient in done)
    print_line(f"{len(done) - failed} of {len(done)} patients corrected; results in {out}")
    print_research_use()
    raise typer.Exit(1 if 0 < failed < len(done) else 2 if failed else 0)
