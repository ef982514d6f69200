"""New lesions are looked for at the dates before: measured, pictured, asked about, not counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imaging.series import Subject
from recist.course import Role, Status
from recist.patient.corrections.said import Corrections
from recist.patient.delineation import Delineated
from recist.patient.examination import size
from recist.patient.looking_back import looked_back
from recist.patient.overrides import Override
from recist.patient.reassessment import conclude
from recist.patient.result import PatientResult
from recist.patient.work.memory import Memory
from recist.patient.work.observed import Later, ObservedDate, Terms, Work
from recist.protocol import load
from segmentation.instances import Candidate
from tests.recist.patient.lung_scenes import FIRST, OTHER, Spot, date


def observed(day: int, drawn: int, *spots: Spot, reviewed: bool = True) -> ObservedDate:
    """A date on which the first so many spots were drawn."""
    examination, masks = date(day, *spots)
    candidates = tuple(
        Candidate(f"T{n + 1}", mask, organ="lung", is_node=False)
        for n, mask in enumerate(masks[:drawn])
    )
    return ObservedDate(
        examination,
        Delineated(candidates, reviewed=reviewed),
        tuple(size(each, examination) for each in candidates),
    )


def worked(*dates: ObservedDate) -> Work:
    protocol = replace(load("recist11-eortc"), unreviewed_new_lesion="unequivocal")
    terms = Terms(("recist11",), protocol, "the reader", "network 1")
    subject = Subject("P", tuple(each.examination.visit for each in dates))
    return Work(
        subject, dates[0].date, (), looked_back(dates, Memory()), terms, Later(lambda: None)
    )


def second(result: PatientResult) -> Status:
    last = result.course.timepoints[-1]
    return next(m.status for m in last.measurements if m.lesion_id == "L2")


SMALLER: Spot = (OTHER[0], 0.8 * OTHER[1])


def test_a_lesion_that_was_there_before_is_measured_pictured_and_asked_about() -> None:
    work = worked(observed(0, 1, FIRST, SMALLER), observed(56, 2, FIRST, OTHER, reviewed=False))
    (before,) = work.dates[0].found_before
    assert before.sized.caliper is not None
    assert float(before.sized.caliper.long_axis_mm) == pytest.approx(2 * SMALLER[1], abs=1.6)
    result, _ = conclude(work)
    (question,) = (q for name, day, q in result.flags if (name, day) == ("L2", 0))
    assert question.startswith("there already (")
    assert "drawn first on 2024-02-26: missed here, or new?" in question
    # It counts for nothing: no measurement, no part of the sum, and no unequivocal progression.
    (first,) = result.course.timepoints[0].measurements
    assert first.lesion_id == "L1"
    assert second(result) is Status.EQUIVOCAL
    pictured = {(image.lesion_id, image.day) for image in result.key_images}
    assert ("L2", 0) in pictured
    assert any((look.lesion_id, look.day) == ("L2", 0) for look in result.looks)


def test_what_was_not_there_is_new_without_a_question() -> None:
    work = worked(observed(0, 1, FIRST), observed(56, 2, FIRST, OTHER, reviewed=False))
    assert work.dates[0].found_before == ()
    result, _ = conclude(work)
    assert [flag for flag in result.flags if flag[1] == 0] == []
    assert second(result) is Status.PRESENT or second(result) is Status.MEASURED


@pytest.mark.parametrize("is_new", [True, False])
def test_the_reader_answers(is_new: bool) -> None:
    work = worked(observed(0, 1, FIRST, SMALLER), observed(56, 2, FIRST, OTHER, reviewed=False))
    choice = Override("L2", confirmed=True) if is_new else Override("L2", dropped=True)
    result, _ = conclude(work, Corrections(overrides=(choice,)))
    assert not any(text.startswith("there already") for _, _, text in result.flags)
    roles = {lesion.id: lesion.role for lesion in result.course.lesions}
    assert roles.get("L2") is (Role.NEW if is_new else None)
