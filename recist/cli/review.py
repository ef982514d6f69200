"""``recist review``: the reading room in the browser, and what belongs to a trial's review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from imaging.errors import InputError
from recist.cli.printing import print_line
from recist.cli.shared_options import Out
from recist.response import RESEARCH_USE

if TYPE_CHECKING:
    from recist.review.room import Room
    from recist.review.trial.trial_settings import TrialSettings

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
    help="Look, correct and sign in the browser: `recist review OUT`, or a "
    "trial's central review: `recist review --trial TRIAL.toml`.",
)

Trial = Annotated[Path, typer.Argument(help="TRIAL.toml.")]


@review.command(OPEN)
def open_room(
    out: Annotated[Path | None, typer.Argument(help="Results of `recist run`.")] = None,
    studies: Annotated[
        Path | None,
        typer.Option(help="The images; by default where the run found them."),
    ] = None,
    trial: Annotated[
        Path | None, typer.Option(help="TRIAL.toml: a central review instead of one reader.")
    ] = None,
    port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    reader: Annotated[
        str | None, typer.Option(help="Who reads; by default the user of this computer.")
    ] = None,
    organisation: Annotated[
        str,
        typer.Option(help="To which the reader answers for what is signed; in DICOM reports."),
    ] = "",
    network: Annotated[
        bool, typer.Option(help="Delineate by a click or a line with the networks that ship.")
    ] = True,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
) -> None:
    """Read the results of a run in the browser, or a trial with its readers and adjudicator."""
    server = _loaded()
    if (out is None) is (trial is None):
        raise InputError("give the results of a run, or --trial TRIAL.toml")

    def tell(address: str) -> None:
        where = "of this computer only" if trial is None else "of the trial"
        print_line(f"Reading room {where}: {address}")
        print_line(f"Stop it with Ctrl-C. {RESEARCH_USE}")
        if browser and trial is None:
            typer.launch(address)

    if trial is not None:
        server.serve_trial(_settings(trial), with_network=network, on_address=tell)
        return
    server.serve_results(
        out,
        studies=studies,
        port=port,
        reader=reader,
        organisation=organisation,
        with_network=network,
        on_address=tell,
    )


@review.command()
def audit(
    room: Annotated[Path, typer.Argument(help="OUT of a reading room, or TRIAL.toml.")],
    expect: Annotated[
        str, typer.Option(help="Digest of the head that was noted earlier: it has to be there.")
    ] = "",
) -> None:
    """Prove the chain of the audit and the tables under it; name the first broken row.

    Exit code 0: proved; 1: broken; 2: it cannot be read.
    """
    _loaded()
    from recist.patient.signatures import ROOM
    from recist.review.database.audit_trail import prove
    from recist.review.database.engine import opened_for_proof
    from recist.review.web.app import DATABASE, KEY

    if room.is_dir():
        url, key = f"sqlite:///{room / ROOM / DATABASE}", room / ROOM / KEY
    else:
        settings = _settings(room)
        url, key = settings.url, settings.audit_key
    with opened_for_proof(url, key) as (session, secret):
        proof = prove(session, secret, expect=expect)
    if proof.broken is not None:
        print_line(f"broken: {proof.broken}")
        print_line(f"{proof.rows} rows before it are proved")
        raise typer.Exit(1)
    print_line(f"proved: {proof.rows} rows, head {proof.head}")
    print_line("Note the head elsewhere: --expect HEAD later shows that nothing was rolled back.")


@review.command()
def account(
    trial: Trial,
    name: Annotated[str, typer.Argument(help="Who logs in.")],
    role: Annotated[str, typer.Option(help="administrator, reader, adjudicator or monitor.")],
    password: Annotated[
        str,
        typer.Option(
            prompt=True,
            hide_input=True,
            confirmation_prompt=True,
            envvar="RECIST_REVIEW_PASSWORD",
            help="Asked for; at least 12 characters.",
        ),
    ],
) -> None:
    """Make an account, such as the first administrator of a trial."""
    _loaded()
    from pydantic import ValidationError

    from recist.review.database.tables import AccountRole
    from recist.review.web.app import enter, trial_room
    from recist.review.web.forms import NewAccount

    try:
        form = NewAccount.model_validate({"name": name, "role": role, "password": password})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise InputError(f"{first['loc'][0]}: {first['msg']}") from error
    room = trial_room(_settings(trial))
    enter(room.database, form.name, AccountRole(form.role), form.password)
    print_line(f"{form.name} may log in as {form.role}")
    if room.needs_second_factor:
        _give_second_factor(room, form.name, afresh=False)


@review.command("second-factor")
def second_factor(
    trial: Trial, name: Annotated[str, typer.Argument(help="Whose authenticator is new.")]
) -> None:
    """Give an account a new second factor, as where the old one is lost."""
    _loaded()
    from recist.review.web.app import trial_room

    room = trial_room(_settings(trial))
    if not room.needs_second_factor:
        raise InputError(
            "no second factor is asked for", where=trial, remedy="second_factor = true in [trial]"
        )
    _give_second_factor(room, name, afresh=True)


def _give_second_factor(room: Room, name: str, *, afresh: bool) -> None:
    """Print the address that an authenticator takes; an account that has one keeps it.

    Args:
        afresh: in the place of the one it has.
    """
    from sqlalchemy import select

    from recist.review.database import audit_trail
    from recist.review.database.tables import Account, SecondFactor
    from recist.review.web import second_factor as factors
    from recist.review.web.sessions import end_all

    with room.database.session() as session:
        account = session.scalar(select(Account).where(Account.name == name))
        if account is None:
            raise InputError(f"no account {name}", remedy="recist review account makes one")
        if not afresh and session.get(SecondFactor, account.id) is not None:
            return
        audit_trail.act(session, audit_trail.SYSTEM, "give second factor")
        address = factors.given(session, account)
        end_all(session, account.id)
    print_line(f"For the authenticator of {name}, shown this once: {address}")


@review.command()
def export(trial: Trial, out: Out) -> None:
    """Write both reads and the accepted one as tables, with analytics and the audit."""
    _loaded()
    from recist.review.trial.exports import write_export
    from recist.review.web.app import trial_room

    room = trial_room(_settings(trial))
    with room.database.looking() as session:
        write_export(session, room, out)
    print_line(f"written into {out}. {RESEARCH_USE}")


def _settings(path: Path) -> TrialSettings:
    from recist.review.trial.trial_settings import read_trial

    return read_trial(path)


def _loaded() -> Any:
    try:
        from recist.review.web import server
    except ModuleNotFoundError as error:
        raise InputError(
            f"the reading room needs {error.name}", remedy="pip install 'recist[review]'"
        ) from error
    return server
