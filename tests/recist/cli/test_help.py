"""What ``--help`` shows of each command is what was written for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
import typer.main
from typer.testing import CliRunner

from recist.cli import COMMANDS, app


def texts(command: click.Command, name: str = "recist") -> Iterator[tuple[str, str]]:
    """Every text of help, with the command and option it stands for."""
    yield name, command.help or ""
    for parameter in command.params:
        yield f"{name} {parameter.name}", getattr(parameter, "help", None) or ""
    subcommands: dict[str, Any] = getattr(command, "commands", {})
    for each, subcommand in subcommands.items():
        yield from texts(subcommand, f"{name} {each}")


def test_the_list_of_commands_says_what_each_command_says_of_itself() -> None:
    commands: Any = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    said = {name: text for panel in COMMANDS.values() for name, text in panel.items()}
    assert list(said) == list(commands)
    for name in set(said) - {"review"}:
        assert " ".join(commands[name].help.split("\n\n")[0].split()) == said[name]
    shown = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert all(f"{panel}:" in shown for panel in COMMANDS)
    assert all(f" {name} {text}" in shown for name, text in said.items())


def test_the_list_of_commands_loads_none_of_them() -> None:
    code = (
        "import sys; sys.argv = ['recist', '--help']\n"
        "from recist.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'rich', 'numpy', 'pydicom', 'torch', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert 'recist.cli.run' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "recist11" not in done.stdout
    assert "assess-pet" in done.stdout


def test_no_help_is_swallowed_as_markup() -> None:
    """The console takes words in brackets for its own markup and shows nothing of them."""
    shown = dict(texts(typer.main.get_command(app)))
    assert len(shown) > 150
    assert {name: text for name, text in shown.items() if "[" in text} == {}
