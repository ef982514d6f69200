"""``recist evaluate``: the network and its peers against delineated cases."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from imaging.errors import InputError, printable
from imaging.read_json import read_json
from recist.cli.console import console
from recist.cli.printing import print_line, print_research_use, print_result
from recist.cli.shared_options import Device, Out


def evaluate(
    data: Annotated[
        list[Path], typer.Argument(help="Folders of NAME_ct, NAME_lab and NAME_suv1000 .nii.gz.")
    ],
    out: Out,
    model: Annotated[Path | None, typer.Option(help="MONAI bundle to evaluate instead.")] = None,
    folds: Annotated[
        bool,
        typer.Option("--folds", help="Each case by the fold's network that never saw it."),
    ] = False,
    network: Annotated[
        str, typer.Option(help="lesion_ctpet, or lesion_ct for boxes of small lesions on CT.")
    ] = "lesion_ctpet",
    limits: Annotated[
        bool,
        typer.Option("--limits", help="Patient by patient what limits a click (cases with PET)."),
    ] = False,
    device: Device = "auto",
) -> None:
    """Score a network and the classical methods against delineated cases.

    What is done stays done: interrupted, the same command goes on where it stopped.
    """
    from recist.measure import caliper
    from segmentation.bundle import load_bundle
    from segmentation.release import limited, validate

    split = None
    if limits and network != "lesion_ctpet":
        raise InputError("--limits is for the network of CT and PET", remedy="leave --network out")
    if folds:
        path = load_bundle(model, name=network).root / "configs" / "folds.json"
        split = read_json(path) if path.is_file() else None
        if split is None:
            raise InputError("the bundle names no folds", where=path)
    told = "limits.md and limits.csv" if limits else "tables and plot"
    with Progress(console=console, transient=True) as bars:
        bar = bars.add_task("reading")

        def on_case(done: int, total: int, name: str) -> None:
            shown = escape(printable(f"{done} of {total}: {name}"))
            bars.update(bar, completed=done, total=total, description=shown)
            if not console.is_terminal and done % 20 == 0:
                print_line(f"{done} of {total} done")

        scored = limited if limits else partial(validate, name=network)
        table = scored(
            data,
            model,
            split,
            out,
            diameter=lambda mask: float(caliper(mask).long_axis_mm),
            device=device,
            on_case=on_case,
        )
    print_result(table)
    print_line(f"{told} in {out}")
    print_research_use()
