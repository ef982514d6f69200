"""What needs a look comes in the order of what it could change."""

from __future__ import annotations

from decimal import Decimal

from recist.course import Course, Lesion, Measurement, Role, Status, Timepoint
from recist.patient.looks import looks_of
from recist.patient.result import LesionReview, ReviewState
from recist.protocol import load
from recist.tracking import LinkFinding

PROTOCOL = load("recist11-eortc")


def course() -> Course:
    """L1 shrinks to a partial response; L2, small, stays as it is; N1 comes late."""
    sizes = {"L1": ("60", "20", "20"), "L2": ("12", "12", "12")}
    lesions = (
        Lesion("L1", "liver", False, Role.TARGET),
        Lesion("L2", "lung", False, Role.TARGET),
        Lesion("N1", "bone", False, Role.NEW),
    )
    seen = [
        [
            Measurement(n, Status.MEASURED, (Decimal(s[k]),), confidence=0.6)
            for n, s in sizes.items()
        ]
        for k in range(3)
    ]
    seen[2].append(Measurement("N1", Status.PRESENT, confidence=0.4))
    days = (0, 60, 120)
    return Course(
        "P", lesions, tuple(Timepoint(d, tuple(m)) for d, m in zip(days, seen, strict=True))
    )


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
