"""kill -9 in the middle of writing: what was told as signed is there, and nothing by halves."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from recist.review.database import audit_trail
from recist.review.database.engine import open_database
from recist.review.database.tables import (
    AccountRole,
    Entry,
    EntryKind,
    ReadingRow,
    ReadingState,
    Signature,
)
from recist.review.reading import readings, saying, signing
from recist.review.room import Desk, Person
from recist.review.web.app import enrol, enter
from tests.recist.review.test_audit import room_over

KILLS = 50


def write_until_killed(folder: Path, told: int) -> None:
    """Sign version after version, and tell of each once it is kept."""
    database = open_database(f"sqlite:///{folder / 'a.sqlite'}", folder / "key")
    room, person = room_over(database, folder), Person(1, "ann", AccountRole.READER)
    while True:
        with database.session() as session:
            at = Desk(session, room, person)
            seen = readings.looked_at(session, room, person, "S1")
            if not seen.is_open:
                seen = signing.reopen(at, "S1", seen.row.revision, "again")
            version = seen.row.version
            said = saying.say(at, "S1", seen.row.revision, EntryKind.COMMENT, {"text": "t"})
            signing.sign(at, "S1", said.row.revision, name="Ann", meaning="read")
        os.write(told, f"{version}\n".encode())


@pytest.mark.long
def test_no_signed_reading_is_lost_and_none_is_half_written(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.sqlite'}", tmp_path / "key")
    enrol(database, ["S1"])
    enter(database, "ann", AccountRole.READER)
    database.close()
    draw, told_versions = random.Random(5), 0
    for _ in range(KILLS):
        listening, telling = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                write_until_killed(tmp_path, telling)
            finally:
                os._exit(1)
        os.close(telling)
        first = os.read(listening, 1)  # it has begun to sign
        time.sleep(draw.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        said = first
        while more := os.read(listening, 4096):
            said += more
        os.close(listening)
        told_versions = max(told_versions, *(int(line) for line in said.decode().split()))
    database = open_database(f"sqlite:///{tmp_path / 'a.sqlite'}", tmp_path / "key")
    with database.looking() as session:
        assert audit_trail.prove(session, database.key).broken is None
        versions = session.scalars(select(ReadingRow).order_by(ReadingRow.version)).all()
        signed = {each.reading_id for each in session.scalars(select(Signature))}
        finished = [each for each in versions if each.state != ReadingState.OPEN]
        assert len(finished) >= told_versions >= KILLS
        assert {each.id for each in finished} == signed
        for each in versions:
            entries = session.scalars(select(Entry).where(Entry.reading_id == each.id)).all()
            assert len(entries) == each.version and each.id in signed
    database.close()
