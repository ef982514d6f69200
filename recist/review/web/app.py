"""The application: a room with its routes, behind the guard; for one reader, or for a trial."""

from __future__ import annotations

import getpass
import hmac
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import select

from imaging.errors import InputError
from imaging.sorting import Sorting
from recist.patient.result_folder import studies_of
from recist.patient.signatures import ROOM, SIGNED_READINGS
from recist.patient.work.observed import Work
from recist.response import RESEARCH_USE
from recist.review import pages
from recist.review.database import audit_trail
from recist.review.database.engine import Database, open_database
from recist.review.database.tables import Account, AccountRole, SubjectRow
from recist.review.images.image_archive import Archive, NoImageError
from recist.review.reading.changed_results import take_note
from recist.review.reading.entries import EntryError
from recist.review.reading.given_back import give_back, is_given_back
from recist.review.reading.proposals import read_run
from recist.review.reading.readings import ConflictError
from recist.review.reading.signing import IncompleteError
from recist.review.reading.works import Works
from recist.review.room import Person, Room, fingerprint
from recist.review.trial.permissions import ForbiddenError
from recist.review.trial.trial_settings import TrialSettings
from recist.review.web import account_routes, file_routes, reading_routes, sessions, trial_routes
from recist.review.web.guard import Guard
from recist.review.web.sessions import TooManyError
from recist.version import __version__

DATABASE = "review.sqlite"
KEY = "audit.key"
IMAGES = "images"
FIRST_PAGE = "index.html"
TOKEN_BYTES = 24

logger = logging.getLogger(__name__)


def create_app(
    results: Path,
    *,
    studies: Path | None = None,
    token: str | None = None,
    reader: str | None = None,
    hosts: Sequence[str] = ("127.0.0.1", "localhost"),
    delineator: Any = None,
    organisation: str = "",
) -> FastAPI:
    """The reading room of one reader over the results of a run.

    Args:
        results: the OUT of ``recist run``; what is read is kept in its folder ``review``.
        studies: the images that the run was made from; by default where the run found them. Where
            they are no longer there, there are no pictures.
        token: that the first address carries; made up where none is given.
        reader: the name of who reads; the user of this computer where none is given.
        hosts: under which the server may be asked, with its port where that is not 80.
        organisation: to which the reader answers for what is signed.
        delineator: answers prompts, see :mod:`recist.review.reading.delineator`; None: nobody does.

    Raises:
        InputError: no results of a run are there, or the database cannot be opened.
    """
    run = read_run(results)
    folder = results / ROOM
    folder.mkdir(exist_ok=True)
    protocol = fingerprint(run.protocol, run.criteria)
    database = open_database(f"sqlite:///{folder / DATABASE}", folder / KEY, protocol=protocol)
    room = Room(
        database,
        Archive(studies or studies_of(results), folder / IMAGES, run.sorting),
        run.criteria,
        run.protocol,
        run.folders,
        signed_folder=folder / SIGNED_READINGS,
        works=Works(run.folders),
        organisation=organisation,
    )
    enrol(database, tuple(run.folders))
    name = (reader or getpass.getuser())[:64]
    person = enter(database, name, AccountRole.READER)
    _give_back_missing(room, Person(person, name, AccountRole.READER), folder / SIGNED_READINGS)
    app = application(room, hosts, delineator=delineator)
    app.state.token = token or secrets.token_urlsafe(TOKEN_BYTES)

    @app.get("/", include_in_schema=False, response_model=None)
    def first_page(token: str = "") -> Response:
        """The page; with the token of the address the browser gets a session first."""
        if not token:
            return HTMLResponse(pages.rendered()[FIRST_PAGE])
        if not hmac.compare_digest(token.encode("utf-8", "replace"), app.state.token.encode()):
            raise HTTPException(401, "the token in the address is not that of this server")
        with database.session() as session:
            account = session.get_one(Account, person)
            opened = sessions.begin(session, account, "token")
        answer = RedirectResponse("/", 303)
        account_routes.set_cookie(answer, opened, https=False)
        return answer

    mount_pages(app)
    return app


def _give_back_missing(room: Room, person: Person, folder: Path) -> None:
    """Write what was signed where the program was killed before its results were written."""
    for subject in room.folders:
        if take_note(room, person, subject):
            continue
        if not is_given_back(room, person, subject, folder):
            try:
                give_back(room, person, subject, folder)
            except InputError as error:  # the reading is whole in the database
                logger.warning("%s: signed, but its results cannot be written: %s", subject, error)


def trial_room(settings: TrialSettings) -> Room:
    """The room of a trial, its subjects enrolled; nobody is in it yet.

    Raises:
        InputError: no images are there, or the database cannot be opened.
    """
    run = read_run(settings.results) if settings.results is not None else None
    sorting = settings.sorting or (run.sorting if run is not None else Sorting())
    archive = Archive(settings.studies, settings.images, sorting)
    subjects = archive.subjects()
    if not subjects:
        raise InputError("no subject with a readable CT was found", where=settings.studies)
    if settings.url.startswith("sqlite:///"):
        Path(settings.url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    protocol = fingerprint(settings.protocol, settings.criteria)
    database = open_database(settings.url, settings.audit_key, protocol=protocol)
    folders = run.folders if run is not None else {}
    enrol(database, subjects)
    return Room(
        database,
        archive,
        settings.criteria,
        settings.protocol,
        folders,
        shows_proposals=settings.shows_proposals,
        one_by_one=True,
        needs_password=True,
        needs_second_factor=settings.needs_second_factor,
        adjudicate_on=settings.adjudicate_on,
        works=Works(folders, _on_terms_of(settings)),
        organisation=settings.organisation,
    )


def _on_terms_of(settings: TrialSettings) -> Callable[[Work], Work]:
    """Work is assessed by the criteria and the protocol of the trial."""

    def adapted(work: Work) -> Work:
        terms = replace(work.terms, criteria=settings.criteria, protocol=settings.protocol)
        return replace(work, terms=terms)

    return adapted


def create_trial_app(settings: TrialSettings, *, delineator: Any = None) -> FastAPI:
    """The central review of a trial.

    Raises:
        InputError: as :func:`trial_room`.
    """
    app = application(
        trial_room(settings), settings.hosts, https=settings.https, delineator=delineator
    )
    app.include_router(trial_routes.router)
    app.include_router(trial_routes.queries_router)
    mount_pages(app)
    return app


def enrol(database: Database, subjects: Sequence[str]) -> None:
    """Make the subjects known that are not yet."""
    with database.session() as session:
        known = set(session.scalars(select(SubjectRow.name)))
        audit_trail.act(session, audit_trail.SYSTEM, "enrol subject")
        session.add_all(SubjectRow(name=name) for name in sorted(subjects) if name not in known)


def enter(database: Database, name: str, role: AccountRole, password: str = "") -> int:
    """The account of that name; made where it is missing, and then with this role and password.

    Without a password nobody can log in by it: the one reader comes by the token of the address.
    """
    with database.session() as session:
        account = session.scalar(select(Account).where(Account.name == name))
        if account is None:
            hashed = sessions.hashed_password(password) if password else ""
            account = Account(name=name, role=role.value, password_hash=hashed)
            audit_trail.act(session, audit_trail.SYSTEM, "create account")
            session.add(account)
            session.flush()
        return account.id


def application(
    room: Room, hosts: Sequence[str], *, https: bool = False, delineator: Any = None
) -> FastAPI:
    """The routes over a room, with its guard and its way to refuse."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        room.archive.close()
        room.database.close()

    app = FastAPI(
        title="recist reading room",
        version=__version__,
        description=RESEARCH_USE,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    app.state.room = room
    app.state.https = https
    app.state.delineator = delineator
    app.include_router(account_routes.router)
    app.include_router(reading_routes.router)
    app.include_router(file_routes.router)
    app.add_middleware(Guard, hosts=tuple(hosts), https=https)
    _refuse_in_words(app)
    return app


def mount_pages(app: FastAPI) -> None:
    """The pages, their scripts and styles, which hold no data; ``/`` is the list of patients."""
    for name, text in pages.rendered().items():
        paths = ["/", f"/{name}"] if name == FIRST_PAGE else [f"/{name}"]
        for path in paths:
            app.add_api_route(
                path, partial(_as_html, text), methods=["GET", "HEAD"], include_in_schema=False
            )
    for name in ("script", "style"):
        app.mount(f"/{name}", StaticFiles(directory=pages.FOLDER / name), name=name)


def _as_html(text: str) -> HTMLResponse:
    return HTMLResponse(text)


def _refuse_in_words(app: FastAPI) -> None:
    """Every refusal is a status and a sentence, without what was sent."""

    def handler(status: int) -> Callable[[Request, Exception], JSONResponse]:
        def refuse(_request: Request, error: Exception) -> JSONResponse:
            if isinstance(error, InputError):
                return _refusal(status, error.what, error.remedy)
            return _refusal(status, str(error) if status == 403 else "there is no such thing")

        return refuse

    for kind, status in (
        (LookupError, 404),
        (NoImageError, 404),
        (ForbiddenError, 403),
        (ConflictError, 409),
        (IncompleteError, 409),
        (EntryError, 422),
        (InputError, 422),
    ):
        app.add_exception_handler(kind, handler(status))

    @app.exception_handler(TooManyError)
    def _wait(_request: Request, error: TooManyError) -> JSONResponse:
        answer = _refusal(429, error.what, error.remedy)
        answer.headers["Retry-After"] = str(error.seconds)
        return answer

    @app.exception_handler(HTTPException)
    def _http(_request: Request, error: HTTPException) -> JSONResponse:
        return _refusal(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, str | int))
        return _refusal(422, f"{where}: {first['msg']}")


def _refusal(status: int, what: str, remedy: str = "") -> JSONResponse:
    def sendable(text: str) -> str:
        return text.encode("utf-8", "replace").decode()

    return JSONResponse({"error": sendable(what), "remedy": sendable(remedy)}, status)
