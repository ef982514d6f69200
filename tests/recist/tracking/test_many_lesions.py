"""Many lesions: only near pairs are weighed, with the links that weighing all pairs gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from imaging.volume import FloatArray
from recist.tracking.clouds import Cloud, cloud_of_points
from recist.tracking.matching import (
    FORBIDDEN,
    UNLINKED_COST,
    cheapest,
    cost_of,
    near_pairs,
    pairings,
    piece_share,
)

seeds = st.integers(0, 2**32 - 1)


def total_by_trying(cost: FloatArray) -> tuple[list[tuple[int, int]], float]:
    """The plain way: every row and column may stay alone, all in one assignment problem."""
    rows, columns = cost.shape
    padded = np.full((rows + columns, rows + columns), FORBIDDEN)
    padded[:rows, :columns] = cost
    padded[:rows, columns:][np.diag_indices(rows)] = UNLINKED_COST
    padded[rows:, :columns][np.diag_indices(columns)] = UNLINKED_COST
    padded[rows:, columns:] = 0.0
    first, second = linear_sum_assignment(padded)
    pairs = [(int(r), int(c)) for r, c in zip(first, second, strict=True)]
    return [p for p in pairs if p[0] < rows and p[1] < columns], float(padded[first, second].sum())


def pairs_by_trying(cost: FloatArray) -> list[tuple[int, int, float]]:
    """Each pair of the cheapest way, with the cost of the cheapest way that lacks it."""
    pairs, total = total_by_trying(cost)
    found = []
    for row, column in pairs:
        without = cost.copy()
        without[row, column] = FORBIDDEN
        found.append((row, column, total_by_trying(without)[1] - total))
    return found


@given(seeds, st.integers(1, 9), st.integers(1, 9), st.floats(0.1, 1.0))
def test_links_and_margins_are_those_of_solving_again_without_each_pair(
    seed: int, rows: int, columns: int, allowed: float
) -> None:
    random = np.random.default_rng(seed)
    cost = random.uniform(0, 2.5, (rows, columns))
    cost[random.uniform(size=cost.shape) > allowed] = FORBIDDEN
    plain = pairs_by_trying(cost)
    sparse = {(i, j): float(cost[i, j]) for i, j in np.argwhere(cost < FORBIDDEN).tolist()}
    for found in (cheapest(cost), pairings(sparse)):
        assert [pair[:2] for pair in found] == [pair[:2] for pair in plain]
        assert [pair[2] for pair in found] == pytest.approx([p[2] for p in plain], abs=1e-9)


def test_two_readings_that_are_equally_good_have_no_margin() -> None:
    assert [margin for *_, margin in cheapest(np.full((2, 2), 0.5))] == pytest.approx([0.0, 0.0])


def crowd(random: np.random.Generator, count: int) -> list[Cloud]:
    """Boxes of points, some of them long, in a room where some touch."""
    found = []
    for centre in random.uniform(0, 120, (count, 3)):
        shape = random.uniform(2, 25, 3)
        points = centre + shape * random.uniform(-0.5, 0.5, (40, 3))
        found.append(cloud_of_points(points, float(shape.prod()) / 1000, random.uniform(1, 9)))
    return found


@given(seeds)
def test_no_pair_that_shares_tissue_is_left_out(seed: int) -> None:
    random = np.random.default_rng(seed)
    places = [(a, b) for a, b in zip(crowd(random, 7), crowd(random, 7), strict=True)]
    candidates = crowd(random, 9)
    near = near_pairs(places, candidates)
    for n, own in enumerate(places):
        for c, candidate in enumerate(candidates):
            if c in near[n]:
                continue
            assert cost_of(own, candidate) == FORBIDDEN
            assert piece_share(own, candidate) == (0.0, 0.0)
            assert own[0].share_within(candidate, 0.0) == 0.0


def test_nothing_is_near_where_there_is_nothing() -> None:
    places = [(cloud,) for cloud in crowd(np.random.default_rng(0), 2)]
    assert near_pairs(places, []) == [[], []]
    assert near_pairs([], [places[0][0]]) == []
    assert pairings({}) == []
