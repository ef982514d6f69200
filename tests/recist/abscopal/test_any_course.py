"""Whatever was recorded, there is an answer, and it does not contradict itself."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recist import abscopal
from recist.abscopal.finding_words import definition_rows, headline, summary
from recist.course import (
    Course,
    Event,
    EventKind,
    Field,
    Lesion,
    Measurement,
    Role,
    Status,
    Timepoint,
)
from recist.protocol import DEFAULT
from recist.report.abscopal_section import abscopal_section

STATUSES = [status for status in Status if status is not Status.MERGED]


@st.composite
def courses(draw: Any) -> Course:
    lesions = [
        Lesion(
            f"L{k}",
            draw(st.sampled_from(["lung", "liver"])),
            draw(st.booleans()),
            draw(st.sampled_from(Role)),
            draw(st.sampled_from(Field)),
        )
        for k in range(draw(st.integers(0, 4)))
    ]
    days = sorted(draw(st.sets(st.integers(-120, 400), max_size=5)))
    timepoints = []
    for day in days:
        seen = []
        for lesion in lesions:
            status = draw(st.sampled_from([None, Status.MEASURED, Status.MEASURED, *STATUSES]))
            if status is not None:
                size = draw(st.decimals(0, 80, places=1)) if status is Status.MEASURED else None
                parts = () if size is None else (Decimal(size),)
                seen.append(Measurement(lesion.id, status, parts))
        timepoints.append(Timepoint(day, tuple(seen)))
    kinds = [
        EventKind.RADIOTHERAPY_START,
        EventKind.RADIOTHERAPY_END,
        EventKind.TREATMENT_START,
        EventKind.NEW_THERAPY,
        EventKind.DEATH,
    ]
    events = draw(st.lists(st.tuples(st.integers(-100, 300), st.sampled_from(kinds)), max_size=5))
    return Course("S", tuple(lesions), tuple(timepoints), tuple(Event(*each) for each in events))


@given(courses(), st.sampled_from(["strict", "pragmatic"]), st.sampled_from(["split", "anywhere"]))
def test_every_course_has_a_finding(course: Course, lesion_set: Any, position: Any) -> None:
    protocol = replace(DEFAULT, out_of_field_set=lesion_set, new_lesion_position=position)
    found = abscopal.assess(course, protocol)
    *_, light = abscopal.answers(course, (DEFAULT, protocol))  # what both share is worked out once
    assert light.calls == found.calls and light.evaluability == found.evaluability
    for call in found.calls:
        assert call.reason.sentence
        assert call.met is None or found.evaluable
        assert not call.met or call.day is not None
        assert call.day is None or (call.met and call.day > found.timeline.end_day)
        assert call.confirmed is None or call.met
    assert (found.failure.day is None) == (found.failure.pattern == "none")
    assert headline(found) and summary(found, course) and definition_rows(found, course)
    assert abscopal_section(found, course)[1]
