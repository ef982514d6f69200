"""``recist suv``: the factor of a PET series, explained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imaging.errors import InputError
from recist.cli.printing import print_line, print_result


def suv(
    series: Annotated[Path, typer.Argument(help="Folder of one PET series.")],
    kind: Annotated[str, typer.Option("--type", help="bw, lbm, bsa or ibw.")] = "bw",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    value_map: Annotated[
        Path | None,
        typer.Option(help="Write a DICOM real world value map: any viewer then shows SUV."),
    ] = None,
    strict: Annotated[bool, typer.Option(help="Turn every adaptation into an error.")] = False,
) -> None:
    """The SUV factor of a PET series, with its reference time, rule and every candidate."""
    from pet.suv import SuvType, suv_report

    if kind not in tuple(SuvType):
        raise InputError(f"--type {kind}", remedy=f"one of {', '.join(SuvType)}")
    print_result(suv_report(series, SuvType(kind), json=as_json, strict=strict))
    if value_map is not None:
        from pet.value_maps import write_value_map

        write_value_map(series, value_map, SuvType(kind), strict=strict)
        print_line(f"value map: {value_map}")
