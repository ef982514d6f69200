"""Every JSON that a command writes or prints keeps to a schema that ships, with its version."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
from typer.testing import CliRunner

import recist
from recist.cli import app
from recist.phantom.lesions import LESIONS
from recist.phantom.study import Truth

SCHEMAS = Path(recist.__file__).parent / "schemas"
MEASUREMENTS = """\
subject,day,lesion,role,organ,nodal,status,diameter_mm,field
P1,0,T1,target,liver,no,measured,60.0,out
P1,0,T2,target,lung,no,measured,30.0,in
P1,56,T1,target,liver,no,measured,41.2,out
P1,56,T2,target,lung,no,measured,29.0,in
P1,112,T1,target,liver,no,measured,55.2,out
P1,112,T2,target,lung,no,measured,29.0,in
"""
RESPONSES = "subject,day,overall\nP1,56,PR\nP1,112,PR\n"
UPTAKES = """\
subject,day,lesion,sul_peak,liver_mean,liver_sd,uptake_min
P1,0,L1,10.0,2.0,0.3,60
P1,56,L1,6.0,2.0,0.3,62
"""


def run(*words: str | Path) -> str:
    """What a command prints to standard output."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_of_every_command_on_tables(tmp_path: Path, check_json: Callable[[Path], set[str]]) -> None:
    for name, text in (("m", MEASUREMENTS), ("r", RESPONSES), ("p", UPTAKES)):
        (tmp_path / f"{name}.csv").write_text(text)
    run("assess", tmp_path / "m.csv", "-o", tmp_path / "assess", "--json")
    run("outcomes", tmp_path / "r.csv", "-o", tmp_path / "outcomes", "--json")
    run("abscopal", tmp_path / "m.csv", "-o", tmp_path / "abscopal")
    run("assess-pet", tmp_path / "p.csv", "-o", tmp_path / "pet", "--json")
    run("forecast", tmp_path / "m.csv", "-o", tmp_path / "forecast")
    assert check_json(tmp_path) == {
        "timepoints", "outcomes", "protocol", "abscopal", "pet_timepoints", "forecast",
    }  # fmt: skip


def test_of_a_trial(
    trial_report: tuple[Path, tuple[str, ...]], check_json: Callable[[Path], set[str]]
) -> None:
    assert check_json(trial_report[0]) == {"cohort"}


def printed(name: str, text: str) -> dict[str, object]:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    content: dict[str, object] = json.loads(text)
    jsonschema.validate(content, schema, jsonschema.Draft202012Validator)
    return content


def test_of_a_pet_series(phantom: Truth) -> None:
    (first, *_) = sorted(path for path in phantom.studies.rglob("PET") if path.is_dir())
    assert printed("suv", run("suv", first, "--json"))["factor"]


def test_of_one_lesion(phantom: Truth, tmp_path: Path) -> None:
    (first, *_) = sorted(path for path in phantom.studies.rglob("CT") if path.is_dir())
    x, y, z = LESIONS[0].centre_mm
    line = f"{x - 18},{y - 8},{z}:{x + 18},{y + 8},{z}"
    words = ("segment", first, "-o", tmp_path / "lesion.nii.gz", "--method", "hu-statistics")
    found = printed("segment", run(*words, "--line", line, "--json"))
    assert found["lesions"]
