"""Lesions of one patient are no replicates: the interval comes from drawing patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from recist.cohort.lesion_rates import cluster_bootstrap, draw_patients
from recist.cohort.proportion import Proportion


def bootstrap(responding: Sequence[int], lesions: Sequence[int]) -> tuple[float, float] | None:
    table = np.column_stack([responding, lesions]).astype(np.int64).reshape(-1, 2)
    return cluster_bootstrap(table, draw_patients(len(table), 2000, seed=0))


def test_lesions_that_go_together_leave_the_interval_of_patients() -> None:
    """Ten patients with five lesions each that all do the same: n is ten, not fifty."""
    together = bootstrap([5] * 5 + [0] * 5, [5] * 10)
    single = bootstrap([1] * 5 + [0] * 5, [1] * 10)
    naive = Proportion(25, 50).wilson
    assert together is not None and single is not None and naive is not None
    assert together == pytest.approx(single)
    assert together[1] - together[0] > 1.5 * (naive[1] - naive[0])


def test_patients_without_lesions_change_nothing_but_the_draw() -> None:
    found = bootstrap([1, 0, 0, 0], [2, 2, 0, 0])
    assert found is not None and 0 <= found[0] <= 0.25 <= found[1] <= 0.5
    assert bootstrap([0, 0], [0, 0]) is None
    assert bootstrap([], []) is None


def test_the_draw_is_of_patients_and_repeats_itself() -> None:
    drawn = draw_patients(7, 50, seed=3)
    assert drawn.shape == (50, 7)
    assert (drawn.sum(axis=1) == 7).all()
    assert (drawn == draw_patients(7, 50, seed=3)).all()
    assert (drawn != draw_patients(7, 50, seed=4)).any()
