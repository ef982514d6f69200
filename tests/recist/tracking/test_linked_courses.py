"""Links on synthetic courses of which the right ones are known, and how they are scored."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.volume import Grid
from recist.phantom.linked_courses import (
    LinkedCourse,
    LinkedSighting,
    LinkScore,
    Trunk,
    linked_course,
    said_by,
    score_of,
)
from recist.tracking import DatedCandidates, track

COURSES = 20
NOWHERE = Grid((1, 1, 1), np.eye(4))


@pytest.fixture(scope="module")
def courses() -> list[LinkedCourse]:
    trunk = Trunk.plain()
    return [linked_course(trunk, np.random.default_rng(seed)) for seed in range(COURSES)]


def test_links_are_right_and_doubtful_ones_are_flagged(courses: list[LinkedCourse]) -> None:
    """The goals of the benchmark (``scripts/benchmark_links.py``), on fewer courses."""
    scores = [score_of(course, said_by(track(course.dates))) for course in courses]
    score = sum(scores, LinkScore())
    assert score.true > 200
    assert score.f1 >= 0.95
    assert score.wrong_unflagged < 0.01 * score.made
    assert score.flagged < 0.25 * score.made


def test_all_that_can_become_of_a_lesion_happens(courses: list[LinkedCourse]) -> None:
    each = [own for course in courses for date in course.owners for own in date]
    assert any(len(own) > 1 for own in each)  # merged
    dates = [date for course in courses for date in course.owners]
    assert any(sum(n in own for own in date) > 1 for date in dates for n in range(15))  # in pieces
    gone = back = new = 0
    for course in courses:
        seen = [{n for own in date for n in own} for date in course.owners]
        for n in set.union(*seen):
            there = [n in date for date in seen]
            first = there.index(True)
            new += first > 0
            gone += not there[-1]
            back += any(a < b for a, b in zip(there[first:], there[first + 1 :], strict=False))
    assert min(gone, back, new) > 3
    assert {2, 6} <= {len(course.dates) for course in courses}
    heights = [dated.grid.shape[2] * dated.grid.spacing_mm[2] for c in courses for dated in c.dates]
    assert min(heights) < 0.8 * max(heights)  # regions that a scan leaves out


def test_the_registration_is_off_by_up_to_8_mm_and_says_so_in_nine_cases_of_ten() -> None:
    trunk = Trunk.plain()
    off, said = [], []
    for seed in range(6):
        course = linked_course(trunk, np.random.default_rng(100 + seed))
        for n, dated in enumerate(course.dates[1:], start=1):
            assert dated.registration is not None
            for c, own in enumerate(course.owners[n]):
                before = [k for k, other in enumerate(course.owners[0]) if other == own]
                if len(own) > 1 or len(before) != 1:
                    continue
                place = course.dates[0].candidates[before[0]].centre_mm[None]
                there = dated.registration.to_moving_mm(place)[0]
                off.append(np.linalg.norm(dated.candidates[c].centre_mm - there))
                said.append(dated.registration.error_mm(place)[0])
    # The rest are pieces of a lesion, with middles of their own.
    assert 4 < np.quantile(off, 0.95) < 9
    redrawn_mm = 1.5  # a middle moves when its outline is drawn anew on other voxels
    assert 0.8 < np.mean(np.array(off) <= np.array(said) + redrawn_mm) < 0.97


def course_of(*owners: tuple[frozenset[int], ...]) -> LinkedCourse:
    dates = tuple(DatedCandidates(n, (), NOWHERE) for n in range(len(owners)))
    return LinkedCourse(dates, owners)


def test_a_wrong_name_is_wrong_at_every_date_and_a_lost_piece_is_missed() -> None:
    a, b = frozenset({0}), frozenset({1})
    course = course_of((a, b), (a, b), (a, a, b))
    assert len(course.links) == 5
    swapped = [
        [LinkedSighting(0, (0,)), LinkedSighting(1, (1,)), LinkedSighting(2, (2,))],
        [LinkedSighting(0, (1,)), LinkedSighting(1, (0,), True), LinkedSighting(2, (0,))],
    ]
    assert score_of(course, swapped) == LinkScore(5, 4, 1, 0, 3)
    piece_called_new = [
        [LinkedSighting(0, (0,)), LinkedSighting(1, (0,)), LinkedSighting(2, (0,))],
        [LinkedSighting(0, (1,)), LinkedSighting(1, (1,)), LinkedSighting(2, (2,))],
        [LinkedSighting(2, (1,))],
    ]
    assert score_of(course, piece_called_new) == LinkScore(5, 4, 0, 4, 0)


def test_one_candidate_may_hold_two_lesions() -> None:
    a, b = frozenset({0}), frozenset({1})
    course = course_of((a, b), (a | b,))
    merged = [[LinkedSighting(0, (n,)), LinkedSighting(1, (0,))] for n in (0, 1)]
    assert score_of(course, merged).f1 == 1.0
