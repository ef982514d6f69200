"""``recist review``: the reading room in the browser, and the proof of its audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from imaging.errors import InputError
from recist.cli.printing import print_line
from recist.response import RESEARCH_USE

#: The command that needs no name.
OPEN = "open"


class _OpensByDefault(TyperGroup):
    """``recist review OUT`` opens the room; ``recist review audit OUT`` is a command of its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = [OPEN, *args]
        return super().parse_args(ctx, args)


review = typer.Typer(
    name="review",
    cls=_OpensByDefault,
    no_args_is_help=True,
    help="Look, correct and sign in the browser: `recist review OUT --studies STUDIES`.",
)


@review.command(OPEN)
def open_room(
    out: Annotated[Path, typer.Argument(help="Results of `recist run`.")],
    studies: Annotated[
        Path | None, typer.Option(help="The images that the run was made from.")
    ] = None,
    port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    reader: Annotated[
        str | None, typer.Option(help="Who reads; by default the user of this computer.")
    ] = None,
    network: Annotated[
        bool, typer.Option(help="Delineate by a click or a line with the networks that ship.")
    ] = True,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
) -> None:
    """Read the results of a run: patients with what needs a look, corrections, signatures."""
    server = _loaded()

    def tell(address: str) -> None:
        print_line(f"Reading room of this computer only: {address}")
        print_line(f"Stop it with Ctrl-C. {RESEARCH_USE}")
        if browser:
            typer.launch(address)

    server.serve_results(
        out,
        studies=studies,
        port=port,
        reader=reader,
        with_network=network,
        on_address=tell,
    )


def _loaded() -> Any:
    try:
        from recist.review.web import server
    except ModuleNotFoundError as error:
        raise InputError(
            f"the reading room needs {error.name}", remedy="pip install 'recist[review]'"
        ) from error
    return server
