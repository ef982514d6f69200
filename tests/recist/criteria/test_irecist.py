"""iRECIST: blocks, resets and what confirms, beyond the printed table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from recist.course import Course
from recist.criteria import irecist
from recist.protocol import DEFAULT, Protocol

Builder = Callable[..., Course]
T, X, N = "T1", "X1", "N1"
START = {T: 100, X: "here"}


def overall(course: Course, protocol: Protocol = DEFAULT) -> list[str]:
    return [str(assessment.overall) for assessment in irecist.assess(course, protocol)]


def every_5_weeks(*cells: dict[str, Any], start: dict[str, Any] | None = None) -> dict[int, Any]:
    """Visits from day 56 on, 35 days apart; what is not named is as at baseline."""
    baseline = START if start is None else start
    return {0: baseline} | {56 + 35 * k: baseline | seen for k, seen in enumerate(cells)}


def test_a_baseline_alone_has_no_response(patient: Builder) -> None:
    assert irecist.assess(patient({0: {T: 30}}), DEFAULT) == ()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # increases add up, and only from the first iUPD of the block
        ([{T: 130}, {T: 134}, {T: 135}], ["iUPD", "iUPD", "iCPD"]),
        ([{T: 130}, {T: 126}, {T: 131}], ["iUPD", "iUPD", "iUPD"]),
        # 5 mm is for the category that was iUPD only
        ([{N: 12}, {N: 12, T: 106}], ["iUPD", "iUPD"]),
        ([{X: "PD"}, {X: "here", T: 106}], ["iUPD", "iUPD"]),
        ([{X: "PD"}, {X: "here", T: 125}], ["iUPD", "iCPD"]),
        ([{X: "PD"}, {X: "here", N: 4}], ["iUPD", "iCPD"]),
        ([{T: 130}, {T: 130, N: 4}], ["iUPD", "iCPD"]),
        ([{T: 130}, {T: 130, X: "more"}], ["iUPD", "iUPD"]),
        # new lesions: number, sum of the measured, any increase of the others
        ([{N: 12}, {N: 16}, {N: 17}], ["iUPD", "iUPD", "iCPD"]),
        ([{N: "here"}, {N: "more"}], ["iUPD", "iCPD"]),
        ([{N: "here"}, {N: "PD"}], ["iUPD", "iCPD"]),
        ([{N: 8}, {N: 8}], ["iUPD", "iUPD"]),
        ([{N: 8}, {N: 9}], ["iUPD", "iCPD"]),
        ([{N: 12}, {N: 12, "N2": "here"}], ["iUPD", "iCPD"]),
        ([{N: 12}, {N: "gone"}, {N: 12}], ["iUPD", "iSD", "iUPD"]),  # back again is new again
        ([{N: 12}, {N: "less"}], ["iUPD", "iUPD"]),
        # nothing known of the new lesion: no reset, no confirmation
        ([{N: 12}, {N: "NE"}, {N: 17}], ["iUPD", "NE", "iCPD"]),
        ([{N: 12}, {N: "NE", T: 60}], ["iUPD", "iPR"]),
        ([{N: 12}, {T: "NE", N: 12}], ["iUPD", "iUPD"]),
        ([{N: 12}, {T: "NE", N: "gone"}], ["iUPD", "NE"]),
        # targets missing
        ([{T: 130}, {T: "NE"}, {T: 135}], ["iUPD", "NE", "iCPD"]),
        ([{T: 130}, {T: "NE"}, {T: 95}], ["iUPD", "NE", "iSD"]),
        ([{T: 130}, {T: "NE", X: "PD"}], ["iUPD", "iCPD"]),
        # non-targets: unchanged, better, gone, unknown
        ([{X: "PD"}, {X: "here"}, {X: "more"}], ["iUPD", "iUPD", "iCPD"]),
        ([{X: "PD"}, {X: "less"}, {X: "more"}], ["iUPD", "iSD", "iSD"]),
        ([{X: "PD"}, {X: "less"}, {X: "PD"}], ["iUPD", "iSD", "iUPD"]),
        ([{X: "PD"}, {X: "gone"}], ["iUPD", "iSD"]),
        ([{X: "PD"}, {X: "tiny"}], ["iUPD", "iSD"]),
        ([{X: "PD"}, {X: "NE"}, {X: "more"}], ["iUPD", "NE", "iCPD"]),
        ([{X: "PD"}, {X: 20}], ["iUPD", "iUPD"]),
        # targets and new lesion: the target falls back, the new lesion is still there
        ([{T: 130, N: 12}, {T: 100, N: 12}], ["iUPD", "iUPD"]),
        ([{T: 130, N: 12}, {T: 60, N: 12}], ["iUPD", "iPR"]),
        ([{T: 130, N: 12}, {T: 100, N: "gone"}], ["iUPD", "iSD"]),
        # scenario B by way of a complete response of the targets
        ([{N: 12}, {T: 0, X: "gone", N: 12}], ["iUPD", "iPR"]),
        # after a reset: the same new lesion is no longer a sign, another one is
        ([{N: 12}, {T: 60, N: 12}, {T: 60, N: 12}], ["iUPD", "iPR", "iPR"]),
        ([{N: 12}, {T: 60, N: 12}, {T: 60, N: 12, "N2": 4}], ["iUPD", "iPR", "iUPD"]),
        ([{N: "here"}, {T: 60, N: "here"}, {T: 60, N: "more"}], ["iUPD", "iPR", "iPR"]),
        ([{N: "here"}, {T: 60, N: "here"}, {T: 60, N: "PD"}], ["iUPD", "iPR", "iUPD"]),
        ([{N: 8}, {T: 60, N: 8}, {T: 60, N: 14}], ["iUPD", "iPR", "iUPD"]),
        ([{N: 8}, {T: 60, N: 8}, {T: 60, N: 10}], ["iUPD", "iPR", "iPR"]),
        ([{N: 12}, {T: 60, N: 12}, {T: "NE", N: 12}], ["iUPD", "iPR", "NE"]),
        # a second block by the targets does not hang on the old new lesion
        ([{N: 12}, {T: 60, N: 12}, {T: 75, N: 12}, {T: 65, N: 12}], ["iUPD", "iPR", "iUPD", "iPR"]),
    ],
)
def test_a_course(cells: list[dict[str, Any]], expected: list[str], patient: Builder) -> None:
    assert overall(patient(every_5_weeks(*cells))) == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([{X: "PD"}, {X: "here"}], ["iUPD", "iUPD"]),
        ([{X: "gone"}, {X: "here"}], ["iCR", "iUPD"]),  # back after iCR
        ([{X: "gone"}, {X: "here"}, {X: "here"}], ["iCR", "iUPD", "iUPD"]),
        ([{X: "gone"}, {X: "here"}, {X: "gone"}], ["iCR", "iUPD", "iCR"]),
        ([{N: 12}, {X: "gone", N: "gone"}], ["iUPD", "iCR"]),
        ([{N: 12}, {X: "gone", N: 12}], ["iUPD", "iUPD"]),
    ],
)
def test_patients_with_non_targets_only(
    cells: list[dict[str, Any]], expected: list[str], patient: Builder
) -> None:
    assert overall(patient(every_5_weeks(*cells, start={X: "here"}))) == expected


def test_an_old_new_lesion_bars_icr_without_targets_too(patient: Builder) -> None:
    visits = every_5_weeks({N: 12}, {X: "gone", N: 12}, start={X: "here"})
    setting = replace(DEFAULT, persisting_new_lesion="response")
    assert overall(patient(visits), setting) == ["iUPD", "NON-iCR/NON-iUPD"]


def test_a_non_target_that_is_back_stands_by_the_nadir_as_well(patient: Builder) -> None:
    visits = every_5_weeks({X: "gone"}, {X: "here"}, {X: "here"}, start={X: "here"})
    setting = replace(DEFAULT, non_target_reference="nadir")
    assert overall(patient(visits), setting) == ["iCR", "iUPD", "iUPD"]


@pytest.mark.parametrize(
    ("later", "expected"), [(20, "iUPD"), (21, "iCPD"), (18, "iUPD"), (0, "iCR")]
)
def test_a_measured_non_target_that_came_back(later: Any, expected: str, patient: Builder) -> None:
    gone = {T: 0, X: 0}
    visits = {0: {T: 100, X: 20}, 56: gone, 91: {T: 0, X: 20}, 126: {T: 0, X: later}}
    assert overall(patient(visits)) == ["iCR", "iUPD", expected]


def test_a_target_that_is_back_after_icr(patient: Builder) -> None:
    visits = every_5_weeks({T: 0}, {T: 4}, {T: 4}, {T: 9}, start={T: 30})
    got = irecist.assess(patient(visits), DEFAULT)
    assert [str(a.overall) for a in got] == ["iCR", "iUPD", "iUPD", "iCPD"]
    assert got[1].target == "iPR" and "back after CR" in got[1].reasons[0].sentence


def test_a_target_that_is_back_confirms_a_new_lesion(patient: Builder) -> None:
    visits = every_5_weeks({T: 0}, {T: 0, N: 12}, {T: 2, N: 12}, start={T: 30})
    assert overall(patient(visits)) == ["iCR", "iUPD", "iCPD"]


def test_growth_counts_only_lesions_measured_at_the_first_iupd(patient: Builder) -> None:
    """80 mm in two of three targets is iUPD; the third, evaluable later, is not growth."""
    start = {"T1": 20, "T2": 15, "T3": 15}
    visits = {
        0: start,
        56: {"T1": 45, "T2": 35, "T3": "NE"},
        91: {"T1": 45, "T2": 35, "T3": 15},
        126: {"T1": 45, "T2": 40, "T3": "NE"},
    }
    assert overall(patient(visits)) == ["iUPD", "iUPD", "iCPD"]


@pytest.mark.parametrize(
    ("day", "event", "second", "expected"),
    [
        (70, {60: "new-symptom"}, {N: 12, "N2": 4}, "iCPD"),
        (70, {56: "new-symptom"}, {N: 12, "N2": 4}, "DISREGARDED"),  # before the iUPD scan
        (70, {71: "new-symptom"}, {N: 12, "N2": 4}, "DISREGARDED"),
        (70, {60: "new-therapy"}, {N: 12, "N2": 4}, "DISREGARDED"),
        (70, {60: "new-symptom"}, {N: 20}, "DISREGARDED"),  # growth of what was known
        (81, {}, {N: 20}, "DISREGARDED"),
        (82, {}, {N: 20}, "iCPD"),
    ],
)
def test_an_early_scan(
    day: int, event: dict[int, str], second: dict[str, Any], expected: str, patient: Builder
) -> None:
    visits = {0: START, 56: START | {N: 12}, day: START | second}
    assert overall(patient(visits, events=event)) == ["iUPD", expected]


def test_a_disregarded_scan_leaves_no_trace(patient: Builder) -> None:
    """Its new lesion is another one at the next scan, and its sum is no nadir."""
    visits = {0: {T: 100}, 56: {T: 130}, 70: {T: 50, N: 12}, 91: {T: 130, N: 12}}
    got = irecist.assess(patient(visits), DEFAULT)
    assert [str(a.overall) for a in got] == ["iUPD", "DISREGARDED", "iCPD"]
    assert str(got[2].nadir_mm) == "100"
    assert "scan again at 4 to 8 weeks" in got[1].reasons[0].sentence
    assert [(a.block, a.first_iupd_day) for a in got] == [(1, 56)] * 3


@pytest.mark.parametrize(("day", "late"), [(114, False), (115, True)])
def test_a_late_confirmation_is_flagged(day: int, late: bool, patient: Builder) -> None:
    got = irecist.assess(patient({0: {T: 100}, 56: {T: 130}, day: {T: 136}}), DEFAULT)
    assert got[1].overall == "iCPD"
    assert any("AMB-24" in warning for warning in got[1].warnings) == late


def test_late_is_counted_from_the_latest_iupd(patient: Builder) -> None:
    visits = {0: {T: 100}, 56: {T: 130}, 98: {T: 133}, 140: {T: 136}}
    assert irecist.assess(patient(visits), DEFAULT)[2].warnings == ()


def test_blocks_are_counted_and_closed(patient: Builder) -> None:
    visits = every_5_weeks({T: 60}, {T: 75}, {T: 70}, {T: 72}, {T: "NE"}, {T: 77}, {T: 60})
    got = irecist.assess(patient(visits), DEFAULT)
    assert [str(a.overall) for a in got] == [*("iPR", "iUPD", "iPR", "iUPD", "NE", "iCPD", "iCPD")]
    assert [a.block for a in got] == [0, 1, 0, 2, 2, 2, 2]
    assert [a.first_iupd_day for a in got] == [None, 91, None, 161, 161, 161, 161]


def test_a_block_after_a_confirmed_one_when_judged_again(patient: Builder) -> None:
    visits = every_5_weeks({T: 130}, {T: 140}, {T: 60}, {T: 80})
    got = irecist.assess(patient(visits), replace(DEFAULT, after_icpd="evaluate"))
    assert [str(a.overall) for a in got] == ["iUPD", "iCPD", "iPR", "iUPD"]
    assert [a.block for a in got] == [1, 1, 0, 2]


@pytest.mark.parametrize(
    ("second", "warning"),
    [({N: 12}, "persisting_new_lesion"), ({N: 11}, "smaller_new_lesion")],
)
def test_what_a_setting_would_make_of_a_persisting_new_lesion(
    second: dict[str, Any], warning: str, patient: Builder
) -> None:
    got = irecist.assess(patient(every_5_weeks({N: 12}, second)), DEFAULT)
    assert got[1].overall == "iUPD" and got[1].warnings[-1].startswith(f"iSD with {warning}")


def test_a_non_target_stays_iupd_in_its_column_until_it_resolves(patient: Builder) -> None:
    got = irecist.assess(patient(every_5_weeks({X: "PD"}, {X: "here"}, {X: "less"})), DEFAULT)
    assert [str(a.non_target) for a in got] == ["iUPD", "iUPD", "NON-iCR/NON-iUPD"]


def test_new_lesions_beyond_the_quota_count_by_any_increase(patient: Builder) -> None:
    """Three in one organ: two have a sum, the third is a new-lesion non-target."""
    first = {"N1": 20, "N2": 18, "N3": 15}
    organs = {"N1": "liver", "N2": "liver", "N3": "liver"}
    grown = [first, first | {"N3": "15.5"}]
    assert overall(patient(every_5_weeks(*grown), organs=organs)) == ["iUPD", "iCPD"]
    sum_grown = [first, {"N1": 22, "N2": 20, "N3": 15}]
    assert overall(patient(every_5_weeks(*sum_grown), organs=organs)) == ["iUPD", "iUPD"]


def test_a_new_lesion_that_merged_into_another(patient: Builder) -> None:
    organs = {"N1": "liver", "N2": "liver"}
    cells = [{"N1": 12, "N2": 11}, {"N1": 23, "N2": ">N1"}, {"N1": 28, "N2": ">N1"}]
    assert overall(patient(every_5_weeks(*cells), organs=organs)) == ["iUPD", "iUPD", "iCPD"]


def test_the_nadir_of_new_lesions_is_raised_by_those_that_join(patient: Builder) -> None:
    cells = [
        {N: 12},
        {T: 60, N: 12},
        {T: 60, N: 12, "N2": 30},  # another: iUPD
        {T: 0, X: "gone", N: 12, "N2": 30},  # the bar is reset again
        {T: 0, X: "gone", N: 12, "N2": 35},  # 47 of 42 mm is less than 20 %
        {T: 0, X: "gone", N: 13, "N2": 38},  # 51 of 42 mm is more
    ]
    organs = {"N1": "liver", "N2": "lung"}
    got = overall(patient(every_5_weeks(*cells), organs=organs))
    assert got == ["iUPD", "iPR", "iUPD", "iPR", "iPR", "iUPD"]
