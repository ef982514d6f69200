"""The audit: every change has its row, and no tampering of the file goes unseen."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from recist.cli import app as command_line
from recist.patient.signatures import ROOM
from recist.protocol import DEFAULT
from recist.review.database import audit_trail
from recist.review.database.engine import (
    Database,
    engine_of,
    open_database,
    opened_for_proof,
)
from recist.review.database.tables import APPEND_ONLY, AccountRole, EntryKind
from recist.review.images.image_archive import Archive
from recist.review.reading import readings, saying, signing
from recist.review.room import Desk, Person, Room
from recist.review.web.app import DATABASE, KEY, enrol, enter

FIRST_VERSION = Path(__file__).parent / "first_version.sql"
FIRST_KEY = "11" * 32 + "\n"
TAMPERINGS = 1000


def room_over(database: Database, folder: Path) -> Room:
    return Room(database, Archive(None, folder), ("recist11",), DEFAULT)


def some_readings(database: Database, folder: Path) -> Room:
    """Two subjects, read, commented on, signed and read again."""
    room = room_over(database, folder)
    enrol(database, ["S1", "S2"])
    person = Person(enter(database, "ann", AccountRole.READER, "a password"), "ann",
                    AccountRole.READER)  # fmt: skip
    for subject in ("S1", "S2"):
        for version in range(2):
            with database.session() as session:
                at = Desk(session, room, person)
                seen = readings.looked_at(session, room, person, subject).row.revision
                said = saying.say(at, subject, seen, EntryKind.COMMENT, {"text": f"no {version}"})
                saying.undo(at, subject, said.row.revision)
                signed = signing.sign(at, subject, seen + 2, name="Ann", meaning="read")
                signing.reopen(at, subject, signed.row.revision, "looked again")
    return room


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path / 'a.sqlite'}", tmp_path / "key", protocol="p" * 64)
    some_readings(found, tmp_path)
    yield found
    found.close()


def proof_of(file: Path, key: Path) -> audit_trail.Proof:
    with opened_for_proof(f"sqlite:///{file}", key) as (session, secret):
        return audit_trail.prove(session, secret)


def test_every_action_has_a_row_that_says_who_when_what_and_why(database: Database) -> None:
    with database.looking() as session:
        rows = session.execute(text("SELECT * FROM audit ORDER BY number")).mappings().all()
        assert audit_trail.prove(session, database.key).broken is None
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    (again, *_) = (row for row in rows if row["action"] == "new version")
    assert (again["account"], again["role"], again["subject"]) == ("ann", "reader", "S1")
    assert again["reason"] == "looked again" and again["protocol"] == "p" * 64
    assert again["software"].startswith("recist ") and again["at"].endswith("+00:00")
    assert not any(row["action"] == "change" for row in rows)  # none without a name


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET rowid = rowid"])
def test_the_database_refuses_to_change_what_is_written(
    database: Database, table: str, statement: str
) -> None:
    if table in ("outlines", "adjudications"):
        values = {"outlines": "('x', '', '', x'00')", "adjudications": "(1,1,1,1,1,1,'','','','')"}
        with database.session() as session:
            session.execute(text(f"INSERT INTO {table} VALUES {values[table]}"))
    refused = pytest.raises(SQLAlchemyError, match="never changed or deleted")
    with refused, database.session() as session:
        session.execute(text(statement.format(table)))


# --- tampering with the file ------------------------------------------------------------------

TABLES = ("audit", "accounts", "subjects", "readings", "entries", "signatures", "audit_head")


def _rows(connection: sqlite3.Connection, table: str) -> list[int]:
    return [row[0] for row in connection.execute(f"SELECT rowid FROM {table} ORDER BY rowid")]


def change(connection: sqlite3.Connection, draw: random.Random) -> str:
    table = draw.choice(TABLES)
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    column, row = draw.choice(columns), draw.choice(_rows(connection, table))
    (old,) = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()
    new: Any = old + 1000 if isinstance(old, int) else f"{old or ''}{draw.choice('x0 ')}"
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row))
    return f"{table}.{column} of {row}: {old!r} -> {new!r}"


def remove(connection: sqlite3.Connection, draw: random.Random) -> str:
    table = draw.choice(TABLES)
    row = draw.choice(_rows(connection, table))
    connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
    return f"{table}: row {row} removed"


def cut_off(connection: sqlite3.Connection, draw: random.Random) -> str:
    """The last rows of the audit, and with them what they tell of."""
    rows = _rows(connection, "audit")
    kept = draw.randrange(len(rows))
    connection.execute("DELETE FROM audit WHERE number > ?", (kept,))
    return f"audit after {kept} removed"


def reorder(connection: sqlite3.Connection, draw: random.Random) -> str:
    table = draw.choice(("audit", "entries", "signatures"))
    key = "number" if table == "audit" else "id"
    one, other = draw.sample(_rows(connection, table), 2)
    for old, new in ((one, -1), (other, one), (-1, other)):
        connection.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (new, old))
    return f"{table}: rows {one} and {other} exchanged"


def insert(connection: sqlite3.Connection, draw: random.Random) -> str:
    table = draw.choice([name for name in TABLES if name != "audit_head"])
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    row = draw.choice(_rows(connection, table))
    values = list(connection.execute(f"SELECT * FROM {table} WHERE rowid = ?", (row,)).fetchone())
    values[0] = max(_rows(connection, table)) + draw.randrange(1, 3)
    for name in ("name", "version", "number"):  # what has to differ
        if name in columns[1:]:
            at = columns.index(name)
            values[at] = values[at] + 7 if isinstance(values[at], int) else f"{values[at]}x"
    marks = ",".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)
    return f"{table}: copy of row {row} inserted"


WAYS: tuple[Callable[[sqlite3.Connection, random.Random], str], ...] = (
    change, remove, cut_off, reorder, insert,
)  # fmt: skip


@pytest.mark.slow
def test_a_thousand_tamperings_of_the_file_are_found(database: Database, tmp_path: Path) -> None:
    database.close()
    whole, key = tmp_path / "a.sqlite", tmp_path / "key"
    with sqlite3.connect(whole) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            connection.execute(f"DROP TRIGGER {name}")  # who can write the file can do that
    connection.close()
    assert proof_of(whole, key).broken is None
    draw, missed = random.Random(11), []
    copy, secret = tmp_path / "copy.sqlite", bytes.fromhex(key.read_text())
    engine = engine_of(
        f"sqlite:///{copy}", only_reads=True
    )  # one, so that its statements are compiled once
    for n in range(TAMPERINGS):
        engine.dispose()
        shutil.copyfile(whole, copy)
        connection = sqlite3.connect(copy)
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            done = WAYS[n % len(WAYS)](connection, draw)
        connection.close()
        with Session(engine.execution_options(reads_only=True)) as session:
            if audit_trail.prove(session, secret).broken is None:
                missed.append(done)
    engine.dispose()
    assert missed == []


def test_the_first_broken_row_is_named_and_a_rollback_is_seen_by_a_noted_head(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / ROOM).mkdir(parents=True)
    with database.looking() as session:
        head = audit_trail.prove(session, database.key).head
    database.close()
    shutil.copyfile(tmp_path / "key", out / ROOM / KEY)
    shutil.copyfile(tmp_path / "a.sqlite", out / ROOM / DATABASE)

    def run(*more: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            command_line(["review", "audit", str(out), *more])
        return int(ended.value.code or 0), " ".join(capsys.readouterr().err.split())

    code, said = run("--expect", head)
    assert code == 0 and f"head {head}" in said
    code, said = run("--expect", "0" * 64)
    assert code == 1 and "put back" in said
    with sqlite3.connect(out / ROOM / DATABASE) as connection:
        connection.execute("DROP TRIGGER audit_keep_update")
        connection.execute("UPDATE audit SET account = 'eve' WHERE number = 7")
    code, said = run()
    assert code == 1 and "audit row 7: was changed after it was written" in said


def test_migrations_run_forwards_on_the_first_versions_file(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.sqlite") as connection:
        connection.executescript(FIRST_VERSION.read_text())
    connection.close()
    (tmp_path / "key").write_text(FIRST_KEY)
    database = open_database(f"sqlite:///{tmp_path / 'a.sqlite'}", tmp_path / "key")
    room = room_over(database, tmp_path)
    with database.session() as session:
        proof = audit_trail.prove(session, database.key)
        assert (proof.rows, proof.broken) == (9, None)
        person = Person(1, "ann", AccountRole.READER)
        reading = readings.looked_at(session, room, person, "S1")
        assert reading.entries[0].content == {"text": "first"} and not reading.is_open
        signing.reopen(Desk(session, room, person), "S1", 2, "with the new version")
    with database.looking() as session:
        assert audit_trail.prove(session, database.key).broken is None
    database.close()
