"""The command ``recist``: one sub-command per way into the toolkit, a module each.

Heavy libraries load inside the commands that need them, so a table of diameters needs no torch.
Exit codes: 0 all done; 1 some of it failed and is named; 2 nothing could be done, and why.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from imaging.errors import InputError, printable
from recist.cli import log
from recist.response import RESEARCH_USE
from recist.version import __version__

#: The commands in the order of the help, by what they start from, each with the first sentence of
#: its own help: the list of commands is shown without loading any of them.
COMMANDS: dict[str, dict[str, str]] = {
    "From images": {
        "pull": "Fetch the dates of patients from a PACS into a folder; what is there is not "
        "fetched again.",
        "run": "Images in, response out: delineate, measure, track, classify, for one or many "
        "patients.",
        "correct": "Correct the results of a run: assessed and written again at once, and what "
        "it changed.",
        "demo": "Make a small phantom patient, run the main job on it, and say where to look.",
        "segment": "Delineate and measure the one lesion that a click, a line or an earlier date "
        "means.",
        "suv": "The SUV factor of a PET series, with its reference time, rule and every candidate.",
        "deidentify": "Pseudonyms for persons, shifted dates, new UIDs; intervals and links "
        "between objects stay.",
    },
    "From tables": {
        "assess": "From a table of diameters to responses and outcomes; no images, no network.",
        "outcomes": "From time-point responses alone to best response and progression dates.",
        "abscopal": "Did the lesions that were not irradiated respond, in whom, and how often by "
        "chance.",
        "assess-pet": "From a table of uptake to metabolic responses: PERCIST, EORTC and others.",
    },
    "Of a trial": {
        "cohort": "PFS, iPFS, OS, rates at 6 months, response, growth modulation, by arm; a "
        "report page.",
        "forecast": "Growth rates with their error, fits as far as scans allow, new lesions to "
        "expect.",
        "design": "How many patients and events a 2:1 (or other) trial needs, and what power it "
        "has.",
    },
    "Out of the toolkit": {
        "export": "Write results for a PACS, a viewer, a planning system or a trial's database.",
        "push": "Send results (SEG, SR, RTSTRUCT, key images, report) or any DICOM files to a "
        "PACS.",
        "receive": "Take diameters and outlines back that were edited elsewhere: what they "
        "change, as corrections.",
    },
    "The network": {
        "evaluate": "Score a network and the classical methods against delineated cases.",
        "train": "Train a network further on your own cases: weights, folds, figures and a card.",
    },
    "In the browser": {
        "review": "Look, correct and sign in the browser; a trial's central review.",
    },
}
#: Commands that do not live in a module of their own name.
_HOMES = {"pull": "pacs", "push": "pacs"}


class _WhenAsked(Mapping[str, Any]):
    """The commands by name, each loaded when it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}
        self._names = [name for panel in COMMANDS.values() for name in panel]

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._loaded:
            self._loaded[name] = _load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _load(name: str) -> Any:
    own = name.replace("-", "_")
    found = getattr(importlib.import_module(f"recist.cli.{_HOMES.get(name, own)}"), own)
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


class _Commands(TyperGroup):
    """``recist``: its list of commands is plain text, which costs no library."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = _WhenAsked()

    def list_commands(self, _: Any) -> list[str]:
        return list(self.commands)

    def format_commands(self, _: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        for panel, commands in COMMANDS.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(width), said) for name, said in commands.items()])


app = typer.Typer(
    name="recist",
    cls=_Commands,
    help=f"Tumour response from CT and PET/CT by RECIST 1.1 and iRECIST. {RESEARCH_USE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
    # NumPy reads it when it is loaded. Its products of matrices are small here: a second thread
    # mostly waits, busily, and takes the processor from those who work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    began = time.monotonic()
    try:
        app()
    except SystemExit as ended:
        log.end(ended.code if isinstance(ended.code, int) else 0, time.monotonic() - began)
        raise
    except InputError as error:
        _refuse(str(error), began)
    except OSError as error:  # of a name that no file can have, say: nothing of ours is wrong
        if os.environ.get("RECIST_TRACEBACK"):
            raise
        named = Path(str(error.filename or "")).name
        _refuse(f"{named}: {error.strerror or error}" if named else str(error), began)


def _refuse(what: str, began: float) -> NoReturn:
    """Say in a line why nothing was done, and end with the exit status of a refusal."""
    log.refused(what)
    log.end(2, time.monotonic() - began)
    from rich.text import Text  # late: the list of commands needs no colours

    from recist.cli.console import console

    console.print(Text.assemble(("recist:", "red"), f" {printable(what)}"), soft_wrap=True)
    sys.exit(2)
