"""``recist train``: a bundle of one's own, from ours and one's own cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from recist.cli.console import console
from recist.cli.printing import print_line, print_research_use
from recist.cli.shared_options import Device


def train(
    data: Annotated[
        Path,
        typer.Argument(
            help="Folder of NAME_ct, NAME_lab and NAME_suv1000 .nii.gz, or of DICOM with RTSTRUCT "
            "or SEG."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The new bundle, a new folder.")],
    start: Annotated[
        Path | None,
        typer.Option("--from", help="Bundle to go on from; its kind decides that of the new one."),
    ] = None,
    network: Annotated[
        str, typer.Option(help="Which shipped bundle to go on from: lesion_ctpet or lesion_ct.")
    ] = "lesion_ctpet",
    steps: Annotated[int, typer.Option(min=1, help="Of each network.")] = 600,
    folds: Annotated[int, typer.Option(min=2, help="Parts that patients are divided into.")] = 5,
    learning_rate: Annotated[float, typer.Option(help="Falls to zero over the steps.")] = 5e-4,
    seed: Annotated[int, typer.Option(help="Of the folds and of everything drawn.")] = 1,
    roi_pattern: Annotated[
        str | None, typer.Option(help="Which ROI names are lesions (regular expression).")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="0 leaves it to torch.")] = 0,
    device: Device = "auto",
) -> None:
    """Train a network further on your own cases: weights, folds, figures and a card.

    What is done stays done: interrupted, the same command goes on where it stopped.
    """
    import torch

    from recist.measure import caliper
    from recist.patient.training_cases import write_training_cases
    from segmentation.bundle import load_bundle
    from segmentation.packing import case_names
    from segmentation.retraining import Retraining, retrain

    if threads:
        torch.set_num_threads(threads)
    how = Retraining(
        steps=steps, folds=folds, learning_rate=learning_rate, seed=seed, device=device
    )
    bundle = load_bundle(start, name=network)
    folder = data
    if not case_names(data):
        folder = out.parent / f"{out.name}.cases"
        if not case_names(folder):
            count = write_training_cases(
                data,
                folder,
                roi_pattern=roi_pattern,
                on_remark=print_line,
            )
            print_line(f"{count} cases written to {folder}")
    with Progress(console=console, transient=True) as bars:
        bar = bars.add_task("reading")

        def on_progress(what: str, done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total, description=what)
            if not console.is_terminal and done % 100 == 0:
                print_line(f"{what}: {done} of {total}")

        table = retrain(
            folder,
            out,
            bundle,
            how,
            diameter=lambda mask: float(caliper(mask).long_axis_mm),
            on_progress=on_progress,
        )
    typer.echo(table)
    print_line(f"bundle, figures and card in {out}; use it with --model {out}")
    print_research_use()
