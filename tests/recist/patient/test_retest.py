"""The same patient scanned twice within a day or two is given the same category.

Shifted by parts of a voxel, in slices of another thickness, with other noise and another kernel;
``scripts/benchmark_following.py --retest`` does the same on real CT.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from imaging.volume import Grid, Mask
from recist.assessment import assess_course
from recist.course import Course, Lesion, Measurement, Role, Status, Timepoint
from recist.measure import caliper
from recist.patient.examination import Examination, size
from recist.patient.following import propose
from recist.phantom.evolution import by_kernel, evolved
from recist.phantom.moved_tissue import Motion
from recist.protocol import DEFAULT
from recist.response import Response
from tests.recist.patient.lung_scenes import FIRST, OTHER, date, known, scanned

#: Slices, kernel (below 0 smooth, above sharp), noise in HU and shift in mm of each scan.
SCANS = (
    ((0.9, 2.0), -0.5, 6.0, (0.4, -0.7, 0.9)),
    ((1.2, 4.0), 0.6, 14.0, (-0.8, 0.3, -1.3)),
)


def scan(number: int, before: Examination, drawn: tuple[Mask, ...], scale: float) -> Examination:
    """One of the two scans of the later date, its lesions changed by a factor."""
    (pixel_mm, slice_mm), kernel, noise_hu, shift_mm = SCANS[number]
    spacing = np.array([pixel_mm, pixel_mm, slice_mm])
    i, j, k = (int(n) for n in np.array([126.0, 126.0, 100.0]) // spacing)
    grid = Grid((i, j, k), np.diag([*spacing, 1.0]))
    random = np.random.default_rng(number)
    later, _ = evolved(
        before.ct.volume,
        drawn,
        [scale * np.eye(3)] * len(drawn),
        Motion(shift_mm=shift_mm),
        grid,
        noise_hu=noise_hu,
        random=random,
    )
    return scanned(56 + number, by_kernel(later, kernel))


def sizes(before: Examination, drawn: tuple[Mask, ...], later: Examination) -> list[Decimal]:
    found = propose(known(before, drawn), later, None)
    assert all(each.candidate is not None for each in found)
    sizes = [size(each.candidate, later).caliper for each in found if each.candidate]
    return [each.long_axis_mm for each in sizes if each is not None]


def category(first: list[Decimal], later: list[Decimal]) -> Response:
    lesions = tuple(Lesion(f"T{n}", f"organ {n}", False, Role.TARGET) for n in range(len(first)))
    points = tuple(
        Timepoint(
            day, tuple(Measurement(f"T{n}", Status.MEASURED, (mm,)) for n, mm in enumerate(seen))
        )
        for day, seen in ((0, first), (56, later))
    )
    (assessment, *_), _ = assess_course(Course("P", lesions, points), ("recist11",), DEFAULT)
    return assessment.overall


@pytest.mark.parametrize(
    ("scale", "expected"), [(0.6, Response.PR), (0.9, Response.SD), (1.35, Response.PD)]
)
def test_both_scans_give_the_same_category(scale: float, expected: Response) -> None:
    before, drawn = date(0, FIRST, OTHER)
    first = [caliper(mask).long_axis_mm for mask in drawn]
    both = [sizes(before, drawn, scan(n, before, drawn, scale)) for n in range(2)]
    assert [category(first, each) for each in both] == [expected, expected]
    for one, other, was in zip(*both, first, strict=True):
        assert abs(one - other) < Decimal("1.5")
        assert float(one) == pytest.approx(scale * float(was), abs=1.5)
