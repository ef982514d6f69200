"""A whole trial through the API: six patients, two blinded readers, an adjudicator."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recist.run.table import assess_file
from tests.recist.review.phantom_trial import (
    DATES,
    PASSWORD,
    SUBJECTS,
    PhantomTrial,
    begin_trial,
    read,
    sign,
    write_studies,
)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_studies(tmp_path_factory.mktemp("trial") / "studies")


@pytest.fixture
def trial(studies: Path, tmp_path: Path) -> Iterator[PhantomTrial]:
    found = begin_trial(tmp_path, studies)
    yield found
    found.app.state.room.database.close()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_whole_trial_agrees_with_assess_on_its_exported_tables(
    trial: PhantomTrial, tmp_path: Path, check_json: Callable[[Path], set[str]]
) -> None:
    ann, bob, ada = (trial.enter(name) for name in ("ann", "bob", "ada"))
    for subject in SUBJECTS:
        read(ann, subject)
        read(bob, subject, second=True)
    waiting = ada.get("trial/worklist").json()["subjects"]
    assert [(row["subject"], row["state"]) for row in waiting] == [
        ("S2", "to adjudicate"), ("S4", "to adjudicate")
    ]  # fmt: skip
    assert [row["triggers"] for row in waiting] == [["progression_date"], ["best_response"]]
    for subject, choice in (("S2", 1), ("S4", 2)):
        side_by_side = ada.get(f"trial/subjects/{subject}/adjudication").json()
        assert [each["read"] for each in side_by_side["reads"]] == [1, 2]
        assert "ann" not in json.dumps(side_by_side) and "bob" not in json.dumps(side_by_side)
        # What is shown differs in what the trigger names.
        one, other = (each["assessment"]["criteria"][0] for each in side_by_side["reads"])
        differ = {name for name in ("best", "progression") if one[name] != other[name]}
        assert differ >= ({"progression"} if subject == "S2" else {"best"})
        body = {"choice": choice, "reason": "the calipers fit", "name": "Ada", "password": PASSWORD}
        answer = ada.post(f"trial/subjects/{subject}/adjudication", body)
        assert answer.json()["accepted"] == choice

    export = trial.enter("max").get("trial/export")
    folder = tmp_path / "export"
    with zipfile.ZipFile(io.BytesIO(export.content)) as file:
        file.extractall(folder)
    for part in ("read-1", "read-2", "accepted"):
        assess_file(folder / part / "measurements.csv", tmp_path / part, criteria=("recist11",))
        for table in ("timepoints.csv", "outcomes.csv"):
            own = sorted(rows(folder / part / table), key=str)
            assert own == sorted(rows(tmp_path / part / table), key=str)
        assert {row["subject"] for row in rows(folder / part / "timepoints.csv")} == set(SUBJECTS)
    for part, number in (("read-1", 1), ("read-2", 2), ("accepted", None)):
        for subject in SUBJECTS:
            # As the tables of a run the subject's own says how sure each category is; those that
            # `recist assess` gives say so on request.
            own = folder / part / subject
            answers = rows(own / "timepoints.csv")
            assert all(row["certainty"] for row in answers)
            assert [row | {"certainty": ""} for row in answers] == [
                row for row in rows(folder / part / "timepoints.csv") if row["subject"] == subject
            ]
            signature = json.loads((own / "signature.json").read_text())
            assert signature["organisation"] == "Central Reading"
            assert number is None or signature["reader"] == ("ann", "bob")[number - 1]
            assert "Signed Name" in (own / "report.html").read_text("utf-8")
    accepted = {
        (row["subject"], row["date"]): row["overall"]
        for row in rows(folder / "accepted" / "timepoints.csv")
    }
    assert accepted["S2", DATES[2]] == "PD" and accepted["S1", DATES[1]] == "PR"
    assert accepted["S4", DATES[1]] == "PR" and accepted["S6", DATES[1]] == "CR"
    figures = json.loads((folder / "analytics.json").read_text())
    assert check_json(folder) >= {"analytics", "timepoints", "outcomes"}
    assert figures["subjects_read_twice"] == 6 and figures["adjudicated"] == 2
    assert figures["causes"] == {"other diameter": 2}
    kappa = figures["best_response"]
    assert kappa["low"] <= kappa["kappa"] <= kappa["high"] < 1.01
    assert len(rows(folder / "audit.csv")) > 100
    assert set(figures["minutes_per_read"]) == {"ann", "bob"}


def test_dates_are_unlocked_one_after_the_other(trial: PhantomTrial) -> None:
    ann = trial.enter("ann")
    assert [each["date"] for each in ann.page("S1")["dates"]] == [DATES[0]]
    later = f"patients/S1/images/{DATES[1]}/ct/axial/3"
    assert ann.get(later).status_code == 404
    assert DATES[1] not in ann.get("patients").text
    read(ann, "S1", until=1)
    assert ann.get(later).status_code == 200
    assert ann.get(f"patients/S1/images/{DATES[2]}/ct/axial/3").status_code == 404
    late = {"kind": "status", "date": DATES[0], "lesion": "T1", "status": "absent"}
    body = {"version": ann.page("S1")["version"], "changes": [late]}
    refused = ann.post("patients/S1/changes", body)
    assert refused.status_code == 409 and "is signed" in refused.json()["error"]


def test_readers_are_blind_to_each_other_and_to_what_follows(trial: PhantomTrial) -> None:
    ann, bob = trial.enter("ann"), trial.enter("bob")
    read(ann, "S1")
    page = bob.page("S1")
    assert page["lesions"] == [] and page["history"] == []
    for path in ("trial/subjects/S1/adjudication", "trial/analytics", "trial/export",
                 "trial/accounts", "trial/audit"):  # fmt: skip
        assert bob.get(path).status_code in (403, 404)
    ada = trial.enter("ada")
    assert ada.get("trial/subjects/S1/adjudication").status_code == 404
    assert ada.get(f"patients/S1/images/{DATES[0]}/ct/axial/3").status_code == 404


def test_a_new_version_is_adjudicated_anew_and_the_signed_one_stays(trial: PhantomTrial) -> None:
    ann, bob, ada = (trial.enter(name) for name in ("ann", "bob", "ada"))
    read(ann, "S2")
    read(bob, "S2", second=True)
    body = {"choice": 2, "reason": "no growth", "name": "Ada", "password": PASSWORD}
    assert ada.post("trial/subjects/S2/adjudication", body).json()["accepted"] == 2
    again = {"version": bob.page("S2")["version"], "reason": "the wrong slice"}
    assert bob.post("patients/S2/reopen", again).status_code == 200
    root = trial.enter("root")

    def standing() -> Any:
        listed = root.get("trial/worklist").json()["subjects"]
        return next(each for each in listed if each["subject"] == "S2")

    assert standing()["accepted"] == 2  # until the new version is signed
    read(bob, "S2", second=True, until=0)
    for date in DATES:
        sign(bob, "S2", date)
    sign(bob, "S2")
    assert standing()["accepted"] is None and "adjudicator" in standing()["why"]


def test_queries_go_to_the_site_and_are_answered_once(trial: PhantomTrial) -> None:
    ann, root = trial.enter("ann"), trial.enter("root")
    asked = ann.post("patients/S1/queries", {"text": "Which contrast phase?", "date": DATES[0]})
    number = asked.json()["id"]
    path = f"trial/queries/{number}/answer"
    assert ann.post(path, {"answer": "venous"}).status_code == 403
    assert root.post(path, {"answer": "venous"}).status_code == 200
    assert root.post(path, {"answer": "arterial"}).status_code == 409
    assert ann.get("trial/queries").json()["queries"][0]["answer"] == "venous"
    assert trial.enter("bob").get("trial/queries").json()["queries"] == []
