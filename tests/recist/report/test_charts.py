"""Charts: what is drawn where."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from recist.course import Field, Role
from recist.criteria.sums import lesion_sizes
from recist.patient.result import PatientResult
from recist.report.chart_frame import ChartScale
from recist.report.spider_chart import changes_percent, spider_chart
from recist.report.sum_chart import sum_chart, sums
from recist.response import Scope


def test_sums_begin_with_the_baseline(usual: PatientResult) -> None:
    assert sums(usual.assessments, Scope.ALL, 0) == [(0, 70.0), (63, 44.0), (126, 31.0)]
    assert sums(usual.assessments, Scope.IN_FIELD, 0) == [(0, 40.0), (63, 24.0), (126, 16.0)]


def test_changes_are_from_the_first_diameter_of_each_lesion(usual: PatientResult) -> None:
    sizes = lesion_sizes(usual.course)
    changes = {x.id: changes_percent(sizes[x.id]) for x in usual.course.lesions}
    assert changes["a"] == [(0, 0.0), (63, -40.0), (126, -60.0)]
    assert changes["new"] == [(126, 0.0)]


def test_the_sum_chart_shows_limits_nadir_responses_and_new_lesions(usual: PatientResult) -> None:
    chart = sum_chart(usual.course, usual.assessments)
    words = re.findall(r">([^<>]+)</text>", chart)
    for word in ("Baseline", "PR", "PD", "new lesion", "nadir", "baseline", "−30 % of baseline",
                 "+20 % and 5 mm over nadir", "All lesions 31.0", "In field 16.0",
                 "Out of field 15.0", "2024-05-06", "day 126"):  # fmt: skip
        assert word in words, word
    assert chart.count("<polygon") == 1


def test_the_spider_is_coloured_by_field(usual: PatientResult) -> None:
    chart = spider_chart(usual.course)
    assert "#b4520b" in chart
    assert "#1c6e8c" in chart
    assert "a −60.0 %" in chart
    assert "n " not in re.findall(r">([^<>]+)</text>", chart)  # targets only


def test_lines_are_cut_at_the_edge_and_long_names_shortened(usual: PatientResult) -> None:
    lesions = tuple(
        replace(x, id="a very long name of a lesion") if x.id == "a" else x
        for x in usual.course.lesions
    )
    timepoints = tuple(
        replace(
            t,
            measurements=tuple(
                replace(m, lesion_id="a very long name of a lesion") if m.lesion_id == "a" else m
                for m in t.measurements
            ),
        )
        for t in usual.course.timepoints
    )
    chart = spider_chart(replace(usual.course, lesions=lesions, timepoints=timepoints))
    assert "a very long… −60.0 %" in chart


def test_dates_close_together_are_spread_evenly() -> None:
    near, far = ChartScale((0, 3, 400), 0, 1), ChartScale((0, 100, 200), 0, 1)
    assert not near.to_scale
    assert far.to_scale
    steps = [near.x(3) - near.x(0), near.x(400) - near.x(3)]
    assert steps[0] == pytest.approx(steps[1])


def test_without_two_dates_there_is_nothing_to_draw(usual: PatientResult) -> None:
    first = replace(usual.course, timepoints=usual.course.timepoints[:1])
    assert sum_chart(first, ()) == ""
    assert spider_chart(first) == ""


def test_a_patient_without_targets_gets_the_other_lesions(usual: PatientResult) -> None:
    lesions = tuple(
        replace(x, role=Role.NON_TARGET, field=Field.UNKNOWN) for x in usual.course.lesions
    )
    assert "n −8.3 %" in spider_chart(replace(usual.course, lesions=lesions))
