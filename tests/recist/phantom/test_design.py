"""The phantom's answer follows from its design, and its images show the design."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.volume import Unit
from recist.course import Course, Field, Lesion, Measurement, Role, Status, Timepoint
from recist.criteria import irecist, recist11
from recist.field.scope import within
from recist.measure import caliper, diameter_mm
from recist.phantom.chest import Pose
from recist.phantom.lesions import DATES, DAYS, EXPECTED, LESIONS, ROI_NAMES
from recist.phantom.study import TOLERANCE_MM
from recist.phantom.visit import POSES, PhantomVisit, simulate, target_volume
from recist.protocol import load
from recist.response import Response, Scope


def course() -> Course:
    """The designed diameters as a reader would have recorded them."""
    timepoints = []
    for visit, day in enumerate(DAYS):
        sizes = {lesion.id: lesion.diameter_mm(visit) for lesion in LESIONS}
        measured = tuple(
            Measurement(name, Status.MEASURED, (size,))
            for name, size in sizes.items()
            if size is not None
        )
        timepoints.append(Timepoint(day, measured))
    lesions = tuple(Lesion(x.id, x.organ, x.is_node, x.role, x.field) for x in LESIONS)
    return Course("phantom", lesions, tuple(timepoints), day_zero=DATES[0])


@pytest.mark.parametrize("scope", Scope)
def test_the_criteria_find_the_expected_responses_in_the_design(scope: Scope) -> None:
    protocol = load("recist11-eortc")
    seen = within(course(), scope, protocol)
    by_recist = recist11.assess(seen, protocol, scope=scope)
    by_irecist = irecist.assess(seen, protocol, scope=scope)
    found = [
        (a.day, a.scope, a.sum_mm, a.target, a.non_target, a.new_lesion, a.overall, b.overall)
        for a, b in zip(by_recist, by_irecist, strict=True)
        if a.day
    ]
    assert found == [
        (e.day, e.scope, e.sum_mm, e.target, e.non_target, e.new_lesion, e.recist11, e.irecist)
        for e in EXPECTED
        if e.scope is scope
    ]


def test_it_holds_every_kind_of_lesion_that_the_demo_promises() -> None:
    kinds = {(lesion.role, lesion.field, lesion.is_node) for lesion in LESIONS}
    assert {
        (Role.TARGET, Field.IN, False),
        (Role.TARGET, Field.OUT, False),
        (Role.TARGET, Field.OUT, True),
        (Role.NON_TARGET, Field.OUT, True),
        (Role.NON_TARGET, Field.OUT, False),
        (Role.NEW, Field.OUT, False),
    } == kinds


def test_the_out_of_field_answer_turns_on_the_new_lesion_alone() -> None:
    last = {e.scope: e for e in EXPECTED if e.day == DAYS[-1]}
    assert last[Scope.OUT_OF_FIELD].target is Response.PR
    assert last[Scope.OUT_OF_FIELD].recist11 is Response.PD
    assert last[Scope.IN_FIELD].recist11 is Response.PR


@pytest.mark.parametrize("index", range(3))
def test_diameters_measured_on_the_masks_are_the_designed_ones_within_a_pixel(
    visits: tuple[PhantomVisit, ...], index: int
) -> None:
    for lesion in LESIONS:
        designed = lesion.diameter_mm(index)
        mask = visits[index].masks.get(lesion.id)
        assert (designed is None) == (mask is None)
        if designed is not None and mask is not None:
            measured = diameter_mm(caliper(mask), lesion.is_node)
            assert float(measured) == pytest.approx(float(designed), abs=TOLERANCE_MM), lesion.id


def test_a_name_at_one_date_does_not_tell_the_lesion_at_another() -> None:
    for earlier, later in ((0, 1), (1, 2), (0, 2)):
        before = {name: lesion for lesion, name in ROI_NAMES[earlier].items()}
        after = {name: lesion for lesion, name in ROI_NAMES[later].items()}
        same = [name for name in before.keys() & after.keys() if before[name] == after[name]]
        assert not same


def test_tissues_have_their_numbers(visits: tuple[PhantomVisit, ...]) -> None:
    visit = visits[0]
    assert (visit.ct.unit, visit.suv.unit) == (Unit.HU, Unit.SUV_BW)

    def at(name: str, x: float, y: float, z: float) -> float:
        volume = visit.ct if name == "ct" else visit.suv
        i, j, k = np.rint(volume.grid.to_voxel((x, y, z))).astype(int)
        return float(volume.array[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2].mean())

    assert at("ct", 0, -140, 0) < -950  # air before the chest
    assert -950 < at("ct", -80, 40, 60) < -700  # lung
    assert 30 < at("ct", -60, 0, -80) < 90  # liver
    assert at("ct", 0, 66, 12.5) > 120  # vertebra
    assert at("suv", -60, 0, -80) == pytest.approx(2.3, abs=0.6)
    assert at("suv", -76, 6, 40) > 6  # the irradiated lesion
    assert at("suv", -80, 40, 60) < 0.9


def test_dose_is_highest_in_the_target_and_gone_at_the_other_lesions(
    visits: tuple[PhantomVisit, ...],
) -> None:
    dose = visits[0].dose
    assert dose is not None
    assert visits[1].dose is None
    grid, inside = dose.grid, visits[0].canvas.inside(target_volume())
    points = visits[0].ct.grid.to_world_mm(np.argwhere(inside))
    i, j, k = np.rint(grid.to_voxel(points)).astype(int).T
    assert dose.array[i, j, k].min() > 35  # 45 Gy at the edge, the nearest dose voxel a bit outside
    for name, mask in visits[0].masks.items():
        if name != "lung-right":
            i, j, k = np.rint(grid.to_voxel(mask.centre_mm)).astype(int)
            assert dose.array[i, j, k] < 0.4


def test_the_patient_lies_differently_at_each_date_but_is_the_same(
    visits: tuple[PhantomVisit, ...],
) -> None:
    centres = [visit.masks["lung-left"].centre_mm for visit in visits]
    assert np.linalg.norm(centres[1] - centres[0]) > 5
    assert np.linalg.norm(centres[2] - centres[1]) > 5
    for visit, pose in zip(visits, POSES, strict=True):
        designed = next(lesion for lesion in LESIONS if lesion.id == "lung-left").centre_mm
        expected = pose.rotation @ np.array(pose.settled(designed)) + np.array(pose.shift_mm)
        assert np.linalg.norm(visit.masks["lung-left"].centre_mm - expected) < 1.0


def test_breathing_fades_out_upwards() -> None:
    pose = Pose(breath_mm=8.0)
    low, high = pose.settled((0.0, 0.0, -60.0)), pose.settled((0.0, 0.0, 80.0))
    assert low[2] == pytest.approx(-68.0)
    assert high[2] == pytest.approx(80.0)


def test_the_seed_decides_the_noise(visits: tuple[PhantomVisit, ...]) -> None:
    other = simulate(0, seed=7)
    assert not np.array_equal(other.ct.array, visits[0].ct.array)
    assert all(
        np.array_equal(other.masks[name].full(), mask.full())
        for name, mask in visits[0].masks.items()
    )
