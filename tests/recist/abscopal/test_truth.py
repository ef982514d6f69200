"""The two-set truth cases: in the field, out of it, and the whole body."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recist import abscopal
from recist.course import Course
from recist.protocol import DEFAULT
from tests.recist.patients import call_of

TRUTH = json.loads((Path(__file__).parents[1] / "truth" / "abscopal_cases.json").read_text())
CASES = [case for case in TRUTH["cases"] if case["lesions"]]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_two_sets_answer_as_the_truth_says(
    case: dict[str, Any], patient: Callable[..., Course]
) -> None:
    lesions = case["lesions"]
    names = {lesion["id"]: f"T{k}" for k, lesion in enumerate(lesions)}
    course = patient(
        {names[x["id"]]: [x["baseline_mm"], x["followup_mm"] or "gone"] for x in lesions},
        out=[names[x["id"]] for x in lesions if not x["irradiated"]],
        nodes=[names[x["id"]] for x in lesions if x.get("nodal")],
    )
    expected = case["expected"]
    found = abscopal.assess(course, DEFAULT)
    assert found.evaluable and found.out_of_field and found.in_field and found.whole
    sets = {"out": found.out_of_field, "infield": found.in_field, "whole": found.whole}
    for name, key in (
        ("out", "out_of_field_sum"),
        ("infield", "in_field"),
        ("whole", "whole_body_RECIST"),
    ):
        (seen,) = sets[name].assessments
        assert seen.target == expected[key], key
        if expected["sums"][name] is not None:
            assert [seen.baseline_mm, seen.sum_mm] == [
                Decimal(str(value)) for value in expected["sums"][name]
            ]
    assert call_of(found, "golden").met is (expected["best_single_lesion_30"] == "Y")
    responds = {"CR": True, "PR": True, "NE": None}.get(expected["out_of_field_sum"], False)
    for name in ("theelen-arr", "welsh", "mcbride"):
        assert call_of(found, name).met is responds
    controlled = None if responds is None else expected["out_of_field_sum"] != "PD"
    assert call_of(found, "theelen-acr").met is controlled
    if expected.get("abscopal_disease_control") == "Y":
        assert controlled
