"""``recist segment``: one lesion from a click, a line or an earlier date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.options import Device
from recist.cli.printing import console
from recist.response import RESEARCH_USE


def segment(
    images: Annotated[Path, typer.Argument(help="Folder of DICOM of one date, or a NIfTI CT.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="SEG (.dcm) or label map (.nii.gz).")],
    click: Annotated[str | None, typer.Option(help="x,y,z in LPS mm, inside the lesion.")] = None,
    line: Annotated[
        str | None, typer.Option(help="x,y,z:x,y,z in LPS mm, its longest diameter.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option("--from", help="Label map of an earlier date.")
    ] = None,
    previous_images: Annotated[
        Path | None, typer.Option("--from-images", help="CT of that date, to be registered.")
    ] = None,
    label: Annotated[int | None, typer.Option(help="Which lesion of --from.")] = None,
    pet: Annotated[Path | None, typer.Option(help="NIfTI PET in SUVbw beside a NIfTI CT.")] = None,
    subject: Annotated[str | None, typer.Option(help="Where the folder holds several.")] = None,
    date: Annotated[str | None, typer.Option(help="ISO date, where it holds several.")] = None,
    method: Annotated[
        str,
        typer.Option(
            help="network; hu-statistics or fast-marching from a line; edge-strength or "
            "lung-threshold from a click; fixed, percent, otsu or gradient on a PET."
        ),
    ] = "network",
    model: Annotated[Path | None, typer.Option(help="MONAI bundle to use instead.")] = None,
    device: Device = "auto",
    quality: Annotated[str, typer.Option(help="fast, ensemble or best.")] = "fast",
) -> None:
    """Delineate and measure the one lesion that a click, a line or an earlier date means."""
    from recist.measure import caliper
    from segmentation.single import segment_files

    found = segment_files(
        images,
        out,
        pet=pet,
        subject=subject,
        date=date,
        click=click,
        line=line,
        previous=previous,
        label=label,
        previous_ct=previous_images,
        method=method,
        model=model,
        device=device,
        quality=quality,
        on_warning=lambda text: console.print(
            f"warning: {text}", highlight=False, soft_wrap=True, markup=False
        ),
    )
    for candidate in found.candidates:
        drawn = caliper(candidate.mask, long_axis=candidate.long_axis)
        typer.echo(
            f"{drawn.long_axis_mm} x {drawn.short_axis_mm} mm, {candidate.mask.volume_ml:.2f} ml, "
            f"by {found.model}; written to {out}"
        )
        for flag in candidate.flags:
            typer.echo(f"check: {flag}")
    console.print(RESEARCH_USE, style="dim")
