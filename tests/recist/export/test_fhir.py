"""Bundles of FHIR R4: the published structure, the figures, and what has no code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle

import recist
from recist.answers import AssessedCourse
from recist.export.fhir import bundle_json

TABLE = """\
subject,{time},lesion,role,organ,nodal,status,diameter_mm,field
P1,{first},L1,target,lung,no,measured,32.4,in
P1,{first},L2,target,lymph node,yes,measured,18,out
P1,{first},L3,non-target,bone,no,present,,out
P1,{second},L1,target,lung,no,measured,20,in
P1,{second},L2,target,lymph node,yes,not-evaluable,,out
P1,{second},L3,non-target,bone,no,present,,out
P1,{third},L1,target,lung,no,measured,20,in
P1,{third},L2,target,lymph node,yes,measured,9,out
P1,{third},L3,non-target,bone,no,present,,out
P1,{third},L4,new,liver,no,measured,12,out
"""
DATES = {"time": "date", "first": "2024-01-08", "second": "2024-03-04", "third": "2024-05-06"}
DAYS = {"time": "day", "first": "0", "second": "56", "third": "119"}


def answer(path: Path, times: dict[str, str]) -> AssessedCourse:
    path.write_text(TABLE.format(**times))
    return recist.assess(recist.read_table(path)["P1"])


def observations(text: str) -> list[dict[str, object]]:
    entries = json.loads(text)["entry"]
    return [e["resource"] for e in entries if e["resource"]["resourceType"] == "Observation"]


@pytest.mark.parametrize("times", [DATES, DAYS])
def test_a_bundle_keeps_the_published_structure(times: dict[str, str], tmp_path: Path) -> None:
    text = bundle_json(answer(tmp_path / "m.csv", times))
    made = Bundle.model_validate_json(text)
    assert len(made.entry) == len({entry.fullUrl for entry in made.entry})
    known = {entry.fullUrl for entry in made.entry}
    reports = [
        e.resource for e in made.entry if e.resource.get_resource_type() == "DiagnosticReport"
    ]
    assert len(reports) == 3
    referred = [r.reference for report in reports for r in report.result]
    assert referred
    assert set(referred) <= known
    assert "Research use only" in text


def test_the_figures_are_those_of_the_assessment(tmp_path: Path) -> None:
    assessed = answer(tmp_path / "m.csv", DATES)
    found = observations(bundle_json(assessed))
    sizes = [
        (o["effectiveDateTime"], o["identifier"][0]["value"], o["valueQuantity"]["value"])
        for o in found
        if "identifier" in o and "valueQuantity" in o
    ]
    assert sizes == [
        ("2024-01-08", "L1", 32.4),
        ("2024-01-08", "L2", 18),
        ("2024-03-04", "L1", 20),
        ("2024-05-06", "L1", 20),
        ("2024-05-06", "L2", 9),
        ("2024-05-06", "L4", 12),
    ]
    sums = [
        (o["effectiveDateTime"], o["valueQuantity"]["value"])
        for o in found
        if o["code"]["text"].startswith("Sum of")
    ]
    # No sum at the second date, where a target was not evaluable.
    assert sums == [("2024-01-08", 50.4), ("2024-05-06", 29)]
    said = {
        (o["effectiveDateTime"], o["code"]["text"]): o["valueCodeableConcept"]["text"]
        for o in found
        if o["code"]["text"].startswith("Overall")
    }
    assert len(said) == len(assessed.timepoints)
    assert said["2024-05-06", "Overall response by RECIST 1.1, all lesions"] == "PD"
    assert said["2024-05-06", "Overall response by iRECIST, all lesions"] == "iUPD"


def test_only_a_response_that_has_a_code_gets_one(tmp_path: Path) -> None:
    found = observations(bundle_json(answer(tmp_path / "m.csv", DATES)))
    coded = {
        o["valueCodeableConcept"]["text"]: "coding" in o["valueCodeableConcept"]
        for o in found
        if o["code"]["text"].startswith("Overall")
    }
    assert coded["PD"]
    assert not coded["iUPD"]
    status = [o for o in found if "97509-4" in json.dumps(o["code"])]
    assert [o["valueCodeableConcept"]["coding"][0]["code"] for o in status] == ["271299001"]


def test_the_same_result_gives_the_same_bundle(tmp_path: Path) -> None:
    first, second = (bundle_json(answer(tmp_path / "m.csv", DATES)) for _ in range(2))
    assert first == second
