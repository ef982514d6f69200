"""What needs a look comes in the order of what it could change."""

from __future__ import annotations

from dataclasses import replace

from recist.course import Course, Role
from recist.patient.looks import looks_of
from recist.patient.result import LesionReview, ReviewState
from recist.protocol import load
from recist.tracking import LinkFinding
from tests.recist import patients

PROTOCOL = load("recist11-eortc")


def course() -> Course:
    """L1 shrinks to a partial response; L2, small, stays as it is; N1 comes late."""
    days = (0, 60, 120)
    sizes = {"L1": (60, 20, 20), "L2": (12, 12, 12), "N1": (None, None, "here")}
    seen = patients.course(
        patients.by_visit(sizes, days),
        organs={"L1": "liver", "L2": "lung", "N1": "bone"},
        roles=dict.fromkeys(("L1", "L2"), Role.TARGET),
    )
    for day, visit in zip(days, seen.timepoints, strict=True):
        for each in visit.measurements:
            sure = 0.4 if each.lesion_id == "N1" else 0.6
            seen = seen.with_measurement(day, replace(each, confidence=sure))
    return seen


def reviewed(*proposed: tuple[str, int]) -> list[LesionReview]:
    return [
        LesionReview(
            m.lesion_id,
            t.day,
            ReviewState.PROPOSED if (m.lesion_id, t.day) in proposed else ReviewState.DRAWN,
        )
        for t in course().timepoints
        for m in t.measurements
    ]


def test_what_would_change_the_best_response_comes_before_what_changes_nothing() -> None:
    reviews = reviewed(("L2", 60), ("L1", 60), ("N1", 120))
    found = looks_of(course(), (), reviews, PROTOCOL)
    assert {(look.lesion_id, look.day) for look in found} == {("L2", 60), ("L1", 60), ("N1", 120)}
    weights = [look.weight for look in found]
    assert weights == sorted(weights, reverse=True)
    new = next(look for look in found if look.lesion_id == "N1")
    assert "day 120: PD -> PR" in new.effect and new.weight > 0


def test_what_a_reader_stands_for_is_not_asked_again() -> None:
    assert looks_of(course(), (), reviewed(), PROTOCOL) == ()
    unsure = LinkFinding("L1", 60, "ambiguous", 0.3, "two candidates")
    (look,) = looks_of(course(), (unsure,), reviewed(), PROTOCOL)
    assert look.what == "ambiguous with a confidence of 30 % (two candidates)"
    checked = [
        LesionReview("L1", 60, ReviewState.CHECKED, "AB") if (r.lesion_id, r.day) == ("L1", 60)
        else r
        for r in reviewed()
    ]  # fmt: skip
    assert looks_of(course(), (unsure,), checked, PROTOCOL) == ()
