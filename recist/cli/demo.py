"""``recist demo``: the main job on a phantom patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.console import console
from recist.cli.printing import print_result
from recist.cli.shared_options import Device


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the demo.")] = Path("demo"),
    lesions: Annotated[
        str, typer.Option(help="dicom: the phantom's own contours; auto: the network.")
    ] = "dicom",
    device: Device = "auto",
) -> None:
    """Make a small phantom patient, run the main job on it, and say where to look."""
    from recist.run import demonstration, progress

    with progress.Bars(console) as bars:
        lines, code = demonstration.run(
            out,
            lesions=lesions,
            device=device,
            on_catalogue=bars.on_catalogue,
            on_stage=bars.on_stage,
        )
    for line in lines:
        print_result(line)
    raise typer.Exit(code)
