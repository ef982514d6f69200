"""``recist segment``: one lesion from a click, a line or an earlier date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imaging.writing import SCHEMA_VERSION
from recist.cli.printing import print_line, print_research_use, print_result
from recist.cli.shared_options import Device, Model, Trust, in_lung
from recist.response import RESEARCH_USE

if TYPE_CHECKING:
    from segmentation.infer import Delineation
    from segmentation.instances import Candidate


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
        Path | None,
        typer.Option("--from-images", help="Images of that date: the outline follows them."),
    ] = None,
    previous_pet: Annotated[
        Path | None, typer.Option("--from-pet", help="NIfTI PET beside a NIfTI CT of that date.")
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
    candidates: Annotated[
        str | None,
        typer.Option(
            help="lung: no prompt, list what is round in the lungs: unreviewed, many are vessels."
        ),
    ] = None,
    model: Model = None,
    trust: Trust = False,
    device: Device = "auto",
    quality: Annotated[str, typer.Option(help="fast, ensemble or best.")] = "fast",
    as_json: Annotated[bool, typer.Option("--json", help="Print the measures as JSON.")] = False,
) -> None:
    """Delineate and measure the one lesion that a click, a line or an earlier date means.

    Or, with --candidates lung, what may be lesions there, for a reader to look through.
    """
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
        previous_pet=previous_pet,
        diameter=lambda mask: float(caliper(mask).long_axis_mm),
        in_lungs=in_lung(candidates),
        method=method,
        model=model,
        trusted=trust,
        device=device,
        quality=quality,
        on_warning=lambda text: print_line(f"warning: {text}"),
    )
    if as_json:
        print_result(_as_json(found, out))
        return
    for candidate in found.candidates:
        drawn = caliper(candidate.mask, long_axis=candidate.long_axis)
        print_result(
            f"{drawn.long_axis_mm}{_between(candidate)} x {drawn.short_axis_mm} mm, "
            f"{candidate.mask.volume_ml:.2f} ml, by {found.model}; written to {out}"
        )
        for flag in candidate.flags:
            print_result(f"check: {flag}")
    print_research_use()


def _between(candidate: Candidate) -> str:
    """The interval of the long axis in brackets, where the errors of the model are known."""
    if candidate.diameter_interval_mm is None:
        return ""
    low, high = candidate.diameter_interval_mm
    return f" ({low:.0f} to {high:.0f})"


def _as_json(found: Delineation, out: Path) -> str:
    """The result as JSON, by the schema ``segment.schema.json``."""
    from recist.measure import caliper

    lesions = []
    for candidate in found.candidates:
        drawn = caliper(candidate.mask, long_axis=candidate.long_axis)
        lesions.append(
            {
                "long_axis_mm": float(drawn.long_axis_mm),
                "short_axis_mm": float(drawn.short_axis_mm),
                "interval_mm": candidate.diameter_interval_mm
                and [round(end, 1) for end in candidate.diameter_interval_mm],
                "volume_ml": round(candidate.mask.volume_ml, 3),
                "checks": list(candidate.flags),
            }
        )
    content = {
        "schema_version": SCHEMA_VERSION,
        "notice": RESEARCH_USE,
        "written_to": str(out),
        "model": found.model,
        "warnings": list(found.warnings),
        "lesions": lesions,
    }
    return json.dumps(content, ensure_ascii=False, indent=2)
