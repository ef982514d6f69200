"""PostgreSQL and SQLite give the same: the same trial, the same tables, the same proof."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from recist.review.database import audit_trail
from recist.review.trial.exports import write_export
from tests.recist.review.phantom_trial import (
    DATES,
    PASSWORD,
    PhantomTrial,
    begin_trial,
    read,
    write_studies,
)

pytestmark = pytest.mark.database

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of its own, reached by a socket in its own folder."""
    assert PROGRAMS, "PostgreSQL is not installed: scripts/services.sh"
    folder = Path(tempfile.mkdtemp(prefix="recist-pg-"))
    # The server refuses to run as root.
    who = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if who:
        shutil.chown(folder, "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [*who, str(PROGRAMS[-1] / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr

    data, log = folder / "data", folder / "log"
    run("initdb", "-D", str(data), "-U", "recist", "--auth=trust", "--no-sync")
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    subprocess.run(
        [*who, str(PROGRAMS[-1] / "pg_ctl"), "-D", str(data), "-l", str(log), "-w",
         "-o", options, "start"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    try:
        run("createdb", "-h", str(folder), "-U", "recist", "trial")
        yield f"postgresql+psycopg://recist@/trial?host={folder}"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def whole(trial: PhantomTrial, folder: Path) -> dict[str, str]:
    """Two subjects read twice, one of them adjudicated; what is exported, by name."""
    ann, bob, ada = (trial.enter(name) for name in ("ann", "bob", "ada"))
    for subject in ("S1", "S2"):
        read(ann, subject)
        read(bob, subject, second=True)
    body = {"choice": 1, "reason": "it grew", "name": "Ada", "password": PASSWORD}
    assert ada.post("trial/subjects/S2/adjudication", body).json()["accepted"] == 1
    late = {"kind": "status", "date": DATES[0], "lesion": "T1", "status": "absent"}
    version = ann.page("S1")["version"]
    refused = ann.post("patients/S1/changes", {"version": version, "changes": [late]})
    assert refused.status_code == 409
    room = trial.app.state.room
    with room.database.looking() as session:
        write_export(session, room, folder)
        assert audit_trail.prove(session, room.database.key).broken is None
        rows = session.execute(
            text("SELECT number, account, role, action, subject, record FROM audit ORDER BY number")
        )
        trail = [tuple(row) for row in rows]
    names = [path for path in folder.rglob("*") if path.suffix in (".csv", ".json")]
    timed = ("audit.csv", "reads.csv", "adjudications.csv", "analytics.json", "signature.json")
    found: dict[str, Any] = {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in names
        if path.name not in timed
    }
    return found | {"trail": str(trail)}


def test_a_trial_is_the_same_in_both_databases(url: str, tmp_path: Path) -> None:
    studies = write_studies(tmp_path / "studies")
    found = []
    for name, where in (("postgresql", url), ("sqlite", "")):
        (tmp_path / name).mkdir()
        trial = begin_trial(tmp_path / name, studies, url=where)
        found.append(whole(trial, tmp_path / name / "export"))
        if where:
            refuses_changes_and_finds_them(trial)
        trial.app.state.room.database.close()
    assert len(found[0]) > 15
    assert found[0] == found[1]


def refuses_changes_and_finds_them(trial: PhantomTrial) -> None:
    database = trial.app.state.room.database
    for statement in ("DELETE FROM audit", "UPDATE signatures SET meaning = ''", "TRUNCATE audit"):
        refused = pytest.raises(SQLAlchemyError, match="never changed or deleted")
        with refused, database.session() as session:
            session.execute(text(statement))
    with database.engine.begin() as connection:  # as its owner could
        connection.execute(text("ALTER TABLE signatures DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE signatures SET signed_name = 'Eve' WHERE id = 1"))
    with database.looking() as session:
        broken = audit_trail.prove(session, database.key).broken
    assert broken is not None and "signatures, row 1 was changed" in broken.what
