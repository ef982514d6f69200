"""irRECIST and imRECIST: the same measurements, another answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recist.course import Course
from recist.criteria import imrecist, irecist, irrecist, recist11
from recist.protocol import DEFAULT

TRUTH = Path(__file__).parents[1] / "truth"
CASES = json.loads((TRUTH / "immune_criteria_contrast.json").read_text())["cases"]
CRITERIA = {"RECIST11": recist11, "iRECIST": irecist, "irRECIST": irrecist, "imRECIST": imrecist}


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_four_criteria(case: dict[str, Any], name: str, patient: Callable[..., Course]) -> None:
    has_non_target = "non-target" in case["title"]
    visits: dict[int, dict[str, Any]] = {0: {"T1": case["baseline_target_sum"]}}
    for k, total in enumerate(case["followup"], start=1):
        visits[56 * k] = {"T1": total}
        visits[56 * k] |= {f"N{j}": mm for j, mm in enumerate(case["new_measurable_sum"])}
        if has_non_target:
            visits[0]["X1"] = "here"
            visits[56 * k]["X1"] = "PD"
    got = CRITERIA[name].assess(patient(visits), DEFAULT)[-1]
    expected = case["expected"][name].partition(" ")[0]
    assert got.overall == expected.removeprefix("ir").removeprefix("im")


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        # all gone; one non-target left; a new lesion left
        ({0: {"T1": 30}, 56: {"T1": 0}}, ["CR"]),
        ({0: {"T1": 30, "X1": "here"}, 56: {"T1": 0, "X1": "here"}}, ["PR"]),
        ({0: {"T1": 30}, 56: {"T1": 0, "N1": "here"}}, ["PR"]),
        # a target that was not evaluable, at baseline or later; growth shows nevertheless
        ({0: {"T1": 30}, 56: {"T1": "NE"}}, ["NE"]),
        (
            {0: {"T1": 30, "T2": "NE"}, 56: {"T1": 40, "T2": 40}, 112: {"T1": 60, "T2": 40}},
            ["NE", "PD"],
        ),
        ({0: {"T1": 30, "T2": 10}, 56: {"T1": 60, "T2": "NE"}}, ["PD"]),
        # all gone but a non-target, with nothing at baseline to compare with
        ({0: {"T1": 30, "T2": "NE", "X1": "here"}, 56: {"T1": 0, "T2": 0, "X1": "here"}}, ["PR"]),
        # a new lesion of the burden that was not evaluable
        ({0: {"T1": 30}, 56: {"T1": 25, "N1": 10}, 112: {"T1": 25, "N1": "NE"}}, ["SD", "NE"]),
        # without targets
        ({0: {"X1": "here"}, 56: {"X1": "here"}, 112: {"X1": "gone"}}, ["NON-CR/NON-PD", "CR"]),
        ({0: {"X1": "here"}, 56: {"X1": "NE"}, 112: {"X1": "gone", "N1": 12}}, ["NE", "PD"]),
        ({0: {"X1": "here"}, 56: {"X1": "gone", "N1": "here"}}, ["NON-CR/NON-PD"]),
        ({0: {}, 56: {}}, ["NED"]),
        ({0: {"T1": 30}}, []),
    ],
)
def test_the_burden(
    visits: dict[int, Any], expected: list[str], patient: Callable[..., Course]
) -> None:
    got = imrecist.assess(patient(visits), DEFAULT)
    assert [a.overall for a in got] == expected
    assert all(reason.sentence for a in got for reason in a.reasons)


@pytest.mark.parametrize(
    ("later", "verdict"),
    [
        ({}, "to be confirmed"),
        ({70: {"T1": 90}}, "to be confirmed"),
        ({84: {"T1": "NE"}}, "to be confirmed"),
        ({84: {"T1": 125}}, "confirmed on day 84"),
        ({84: {"T1": 110}}, "negated by SD on day 84"),
    ],
)
def test_a_later_scan_confirms_or_negates(
    later: dict[int, Any], verdict: str, patient: Callable[..., Course]
) -> None:
    got = irrecist.assess(patient({0: {"T1": 100}, 56: {"T1": 125}} | later), DEFAULT)
    assert got[0].overall == "PD" and verdict in got[0].warnings[-1]
