"""Opening the database: SQLite in a file, or PostgreSQL by URL, migrated to the newest version."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from imaging.errors import InputError
from recist.review.database import audit_trail

_MIGRATIONS = Path(__file__).parent / "migrations"
#: Seconds that a writer waits for another one.
WAIT_S = 30
KEY_BYTES = 32
#: Readers do not wait for a writer, and what is committed has reached the disk.
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """An open database; ``session()`` is one transaction, kept whole or not at all."""

    engine: Engine
    key: bytes
    _sessions: sessionmaker[Session]

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction that may write."""
        with self._sessions() as session, session.begin():
            yield session

    @contextmanager
    def looking(self) -> Iterator[Session]:
        """A transaction that only reads, and waits for nobody."""
        with self._sessions(bind=self.engine.execution_options(reads_only=True)) as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str, key_file: Path, *, protocol: str = "") -> Database:
    """Open a database and bring its tables to the newest version.

    Args:
        url: ``sqlite:///path`` or ``postgresql+psycopg://user@host/name``.
        key_file: the key of the audit; made with the database, and kept apart from its backups.
        protocol: SHA-256 of the settings in force, for the audit.

    Raises:
        InputError: it cannot be opened, or the key is missing though rows are there.
    """
    try:
        engine = engine_of(url)
        migrate(engine)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        shown = make_url(url).render_as_string(hide_password=True) if "://" in url else url
        raise InputError(f"the database cannot be opened: {reason}", where=shown) from error
    key = _key(key_file, engine)
    # A class of its own: the events of one database are not those of another.
    audited = type("AuditedSession", (Session,), {})
    audit_trail.watch(audited, key, protocol)
    return Database(engine, key, sessionmaker(engine, class_=audited, expire_on_commit=False))


@contextmanager
def opened_for_proof(url: str, key_file: Path) -> Iterator[tuple[Session, bytes]]:
    """A database as it lies there, neither migrated nor written to, with the key of its audit.

    Raises:
        InputError: the database or the key is missing.
    """
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        raise InputError("no database is there", where=url.removeprefix("sqlite:///"))
    if not key_file.is_file():
        raise InputError("the key of the audit is missing", where=key_file)
    engine = engine_of(url, only_reads=True)
    try:
        with Session(engine.execution_options(reads_only=True)) as session:
            yield session, _read_key(key_file)
    finally:
        engine.dispose()


def engine_of(url: str, *, only_reads: bool = False) -> Engine:
    """An engine whose transactions see each other as the reading room needs it.

    Args:
        only_reads: leave the file as it lies there, its way of keeping a journal included.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
    engine = create_engine(url, connect_args={"timeout": WAIT_S}, pool_size=10, max_overflow=20)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are ours, not the driver's
        for pragma in PRAGMAS if not only_reads else ("query_only=ON",):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        # Writers wait at the start of a transaction instead of failing in its middle.
        reads_only = connection.get_execution_options().get("reads_only")
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to a version."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _key(path: Path, engine: Engine) -> bytes:
    if path.is_file():
        return _read_key(path)
    with engine.begin() as connection:
        if connection.exec_driver_sql("SELECT count(*) FROM audit").scalar():
            raise InputError(
                "the key of the audit is missing",
                where=path,
                remedy="put it back from its own backup: without it no row can be proved",
            )
    key = secrets.token_bytes(KEY_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(key.hex() + "\n")
    return key


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InputError("not a key of the audit", where=path)
    return key
