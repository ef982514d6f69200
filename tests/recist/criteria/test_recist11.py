"""RECIST 1.1: what single cases in the papers leave to be decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from recist.course import Course
from recist.criteria import irecist, recist11
from recist.protocol import DEFAULT, Protocol

Builder = Callable[..., Course]

HOLD = replace(DEFAULT, node_regrowth="hold")


def overall(course: Course, protocol: Protocol = DEFAULT) -> list[str]:
    return [str(assessment.overall) for assessment in recist11.assess(course, protocol)]


def test_a_baseline_alone_has_no_response(patient: Builder) -> None:
    assert recist11.assess(patient({0: {"T1": 30}}), DEFAULT) == ()


# --- merged lesions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "expected", "remark"),
    [
        ({"T1": 50, "T2": ">T1", "T3": 20}, "SD", None),
        ({"T1": ">T2", "T2": ">T3", "T3": 60}, "SD", None),  # a chain
        ({"T1": ">T2", "T2": ">T1", "T3": 20}, "NE", "merged in a circle"),
        ({"T1": 30, "T2": ">X1", "T3": 20, "X1": "here"}, "NE", "into X1, which is no target"),
        ({"T1": "NE", "T2": ">T1", "T3": 20}, "NE", None),
        ({"T1": 30, "T2": "here", "T3": 20}, "NE", "T2 is present without a diameter"),
    ],
)
def test_a_target_that_merged(
    now: dict[str, Any], expected: str, remark: str | None, patient: Builder
) -> None:
    baseline = {"T1": 30, "T2": 25, "T3": 20} | ({"X1": "here"} if "X1" in now else {})
    (got,) = recist11.assess(patient({0: baseline, 56: now}), DEFAULT)
    assert got.target == expected
    assert any(remark in warning for warning in got.warnings) if remark else not got.warnings


def test_a_non_target_that_merged_lives_on_in_the_other(patient: Builder) -> None:
    baseline = {"T1": 30, "X1": "here", "X2": "here"}
    assert overall(patient({0: baseline, 56: {"T1": 0, "X1": ">X2", "X2": "gone"}})) == ["CR"]
    assert overall(patient({0: baseline, 56: {"T1": 0, "X1": ">X2", "X2": "here"}})) == ["PR"]


def test_fragments_are_added(patient: Builder) -> None:
    (got,) = recist11.assess(patient({0: {"T1": 40}, 56: {"T1": [15, 12, "4.5"]}}), DEFAULT)
    assert (str(got.sum_mm), got.overall, got.warnings) == ("31.5", "SD", ())


def test_fragments_of_a_node_are_the_readers_decision(patient: Builder) -> None:
    course = patient({0: {"T1": 40}, 56: {"T1": [15, 12]}}, nodes=["T1"])
    assert "fragments" in recist11.assess(course, DEFAULT)[0].warnings[0]


# --- missing ---------------------------------------------------------------------------------


def test_without_a_baseline_sum_only_cr_and_growth_can_be_told(patient: Builder) -> None:
    visits = {
        0: {"T1": 30, "T2": "NE"},
        56: {"T1": 20, "T2": 20},
        112: {"T1": 30, "T2": 30},
        168: {"T1": 0, "T2": 0},
    }
    got = recist11.assess(patient(visits), DEFAULT)
    assert [str(a.overall) for a in got] == ["NE", "PD", "CR"]
    assert "no complete baseline" in got[0].warnings[0]
    assert got[0].baseline_mm is None and str(got[1].nadir_mm) == "40"
    assert "no complete sum at baseline" in got[0].reasons[0].sentence
    assert [name for name, _ in got[0].reasons[0].numbers] == ["sum_mm", "T1", "T2"]


def test_normal_nodes_prove_no_progression_while_another_is_not_evaluable(patient: Builder) -> None:
    visits = {
        0: {"T1": 20, "T2": 20, "T3": 20},
        56: {"T1": 2, "T2": 2, "T3": 4},
        112: {"T1": 9, "T2": 9, "T3": "NE"},
    }
    course = patient(visits, nodes=["T1", "T2", "T3"])
    assert overall(course) == ["CR", "NE"]
    assert overall(course, replace(DEFAULT, node_cr_precedence=False)) == ["CR", "PD"]


def test_a_target_without_a_row_is_not_evaluable(patient: Builder) -> None:
    assert overall(patient({0: {"T1": 30, "T2": 20}, 56: {"T1": 10}})) == ["NE"]


# --- markers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ({}, ["CR", "CR"]),
        ({-7: "markers-raised"}, ["PR", "PR"]),
        ({-7: "markers-raised", 100: "markers-normal"}, ["PR", "CR"]),
        ({0: "markers-raised", 50: "markers-normal", 110: "markers-raised"}, ["CR", "PR"]),
        ({50: "markers-raised"}, ["CR", "CR"]),  # not raised at baseline
        ({-7: "markers-normal", 50: "markers-raised"}, ["CR", "CR"]),
        ({3: "radiotherapy-start"}, ["CR", "CR"]),
    ],
)
@pytest.mark.parametrize("non_target", [True, False])
def test_markers_bar_a_complete_response_and_nothing_else(
    events: dict[int, str], expected: list[str], non_target: bool, patient: Builder
) -> None:
    baseline, later = {"T1": 30}, {"T1": "gone"}
    if non_target:
        baseline["X1"], later["X1"] = "here", "gone"
    assert overall(patient({0: baseline, 56: later, 112: later}, events=events)) == expected


def test_markers_make_no_disease(patient: Builder) -> None:
    assert overall(patient({0: {}, 56: {}}, events={0: "markers-raised"})) == ["NED"]
    assert recist11.assess(patient({}, events={0: "markers-raised"}), DEFAULT) == ()


# --- non-targets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "node", "expected"),
    [
        ("gone", False, "CR"),
        (9, True, "CR"),
        (10, True, "NON-CR/NON-PD"),
        (0, False, "CR"),
        (3, False, "NON-CR/NON-PD"),
        ("tiny", False, "NON-CR/NON-PD"),
        ("tiny", True, "CR"),
        ("more", False, "NON-CR/NON-PD"),
        ("less", False, "NON-CR/NON-PD"),
        ("maybe", False, "NON-CR/NON-PD"),
        ("PD", False, "PD"),
        ("NE", False, "NE"),
    ],
)
def test_a_non_target(cell: Any, node: bool, expected: str, patient: Builder) -> None:
    course = patient({0: {"X1": "here"}, 56: {"X1": cell}}, nodes=["X1"] if node else [])
    assert overall(course) == [expected]


# --- new lesions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["maybe", "here"], ["PD", "PD"]),  # dated back
        (["maybe", "maybe", "here"], ["PD", "PD", "PD"]),
        (["maybe", "NE", "here"], ["PD", "SD", "PD"]),
        (["maybe", "gone", "here"], ["SD", "SD", "PD"]),
        (["maybe", "gone"], ["SD", "SD"]),
        (["maybe"], ["SD"]),
        (["here", "maybe"], ["PD", "PD"]),  # it was there without doubt
        (["here", "gone"], ["PD", "SD"]),
        (["here", "NE"], ["PD", "SD"]),
        ([4], ["PD"]),  # no smallest size
        (["more"], ["PD"]),
    ],
)
def test_a_new_lesion(cells: list[Any], expected: list[str], patient: Builder) -> None:
    visits = {0: {"T1": 50}} | {
        56 * k: {"T1": 50, "N1": cell} for k, cell in enumerate(cells, start=1)
    }
    assert overall(patient(visits)) == expected


@pytest.mark.parametrize(
    ("sizes", "held", "candidate"),
    [
        ([9], ["SD"], ["SD"]),
        ([15], ["PD"], ["PD"]),
        ([12], ["SD"], ["PD"]),
        ([12, 9], ["SD", "SD"], ["SD", "SD"]),
        ([12, 12], ["PD", "PD"], ["PD", "PD"]),
        ([12, 16], ["PD", "PD"], ["PD", "PD"]),
        ([12, "NE", 11], ["PD", "SD", "PD"], ["PD", "SD", "PD"]),
        (["maybe", 12, 12], ["PD", "PD", "PD"], ["PD", "PD", "PD"]),
    ],
)
def test_a_new_node(
    sizes: list[Any], held: list[str], candidate: list[str], patient: Builder
) -> None:
    visits = {0: {"T1": 50}} | {
        56 * k: {"T1": 50, "N1": size} for k, size in enumerate(sizes, start=1)
    }
    course = patient(visits, nodes=["N1"])
    assert overall(course, HOLD) == held
    assert overall(course) == candidate


def test_a_small_new_node_is_remarked_upon(patient: Builder) -> None:
    course = patient({0: {"T1": 50}, 56: {"T1": 50, "N1": 12}}, nodes=["N1"])
    assert "AMB-05" in recist11.assess(course, DEFAULT)[0].warnings[0]


# --- reappearance ----------------------------------------------------------------------------


def after_cr(patient: Builder, *later: dict[str, Any], nodes: str = "") -> Course:
    """A liver target T1, a nodal target T2, a non-target X1 and a nodal non-target X2, all gone."""
    baseline = {"T1": 30, "T2": 20, "X1": "here", "X2": "here"}
    gone = {"T1": 0, "T2": 8, "X1": "gone", "X2": "gone"}
    visits = {0: baseline, 56: gone}
    visits |= {56 * k: gone | cells for k, cells in enumerate(later, start=2)}
    return patient(visits, nodes=["T2", "X2"])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, "CR"),
        ({"T1": 1}, "PD"),
        ({"T1": "tiny"}, "PD"),
        ({"T2": "9.9"}, "CR"),
        ({"T2": 15}, "PD"),
        ({"X1": "here"}, "PD"),
        ({"X1": 2}, "PD"),
        ({"X1": 0}, "CR"),
        ({"X2": 16}, "PD"),
        ({"X2": 9}, "CR"),
        ({"X2": "here"}, "PR"),  # a node that is merely visible may be normal
        ({"X2": "PD"}, "PD"),
        ({"X1": "NE"}, "PR"),
        ({"X1": ">X2"}, "CR"),
        ({"T2": 11, "X2": 11}, "PD"),  # two small nodes are more than one sign
    ],
)
def test_disease_that_is_back_after_an_overall_cr(
    cells: dict[str, Any], expected: str, patient: Builder
) -> None:
    assert overall(after_cr(patient, cells), HOLD) == ["CR", expected]


@pytest.mark.parametrize(
    ("sizes", "held", "candidate"),
    [
        ([11], ["PR"], ["PD"]),
        ([11, 9], ["PR", "CR"], ["PR", "CR"]),
        ([11, 11], ["PD", "PD"], ["PD", "PD"]),
        ([11, "NE", 12], ["PD", "NE", "PD"], ["PD", "NE", "PD"]),
        ([11, "NE"], ["PR", "NE"], ["PD", "NE"]),
    ],
)
def test_one_small_node_after_cr_waits_for_the_next_scan(
    sizes: list[Any], held: list[str], candidate: list[str], patient: Builder
) -> None:
    course = after_cr(patient, *({"T2": size} for size in sizes))
    assert overall(course, HOLD)[1:] == held
    assert overall(course)[1:] == candidate


def test_a_small_node_whose_row_is_missing_at_the_next_scan(patient: Builder) -> None:
    visits = {0: {"T1": 20}, 56: {"T1": 5}, 112: {"T1": 11}, 168: {}}
    got = recist11.assess(patient(visits, nodes=["T1"]), DEFAULT)
    assert [str(a.overall) for a in got] == ["CR", "PD", "NE"]
    assert "scan again" in got[1].warnings[-1]


def test_a_return_without_an_overall_cr_is_no_progression(patient: Builder) -> None:
    visits = {
        0: {"T1": 30, "X1": "here"},
        56: {"T1": 0, "X1": "here"},
        112: {"T1": 4, "X1": "here"},
    }
    got = recist11.assess(patient(visits), DEFAULT)
    assert [str(a.overall) for a in got] == ["PR", "PR"]
    assert "AMB-03" in got[1].warnings[0]
    strict = recist11.assess(patient(visits), replace(DEFAULT, pd_on_reappearance="any_target_cr"))
    assert (strict[1].target, strict[1].target_by_scan) == ("PD", "PR")
    assert "T1 back after the complete response of day 56" in strict[1].reasons[0].sentence


def test_a_target_gone_that_has_not_returned(patient: Builder) -> None:
    strict = replace(DEFAULT, pd_on_reappearance="any_target_cr", node_regrowth="hold")
    visits = {
        0: {"T1": 30, "X1": "here"},
        56: {"T1": 9, "X1": "here"},
        112: {"T1": 11, "X1": "here"},
    }
    course = patient(visits, nodes=["T1"])
    assert overall(course, strict) == ["PR", "PR"]


# --- order and stickiness --------------------------------------------------------------------


def test_progression_comes_before_partial_response(patient: Builder) -> None:
    visits = {0: {"T1": 100}, 56: {"T1": 50}, 112: {"T1": 60}}
    assert overall(patient(visits)) == ["PR", "PD"]


def test_progression_ends_a_partial_response(patient: Builder) -> None:
    visits = {0: {"T1": 100}}
    visits |= {56 * k: {"T1": mm} for k, mm in enumerate((60, 60, 75, 71), start=1)}
    for setting in ("after_confirmed", "any"):
        got = overall(patient(visits), replace(DEFAULT, sticky_pr=setting))
        assert got == ["PR", "PR", "PD", "SD"]


def test_a_response_broken_off_before_its_confirmation(patient: Builder) -> None:
    visits = {0: {"T1": 100}}
    cells = (70, "NE", "NE", 70, 75, 80)
    visits |= {28 * k: {"T1": mm} for k, mm in enumerate(cells, start=1)}
    assert overall(patient(visits)) == ["PR", "NE", "NE", "PR", "SD", "SD"]


def test_each_answer_names_its_criteria_and_scope(patient: Builder) -> None:
    course = patient({0: {"T1": 30, "T2": 40}, 56: {"T1": 10, "T2": 60}})
    (inside,) = recist11.assess(course.restricted_to(["T1"]), DEFAULT, recist11.Scope.IN_FIELD)
    assert (inside.criteria, inside.scope, inside.overall) == ("recist11", "in-field", "PR")
    assert (str(inside.baseline_mm), str(inside.nadir_mm)) == ("30", "30")


@pytest.mark.parametrize("criteria", [recist11, irecist])
def test_a_small_node_that_the_next_scan_refutes_is_held_and_said(
    criteria: Any, patient: Callable[..., Course]
) -> None:
    visits = {0: {"T1": 20}, 56: {"T1": 8}, 112: {"T1": 12}, 168: {"T1": 9}}
    got = criteria.assess(patient(visits, nodes=["T1"]), DEFAULT)
    assert [assessment.held for assessment in got] == [False, True, False]
    assert "node T1 of 10 to 15 mm was normal again at the next scan" in got[1].warnings[0]
