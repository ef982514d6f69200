"""Every open point that the criteria decide: one patient for whom its options differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import pytest

from recist.course import Course
from recist.criteria import irecist, recist11
from recist.protocol import DEFAULT, SETTINGS

#: The open points that the criteria decide.
POINTS = {
    *("AMB-01", "AMB-03", "AMB-04", "AMB-05", "AMB-12", "AMB-13", "AMB-16", "AMB-17", "AMB-21"),
    *("AMB-22", "AMB-23", "AMB-24", "AMB-25", "AMB-26", "AMB-27", "AMB-28", "AMB-29", "AMB-37"),
}


class Case(NamedTuple):
    """Visits, and for each value of the setting the overall responses."""

    setting: str
    visits: dict[int, dict[str, Any]]
    expected: dict[Any, list[str]]
    criteria: ModuleType = recist11
    nodes: tuple[str, ...] = ()
    also: Mapping[str, Any] = MappingProxyType({})


CASES = (
    Case(  # EORTC FAQ: 100, 70, 70, 80
        "sticky_pr",
        {0: {"T1": 100}, 56: {"T1": 70}, 112: {"T1": 70}, 168: {"T1": 80}},
        {"none": ["PR", "PR", "SD"], "after_confirmed": ["PR", "PR", "PR"], "any": ["PR"] * 3},
    ),
    Case(
        "sticky_pr",
        {0: {"T1": 100}, 56: {"T1": 70}, 84: {"T1": 80}},
        {"none": ["PR", "SD"], "after_confirmed": ["PR", "SD"], "any": ["PR", "PR"]},
    ),
    Case(
        "confirmation_days",
        {0: {"T1": 100}, 56: {"T1": 70}, 84: {"T1": 70}, 168: {"T1": 80}},
        {28: ["PR", "PR", "PR"], 29: ["PR", "PR", "SD"]},
    ),
    Case(
        "ne_between",
        {0: {"T1": 100}, 56: {"T1": 70}, 84: {"T1": "NE"}, 112: {"T1": 70}, 168: {"T1": 80}},
        {0: ["PR", "NE", "PR", "SD"], 1: ["PR", "NE", "PR", "PR"]},
    ),
    Case(
        "one_sd_between",
        {0: {"T1": 100}, 56: {"T1": 70}, 84: {"T1": 75}, 112: {"T1": 70}, 168: {"T1": 80}},
        {False: ["PR", "SD", "PR", "SD"], True: ["PR", "SD", "PR", "PR"]},
    ),
    Case(  # the non-target persists, so there was no overall CR
        "pd_on_reappearance",
        {0: {"T1": 30, "X1": "here"}, 56: {"T1": 0, "X1": "here"}, 112: {"T1": 4, "X1": "here"}},
        {"overall_cr_only": ["PR", "PR"], "any_target_cr": ["PR", "PD"]},
    ),
    Case(
        "node_cr_precedence",
        {0: {"T1": 20, "T2": 20}, 56: {"T1": 4, "T2": 4}, 112: {"T1": 9, "T2": 6}},
        {True: ["CR", "CR"], False: ["CR", "PD"]},
        nodes=("T1", "T2"),
    ),
    Case(  # a node of 11 mm after CR, normal again at the next scan
        "node_regrowth",
        {0: {"T1": 20}, 56: {"T1": 9}, 112: {"T1": 11}, 168: {"T1": 9}},
        {"candidate": ["CR", "PR", "CR"], "hold": ["CR", "PR", "CR"], "pd": ["CR", "PD", "CR"]},
        nodes=("T1",),
    ),
    Case(  # no further scan
        "node_regrowth",
        {0: {"T1": 20}, 56: {"T1": 9}, 112: {"T1": 11}},
        {"candidate": ["CR", "PD"], "hold": ["CR", "PR"], "pd": ["CR", "PD"]},
        nodes=("T1",),
    ),
    Case(  # a new node of 12 mm, normal again
        "node_regrowth",
        {0: {"T1": 50}, 56: {"T1": 50, "N1": 12}, 112: {"T1": 50, "N1": 9}},
        {"candidate": ["SD", "SD"], "hold": ["SD", "SD"], "pd": ["PD", "SD"]},
        nodes=("N1",),
    ),
    Case(
        "node_regrowth",
        {0: {"T1": 50}, 56: {"T1": 50, "N1": 12}},
        {"candidate": ["PD"], "hold": ["SD"], "pd": ["PD"]},
        nodes=("N1",),
    ),
    Case(
        "missing_target",
        {0: {"T1": 20, "T2": 30}, 56: {"T1": 80, "T2": "NE"}},
        {"lower_bound": ["PD"], "ne": ["NE"]},
    ),
    Case(
        "nadir_sums",
        {0: {"T1": 40, "T2": 60}, 56: {"T1": 36, "T2": "NE"}, 112: {"T1": 38, "T2": 58}},
        {"complete": ["NE", "SD"], "any": ["NE", "PD"]},
    ),
    Case(
        "too_small",
        {0: {"T1": 7}, 56: {"T1": "tiny"}},
        {"nominal": ["SD"], "half_slice": ["PR"], "reader_value": ["NE"]},
        also={"slice_thickness_mm": Decimal(2)},
    ),
    Case(
        "too_small_mm",
        {0: {"T1": 10}, 56: {"T1": "tiny"}},
        {Decimal(5): ["PR"], Decimal(8): ["SD"]},
    ),
    Case(
        "slice_thickness_mm",
        {0: {"T1": 10}, 56: {"T1": "tiny"}},
        {Decimal(5): ["PR"], Decimal(20): ["SD"]},
        also={"too_small": "half_slice"},
    ),
    Case(
        "diameter_rounding",
        {0: {"T1": "50"}, 56: {"T1": "59.96"}},
        {"as_recorded": ["SD"], "tenth_mm": ["PD"], "whole_mm": ["PD"]},
    ),
    Case(
        "diameter_rounding",
        {0: {"T1": "50"}, 56: {"T1": "59.6"}},
        {"as_recorded": ["SD"], "tenth_mm": ["SD"], "whole_mm": ["PD"]},
    ),
    Case(  # 11 + 9 mm of 20 mm
        "node_fragments",
        {0: {"T1": 20}, 56: {"T1": [11, 9]}},
        {"sum_all": ["SD"], "sum_pathological": ["PR"], "largest": ["PR"]},
        nodes=("T1",),
    ),
    Case(
        "node_fragments",
        {0: {"T1": 20}, 56: {"T1": [13, 11]}},
        {"sum_all": ["SD"], "sum_pathological": ["SD"], "largest": ["PR"]},
        nodes=("T1",),
    ),
    Case(
        "no_disease",
        {0: {}, 56: {}, 112: {"N1": "here"}},
        {"ned": ["NED", "PD"], "ne": ["NE", "PD"], "exclude": []},
    ),
    Case(
        "no_disease",
        {0: {}, 56: {}, 112: {"N1": "here"}},
        {"ned": ["NED", "iUPD"], "ne": ["NE", "iUPD"], "exclude": []},
        irecist,
    ),
    Case(
        "no_disease",
        {0: {}, 56: {"N1": "here"}, 91: {"N1": "gone"}},
        {"ned": ["iUPD", "NED"], "ne": ["iUPD", "NE"], "exclude": []},
        irecist,
    ),
    Case(  # +4 and +2 mm; +6 mm from the nadir alone
        "icpd_reference",
        {0: {"T1": 100}, 56: {"T1": 130}, 91: {"T1": 134}, 126: {"T1": 136}},
        {
            "sum_at_first_iUPD_of_block": ["iUPD", "iUPD", "iCPD"],
            "previous_scan": ["iUPD", "iUPD", "iUPD"],
            "nadir": ["iUPD", "iCPD", "iCPD"],
        },
        irecist,
    ),
    Case(
        "icpd_reference",
        {0: {"T1": 100}, 56: {"T1": 100, "N1": 12}, 91: {"N1": 16}, 126: {"N1": 18}},
        {
            "sum_at_first_iUPD_of_block": ["iUPD", "iUPD", "iCPD"],
            "previous_scan": ["iUPD", "iUPD", "iUPD"],
            "nadir": ["iUPD", "iUPD", "iCPD"],
        },
        irecist,
    ),
    Case(  # exactly 5 mm, with targets and non-targets iUPD
        "icpd_both_categories",
        {0: {"T1": 100, "X1": "here"}, 56: {"T1": 130, "X1": "PD"}, 91: {"T1": 135, "X1": "here"}},
        {"at_least_5_mm": ["iUPD", "iCPD"], "more_than_5_mm": ["iUPD", "iUPD"]},
        irecist,
    ),
    Case(
        "early_scan",
        {0: {"T1": 100}, 56: {"T1": 130}, 70: {"T1": 140}},
        {"disregard": ["iUPD", "DISREGARDED"], "use": ["iUPD", "iCPD"]},
        irecist,
    ),
    Case(
        "window_tolerance_days",
        {0: {"T1": 100}, 56: {"T1": 130}, 83: {"T1": 136}},
        {2: ["iUPD", "iCPD"], 0: ["iUPD", "DISREGARDED"]},
        irecist,
    ),
    Case(
        "confirm_min_days",
        {0: {"T1": 100}, 56: {"T1": 130}, 83: {"T1": 136}},
        {28: ["iUPD", "iCPD"], 42: ["iUPD", "DISREGARDED"]},
        irecist,
    ),
    Case(
        "late_scan",
        {0: {"T1": 100}, 56: {"T1": 130}, 126: {"T1": 136}, 161: {"T1": 136}},
        {"confirms": ["iUPD", "iCPD", "iCPD"], "does_not_confirm": ["iUPD", "iUPD", "iCPD"]},
        irecist,
    ),
    Case(
        "confirm_max_days",
        {0: {"T1": 100}, 56: {"T1": 130}, 126: {"T1": 136}},
        {56: ["iUPD", "iUPD"], 84: ["iUPD", "iCPD"]},
        irecist,
        also={"late_scan": "does_not_confirm"},
    ),
    Case(
        "persisting_new_lesion",
        {0: {"T1": 100}, 56: {"T1": 50}, 112: {"T1": 50, "N1": 12}, 147: {"T1": 50, "N1": 12}},
        {"iupd": ["iPR", "iUPD", "iUPD"], "response": ["iPR", "iUPD", "iPR"]},
        irecist,
    ),
    Case(
        "smaller_new_lesion",
        {0: {"T1": 100}, 56: {"T1": 100, "N1": 12}, 91: {"T1": 100, "N1": 10}},
        {"iupd": ["iUPD", "iUPD"], "response": ["iUPD", "iSD"]},
        irecist,
    ),
    Case(  # CR before the new lesion: nothing changes
        "cr_with_new_lesion",
        {0: {"T1": 100}, 56: {"T1": 0}, 112: {"T1": 0, "N1": 12}, 147: {"T1": 0, "N1": 12}},
        {
            "ipr_after_reset": ["iCR", "iUPD", "iUPD"],
            "ipr": ["iCR", "iUPD", "iPR"],
            "iupd": ["iCR", "iUPD", "iUPD"],
        },
        irecist,
    ),
    Case(  # CR after the reset, the new lesion still there
        "cr_with_new_lesion",
        {
            0: {"T1": 100},
            56: {"T1": 100, "N1": 12},
            91: {"T1": 60, "N1": 12},
            147: {"T1": 0, "N1": 12},
        },
        {
            "ipr_after_reset": ["iUPD", "iPR", "iPR"],
            "ipr": ["iUPD", "iPR", "iPR"],
            "iupd": ["iUPD", "iPR", "iUPD"],
        },
        irecist,
    ),
    Case(  # 30 to 35 mm is 5 mm and less than 20 %
        "new_lesion_after_reset",
        {
            0: {"T1": 100},
            56: {"T1": 100, "N1": 30},
            91: {"T1": 60, "N1": 30},
            147: {"T1": 60, "N1": 35},
        },
        {"recist": ["iUPD", "iPR", "iPR"], "plus_5_mm": ["iUPD", "iPR", "iUPD"]},
        irecist,
    ),
    Case(
        "after_icpd",
        {0: {"T1": 100}, 56: {"T1": 130}, 91: {"T1": 140}, 126: {"T1": 60}},
        {
            "keep": ["iUPD", "iCPD", "iCPD"],
            "stop": ["iUPD", "iCPD", "NA"],
            "evaluate": ["iUPD", "iCPD", "iPR"],
        },
        irecist,
    ),
    Case(  # progression again: a further one, or the same against the nadir
        "non_target_reference",
        {0: {"X1": "here"}, 56: {"X1": "PD"}, 91: {"X1": "PD"}},
        {"last_assessment": ["iUPD", "iCPD"], "nadir": ["iUPD", "iUPD"]},
        irecist,
    ),
    Case(
        "non_target_reference",
        {0: {"X1": "here"}, 56: {"X1": "PD"}, 91: {"X1": "here"}},
        {"last_assessment": ["iUPD", "iUPD"], "nadir": ["iUPD", "NON-iCR/NON-iUPD"]},
        irecist,
    ),
    Case(
        "non_target_reference",
        {0: {"X1": "here"}, 56: {"X1": "PD"}, 91: {"X1": "more"}},
        {"last_assessment": ["iUPD", "iCPD"], "nadir": ["iUPD", "iCPD"]},
        irecist,
    ),
)


@pytest.mark.parametrize(
    ("case", "value"),
    [(case, value) for case in CASES for value in case.expected],
    ids=[f"{case.setting}={value}" for case in CASES for value in case.expected],
)
def test_the_options_of_a_setting(case: Case, value: Any, patient: Callable[..., Course]) -> None:
    protocol = replace(DEFAULT, **{case.setting: value}, **case.also)
    got = case.criteria.assess(patient(case.visits, nodes=case.nodes), protocol)
    assert [str(assessment.overall) for assessment in got] == case.expected[value]


def test_every_point_of_the_criteria_has_a_patient() -> None:
    here = {case.setting for case in CASES}
    assert {name for name, setting in SETTINGS.items() if setting.point in POINTS} <= here


@pytest.mark.parametrize("setting", sorted({case.setting for case in CASES}))
def test_the_options_differ(setting: str) -> None:
    answers = [case.expected for case in CASES if case.setting == setting]
    options = SETTINGS[setting].options or tuple(answers[0])
    for first in options:
        for second in options:
            assert first == second or any(
                expected[first] != expected[second]
                for expected in answers
                if first in expected and second in expected
            ), f"{setting}: {first} and {second} never differ"
