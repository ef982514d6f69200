"""The documentation builds strictly, and says of tables and examples what the code does."""

from __future__ import annotations

import csv
import fnmatch
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import recist
from imaging import manifest
from pet.response import measurements as uptake
from pet.response.uptake_table import assess_pet_table
from recist.cohort.abscopal_files import abscopal_file
from recist.cohort.patients import ARMS
from recist.course import EventKind, Field, Role, Status
from recist.forecast import forecast_file
from recist.forecast.calibration import World
from recist.forecast.fitting import FitMethod
from recist.patient import overrides
from recist.patient.corrections import correction_tables as corrections
from recist.response import Response, Scope
from recist.run import outcomes
from recist.run.table import assess_file
from recist.table import layout

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
TABLES: Mapping[str, Any] = tomllib.loads((DOCS / "reference" / "tables.toml").read_text("utf-8"))


def run(*command: str | Path, cwd: Path) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    run(sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", tmp_path, cwd=ROOT)
    page = (tmp_path / "reference" / "python" / "index.html").read_text()
    assert "measure_mask" in page
    assert not re.search(r":(class|func|mod|data|meth|attr):", page)  # roles of docstrings
    commands = (tmp_path / "reference" / "commands" / "index.html").read_text("utf-8")
    for name in ("run", "assess", "outcomes", "abscopal", "assess-pet", "suv", "segment"):
        assert f"recist {name}" in commands
    python = (tmp_path / "reference" / "python" / "index.html").read_text("utf-8")
    for name in set(recist.__all__) - {"Protocol", "__version__"}:
        assert name in python


@pytest.mark.parametrize("script", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_prints_what_the_site_shows(script: Path, tmp_path: Path) -> None:
    assert len(EXAMPLES) == 3
    assert run(sys.executable, script, cwd=tmp_path) == script.with_suffix(".txt").read_text()


def names(columns: Iterable[str]) -> set[str]:
    """``date|day`` names two columns."""
    return {name for column in columns for name in column.split("|")}


TIME = ("date", "day")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("measurements", layout.MEASUREMENTS.known),
        ("events", layout.EVENTS.known),
        ("responses", outcomes._COLUMNS.known),
        ("overrides", overrides.COLUMNS),
        ("corrected_measurements", (*corrections.MEASUREMENT_COLUMNS, corrections.PROPOSED)),
        ("dates", corrections.DATE_COLUMNS),
        ("drawn", corrections.DRAWN_COLUMNS),
        ("arms", ARMS.known),
        ("manifest", manifest._COLUMNS),
        ("uptake", (*TIME, *uptake.REQUIRED, *uptake.SCAN_COLUMNS, *uptake.LESION_COLUMNS)),
    ],
)
def test_every_column_that_is_read_is_explained(table: str, columns: Iterable[str]) -> None:
    known = getattr(columns, "known", columns)
    assert names(TABLES[table]["columns"]) == set(known)


@pytest.mark.parametrize(
    ("word", "vocabulary"),
    [
        ("status", Status),
        ("role", Role),
        ("field", Field),
        ("event", EventKind),
        ("overall", Response),
        ("lesions", Scope),
        ("fit_method", FitMethod),
        ("simulated_world", World),
    ],
)
def test_every_word_is_explained(word: str, vocabulary: Iterable[str]) -> None:
    assert set(TABLES["words"][word]["words"]) == {str(member) for member in vocabulary}


def unexplained(path: Path, prefix: str = "") -> set[str]:
    """Columns of a written table without a meaning; a prefix tells tables of one name apart."""
    with path.open(newline="") as file:
        written = next(csv.reader(file))
    table = TABLES.get(f"{prefix}{path.stem}", TABLES.get(path.stem))
    assert table is not None, f"{path.name} is explained nowhere"
    patterns = names(table["columns"])
    return {name for name in written if not any(fnmatch.fnmatch(name, p) for p in patterns)}


def test_every_column_that_is_written_from_tables_is_explained(tmp_path: Path) -> None:
    rows = [
        ("P1", day, lesion, "target", "liver", "no", "measured", mm, field)
        for lesion, field, sizes in (("L1", "in", (40, 20, 20)), ("L2", "out", (30, 15, 15)))
        for day, mm in zip((-7, 56, 112), sizes, strict=True)
    ]
    columns = ["subject", "day", *layout.MEASUREMENTS.required[1:], "field"]
    frame = pd.DataFrame(rows, columns=columns)
    begun = [("P1", 0, "radiotherapy-start"), ("P1", 7, "radiotherapy-end")]
    events = pd.DataFrame(begun, columns=["subject", "day", "event"])
    assess_file(frame, tmp_path / "assess")
    abscopal_file(frame, tmp_path / "abscopal", events=events)
    (tmp_path / "uptake.csv").write_text("subject,day,lesion,sul_peak\nP1,0,L1,8\nP1,60,L1,3\n")
    assess_pet_table(tmp_path / "uptake.csv", tmp_path / "pet", criteria=["percist"])
    written = sorted(path for path in tmp_path.glob("*/*.csv"))
    assert {path.name for path in written} == {
        "abscopal.csv", "checks.csv", "contrasts.csv", "lesion_rates.csv", "outcomes.csv",
        "pet_timepoints.csv", "rates.csv", "sensitivity.csv", "timepoints.csv",
    }  # fmt: skip
    assert {path.name: unexplained(path) for path in written if unexplained(path)} == {}


def test_every_column_of_a_forecast_is_explained(tmp_path: Path) -> None:
    sizes = {day: 20 + day / 10 for day in (0, 40, 80, 120, 160, 200)}
    rows = [
        {"subject": "A", "day": day, "lesion": lesion, "role": "target", "organ": "lung",
         "nodal": "no", "status": "measured", "diameter_mm": f"{mm:.0f}", "field": field}
        for lesion, field in (("L1", "out"), ("L2", "in")) for day, mm in sizes.items()
    ]  # fmt: skip
    forecast_file(rows, tmp_path, calibrated_on=20, explore=True)
    written = sorted(tmp_path.glob("*.csv"))
    assert len(written) > 8
    assert {path.name: left for path in written if (left := unexplained(path))} == {}


def test_every_column_of_the_report_of_a_trial_is_explained(
    trial_report: tuple[Path, tuple[str, ...]],
) -> None:
    out, _ = trial_report
    written = sorted(out.glob("*.csv"))
    assert len(written) > 10
    assert {path.name: left for path in written if (left := unexplained(path, "trial_"))} == {}
    with (out.parent / "patients.csv").open(newline="") as file:
        given = set(next(csv.reader(file)))
    assert names(TABLES["patients"]["columns"]) == given - {"pd_l1", "ctdna"}  # biomarkers
