"""What a reader is told of a case, and what is a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from imaging.series import Subject
from imaging.treatment import Treatment
from recist.course import Role
from recist.patient.delineation import Delineated
from recist.patient.key_images import MOST_LESIONS, pictured
from recist.patient.overrides import Override
from recist.patient.remarks import problems_of, quality_flags
from recist.patient.roles import Placed
from recist.patient.tracked_lesion import TrackedLesion
from recist.tracking import State, Track

Build = Callable[..., Any]


def lesion(track: Track, role: Role, sized: dict[int, Any]) -> TrackedLesion:
    return TrackedLesion(track, sized, "lung", False, True, Override(track.id), role)


def subject(patient: Any) -> Subject:
    return Subject("P", tuple(each.visit for each in patient.examinations))


def test_no_lesion_is_an_answer_where_a_person_looked(followed: Build) -> None:
    patient = followed({"L1": {0: State.ABSENT}})
    for reviewed, told in ((True, 0), (False, 1)):
        found = [Delineated((), reviewed=reviewed)]
        assert len(problems_of(subject(patient), patient.examinations, found)) == told


def test_a_delineation_that_cannot_be_used_is_a_failure_with_its_date(followed: Build) -> None:
    patient = followed({"L1": {0: "9x9"}})
    found = [Delineated((), unusable=("rs.dcm: not readable",))]
    lost = Treatment((), unreadable=("rd.dcm: no pixel data",))
    problem, other = problems_of(subject(patient), patient.examinations, found, lost.unreadable)
    assert str(problem).startswith("2024-01-01: rs.dcm: not readable")
    assert str(other).startswith("radiotherapy: rd.dcm: no pixel data")


def test_a_date_without_ct_is_a_failure(followed: Build) -> None:
    patient = followed({"L1": {0: "9x9", 7: "9x9"}})
    first, last = subject(patient).visits
    found = [Delineated((), reviewed=True)]
    some = Subject("P", (first, replace(last, ct=None)))
    (problem,) = problems_of(some, patient.examinations[:1], found)
    assert "2024-01-08" in problem.what


def test_what_a_lesion_is_taken_for_is_said_once(followed: Build) -> None:
    patient = followed({"L1": {0: "9x9", 7: "9x9"}})

    def flagged(day: int, *flags: str) -> Any:
        sized = patient.sized[day][0]
        return (replace(sized, candidate=replace(sized.candidate, flags=flags)),)

    sized = {
        0: flagged(0, "organ by its surroundings: 95 %", "touches the edge"),
        7: flagged(1, "organ by its surroundings: 91 %", "touches the edge"),
    }
    tracked = lesion(patient.tracks.lesions[0], Role.TARGET, sized)
    assert quality_flags(Placed((), (tracked,))) == (
        ("L1", 0, "organ by its surroundings: 95 %"),
        ("L1", 0, "touches the edge"),
        ("L1", 7, "touches the edge"),
    )


def test_of_too_many_lesions_the_smallest_non_targets_are_not_pictured() -> None:
    roles = [Role.TARGET] * 5 + [Role.NON_TARGET] * 60 + [Role.NEW] * 3
    lesions = [lesion(Track(f"L{n}", ()), role, {}) for n, role in enumerate(roles, start=1)]
    names = [lesion.id for lesion in pictured(lesions)]
    assert len(names) == MOST_LESIONS
    assert names[:5] == ["L1", "L2", "L3", "L4", "L5"]
    assert names[-4:] == ["L37", "L66", "L67", "L68"]
    assert pictured(lesions[:10]) == lesions[:10]
