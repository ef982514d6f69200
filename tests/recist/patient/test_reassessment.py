"""A reader corrects a patient: what he says holds, what follows from it changes, nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.volume import Mask
from recist.course import Axis, Measurement, Role, Status
from recist.patient.changes import AnswerDifference, changes_between
from recist.patient.corrections import (
    NOTHING_SAID,
    CheckedDate,
    CorrectedMeasurement,
    Corrections,
    DrawnLesion,
)
from recist.patient.overrides import Override
from recist.patient.reassessment import conclude
from recist.patient.result import PatientResult, ReviewState
from recist.patient.work import Work
from recist.response import Response, Scope
from recist.tracking import Link


def reassess(
    work: Work, said: Corrections = NOTHING_SAID, *, since: PatientResult | None = None
) -> tuple[PatientResult, AnswerDifference]:
    """The answer with what a reader says, and what that changed since the answer before."""
    result, _ = conclude(work, said)
    return result, changes_between(since or conclude(work, pictures=False)[0], result)


@pytest.fixture(scope="module")
def original(work: Work) -> PatientResult:
    return reassess(work)[0]


def dates(result: PatientResult) -> list[dt.date]:
    return [date for t in result.course.timepoints if (date := result.course.date_of(t.day))]


def seen(result: PatientResult, lesion: str, visit: int) -> Measurement:
    at = result.course.timepoints[visit]
    return next(each for each in at.measurements if each.lesion_id == lesion)


def overall(result: PatientResult, scope: Scope = Scope.ALL) -> list[Response]:
    return [a.overall for a in result.assessments if (a.criteria, a.scope) == ("recist11", scope)]


def a_target(result: PatientResult) -> str:
    return next(each.id for each in result.course.lesions if each.role is Role.TARGET)


def everything(result: PatientResult) -> str:
    """All that a result says, but for its pictures."""
    return repr(replace(result, key_images=(), visits=()))


def test_a_corrected_diameter_counts_as_given_and_says_what_is_still_drawn(
    work: Work, original: PatientResult
) -> None:
    in_field = [x for x in original.course.lesions if x.field == "in" and x.role is Role.TARGET]
    name = in_field[0].id
    date, was = dates(original)[1], seen(original, name, 1)
    said = CorrectedMeasurement(
        name, date, parts_mm=(Decimal("60.0"),), reader="AB", reason="includes the rim"
    )
    result, changes = reassess(work, Corrections(measurements=(said,)), since=original)
    now = seen(result, name, 1)
    assert str(now.diameter_mm) == "60.0" and now.caliper is None
    assert (now.volume_ml, now.suv_max) == (was.volume_ml, was.suv_max)
    before, after = overall(original, Scope.IN_FIELD)[0], overall(result, Scope.IN_FIELD)[0]
    assert (before, after) == (Response.PR, Response.PD)
    (line,) = [each for each in changes.lines() if each.startswith(f"{name} {date}")]
    assert line.startswith(f"{name} {date}: {was.diameter_mm} -> 60.0 mm; ")
    assert "PR -> PD (in field)" in line
    told = [flag for flag in result.flags if flag[0] == name and "reader (AB" in flag[2]]
    assert len(told) == 1 and "outline, volume and SUV are those of" in told[0][2]
    (review,) = [
        each for each in result.reviews if (each.lesion_id, each.state) == (name, "corrected")
    ]
    assert (review.reader, review.reason) == ("AB", "includes the rim")


def test_a_correction_taken_back_leaves_no_trace(work: Work, original: PatientResult) -> None:
    name, date = a_target(original), dates(original)[1]
    said = Corrections(
        overrides=(Override(name, organ="spleen"),),
        measurements=(CorrectedMeasurement(name, date, Status.ABSENT),),
        dates=(CheckedDate(date),),
        drawn=(DrawnLesion("N9", date, (tuple(seen_place(work)),)),),  # type: ignore[arg-type]
    )
    changed, changes = reassess(work, said)
    assert changes and everything(changed) != everything(original)
    again, none = reassess(work, NOTHING_SAID)
    assert not none and none.lines() == ()
    assert everything(again) == everything(original)


def seen_place(work: Work) -> list[float]:
    """A place in the body at the second date where nothing was delineated."""
    grid = work.dates[1].examination.ct.volume.grid
    middle = grid.to_world_mm(np.array(grid.shape) / 2)
    return [round(float(x), 1) for x in middle]


def test_a_reader_draws_a_caliper_and_it_is_kept(work: Work, original: PatientResult) -> None:
    name, date = a_target(original), dates(original)[1]
    machine = seen(original, name, 1).caliper
    assert machine is not None
    x, y, z = machine.long_axis.start_mm
    line = Axis((x, y, z), (x + 31.5, y, z))
    said = CorrectedMeasurement(name, date, long_axis=line)
    result, _ = reassess(work, Corrections(measurements=(said,)))
    kept = seen(result, name, 1).caliper
    assert kept is not None and kept.long_axis == line
    assert (kept.slice_index, kept.sop_instance_uid) == (
        machine.slice_index,
        machine.sop_instance_uid,
    )
    assert str(seen(result, name, 1).diameter_mm) == "31.5"
    image = next(
        each
        for each in result.key_images
        if (each.lesion_id, each.day) == (name, result.course.timepoints[1].day)
    )
    assert image.long_axis_px is not None
    (c0, _), (c1, _) = image.long_axis_px
    assert abs(abs(c1 - c0) * image.spacing_mm[1] - 31.5) < 0.01


@pytest.mark.parametrize("status", [Status.ABSENT, Status.TOO_SMALL, Status.NOT_EVALUABLE])
def test_a_state_is_the_readers_word(work: Work, original: PatientResult, status: Status) -> None:
    name, date = a_target(original), dates(original)[1]
    said = CorrectedMeasurement(name, date, status, reason="motion", reader="AB")
    result, changes = reassess(work, Corrections(measurements=(said,)))
    assert seen(result, name, 1).status is status
    assert any(status.value.replace("-", " ") in line for line in changes.lines())


def test_what_is_no_lesion_is_dropped_everywhere(work: Work, original: PatientResult) -> None:
    name = a_target(original)
    said = Corrections(overrides=(Override(name, dropped=True),))
    result, changes = reassess(work, said)
    assert name not in {lesion.id for lesion in result.course.lesions}
    assert f"{name}: lesion recorded -> not recorded" in changes.lines()[0]


def test_a_lesion_drawn_by_its_diameter_is_measured_and_followed(
    work: Work, original: PatientResult
) -> None:
    x, y, z = seen_place(work)
    date = dates(original)[1]
    line = ((x, y, z), (x + 22.0, y, z))
    drawn = DrawnLesion("N9", date, line, organ="liver", is_node=False, reader="AB")
    result, changes = reassess(work, Corrections(drawn=(drawn,)), since=original)
    lesion = next(each for each in result.course.lesions if each.id == "N9")
    assert (lesion.role, lesion.organ) == (Role.NEW, "liver")
    assert seen(result, "N9", 1).diameter_mm == Decimal("22.0")
    assert [each.lesion_id for each in result.course.timepoints[2].measurements].count("N9") == 1
    states = [each.state for each in result.reviews if each.lesion_id == "N9"]
    assert states[0] is ReviewState.CORRECTED
    assert changes
    assert overall(result)[0] is Response.PD  # drawn by a reader, so unequivocal


def test_a_better_outline_takes_the_place_of_the_one_that_was_there(
    work: Work, original: PatientResult
) -> None:
    name, date = a_target(original), dates(original)[1]
    observed = work.on(date)
    assert observed is not None
    candidate = max((s.candidate for s in observed.sized), key=lambda c: c.mask.voxels)
    tracked = next(
        row["lesion"] for row in original.link_table
        if (row["date"], row["candidate"]) == (date.isoformat(), candidate.label)
    )  # fmt: skip
    half = candidate.mask.array.copy()
    half[half.shape[0] // 2 :] = False
    smaller = Mask(half, candidate.mask.start, candidate.mask.grid)
    drawn = DrawnLesion(tracked, date, outline=smaller, reader="AB")
    result, _ = reassess(work, Corrections(drawn=(drawn,)))
    before, after = seen(original, tracked, 1), seen(result, tracked, 1)
    assert after.volume_ml is not None and before.volume_ml is not None
    assert after.volume_ml == pytest.approx(smaller.volume_ml, abs=0.001)
    assert len(result.course.lesions) == len(original.course.lesions)
    assert name


def test_a_link_is_kept_with_who_said_so_and_why(work: Work, original: PatientResult) -> None:
    row = next(r for r in original.link_table if r["state"] == "matched")
    link = Link(row["date"], row["candidate"], row["lesion"], "same vessel", "AB", "2024-05-06")
    result, changes = reassess(work, Corrections(links=(link,)), since=original)
    told = [each.reason for each in result.links if each.reason.startswith("confirmed")]
    assert told == ["confirmed by a reader (AB, 2024-05-06: same vessel)"]
    assert not changes


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (lambda r: {"measurements": [("L99", 1)]}, "no such lesion"),
        (lambda r: {"measurements": [(a_target(r), None)]}, "no such date"),
        (lambda r: {"overrides": (Override("L99"),)}, "unknown lesions: L99"),
    ],
)
def test_a_correction_that_fits_nothing_is_refused(
    work: Work,
    original: PatientResult,
    said: Callable[[PatientResult], dict],
    told: str,  # type: ignore[type-arg]
) -> None:
    given = said(original)
    if "measurements" in given:
        given["measurements"] = tuple(
            CorrectedMeasurement(
                name, dt.date(1999, 1, 1) if n is None else dates(original)[n], Status.ABSENT
            )
            for name, n in given["measurements"]
        )
    with pytest.raises(InputError, match=told):
        reassess(work, Corrections(**given))


def test_a_row_that_repeats_what_stands_there_changes_nothing(
    work: Work, original: PatientResult
) -> None:
    """The table of a run given back whole is no correction of everything."""
    course = original.course
    rows = tuple(
        CorrectedMeasurement(m.lesion_id, date, m.status, m.parts_mm, merged_into=m.merged_into)
        for t, date in zip(course.timepoints, dates(original), strict=True)
        for m in t.measurements
    )
    result, changes = reassess(work, Corrections(measurements=rows), since=original)
    assert not changes
    assert everything(result) == everything(original)
