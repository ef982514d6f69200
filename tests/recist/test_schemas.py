"""Every JSON of results keeps to the schema that is shipped, and says its version."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import recist
from imaging.writing import SCHEMA_VERSION
from recist.cohort import abscopal_file
from recist.course import Field, Lesion, Measurement, Role, Timepoint
from recist.criteria.sums import baseline_sum
from recist.export.written_tables import write_timepoints_json
from recist.protocol import DEFAULT
from recist.run.table import assess_file
from tests.recist.conftest import OTHER_JSON, SCHEMA_OF

SCHEMAS = Path(recist.__file__).parent / "schemas"
NAMES = sorted(path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.json"))
#: Printed, not written.
PRINTED = {"suv", "segment"}
#: Written as a flat map, as label maps of other programs have it.
WITHOUT_VERSION = {"labels"}
TABLE = """\
subject,{time},lesion,role,organ,nodal,status,diameter_mm,field
P1,{0},T1,target,liver,no,measured,60.0,out
P1,{0},T2,target,lung,no,measured,30.0,in
P1,{0},X,non-target,bone,no,present,,out
P1,{1},T1,target,liver,no,measured,41.25,out
P1,{1},T2,target,lung,no,not-evaluable,,in
P1,{2},T1,target,liver,no,not-evaluable,,out
P1,{2},T2,target,lung,no,not-evaluable,,in
P1,{2},N,new,liver,no,present,,out
"""


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return found


def check(name: str, path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(content, schema(name), jsonschema.Draft202012Validator)
    assert content["schema_version"] == SCHEMA_VERSION
    return content


def test_every_json_that_the_code_names_has_a_schema() -> None:
    """By its name, or is told to be of another standard; and no exception outlives its file."""
    root = Path(recist.__file__).parents[1]
    named: set[str] = set()
    for package in ("imaging", "pet", "segmentation", "recist"):
        for path in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    named.update(re.findall(r"[\w.-]*\.json$", node.value))
    assert {f"{name}.json" for name in ("timepoints", "cohort", "analytics")} <= named
    labels = {"-lesions.json"}
    assert named - set(SCHEMA_OF) - set(OTHER_JSON) - labels == set()
    assert set(SCHEMA_OF) - {"delineations/"} <= named
    assert set(OTHER_JSON) <= named
    assert set(NAMES) - set(SCHEMA_OF.values()) == PRINTED


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    if name not in WITHOUT_VERSION:
        assert schema(name)["properties"]["schema_version"]["const"] == SCHEMA_VERSION
        assert "schema_version" in schema(name)["required"]


@pytest.mark.parametrize(
    ("time", "when"),
    [("date", ("2024-01-10", "2024-03-06", "2024-05-01")), ("day", ("0", "56", "112"))],
)
def test_the_answers_of_a_table_keep_to_their_schemas(
    tmp_path: Path, time: str, when: tuple[str, ...]
) -> None:
    table = tmp_path / "m.csv"
    table.write_text(TABLE.format(*when, time=time))
    assess_file(table, tmp_path / "out", robustness=True, with_json=True)
    rows = check("timepoints", tmp_path / "out" / "timepoints.json")["timepoints"]
    assert any(row["lower_bound"] for row in rows)
    assert any(row["sum_mm"] is None for row in rows)
    assert check("outcomes", tmp_path / "out" / "outcomes.json")["outcomes"]
    abscopal_file(table, tmp_path / "abscopal")
    assert check("abscopal", tmp_path / "abscopal" / "abscopal.json")["patients"]


def test_the_figures_of_one_patient_keep_to_the_schema(tmp_path: Path) -> None:
    course = recist.Course(
        "P1",
        (Lesion("L1", "liver", False, Role.TARGET, Field.UNKNOWN),),
        (
            Timepoint(0, [Measurement("L1", "measured", 60)]),  # type: ignore[arg-type]
            Timepoint(56, [Measurement("L1", "measured", 30.5)]),  # type: ignore[arg-type]
        ),
    )
    found = recist.assess(course)
    path = tmp_path / "timepoints.json"
    write_timepoints_json(
        path, [(course, found.timepoints)], DEFAULT, baselines=[baseline_sum(course, DEFAULT)]
    )
    content = check("timepoints", path)
    assert [each["change_percent"] for each in content["lesions"]] == [None, -49.1]
    assert content["baselines"][0]["sum_mm"] == 60


def test_a_member_that_the_schema_does_not_know_is_found() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            {"schema_version": 1, "protocol": {"name": "x"}, "timepoints": [{"sum": 3}]},
            schema("timepoints"),
        )
