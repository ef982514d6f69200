"""Options that several commands share, with one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imaging.errors import InputError

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder that receives the results.")]
Criteria = Annotated[
    str, typer.Option(help="Comma-separated: recist11, irecist, irrecist, imrecist.")
]
ProtocolName = Annotated[
    str,
    typer.Option("--protocol", help="Preset, or TOML file with the tables recist, field and pet."),
]
Events = Annotated[
    Path | None, typer.Option("--events", help="Table of events: subject, date|day, event.")
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="Another model: a MONAI bundle, a TorchScript file, an nnU-Net v2 result folder, a "
        "folder of label maps, or a TOML file that names one of these (recist.toml).",
    ),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Let the configuration of --model's MONAI bundle run code."),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Write the answers as JSON too, with every number and margin."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, or cuda:N.")]


def names_of(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def in_lung(candidates: str | None) -> bool:
    """Whether ``--candidates`` asks for a list of what is round in the lungs.

    Raises:
        InputError: of another organ, for which there is no such list.
    """
    if candidates not in (None, "lung"):
        raise InputError(
            f"--candidates {candidates}",
            remedy="only lung: elsewhere nothing was right often enough to be listed",
        )
    return candidates is not None
