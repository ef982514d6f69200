"""What ``--help`` shows of each command is what was written for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import typer.main

from recist.cli import app


def texts(command: click.Command, name: str = "recist") -> Iterator[tuple[str, str]]:
    """Every text of help, with the command and option it stands for."""
    yield name, command.help or ""
    for parameter in command.params:
        yield f"{name} {parameter.name}", getattr(parameter, "help", None) or ""
    subcommands: dict[str, Any] = getattr(command, "commands", {})
    for each, subcommand in subcommands.items():
        yield from texts(subcommand, f"{name} {each}")


def test_no_help_is_swallowed_as_markup() -> None:
    """The console takes words in brackets for its own markup and shows nothing of them."""
    shown = dict(texts(typer.main.get_command(app)))
    assert len(shown) > 150
    assert {name: text for name, text in shown.items() if "[" in text} == {}
