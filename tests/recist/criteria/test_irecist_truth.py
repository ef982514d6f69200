"""iRECIST against Seymour 2017, Table 2, the EORTC scenarios and sequences worked out by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recist.course import Course
from recist.criteria import irecist
from recist.protocol import DEFAULT

TRUTH = Path(__file__).parents[1] / "truth"
SHARED = TRUTH / "irecist_sequences.json"
SEQUENCES = json.loads(SHARED.read_text(), parse_float=Decimal)["cases"]
TABLE = list(csv.DictReader((TRUTH / "irecist_timepoint_table.csv").read_text().splitlines()))

#: In the EORTC codes: present is NC or NCLA, more is INCLA, PD is UNE.
NON_TARGET = {
    "PRESENT": "here",
    "STABLE": "here",
    "UNCHANGED_FROM_LAST": "here",
    "FURTHER_INCREASE": "more",
    "UNEQUIVOCAL_PD": "PD",
    "NEW": "here",
    "INCREASED": "more",
}


@pytest.mark.parametrize("case", SEQUENCES, ids=[case["id"] for case in SEQUENCES])
def test_a_sequence_of_time_points(case: dict[str, Any], patient: Callable[..., Course]) -> None:
    has_non_target = case["baseline"]["nontarget"] != "NONE"
    visits: dict[int, dict[str, Any]] = {0: {"T1": case["baseline"]["target_sum"]}}
    if has_non_target:
        visits[0]["X1"] = "here"
    for timepoint in case["timepoints"]:
        cells = {"T1": timepoint["target_sum"]} | timepoint["new_targets"]
        cells |= {name: NON_TARGET[word] for name, word in timepoint["new_nontargets"].items()}
        if has_non_target:
            cells["X1"] = NON_TARGET[timepoint["nontarget"]]
        visits[timepoint["day"]] = cells
    got = irecist.assess(patient(visits), DEFAULT)
    assert [a.overall for a in got] == case["expected_iTPR"]
    confirmed = [a.first_iupd_day for a in got if a.overall == "iCPD"]
    if confirmed:
        assert ["event", confirmed[0]] == case["expected_iPFS"]


TARGET_CELL: dict[str, Any] = {"iCR": "gone", "iPR": 60, "iSD": 95, "iUPD": 130, "NE": "NE"}
NON_TARGET_CELL = {"iCR": "gone", "non-iCR/non-iUPD": "here", "iUPD": "PD", "NE": "NE"}

#: Rows with an unresolved iUPD whose evidence needs two visits of its own: first iUPD, days to the
#: second, second. ``T`` 100 and ``X`` here at baseline.
T, X, N = "T1", "X1", "N1"
EVIDENCE: dict[str, tuple[dict[str, Any], int, dict[str, Any]]] = {
    "IT-027": ({T: 130, X: "PD", N: 12}, 35, {T: 130, X: "here", N: 12}),
    "IT-028": ({T: 130, X: "PD", N: 12}, 35, {T: 130, X: "here", N: 17}),
    "IT-029": ({T: 130, X: "PD", N: 12}, 35, {T: 130, X: "here", N: 16.9}),
    "IT-031": ({T: 130, X: "PD", N: 12}, 35, {T: 130, X: "here", N: 12, "N2": 10}),
    "IT-036": ({T: 60, X: "PD"}, 35, {T: 60, X: "here"}),
    "IT-037": ({T: 60, X: "PD"}, 35, {T: 60, X: "more"}),
    "IT-039": ({T: "gone", X: "PD"}, 35, {T: "gone", X: "here"}),
    "IT-040": ({T: "gone", X: "PD"}, 35, {T: "gone", X: "more"}),
    "IT-042": ({T: 130, X: "here"}, 35, {T: 135, X: "here"}),
    "IT-043": ({T: 130, X: "here"}, 35, {T: 134.9, X: "here"}),
    "IT-046": ({T: 130, X: "gone"}, 35, {T: 135, X: "gone"}),
    "IT-050": ({T: 130, X: "PD"}, 35, {T: 135, X: "here"}),
    "IT-052": ({T: 130, X: "PD"}, 35, {T: 134.9, X: "here"}),
    "IT-054": ({T: 130, X: "PD", N: 12}, 35, {T: 135, X: "here", N: 12}),
    "IT-059": ({T: 95, X: "here", N: 12}, 35, {T: 95, X: "here", N: 17}),
    "IT-060": ({T: 95, X: "here", N: 12}, 35, {T: 95, X: "here", N: 12}),
    "IT-062": ({T: 130, X: "here"}, 35, {T: 95, X: "PD"}),
    "IT-063": ({T: 95, X: "here", N: 12}, 35, {T: 130, X: "here", N: "gone"}),
    "IT-065": ({T: 130, X: "here"}, 14, {T: 140, X: "here"}),
    "IT-066": ({T: 130, X: "here", N: 12}, 14, {T: 130, X: "here", N: 12, "N2": 10}),
    "IT-068": ({T: 130, X: "here"}, 26, {T: 135, X: "here"}),
    "IT-070": ({T: 130, X: "here"}, 28, {T: 135, X: "here"}),
    "IT-072": ({T: 130, X: "here"}, 70, {T: 135, X: "here"}),
    "IT-079": ({X: "PD"}, 35, {X: "less"}),
}


@pytest.mark.parametrize("row", TABLE, ids=[row["id"] for row in TABLE])
def test_a_row_of_table_2(row: dict[str, str], patient: Callable[..., Course]) -> None:
    before: dict[str, Any] = {}
    now: dict[str, Any] = {}
    if row["target"] != "NA":
        before[T] = 100
        now[T] = TARGET_CELL.get(row["target"])
    if row["nontarget"] != "NA":
        before[X] = "here"
        now[X] = NON_TARGET_CELL.get(row["nontarget"])
    if row["new_lesion"] == "Y":
        now[N] = 12
    visits: dict[int, dict[str, Any]] = {0: before}
    if row["id"] in EVIDENCE:
        first, days, second = EVIDENCE[row["id"]]
        visits |= {56: first, 56 + days: second}
    elif row["prior_unresolved_iUPD"] == "Y":
        assert row["confirmation_evidence"] == "none"
        visits |= {56: before | {T: 130}, 91: now}
    else:
        visits[56] = now
    events = {60: "new-symptom"} if row["id"] == "IT-066" else {}
    got = irecist.assess(patient(visits, events=events), DEFAULT)[-1]
    expected = row["expected_iTPR"].partition(" ")[0].replace("non-iCR", "NON-iCR")
    expected = expected.replace("non-iUPD", "NON-iUPD").replace("disregard", "DISREGARDED")
    assert got.overall == expected
    if row["id"] == "IT-072":
        assert "70 days" in got.warnings[0]
