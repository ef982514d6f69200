"""Courses built by hand: what can mean one thing is taken, the rest is refused with advice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from enum import StrEnum

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recist
from recist.course import (
    Axis,
    Course,
    CourseError,
    Event,
    EventKind,
    Field,
    Lesion,
    Measurement,
    Role,
    Status,
    Timepoint,
)
from recist.response import Response
from tests.recist.patients import course

VOCABULARIES = (Role, Field, Status, EventKind)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_a_word_may_be_spelt_as_tables_spell_it(vocabulary: type[StrEnum]) -> None:
    assert len(vocabulary) > 2
    for word in vocabulary:
        for spelt in (
            word.value,
            word.value.upper(),
            word.value.replace("-", "_"),
            f" {word.value.replace('-', ' ')} ",
        ):
            assert vocabulary(spelt) is word


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("value", ["", "xyz", None, 7, True, 1.5])
def test_an_unknown_word_is_refused_with_the_vocabulary(
    vocabulary: type[StrEnum], value: object
) -> None:
    with pytest.raises(CourseError) as refused:
        vocabulary(value)
    assert all(word.value in refused.value.remedy for word in vocabulary)


@pytest.mark.parametrize(
    ("build", "nearest"),
    [
        (lambda: Lesion("L1", "liver", False, "traget"), "target"),  # type: ignore[arg-type]
        (lambda: Lesion("L1", "liver", False, "new", "inn"), "in"),  # type: ignore[arg-type]
        (lambda: Measurement("L1", "mesured", 30), "measured"),  # type: ignore[arg-type]
        (lambda: Event(0, "deth"), "death"),  # type: ignore[arg-type]
    ],
)
def test_a_slip_is_answered_with_the_nearest_word(
    build: Callable[[], object], nearest: str
) -> None:
    with pytest.raises(CourseError, match=f"did you mean '{nearest}'"):
        build()


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (30, "30"), (30.0, "30.0"), (30.5, "30.5"), (30.25, "30.25"), ("30.50", "30.50"),
        (Decimal("30.123"), "30.123"), (np.float32(12.3), "12.3"), (np.float64(12.3), "12.3"),
        (np.int16(12), "12"), (0, "0"),
    ],
)  # fmt: skip
def test_a_diameter_is_what_was_recorded(value: object, recorded: str) -> None:
    for given_as in (value, [value], (value,)):
        measurement = Measurement("L1", "measured", given_as)  # type: ignore[arg-type]
        assert measurement.parts_mm == (Decimal(recorded),)
        assert type(measurement.parts_mm[0]) is Decimal


@given(st.integers(0, 20_000))
def test_a_float_of_tenths_is_its_decimal(tenths: int) -> None:
    """As a reader records it: whatever binary float stands nearest to a tenth of a millimetre."""
    assert Measurement("L1", "measured", tenths / 10).diameter_mm == Decimal(tenths) / 10  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (0.1 + 0.2, "did you mean Decimal('0.3')"),
        (10.1 * 3, "did you mean Decimal('30.3')"),
        (1 / 3, "did you mean Decimal('0.3')"),
        ("30,5", "decimal point"),
        ("3_0", "decimal point"),
        ("30 mm", "decimal point"),
        (True, "give a number"),
        (1j, "give a number"),
        (float("nan"), ""),
        (float("inf"), ""),
        (-1, ""),
        (3000, ""),
    ],
)
def test_what_is_no_recorded_diameter_is_refused(value: object, advice: str) -> None:
    with pytest.raises(CourseError) as refused:
        Measurement("L1", "measured", value)  # type: ignore[arg-type]
    assert "L1" in str(refused.value)
    assert advice in refused.value.remedy


@pytest.mark.parametrize(
    "build",
    [
        lambda: Lesion("", "liver", False, "target"),
        lambda: Lesion(None, "liver", False, "target"),
        lambda: Lesion("L1", None, False, "target"),
        lambda: Lesion("L1", "liver", "maybe", "target"),
        lambda: Lesion("L1", "liver", 2, "target"),
        lambda: Measurement("L1", "absent", 0),
        lambda: Measurement("L1", "measured"),
        lambda: Measurement("L1", "measured", 30, volume_ml=float("nan")),
        lambda: Measurement("L1", "measured", 30, suv_max="high"),
        lambda: Measurement("L1", "merged"),
        lambda: Timepoint(1.5, ()),
        lambda: Timepoint(dt.date(2024, 1, 1), ()),
        lambda: Timepoint(True, ()),
        lambda: Timepoint(0, Measurement("L1", "absent")),
        lambda: Timepoint(0, [("L1", 30)]),
        lambda: Timepoint(0, "L1"),
        lambda: Event("soon", "death"),
        lambda: Course("P1", [{"id": "L1"}], []),
        lambda: Course("", [], []),
        lambda: Course("P1", [], [], day_zero="01.02.2024"),
        lambda: Course("P1", [], [], ["death"]),
    ],
)
def test_what_can_mean_several_things_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(CourseError):
        build()


def by_hand() -> Course:
    """In the plainest words of Python."""
    return Course(
        "P1",
        [Lesion(2, "lung", "no", "non_target", "OUT"), Lesion("T1", "liver", 0, "Target")],  # type: ignore[arg-type]
        [
            Timepoint("0", [Measurement("T1", "measured", 60), Measurement("2", "present")]),  # type: ignore[arg-type]
            Timepoint(56.0, [Measurement("T1", "measured", "40.0"), Measurement(2, "present")]),  # type: ignore[arg-type]
            Timepoint(np.int64(112), [Measurement("T1", "Absent"), Measurement("2", "absent")]),  # type: ignore[arg-type]
        ],
        [Event("112", "Last alive")],  # type: ignore[arg-type]
        pd.Timestamp("2024-02-01 10:30"),
    )


def typed() -> Course:
    """The same in the types that the tables give."""
    return course(
        {
            0: {"T1": 60, "2": "here"},
            56: {"T1": "40.0", "2": "here"},
            112: {"T1": "gone", "2": "gone"},
        },
        organs={"T1": "liver", "2": "lung"},
        fields={"2": Field.OUT},
        roles={"2": Role.NON_TARGET},
        events={112: "last-alive"},
        subject="P1",
        day_zero=dt.date(2024, 2, 1),
    )


def test_a_course_by_hand_is_the_course_of_the_table() -> None:
    mine, wanted = by_hand(), typed()
    assert mine == wanted
    for one, other in zip(mine.lesions, wanted.lesions, strict=True):
        for each in fields(Lesion):
            assert type(getattr(one, each.name)) is type(getattr(other, each.name)), each.name
    assert type(mine.day_zero) is dt.date
    assert recist.assess(mine).timepoints == recist.assess(wanted).timepoints
    overall = [a.overall for a in recist.assess(mine, ["recist11"]).timepoints if a.scope == "all"]
    assert overall == [Response.PR, Response.CR]
    assert not any(each.new_lesion for each in recist.assess(mine).timepoints)


def test_a_measurement_takes_the_place_of_what_stood_there_and_of_nothing_else() -> None:
    patient = course({0: {"T1": 30, "T2": 20}, 56: {"T1": 30}}, roles={"T3": Role.TARGET})
    for name, expected in (
        ("T1", [("T1", "9"), ("T2", "20")]),
        ("T3", [("T1", "30"), ("T2", "20"), ("T3", "9")]),
    ):
        changed = patient.with_measurement(0, Measurement(name, "measured", 9))
        found = [(m.lesion_id, str(m.diameter_mm)) for m in changed.timepoints[0].measurements]
        assert found == expected
        assert changed.timepoints[1] == patient.timepoints[1]
    assert patient.with_measurement(7, patient.timepoints[0].measurements[0]) == patient


def test_a_line_has_a_length_and_a_middle() -> None:
    line = Axis((1.0, 2.0, 3.0), (4.0, 6.0, 3.0))
    assert (line.length_mm, line.middle_mm) == (5.0, (2.5, 4.0, 3.0))
