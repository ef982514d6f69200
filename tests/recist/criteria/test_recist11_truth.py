"""RECIST 1.1 against cases worked out by hand and against the printed tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recist.course import Course
from recist.criteria import recist11
from recist.protocol import DEFAULT

TRUTH = Path(__file__).parents[1] / "truth"
CASES = json.loads((TRUTH / "lesion_level_cases.json").read_text(), parse_float=Decimal)["cases"]
TABLE = list(csv.DictReader((TRUTH / "recist11_overall_response.csv").read_text().splitlines()))

NON_TARGET = {"PRESENT": "here", "ABSENT": "gone", "PD": "PD"}

#: The cases' own default: each scan by itself.
BY_SCAN = replace(DEFAULT, sticky_pr="none")


def visits_of(case: dict[str, Any]) -> dict[int, dict[str, Any]]:
    baseline = case["baseline"]
    visits: dict[int, dict[str, Any]] = {
        0: {t["id"]: t["mm"] for t in baseline["targets"]}
        | {f"X{n['id']}": "here" for n in baseline["nontargets"]}
    }
    for timepoint in case["timepoints"]:
        merged = timepoint.get("merged", {})
        cells = {
            name: f">{merged[name]}" if cell == "MERGED" else {"TSTM": "tiny"}.get(str(cell), cell)
            for name, cell in timepoint["targets"].items()
        }
        cells |= {f"X{name}": NON_TARGET[word] for name, word in timepoint["nontargets"].items()}
        cells |= {new["id"]: new.get("mm", "here") for new in timepoint["new"]}
        visits[timepoint["day"]] = cells
    return visits


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_patient_worked_out_by_hand(case: dict[str, Any], patient: Callable[..., Course]) -> None:
    nodes = [target["id"] for target in case["baseline"]["targets"] if target["nodal"]]
    course = patient(visits_of(case), nodes=nodes)
    got = recist11.assess(course, replace(BY_SCAN, **case["settings"]))
    assert [
        {"sum": a.sum_mm, "target": a.target, "nontarget": a.non_target, "overall": a.overall}
        for a in got
    ] == case["expected"]


TARGET_CELL: dict[str, Any] = {"CR": "gone", "PR": 60, "SD": 95, "PD": 130, "NE": "NE"}
NON_TARGET_CELL = {"CR": "gone", "NON-CR/NON-PD": "here", "PD": "PD", "NE": "NE"}


@pytest.mark.parametrize("row", TABLE, ids=[row["id"] for row in TABLE])
def test_a_row_of_the_printed_tables(row: dict[str, str], patient: Callable[..., Course]) -> None:
    before: dict[str, Any] = {}
    now: dict[str, Any] = {}
    if row["target"] != "NA":
        before["T1"], now["T1"] = 100, TARGET_CELL[row["target"]]
    if row["nontarget"] != "NA":
        before["X1"], now["X1"] = "here", NON_TARGET_CELL[row["nontarget"]]
    if row["new_lesion"] != "N":
        now["N1"] = "maybe" if row["new_lesion"] == "EQUIVOCAL" else "here"
    (got,) = recist11.assess(patient({0: before, 56: now}), DEFAULT)
    assert (got.target, got.non_target) == (row["target"], row["nontarget"])
    assert got.overall == row["expected_overall"]
