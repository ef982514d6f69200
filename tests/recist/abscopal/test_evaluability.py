"""Evaluability comes first: without a measurable lesion outside, there is no denominator."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from recist import abscopal
from recist.abscopal.evaluability import EvaluabilityVerdict
from recist.course import Course
from recist.protocol import DEFAULT
from tests.recist.patients import call_of

Build = Callable[..., Course]
RADIOTHERAPY = ((0, "radiotherapy-start"), (10, "radiotherapy-end"))


@pytest.mark.parametrize(
    ("given", "verdict", "told"),
    [
        (
            {"sizes": {"T1": [30, 10], "T2": [20, 15]}},
            EvaluabilityVerdict.NO_LESION,
            r"none of 2 .*\(2 in\)",
        ),
        (
            {"sizes": {"T1": [30, 10], "T2": [20, 15]}, "partial": ["T2"]},
            EvaluabilityVerdict.NO_LESION,
            "1 in, 1 partial",
        ),
        (
            {"sizes": {"T1": [30, 10], "T2": [9.9, 5]}, "out": ["T2"]},
            EvaluabilityVerdict.NOT_MEASURABLE,
            "T2 9.9 mm, 10.0 mm needed",
        ),
        (
            {"sizes": {"T1": [30, 10], "T2": [14, 5]}, "out": ["T2"], "nodes": ["T2"]},
            EvaluabilityVerdict.NOT_MEASURABLE,
            "T2 14.0 mm, 15.0 mm needed",
        ),
        (
            {"sizes": {"T1": [30, 10], "X2": ["here", "gone"]}, "out": ["X2"]},
            EvaluabilityVerdict.NOT_MEASURABLE,
            "X2 without a diameter",
        ),
        (
            {"sizes": {"T1": [30, 10], "T2": [20, 9]}, "out": ["T2"], "days": (-43, 56)},
            EvaluabilityVerdict.OLD_BASELINE,
            "43 days older, 1 more than the 42 allowed",
        ),
        (
            {"sizes": {"T1": [30, 10], "T2": [20, 9]}, "out": ["T2"], "days": (1, 56)},
            EvaluabilityVerdict.NO_BASELINE,
            "no scan on or before day 0",
        ),
        (
            {"sizes": {"T1": [30, 10], "T2": [20, 9]}, "out": ["T2"], "days": (-7, 10)},
            EvaluabilityVerdict.NO_SCAN,
            "no scan after day 10",
        ),
        (
            {
                "sizes": {"T1": [30, 10], "T2": [20, 9]},
                "out": ["T2"],
                "events": (*RADIOTHERAPY, (40, "new-therapy")),
            },
            EvaluabilityVerdict.CENSORED,
            "a new systemic therapy on day 40 comes before .* day 56",
        ),
        (
            {"sizes": {"T1": [30, 10], "T2": [20, 9]}, "out": ["T2"], "days": (-7, 366)},
            EvaluabilityVerdict.NO_SCAN,
            "366 days after its start, later than a response counts",
        ),
        (
            {"sizes": {"T1": [30, 10], "T2": [20, 9]}, "unknown": ["T1", "T2"]},
            EvaluabilityVerdict.FIELD_UNKNOWN,
            "no lesion has a known field",
        ),
        (
            {"sizes": {"T1": [30, 10], "T2": [20, 9]}, "out": ["T2"]},
            EvaluabilityVerdict.EVALUABLE,
            "7 days",
        ),
    ],
)
def test_who_can_show_a_response(
    given: dict[str, Any], verdict: EvaluabilityVerdict, told: str, patient: Build
) -> None:
    found = abscopal.assess(patient(given.pop("sizes"), **given), DEFAULT)
    assert found.evaluability.verdict is verdict
    assert re.search(told, found.evaluability.reason.sentence)
    answers = {call.met for call in found.calls}
    assert (answers == {None}) is not found.evaluable


def test_the_in_field_response_stands_where_nothing_lies_outside(patient: Build) -> None:
    found = abscopal.assess(patient({"T1": [30, 10], "T2": [20, 15]}), DEFAULT)
    assert found.in_field and found.in_field.best.response == "PR"
    assert found.out_of_field is None


def test_the_window_before_radiotherapy_is_a_setting(patient: Build) -> None:
    course = patient({"T1": [30, 10], "T2": [20, 9]}, out=["T2"], days=(-60, 56))
    assert not abscopal.assess(course, DEFAULT).evaluable
    wide = replace(DEFAULT, abscopal_baseline_days=60)
    assert abscopal.assess(course, wide).evaluable


def test_a_scan_of_the_day_of_radiotherapy_is_a_baseline(patient: Build) -> None:
    course = patient({"T1": [30, 10], "T2": [20, 9]}, out=["T2"], days=(0, 56))
    assert abscopal.assess(course, DEFAULT).evaluable


def test_the_low_dose_bath_counts_as_outside_only_where_asked_for(patient: Build) -> None:
    course = patient({"T1": [30, 10], "T2": [20, 9]}, low=["T2"])
    strict = abscopal.assess(course, DEFAULT)
    pragmatic = abscopal.assess(course, replace(DEFAULT, out_of_field_set="pragmatic"))
    assert strict.evaluability.verdict is EvaluabilityVerdict.NO_LESION
    assert call_of(pragmatic, "golden").met
    assert any("low-dose bath" in remark for remark in strict.remarks)


def test_without_dates_of_radiotherapy_the_first_scan_is_its_baseline(patient: Build) -> None:
    found = abscopal.assess(
        patient({"T1": [30, 10], "T2": [20, 9]}, out=["T2"], events=()), DEFAULT
    )
    assert found.evaluable and not found.timeline.recorded
    assert any("no date of radiotherapy" in remark for remark in found.remarks)
