"""A trial whose readers start from what a run measured: date by date, and written out whole."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from recist.review.database.tables import AccountRole
from recist.review.trial.trial_settings import read_trial
from recist.review.web import sessions
from recist.review.web.app import create_trial_app, enter, trial_room
from tests.recist.review.conftest import HOST, PHANTOM, PhantomRun
from tests.recist.review.phantom_trial import PASSWORD, PhantomTrial, sign

DATES = ("2024-03-04", "2024-05-06", "2024-07-08")
PEOPLE = {"root": AccountRole.ADMINISTRATOR, "ann": AccountRole.READER, "bob": AccountRole.READER}


@pytest.fixture
def trial(phantom_run: PhantomRun, tmp_path: Path) -> Iterator[PhantomTrial]:
    sessions._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    file = tmp_path / "trial.toml"
    file.write_text(
        f'[trial]\nname = "P"\nstudies = "{phantom_run.studies}"\nproposals = "shown"\n'
        f'results = "{phantom_run.results}"\n[server]\nhosts = ["{HOST}"]\n'
    )
    settings = read_trial(file)
    room = trial_room(settings)
    for name, role in PEOPLE.items():
        enter(room.database, name, role, PASSWORD)
    room.database.close()
    found = PhantomTrial(create_trial_app(settings), tmp_path, settings)
    root = found.enter("root")
    for slot, name in (("reader-1", "ann"), ("reader-2", "bob")):
        root.post(f"trial/subjects/{PHANTOM}/assignments", {"slot": slot, "account": name})
    yield found
    found.app.state.room.database.close()


def seen(page: dict[str, Any]) -> dict[str, set[str]]:
    return {each["id"]: set(each["seen"]) for each in page["lesions"]}


def at(page: dict[str, Any], date: str) -> dict[str, tuple[str, str, str]]:
    """Role, status and diameter of each lesion that is recorded at a date."""
    return {
        each["id"]: (each["role"], each["seen"][date]["status"], each["seen"][date]["diameter_mm"])
        for each in page["lesions"]
        if date in each["seen"]
    }


def test_a_read_from_proposals_sees_no_later_date_and_is_written_out_whole(
    trial: PhantomTrial, phantom_run: PhantomRun, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in phantom_run.results.rglob("*.csv")}
    ann, bob = trial.enter("ann"), trial.enter("bob")
    assert set().union(*seen(ann.page()).values()) == {DATES[0]}
    assert "L6" not in seen(ann.page())  # new at the last date
    for number, date in enumerate(DATES):
        if date == DATES[2]:
            ann.say({"kind": "lesion", "lesion": "L6", "rejected": True}, reason="a vessel")
        shown = at(ann.page(), date)
        page = sign(ann, PHANTOM, date)
        assert [each["date"] for each in page["dates"]] == list(DATES[: number + 2])
        assert {name: at(page, date)[name] for name in shown} == shown  # signed: it stays
        sign(bob, PHANTOM, date)
    sign(ann, PHANTOM)
    sign(bob, PHANTOM)
    export = trial.enter("root").get("trial/export")
    assert export.status_code == 200, export.text
    zipfile.ZipFile(io.BytesIO(export.content)).extractall(tmp_path / "export")
    for read, last in (("read-1", "PR"), ("read-2", "PD")):
        folder = tmp_path / "export" / read / PHANTOM
        with (folder / "timepoints.csv").open(newline="") as file:
            (row,) = (
                row
                for row in csv.DictReader(file)
                if (row["date"], row["criteria"], row["lesions"]) == (DATES[2], "recist11", "all")
            )
        assert row["overall"] == last
        page = (folder / "report.html").read_text("utf-8")
        assert "Signed Name" in page and "my independent read" in page
        assert len(list((folder / "delineations").glob("*.dcm"))) == 3
        assert not (folder / "work").exists()
    assert {path: path.read_bytes() for path in phantom_run.results.rglob("*.csv")} == before


def test_an_independent_read_is_not_taken_over_from_files(trial: PhantomTrial) -> None:
    ann = trial.enter("ann")
    files = [{"name": "overrides.csv", "content": ""}]
    answer = ann.post(f"patients/{PHANTOM}/reading", {"version": 0, "files": files})
    assert answer.status_code == 403
