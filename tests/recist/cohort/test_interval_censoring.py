"""Turnbull's curve: by hand, without censoring, and where only right-censoring is left."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.cohort.interval_censoring import turnbull
from recist.cohort.survival import kaplan_meier

#: Cosmetic deterioration under radiotherapy alone, in months (Finkelstein and Wolfe 1985).
BREAST = [(45, math.inf), (6, 10), (0, 7), (46, math.inf), (46, math.inf), (7, 16), (17, math.inf)]
BREAST += [(7, 14), (37, 44), (0, 8), (4, 11), (15, math.inf), (11, 15), (22, math.inf)]
BREAST += [(46, math.inf), (46, math.inf), (25, 37), (46, math.inf), (26, 40), (46, math.inf)]
BREAST += [(27, 34), (36, 44), (46, math.inf), (36, 48), (37, math.inf), (40, math.inf)]
BREAST += [(17, 25), (46, math.inf), (11, 18), (38, math.inf), (5, 12), (37, math.inf)]
BREAST += [(0, 5), (18, math.inf), (24, math.inf), (36, math.inf), (5, 11), (19, 35)]
BREAST += [(17, 25), (24, math.inf), (32, math.inf), (33, math.inf), (19, 26), (37, math.inf)]
BREAST += [(34, math.inf), (36, math.inf)]


def test_breast_cosmesis_as_published() -> None:
    """Finkelstein and Wolfe, Biometrics 1985;41:933; masses as the packages for R print them."""
    found = turnbull(*zip(*BREAST, strict=True))
    masses = [0.0463, 0.0334, 0.0887, 0.0708, 0.0926, 0.0818, 0.1209, 0.4656]
    assert found.left.tolist() == [4, 6, 7, 11, 24, 33, 38, 46]
    assert found.right.tolist() == [5, 7, 8, 12, 25, 34, 40, 48]
    assert found.mass == pytest.approx(masses, abs=5e-5)


def test_two_intervals_that_overlap_share_what_is_common() -> None:
    found = turnbull([0, 3], [5, 9])
    assert (found.left.tolist(), found.right.tolist(), found.mass.tolist()) == ([3], [5], [1])
    assert found.at(3) == (1, 1)
    assert found.at(4) == (0, 1)
    assert found.at(5) == (0, 0)
    assert found.median == (3, 5)


TIMES = st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=25)


@settings(deadline=None, max_examples=50)
@given(TIMES)
def test_exact_and_right_censored_times_give_kaplan_meier(times: list[tuple[int, bool]]) -> None:
    after = [day for day, _ in times]
    by = [day if event else math.inf for day, event in times]
    curve = kaplan_meier(after, [event for _, event in times])
    found = turnbull(after, by)
    for day in {day for day, event in times if event}:
        low, high = found.at(day)
        assert low <= curve.at(day) + 1e-6
        assert high == pytest.approx(curve.at(day), abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 15), st.integers(0, 10), st.booleans()), min_size=1, max_size=20
    )
)
def test_the_masses_are_self_consistent(rows: list[tuple[int, int, bool]]) -> None:
    after = [start for start, _, _ in rows]
    by = [start + length if seen else math.inf for start, length, seen in rows]
    found = turnbull(after, by)
    assert found.mass.sum() == pytest.approx(1)
    share = [0.0] * len(found.mass)
    for start, end in zip(after, by, strict=True):
        inside = [
            k
            for k, (a, b) in enumerate(zip(found.left, found.right, strict=True))
            if (a >= start and b <= end and not (start < end and a == b == start))
        ]
        held = sum(found.mass[k] for k in inside)
        assert held > 0
        for k in inside:
            share[k] += found.mass[k] / held / len(rows)
    assert share == pytest.approx(found.mass.tolist(), abs=1e-6)


def test_who_never_had_it_leaves_the_median_open() -> None:
    assert turnbull([5, 5, 1], [math.inf, math.inf, 3]).median is None


@pytest.mark.parametrize(
    ("after", "by"), [([5], [3]), ([-1], [3]), ([math.nan], [3]), ([1, 2], [3]), ([], [])]
)
def test_bounds_that_cannot_be_are_refused(after: list[float], by: list[float]) -> None:
    with pytest.raises(InputError):
        turnbull(after, by)
