"""``recist evaluate``: the network and its peers against delineated cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from imaging.errors import InputError
from recist.cli.options import Device, Out
from recist.cli.output import console
from recist.response import RESEARCH_USE


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
    device: Device = "auto",
) -> None:
    """Score the network and the threshold methods against delineated cases."""
    from recist.measure import caliper
    from segmentation.bundle import load_bundle
    from segmentation.release import validate

    split = None
    if folds:
        path = load_bundle(model).root / "configs" / "folds.json"
        split = json.loads(path.read_text()) if path.is_file() else None
        if split is None:
            raise InputError("the bundle names no folds", where=path)
    table = validate(
        data,
        model,
        split,
        out,
        diameter=lambda mask: float(caliper(mask).long_axis_mm),
        device=device,
    )
    typer.echo(table)
    console.print(f"tables and plot in {out}", highlight=False)
    console.print(RESEARCH_USE, style="dim")
