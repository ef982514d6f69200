"""What the page says in figures is what the table says: nothing is computed a second time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recist.course import Course, Field, Lesion, Measurement, Role, Status, Timepoint
from recist.export.written_tables import write_timepoints_json
from recist.patient.result import PatientResult
from recist.protocol import DEFAULT
from recist.report.page import render
from recist.report.spider_chart import spider_chart
from recist.report.sum_chart import sum_chart, sums
from recist.response import Response, Scope

SIZES = st.decimals(0, 150, places=1) | st.decimals(0, 150, places=2)
SEEN = (Status.ABSENT, Status.TOO_SMALL, Status.NOT_EVALUABLE, Status.PRESENT)
FIELDS = (Field.IN, Field.OUT, Field.UNKNOWN)
#: Figures that the charts name as rules, and that are no results.
RULES = ("−30 % of baseline", "+20 % and 5 mm over nadir", ">−30 %<", ">+20 %<", ">0 %<", ">0 mm<")


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """One to three targets, perhaps a non-target and a new lesion, over one to four dates."""
    fields = draw(st.sampled_from([FIELDS[:2], FIELDS[2:]]))
    lesions = [
        Lesion(f"T{n}", "liver", draw(st.booleans()), Role.TARGET, draw(st.sampled_from(fields)))
        for n in range(draw(st.integers(1, 3)))
    ]
    if draw(st.booleans()):
        lesions.append(Lesion("X", "lung", False, Role.NON_TARGET, fields[0]))
    new = Lesion("N", "bone", False, Role.NEW, fields[0])
    timepoints = []
    for day in (0, 56, 112, 168)[: draw(st.integers(1, 4))]:
        seen = [_measured(draw, lesion) for lesion in lesions]
        if day and draw(st.integers(0, 3)) == 0:
            seen.append(Measurement("N", draw(st.sampled_from([Status.PRESENT, Status.EQUIVOCAL]))))
        timepoints.append(Timepoint(day, tuple(seen)))
    return Course("P", (*lesions, new), tuple(timepoints))


def _measured(draw: st.DrawFn, lesion: Lesion) -> Measurement:
    if lesion.role is Role.TARGET and draw(st.integers(0, 2)):
        return Measurement(lesion.id, Status.MEASURED, (abs(draw(SIZES)),))
    return Measurement(lesion.id, draw(st.sampled_from(SEEN)))


def timepoints_json(case: PatientResult) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "timepoints.json"
        write_timepoints_json(
            path, [(case.course, case.assessments)], DEFAULT, baselines=case.baselines
        )
        return path.read_text(encoding="utf-8")


def figures(page: str) -> list[Decimal]:
    """Every length and percentage that a reader sees, and the sums at the ends of the curves."""
    body = page[page.index("<main>") : page.rindex("<footer>")]
    for rule in RULES:
        body = body.replace(rule, "")
    ends = re.findall(r">(?:All lesions|In field|Out of field|at least) ([\d.]+)<", body)
    text = unescape(re.sub(r"<[^>]*>", " ", body)).replace("\u00a0", " ")
    pairs = re.findall(r"([\d.]+) (?:of|to) ([\d.]+) mm", text)
    return [
        Decimal(number)
        for number in (
            *ends,
            *re.findall(r"(\d+(?:\.\d+)?) ?(?:mm|%)", text),
            *(number for pair in pairs for number in pair),
        )
    ]


@settings(max_examples=40)
@given(st.data())
def test_every_figure_of_the_page_is_one_of_the_table(
    build: SimpleNamespace, data: st.DataObject
) -> None:
    case = build.assessed(data.draw(courses()))
    text = timepoints_json(case)
    json.loads(text)
    known = {Decimal(number) for number in re.findall(r"\d+(?:\.\d+)?", text)}
    found = figures(render(case))
    strangers = [number for number in found if number not in known]
    assert not strangers, f"{strangers} are on the page and not in the table"
    assume(found)  # a patient without any figure proves nothing


@settings(max_examples=40)
@given(st.data())
def test_no_change_and_no_point_without_the_whole_sum(
    build: SimpleNamespace, data: st.DataObject
) -> None:
    case = build.assessed(data.draw(courses()))
    rows = json.loads(timepoints_json(case))["timepoints"]
    assume(any(row["lower_bound"] for row in rows))
    for row, assessment in zip(rows, case.assessments, strict=True):
        if not row["lower_bound"]:
            continue
        assert row["change_from_baseline_percent"] is None
        assert row["change_from_nadir_percent"] is None
        for reason in assessment.reasons:
            assert "%" not in reason.sentence, reason.sentence
            assert not any("%" in value for _, value in reason.numbers)
        if assessment.criteria == "recist11":
            curve = sums(case.assessments, assessment.scope, case.course.timepoints[0].day)
            assert assessment.day not in [day for day, _ in curve]


def two_targets(build: SimpleNamespace, *last: str | None) -> PatientResult:
    sizes = {"T1": ("60.0", "50.0", last[0]), "T2": ("38.9", "30.0", last[1])}
    case: PatientResult = build.assessed(build.course(sizes))
    return case


def test_nothing_evaluable_is_no_complete_disappearance(build: SimpleNamespace) -> None:
    case = two_targets(build, None, None)
    last = next(a for a in case.assessments if a.day == 126 and a.criteria == "recist11")
    assert (last.sum_mm, last.overall) == (None, Response.NE)
    page = unescape(render(case))
    assert "100.0 %" not in page.replace("\u00a0", " ")
    assert "2024-07-08: overall not evaluable, no target lesion evaluable." in page
    chart = sum_chart(case.course, case.assessments)
    assert ">All lesions 80.0<" in chart  # the last sum that there is
    assert sums(case.assessments, Scope.ALL, 0) == [(0, 98.9), (63, 80.0)]


def test_one_of_two_evaluable_is_a_lower_bound(build: SimpleNamespace) -> None:
    case = two_targets(build, "50.0", None)
    text = unescape(re.sub(r"<[^>]*>", " ", render(case))).replace("\u00a0", " ")
    assert "shrank" not in text
    assert "some target lesions not evaluable, the others at least 50.0 mm, a lower bound" in text
    chart = sum_chart(case.course, case.assessments)
    assert ">at least 50.0<" in chart
    assert ">All lesions 80.0<" in chart


def test_progression_by_a_lower_bound_has_no_percentage(build: SimpleNamespace) -> None:
    case = two_targets(build, "120.0", None)
    text = unescape(re.sub(r"<[^>]*>", " ", render(case))).replace("\u00a0", " ")
    assert (
        "progression by growth of the target lesions (at least 120.0 mm, a lower bound, after "
        "80.0 mm)" in text
    )
    assert "+50.0 %" not in text


@pytest.mark.parametrize(("last", "marked"), [("61.0", False), ("99.0", True), ("600.0", True)])
def test_what_lies_beyond_the_spider_is_marked(
    build: SimpleNamespace, last: str, marked: bool
) -> None:
    """The axis grows to +200 %; farther changes are marked there with what they are."""
    case = build.assessed(build.course({"T1": ("30.0", last, "30.0")}))
    chart = spider_chart(case.course)
    assert ('class="beyond"' in chart) is marked
    change = f"+{(Decimal(last) - 30) * 100 / 30:.1f} %"[:7]
    assert (change in chart) is marked


def test_a_change_of_the_method_stands_beside_the_change(build: SimpleNamespace) -> None:
    """A reader's contours, then a network's: the change may be one of the method."""
    case = two_targets(build, "30.0", "20.0")
    drawn_by = ("reader", "reader", "network 1.0")
    timepoints = tuple(
        replace(at, measurements=tuple(replace(m, source=name) for m in at.measurements))
        for at, name in zip(case.course.timepoints, drawn_by, strict=True)
    )
    case = build.assessed(replace(case.course, timepoints=timepoints))
    assert [a.method_changed for a in case.assessments] == [a.day == 126 for a in case.assessments]
    warning = (
        "method of delineation changed: network 1.0 here, reader on day 0, 63; changes between "
        "these dates are unreliable"
    )
    rows = json.loads(timepoints_json(case))["timepoints"]
    for row, assessment in zip(rows, case.assessments, strict=True):
        assert (warning in row["warnings"]) is (assessment.day == 126)
        assert row["method_changed"] is (assessment.day == 126)
    text = unescape(re.sub(r"<[^>]*>", " ", render(case))).replace("\u00a0", " ")
    beside = "unreliable: the method of delineation changed"
    assert f"the target lesions shrank by 49.4 % (98.9 to 50.0 mm, {beside})" in text
    assert f"50.0 mm · −49.4 % ({beside})" in text
    assert warning in text
