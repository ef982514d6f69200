"""One outline around two balls that touch: both parts are proposed, and taken by a word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.volume import Grid, Mask
from recist.course import Measurement
from recist.patient.corrections import Corrections, DrawnLesion
from recist.patient.corrections.drawn import WaistPart
from recist.patient.examination import size
from recist.patient.parting import proposed_parts
from recist.patient.reassessment import conclude
from recist.patient.result import PatientResult
from recist.patient.work import Work
from recist.patient.work.memory import Memory


def two_balls(grid: Grid, middle_mm: np.ndarray) -> Mask:
    """Balls of 32 and 26 mm that touch, about a place."""
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1)) - middle_mm
    held = np.zeros(grid.shape, np.bool_)
    for x, radius in ((-16.0, 16.2), (13.0, 13.2)):
        held |= np.linalg.norm(points - [x, 0.0, 0.0], axis=-1) <= radius
    return Mask.of(held, grid)


@pytest.fixture(scope="module")
def touching(work: Work) -> Work:
    """The largest lesion of the second date, drawn as two balls by a machine."""
    date = work.dates[1]
    sizes = [each.candidate.mask.voxels for each in date.sized]
    number = int(np.argmax(sizes))
    known = date.sized[number].candidate
    mask = two_balls(known.mask.grid, known.mask.centre_mm)
    candidate = replace(known, mask=mask, flags=(), long_axis=None, short_axis=None)
    drawn = list(date.sized)
    drawn[number] = size(candidate, date.examination)
    dates = (work.dates[0], date.with_sized(tuple(drawn)), *work.dates[2:])
    return replace(work, dates=dates, memory=Memory())


def seen(result: PatientResult, lesion: str) -> Measurement:
    at = result.course.timepoints[1].measurements
    return next(each for each in at if each.lesion_id == lesion)


def test_each_part_is_proposed_and_measures_what_was_said_once_it_is_taken(touching: Work) -> None:
    result, delineations = conclude(touching, pictures=False)
    (_, one, larger_mm), (day, other, smaller_mm) = proposed_parts(delineations[0].tracked)
    assert (day, one.number, other.number) == (touching.dates[1].day, 1, 2)
    assert (float(larger_mm), float(smaller_mm)) == pytest.approx((32.4, 26.4), abs=1.5)
    whole = seen(result, one.lesion).caliper
    assert whole is not None and float(whole.long_axis_mm) == pytest.approx(58.4, abs=1.5)
    remarks = [words for lesion, _, words in result.flags if lesion == one.lesion]
    assert any(f"{one} ({larger_mm} mm) and {other} ({smaller_mm} mm)" in x for x in remarks)

    date = touching.dates[1].date
    drawn = (
        DrawnLesion(one.lesion, date, (), one, is_node=False),
        DrawnLesion("L9", date, (), other, is_node=False),
    )
    taken, after = conclude(touching, Corrections(drawn=drawn), pictures=False)
    for lesion, size_mm in ((one.lesion, larger_mm), ("L9", smaller_mm)):
        measured = seen(taken, lesion).caliper
        assert measured is not None and str(measured.long_axis_mm) == size_mm
    assert not proposed_parts(after[0].tracked)
    masks = after[1].masks()
    together = masks[one.lesion].full() | masks["L9"].full()
    assert (together == delineations[1].masks()[one.lesion].full()).all()


def test_a_part_that_is_not_there_is_refused(touching: Work) -> None:
    _, delineations = conclude(touching, pictures=False)
    name = proposed_parts(delineations[0].tracked)[0][1].lesion
    said = DrawnLesion(name, touching.dates[0].date, (), WaistPart(name, 1))
    with pytest.raises(InputError, match=f"no outline of {name} narrows between two parts"):
        conclude(touching, Corrections(drawn=(said,)), pictures=False)
