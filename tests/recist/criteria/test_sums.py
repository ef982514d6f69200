"""The sum at baseline, the diameters of each lesion, and whose contours they are of."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from recist.course import Course
from recist.criteria import recist11
from recist.criteria.sums import LesionSize, baseline_sum, lesion_sizes
from recist.protocol import DEFAULT
from tests.recist.patients import course


def test_the_sum_at_baseline_says_whether_it_is_whole() -> None:
    whole = baseline_sum(course({0: {"T1": 30, "T2": 20, "X1": "here"}}), DEFAULT)
    assert (whole.targets, whole.sum_mm, whole.lower_bound) == (2, Decimal(50), False)
    part = baseline_sum(course({0: {"T1": 30, "T2": "NE"}}), DEFAULT)
    assert (part.targets, part.sum_mm, part.lower_bound) == (2, Decimal(30), True)
    nobody = baseline_sum(course({}), DEFAULT)
    assert (nobody.targets, nobody.sum_mm, nobody.lower_bound) == (0, None, False)


def test_a_lesion_changes_from_its_first_diameter() -> None:
    sizes = lesion_sizes(course({0: {"T1": 40, "X1": "here"}, 56: {"T1": "NE"}, 112: {"T1": 30}}))
    assert sizes == {
        "T1": (LesionSize(0, Decimal(40), None), LesionSize(112, Decimal(30), Decimal("-25.0"))),
        "X1": (),
    }


def by(patient: Course, *hands: str) -> Course:
    """The course with who drew the contours of each date."""
    timepoints = zip(patient.timepoints, hands, strict=True)
    return replace(
        patient,
        timepoints=tuple(
            replace(at, measurements=tuple(replace(m, source=hand) for m in at.measurements))
            for at, hand in timepoints
        ),
    )


def test_contours_of_another_hand_make_a_change_unreliable() -> None:
    patient = course({0: {"T1": 40}, 56: {"T1": 38}, 112: {"T1": "NE"}, 168: {"T1": 20}})
    mixed = recist11.assess(by(patient, "reader", "reader", "network", "network"), DEFAULT)
    assert [found.method_changed for found in mixed] == [False, False, True]
    (remark,) = [each for each in mixed[-1].warnings if "method" in each]
    assert "network here, reader on day 0, 56" in remark
    unnamed = recist11.assess(by(patient, "", "", "", "network"), DEFAULT)
    assert any("not named on day 0, 56" in each for each in unnamed[-1].warnings)
    same = recist11.assess(by(patient, *["reader"] * 4), DEFAULT)
    assert not any(found.method_changed for found in same)
