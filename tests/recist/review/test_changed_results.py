"""Signed results that are changed outside of the room: refused, or a new version that says so."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recist.cli import app
from recist.patient.options import Options
from recist.patient.result_folder import hashes_of
from recist.review.web.app import create_app
from recist.run import batch
from tests.recist.review.conftest import HOST, PHANTOM, OneReader, PhantomRun, entering, sign

DATES = ("2024-03-04", "2024-05-06", "2024-07-08")
WHY = "the wrong series was measured"


@pytest.fixture
def one_reader(signed_reader: OneReader) -> OneReader:
    """The room over results that are signed."""
    return signed_reader


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "measurements.csv"
    path.write_text(f"subject,date,lesion,long_axis_mm,reader\n{PHANTOM},{DATES[2]},L1,90.0,Dr B\n")
    return path


def correct(results: Path, table: Path, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["correct", str(results), "--measurements", str(table), *more])
    return done.exit_code, done.output


def written(results: Path) -> dict[str, str]:
    """Everything of the patient, and the signed reading."""
    signed = results / "review" / "signed"
    return hashes_of(results / PHANTOM) | {f"signed/{k}": v for k, v in hashes_of(signed).items()}


def answers_in(path: Path) -> list[tuple[str, str]]:
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        own = [r for r in rows if (r["criteria"], r["lesions"]) == ("recist11", "all")]
    return [(row["date"], row["overall"]) for row in own]


def answers_on(page: dict[str, Any]) -> list[tuple[str, str]]:
    return [(x["date"], x["response"]) for x in page["assessment"]["criteria"][0]["dates"]]


def test_without_a_reason_it_is_told_who_signed_and_nothing_changes(
    one_reader: OneReader, signed: dict[str, Any], table: Path
) -> None:
    before = written(one_reader.results)
    code, told = correct(one_reader.results, table)
    assert code == 2
    assert f"signed by A. Able (Dr Able) on {signed['signed']['time'][:19]}" in told
    assert "--reason" in told
    assert written(one_reader.results) == before
    assert correct(one_reader.results, table, "--reason", "  ")[0] == 2


def test_with_a_reason_there_is_a_new_version_that_nobody_has_signed(
    one_reader: OneReader,
    signed: dict[str, Any],
    table: Path,
    check_json: Callable[[Path], set[str]],
) -> None:
    results, browser = one_reader.results, one_reader.enter()
    assert answers_on(signed)[-1][1] == "PR"
    code, told = correct(results, table, "--reason", WHY)
    assert code == 0
    assert "which nobody has signed" in told
    folder = results / PHANTOM
    assert not (folder / "signature.json").exists()
    before = json.loads((folder / "superseded_signature.json").read_text())
    assert before["signed"]["time"] == signed["signed"]["time"]
    assert before["reason"] == WHY
    assert "superseded_signature" in check_json(folder)
    report = (folder / "report.html").read_text("utf-8")
    assert "by nobody: signed by A. Able (Dr Able)" in report
    assert WHY in report
    # No signed file is left that says something else than the tables.
    assert not (results / "review" / "signed" / PHANTOM).exists()
    (aside,) = (results / "review" / "superseded").iterdir()
    assert answers_in(aside / "timepoints.csv") == answers_on(signed)
    # The room that is open tells the same, at once, and nothing said before is lost.
    page = browser.page()
    assert page["signed"] is None
    assert page["state"] != "signed"
    assert answers_on(page) == answers_in(folder / "timepoints.csv")
    assert answers_on(page)[-1][1] == "PD"
    rejected = [each["id"] for each in page["lesions"] if each["state"] == "rejected"]
    assert rejected == ["L6"]
    assert browser.get("patients").json()["patients"][0]["state"] == "reading"


def test_a_version_that_is_signed_anew_takes_the_place_of_the_changed_one(
    one_reader: OneReader, signed: dict[str, Any], table: Path, phantom_run: PhantomRun
) -> None:
    results = one_reader.results
    assert correct(results, table, "--reason", WHY)[0] == 0
    # As after a restart: what was changed is not overwritten with what was signed before.
    changed = answers_in(results / PHANTOM / "timepoints.csv")
    app_again = create_app(
        results, studies=phantom_run.studies, reader="Dr Able", hosts=[HOST], token="the-token"
    )
    browser = OneReader(app_again, results, entering(app_again)).enter()
    assert answers_in(results / PHANTOM / "timepoints.csv") == changed
    page = sign(browser).json()
    assert page["signed"]["time"] > signed["signed"]["time"]
    assert not (results / PHANTOM / "superseded_signature.json").exists()
    own = json.loads((results / PHANTOM / "signature.json").read_text())
    kept = results / "review" / "signed" / PHANTOM
    assert own == json.loads((kept / "signature.json").read_text())
    assert answers_in(results / PHANTOM / "timepoints.csv") == answers_on(page) == changed
    assert answers_in(kept / "timepoints.csv") == changed


def test_who_changes_a_signed_reading_on_a_page_from_before_is_told(
    one_reader: OneReader, signed: dict[str, Any], table: Path
) -> None:
    browser = one_reader.enter()
    version = browser.page()["version"]
    assert correct(one_reader.results, table, "--reason", WHY)[0] == 0
    body = {"version": version, "reason": "looked again"}
    assert browser.post(f"patients/{PHANTOM}/reopen", body).status_code == 409
    assert answers_on(browser.page())[-1][1] == "PD"


def test_a_run_over_signed_results_takes_the_signature_off(
    one_reader: OneReader, signed: dict[str, Any], phantom_run: PhantomRun
) -> None:
    results, options = one_reader.results, Options.create(lesions="dicom")
    kept = batch.run(phantom_run.studies, results, options, resume=True)
    assert [each.state for each in kept.subjects] == ["skipped"]
    assert (results / PHANTOM / "signature.json").is_file()
    other = Options.create(lesions="dicom", criteria=("recist11",))
    batch.run(phantom_run.studies, results, other, resume=True)  # only what is said is new
    assert not (results / PHANTOM / "signature.json").exists()
    superseded = json.loads((results / PHANTOM / "superseded_signature.json").read_text())
    assert superseded["by"] == "recist run"
    assert not (results / "review" / "signed" / PHANTOM).exists()
    assert "sign anew" in (results / PHANTOM / "warnings.txt").read_text()
    assert one_reader.enter().page()["signed"] is None
