"""The composed lung study: irradiated tumour and distant nodule respond, then a new lesion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from recist import abscopal
from recist.abscopal import AbscopalFinding
from recist.course import Course, Event, EventKind
from recist.protocol import DEFAULT
from recist.table.course_tables import read_courses
from tests.recist.patients import call_of

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def course(longitudinal: Callable[[str], Path]) -> Course:
    """Measured by the main job on the truth delineations; radiotherapy of five days after it."""
    (measured,) = read_courses(longitudinal("lung-abscopal") / "measurements.csv")
    days = (EventKind.RADIOTHERAPY_START, 7), (EventKind.RADIOTHERAPY_END, 14)
    return replace(measured, events=tuple(Event(day, kind) for kind, day in days))


@pytest.fixture(scope="module")
def found(course: Course) -> AbscopalFinding:
    return abscopal.assess(course, DEFAULT)


def test_both_sides_respond_before_the_new_lesion(found: AbscopalFinding) -> None:
    assert found.evaluable
    assert found.in_field and found.out_of_field and found.whole
    assert [seen.overall for seen in found.out_of_field.assessments] == ["PR", "PR", "PD"]
    assert [seen.overall for seen in found.in_field.assessments] == ["PR", "PR", "PR"]
    assert [seen.overall for seen in found.whole.assessments] == ["PR", "PR", "PD"]


def test_every_definition_finds_the_response_and_its_confirmation(found: AbscopalFinding) -> None:
    for call in found.calls:
        if call.definition.time == "best":
            assert (call.met, call.day, call.confirmed) == (True, 56, True), call.definition.name
    assert call_of(found, "golden").days_from_radiotherapy == 42


def test_the_first_failure_is_the_new_lesion_outside(found: AbscopalFinding) -> None:
    assert (found.failure.pattern, found.failure.day) == ("new out-of-field", 168)
    assert found.out_of_field and found.out_of_field.immune.best_overall == "iPR"
    assert found.attribution.grade == "A"
