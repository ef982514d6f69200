"""The engine against public test data, which the extra ``test`` installs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "compare_pharmadata.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_pharmadata", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_difference_to_the_recorded_responses_is_explained(compare: ModuleType) -> None:
    tables = compare.load()
    found = compare.compare_responses(tables["tu_onco"], tables["tr_onco"], tables["rs_onco"])
    assert found.compared["target"] == 1899
    assert dict(found.counts()) == {
        ("target", "recorded: growth is measured from the baseline, not from the nadir"): 158,
        ("target", "recorded: a target that was not measured adds 0 mm"): 42,
        ("overall", "follows from the target response"): 107,
        ("overall", "recorded: no response, but a note to check the visit"): 3,
    }


def test_the_regular_study_differs_in_a_reappearance_only(compare: ModuleType) -> None:
    tables = compare.load()
    names = ("tu_onco_recist", "tr_onco_recist", "rs_onco_recist")
    found = compare.compare_responses(*(tables[name] for name in names))
    assert [difference.explanation for difference in found.differences] == [
        "ours: a lesion that is back after a complete response is progression"
    ]


def test_best_responses_are_those_of_admiralonco(compare: ModuleType) -> None:
    found = compare.compare_outcomes(compare.load()["adrs"])
    assert sum(found.compared.values()) == 48
    assert found.differences == []
