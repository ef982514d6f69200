"""The command ``recist``: one sub-command per way into the toolkit, a module each.

Heavy libraries load inside the commands that need them, so a table of diameters needs no torch.
Exit codes: 0 all done; 1 some of it failed and is named; 2 nothing could be done, and why.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from imaging.errors import InputError, printable
from recist.cli import log
from recist.cli.abscopal import abscopal
from recist.cli.assess import assess
from recist.cli.assess_pet import assess_pet
from recist.cli.cohort import cohort
from recist.cli.correct import correct
from recist.cli.deidentify import deidentify
from recist.cli.demo import demo
from recist.cli.design import design
from recist.cli.evaluate import evaluate
from recist.cli.export import export
from recist.cli.forecast import forecast
from recist.cli.outcomes import outcomes
from recist.cli.pacs import pull, push
from recist.cli.printing import console
from recist.cli.receive import receive
from recist.cli.review import review
from recist.cli.run import run
from recist.cli.segment import segment
from recist.cli.suv import suv
from recist.cli.train import train
from recist.response import RESEARCH_USE
from recist.version import __version__

app = typer.Typer(
    name="recist",
    help=f"Tumour response from CT and PET/CT by RECIST 1.1 and iRECIST. {RESEARCH_USE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

#: The commands in the order of the help, by what they start from.
COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "From images": (pull, run, correct, demo, segment, suv, deidentify),
    "From tables": (assess, outcomes, abscopal, assess_pet),
    "Of a trial": (cohort, forecast, design),
    "Out of the toolkit": (export, push, receive),
    "The network": (evaluate, train),
}
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(command.__name__.replace("_", "-"), rich_help_panel=panel)(command)
app.add_typer(review, rich_help_panel="In the browser")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recist {__version__}. {RESEARCH_USE}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    log_file: Annotated[
        Path | None,
        typer.Option(help="Append what the command says, with times, to this file."),
    ] = None,
) -> None:
    """Tumour response assessment."""
    del version  # its callback has printed it and left
    if log_file is not None:
        log.begin(log_file)


def main() -> None:
    """Entry point: refusals are printed in a line, never as a traceback.

    What we warn of is part of the results. Python warnings of the DICOM libraries are not shown:
    they quote header values, patients' names among them.
    """
    warnings.simplefilter("ignore")
    began = time.monotonic()
    try:
        app()
    except SystemExit as ended:
        log.end(ended.code if isinstance(ended.code, int) else 0, time.monotonic() - began)
        raise
    except InputError as error:
        log.refused(str(error))
        log.end(2, time.monotonic() - began)
        console.print(
            Text.assemble(("recist:", "red"), f" {printable(str(error))}"), soft_wrap=True
        )
        sys.exit(2)
