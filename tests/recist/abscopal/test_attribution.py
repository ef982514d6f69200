"""What else could explain a response: the dates of systemic therapy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recist import abscopal
from recist.abscopal.attribution import Grade
from recist.course import Course
from recist.protocol import DEFAULT
from tests.recist.patients import call_of

Build = Callable[..., Course]
RADIOTHERAPY = ((0, "radiotherapy-start"), (10, "radiotherapy-end"))


@pytest.mark.parametrize(
    ("more", "grade"),
    [
        ((), Grade.A),
        (((-55, "treatment-start"),), Grade.C),
        (((0, "treatment-start"),), Grade.C),
        (((66, "treatment-start"),), Grade.C),
        (((67, "treatment-start"),), Grade.D),
        (((30, "new-therapy"),), Grade.D),
        (((-20, "new-therapy"),), Grade.C),
    ],
)
def test_the_grade_follows_from_the_dates(
    more: tuple[tuple[int, str], ...], grade: Grade, patient: Build
) -> None:
    course = patient({"T1": [30, 10], "T2": [20, 19]}, out=["T2"], events=(*RADIOTHERAPY, *more))
    assert abscopal.assess(course, DEFAULT).attribution.grade is grade


def test_stable_therapy_counts_only_with_documented_growth(patient: Build) -> None:
    events = ((-120, "treatment-start"), *RADIOTHERAPY)
    for first, grade in ((15, Grade.B), (20, Grade.C), (25, Grade.C)):
        course = patient(
            {"T1": [30, 30, 10], "T2": [first, 20, 10]},
            out=["T2"],
            days=(-63, -7, 56),
            events=events,
        )
        found = abscopal.assess(course, DEFAULT).attribution
        assert found.grade is grade
    unseen = patient({"T1": [30, 10], "T2": [20, 10]}, out=["T2"], events=events)
    assert abscopal.assess(unseen, DEFAULT).attribution.grade is Grade.C


def test_growth_before_the_therapy_is_no_growth_under_it(patient: Build) -> None:
    course = patient(
        {"T1": [30, 30, 10], "T2": [15, 20, 10]},
        out=["T2"],
        days=(-100, -7, 56),
        events=((-80, "treatment-start"), *RADIOTHERAPY),
    )
    assert abscopal.assess(course, DEFAULT).attribution.grade is Grade.C


def test_a_response_before_the_change_keeps_its_grade(patient: Build) -> None:
    course = patient(
        {"T1": [30, 10], "T2": [20, 10]}, out=["T2"], events=(*RADIOTHERAPY, (90, "new-therapy"))
    )
    found = abscopal.assess(course, DEFAULT)
    assert call_of(found, "theelen-arr").met
    assert found.attribution.grade is Grade.A


def test_a_treatment_that_is_the_radiotherapy_itself_can_be_said_to_be(patient: Build) -> None:
    course = patient(
        {"T1": [30, 10], "T2": [20, 10]}, out=["T2"], events=(*RADIOTHERAPY, (0, "treatment-start"))
    )
    assert abscopal.assess(course, DEFAULT).attribution.grade is Grade.C
    assert abscopal.assess(course, DEFAULT).remarks
    assert abscopal.assess(course, DEFAULT, systemic=False).attribution.grade is Grade.A


def test_without_dates_there_is_no_grade(patient: Build) -> None:
    course = patient({"T1": [30, 10], "T2": [20, 10]}, out=["T2"], events=())
    assert abscopal.assess(course, DEFAULT).attribution.grade is Grade.UNKNOWN


def test_a_new_lesion_under_stable_therapy_is_growth(patient: Build) -> None:
    course = patient(
        {"T1": [30, 30, 10], "T2": [20, 20, 10], "N1": [None, 12, 5]},
        out=["T2", "N1"],
        days=(-63, -7, 56),
        events=((-120, "treatment-start"), *RADIOTHERAPY),
    )
    found = abscopal.assess(course, DEFAULT).attribution
    assert found.grade is Grade.B and "a new lesion on day -7" in found.reason.sentence
