"""Each definition on patients at and beside its thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recist import abscopal
from recist.abscopal.definitions import DEFINITIONS, Denominator, chosen
from recist.abscopal.lesion_changes import shrinkage
from recist.course import Course, Role
from recist.protocol import DEFAULT
from tests.recist.patients import call_of

Build = Callable[..., Course]


def test_exactly_30_percent_is_a_response_and_no_more_is_needed(patient: Build) -> None:
    for size, met in ((Decimal("14.07"), True), (Decimal("14.08"), False)):
        course = patient({"T1": [30, 30], "T2": [Decimal("20.1"), size]}, out=["T2"])
        call = call_of(abscopal.assess(course, DEFAULT), "golden")
        assert call.met is met
        assert call.reason.margin_mm == abs(Decimal("14.07") - size)


def test_a_definition_says_why_with_numbers_and_margin(patient: Build) -> None:
    course = patient({"T1": [30, 10], "T2": [20, 12], "T3": [40, 35]}, out=["T2", "T3"])
    found = abscopal.assess(course, DEFAULT)
    golden = call_of(found, "golden")
    assert golden.reason.source.startswith("Golden 2015")
    assert golden.reason.sentence == (
        "By 30 %, not confirmed: T2; the best is T2 on day 56, 12.0 of 20.0 mm, -40.0 %; 2.0 mm "
        "from the limit."
    )
    assert dict(golden.reason.numbers)["change_from_baseline"] == "-40.0 %"
    arr = call_of(found, "theelen-arr")
    assert arr.met is False and arr.reason.margin_mm == Decimal(5)
    assert "47.0 of 60.0 mm, -21.6 %" in arr.reason.sentence


def test_a_response_is_confirmed_by_the_next_scan_four_weeks_later(patient: Build) -> None:
    sizes = {"T1": [30, 30, 30, 30], "T2": [20, 12, 20, 12]}
    course = patient(sizes, out=["T2"], days=(-7, 56, 84, 112))
    call = call_of(abscopal.assess(course, DEFAULT), "golden")
    assert (call.met, call.confirmed, call.day) == (True, False, 56)
    sizes["T2"] = [20, 12, 13, 12]
    again = abscopal.assess(patient(sizes, out=["T2"], days=(-7, 56, 83, 112)), DEFAULT)
    assert call_of(again, "golden").confirmed  # 27 days are too few, the scan after it counts
    assert call_of(again, "theelen-arr").confirmed


def test_time_to_response_runs_from_the_end_of_radiotherapy(patient: Build) -> None:
    course = patient(
        {"T1": [30, 10, 10], "T2": [20, 18, 12]},
        out=["T2"],
        days=(-7, 56, 112),
        events=((-21, "treatment-start"), (0, "radiotherapy-start"), (10, "radiotherapy-end")),
    )
    call = call_of(abscopal.assess(course, DEFAULT), "golden")
    assert (call.day, call.days_from_radiotherapy, call.days_from_systemic) == (112, 102, 133)


def test_best_ends_at_progression_but_a_single_lesion_does_not(patient: Build) -> None:
    sizes = {"T1": [30, 10, 10], "T2": [20, 19, 10], "N1": [None, 12, 12]}
    found = abscopal.assess(patient(sizes, out=["T2", "N1"], days=(-7, 56, 112)), DEFAULT)
    assert call_of(found, "golden").met
    assert call_of(found, "luke-aggregate").met
    assert call_of(found, "theelen-arr").met is False


@pytest.mark.parametrize(
    ("field", "out_of_field", "in_field"),
    [("out", "PD", "PR"), ("in", "PR", "PD"), ("unknown", "PR", "PR")],
)
def test_a_new_lesion_counts_on_the_side_on_which_it_lies(
    field: str, out_of_field: str, in_field: str, patient: Build
) -> None:
    sides = {"out": ["T2"], "unknown": []}
    if field in sides:
        sides[field] = [*sides[field], "N1"]
    course = patient({"T1": [30, 10], "T2": [20, 10], "N1": [None, 12]}, **sides)
    found = abscopal.assess(course, DEFAULT)
    assert found.out_of_field and found.in_field and found.whole
    assert found.out_of_field.assessments[0].overall == out_of_field
    assert found.in_field.assessments[0].overall == in_field
    assert found.whole.assessments[0].overall == "PD"
    anywhere = abscopal.assess(course, replace(DEFAULT, new_lesion_position="anywhere"))
    assert anywhere.out_of_field and anywhere.in_field
    assert anywhere.out_of_field.assessments[0].overall == "PD"
    assert anywhere.in_field.assessments[0].overall == "PD"


def test_the_landmark_takes_the_nearest_scan_within_the_window(patient: Build) -> None:
    sizes = {"T1": [30] * 4, "T2": [20, 13, 15, 12]}
    found = abscopal.assess(patient(sizes, out=["T2"], days=(-7, 56, 90, 140)), DEFAULT)
    call = call_of(found, "pembro-rt")
    assert call.met is False and "Day 90, +6 from day 84" in call.reason.sentence
    assert call_of(found, "theelen-acr-12wk").met
    assert call_of(found, "theelen-arr").met
    none = abscopal.assess(patient(sizes, out=["T2"], days=(-7, 30, 120, 140)), DEFAULT)
    assert call_of(none, "pembro-rt").met is None
    assert "No scan within 14 days of day 84" in call_of(none, "pembro-rt").reason.sentence


def test_progression_before_the_landmark_is_no_response_at_it(patient: Build) -> None:
    sizes = {"T1": [30] * 3, "T2": [20, 26, 10]}
    found = abscopal.assess(patient(sizes, out=["T2"], days=(-7, 56, 84)), DEFAULT)
    assert call_of(found, "pembro-rt").met is False
    gone = abscopal.assess(patient(sizes, out=["T2"], days=(-7, 56, 140)), DEFAULT)
    assert call_of(gone, "pembro-rt").met is False


def test_stable_disease_needs_its_minimum_duration_to_be_control(patient: Build) -> None:
    for day, met in ((41, None), (42, True)):
        found = abscopal.assess(patient({"T2": [20, 19]}, out=["T2"], days=(-7, day)), DEFAULT)
        assert call_of(found, "theelen-acr").met is met
        assert call_of(found, "theelen-arr").met is (None if met is None else False)


def test_after_a_new_therapy_nothing_counts(patient: Build) -> None:
    course = patient(
        {"T1": [30, 30, 30], "T2": [20, 19, 5]},
        out=["T2"],
        days=(-7, 56, 112),
        events=((0, "radiotherapy-start"), (10, "radiotherapy-end"), (70, "new-therapy")),
    )
    found = abscopal.assess(course, DEFAULT)
    assert found.timeline.follow_up_days == (56,)
    assert not any(call.met for call in found.calls if not call.definition.asks_for_control)


def test_a_later_course_of_radiotherapy_ends_what_the_first_can_show(patient: Build) -> None:
    twice = ((0, "radiotherapy-start"), (10, "radiotherapy-end"))
    sizes = {"T1": [30, 30, 30], "T2": [20, 19, 5]}
    later = patient(
        sizes, out=["T2"], days=(-7, 56, 112), events=(*twice, (80, "radiotherapy-start"))
    )
    assert abscopal.assess(later, DEFAULT).timeline.follow_up_days == (56,)
    before_any_scan = patient(
        sizes,
        out=["T2"],
        days=(-7, 56, 112),
        events=(*twice, (14, "radiotherapy-start"), (24, "radiotherapy-end")),
    )
    timeline = abscopal.assess(before_any_scan, DEFAULT).timeline
    assert (timeline.start_day, timeline.end_day) == (0, 24)
    assert timeline.follow_up_days == (56, 112)


def test_the_baseline_is_the_last_scan_before_radiotherapy(patient: Build) -> None:
    course = patient(
        {"T1": [30, 36, 20], "T2": [10, 20, 13], "N1": [None, 18, 9]},
        out=["T2", "N1"],
        nodes=["N1"],
        days=(-70, -7, 56),
    )
    found = abscopal.assess(course, DEFAULT)
    assert found.timeline.baseline_day == -7
    assert found.out_of_field and found.out_of_field.baseline_mm == Decimal(38)
    assert call_of(found, "theelen-arr").met
    assert "N1, found before radiotherapy, counts as target" in found.remarks


def test_every_definition_can_be_read_beside_its_paper() -> None:
    names = [each.name for each in DEFINITIONS]
    assert len(set(names)) == len(names)
    for each in DEFINITIONS:
        assert each.paper and each.numerator and each.time_rule and each.denominator
    golden, mcbride = (next(e for e in DEFINITIONS if e.name == n) for n in ("golden", "mcbride"))
    assert (golden.denominator, golden.interval) == (Denominator.ENROLLED, "Clopper-Pearson")
    assert (mcbride.denominator, mcbride.interval) == (Denominator.SCANNED, "Wilson")
    luke = chosen(replace(DEFAULT, abscopal_definition="luke"))
    assert [each.name for each in luke] == ["luke-any", "luke-aggregate"]


mm = st.decimals(min_value=0, max_value=60, places=1)


@given(
    sizes=st.lists(st.tuples(mm, mm), min_size=2, max_size=2),
    baselines=st.tuples(*[st.decimals(min_value=15, max_value=60, places=1)] * 2),
)
def test_an_aggregate_response_has_a_single_one_behind_it(
    sizes: list[tuple[Decimal, Decimal]], baselines: tuple[Decimal, Decimal], patient: Build
) -> None:
    course = patient(
        {
            "T1": [30, 30, 30],
            "T2": [baselines[0], *sizes[0]],
            "T3": [baselines[1], *sizes[1]],
        },
        out=["T2", "T3"],
        days=(-7, 56, 112),
    )
    found = abscopal.assess(course, DEFAULT)
    golden, aggregate = call_of(found, "golden"), call_of(found, "luke-aggregate")
    assert not aggregate.met or golden.met
    assert not aggregate.confirmed or aggregate.met
    assert not call_of(found, "theelen-arr").met or call_of(found, "theelen-acr").met


@given(st.lists(st.tuples(st.integers(1, 60), mm), max_size=6), st.decimals(10, 60, places=1))
def test_a_confirmed_shrinkage_is_one_and_not_before_it(
    steps: list[tuple[int, Decimal]], baseline: Decimal
) -> None:
    day, sizes = 0, []
    for step, size in steps:
        day += step
        sizes.append((day, size))
    first, confirmed = shrinkage(tuple(sizes), baseline, DEFAULT)
    assert confirmed is None or (first is not None and first <= confirmed)
    assert confirmed is None or sizes[-1][0] - confirmed >= DEFAULT.confirmation_days


@pytest.mark.parametrize(("words", "control"), [("all", True), ("targets_only", None)])
def test_stable_disease_without_targets_is_control_but_no_missed_response(
    patient: Build, words: Literal["all", "targets_only"], control: bool | None
) -> None:
    course = patient({"T1": [30, 30], "N2": [12, 12]}, out=["N2"], days=(-7, 84))
    lesions = tuple(
        replace(lesion, role=Role.NON_TARGET) if lesion.id == "N2" else lesion
        for lesion in course.lesions
    )
    protocol = replace(DEFAULT, benefit_words=words)
    found = abscopal.assess(replace(course, lesions=lesions), protocol)
    met = {call.definition.name: call.met for call in found.calls}
    for name in ("theelen-acr", "theelen-acr-12wk", "formenti-control"):
        assert met[name] is control
    for name in ("theelen-arr", "mcbride", "welsh", "formenti-response", "pembro-rt"):
        assert met[name] is None
