"""Where a lesion of any date lies in the dose: through the baseline to the planning image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from imaging.registration import Registration
from imaging.treatment import Treatment
from imaging.volume import FloatArray, Grid, Mask
from recist.course import Event, EventKind, Field
from recist.criteria import selection
from recist.patient.irradiation import to_planning, treatments_by_field, united
from recist.tracking import DatedCandidates


@dataclass(frozen=True, slots=True)
class Shift:
    """A registration that is a plain shift: a date lies this far from the first."""

    offset_mm: tuple[float, float, float]

    def to_fixed_mm(self, points_mm: FloatArray) -> FloatArray:
        return points_mm - np.array(self.offset_mm)

    def to_moving_mm(self, points_mm: FloatArray) -> FloatArray:
        return points_mm + np.array(self.offset_mm)


def dated(
    day: int, frame: str | None, offset_mm: tuple[float, float, float] | None
) -> DatedCandidates:
    registration = None if offset_mm is None else cast(Registration, Shift(offset_mm))
    return DatedCandidates(day, (), Grid((2, 2, 2), np.eye(4), frame), registration)


#: The baseline, a planning CT, a follow-up.
DATES = (dated(0, "A", None), dated(7, "B", (10.0, 0.0, 0.0)), dated(60, "C", (0.0, 5.0, 0.0)))
POINT = np.array([[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("day", "planned_on", "place"),
    [
        (0, "B", [11.0, 2.0, 3.0]),  # forward to the planning CT
        (60, "A", [1.0, -3.0, 3.0]),  # back to the baseline
        (60, "B", [11.0, -3.0, 3.0]),  # back, then forward
    ],
)
def test_a_point_goes_through_the_baseline_to_the_planning_image(
    day: int, planned_on: str, place: list[float]
) -> None:
    mapped = to_planning(day, Treatment((), frame_of_reference_uid=planned_on), DATES)
    assert mapped is not None
    np.testing.assert_allclose(mapped(POINT), [place])


@pytest.mark.parametrize("planned_on", ["A", "Z", None])
def test_no_map_is_given_where_none_is_needed_or_known(planned_on: str | None) -> None:
    assert to_planning(0, Treatment((), frame_of_reference_uid=planned_on), DATES) is None
    assert to_planning(0, None, DATES) is None


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), selection.LocalTreatment.ON_STUDY),
        ((Event(5, EventKind.RADIOTHERAPY_START),), selection.LocalTreatment.ON_STUDY),
        ((Event(-90, EventKind.RADIOTHERAPY_START),), selection.LocalTreatment.BEFORE_BASELINE),
        ((Event(-90, EventKind.TREATMENT_START),), selection.LocalTreatment.ON_STUDY),
    ],
)
def test_radiotherapy_before_the_baseline_is_told_from_that_on_study(
    events: tuple[Event, ...], expected: Any
) -> None:
    assert treatments_by_field(events, baseline_day=0) == {Field.IN: expected}


def test_the_pieces_of_a_lesion_are_one_mask() -> None:
    grid = Grid((4, 4, 4), np.eye(4))
    one, other = (
        Mask(np.ones((1, 1, 1), dtype=np.bool_), place, grid) for place in ((0, 0, 0), (3, 3, 3))
    )
    assert united([one]) is one
    assert united([one, other]).voxels == 2
