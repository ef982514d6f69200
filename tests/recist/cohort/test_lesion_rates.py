"""Lesions of one patient are no replicates: the interval comes from drawing patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from recist.cohort import lesion_rates
from recist.cohort.lesion_rates import bootstrap_rates, interval_of
from recist.cohort.proportion import Proportion


def bootstrap(responding: Sequence[int], lesions: Sequence[int]) -> tuple[float, float] | None:
    table = np.column_stack([responding, lesions]).astype(np.int64).reshape(-1, 2)
    (rates,) = bootstrap_rates([table], 2000, seed=0)
    return interval_of(rates)


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
    table = np.array([[1, 2], [0, 1], [3, 3], [0, 0]])
    drawn = np.random.default_rng(3).multinomial(4, [0.25] * 4, size=50)
    responding, lesions = (drawn @ table).T
    expected = [x / n if n else np.nan for x, n in zip(responding, lesions, strict=True)]
    (found,) = bootstrap_rates([table], 50, seed=3)
    np.testing.assert_array_equal(found, expected)
    (other,) = bootstrap_rates([table], 50, seed=4)
    assert (found != other).any()


def test_draws_in_pieces_are_those_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [np.array([[1, 2], [0, 1], [3, 3]]), np.array([[0, 2], [1, 1], [0, 3]])]
    whole = bootstrap_rates(tables, 50, seed=3)
    monkeypatch.setattr(lesion_rates, "DRAWN_AT_ONCE", 20)
    np.testing.assert_array_equal(bootstrap_rates(tables, 50, seed=3), whole)


def test_patients_drawn_by_kind_have_the_interval_of_those_drawn_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    responding, lesions = [0, 1, 2, 0] * 50, [1, 2, 3, 0] * 50
    single = bootstrap(responding, lesions)
    monkeypatch.setattr(lesion_rates, "MOST_DRAWN_SINGLY", 10)
    by_kind = bootstrap(responding, lesions)
    assert single is not None and by_kind is not None
    assert by_kind == pytest.approx(single, abs=0.01)
    assert by_kind != single  # other numbers of the same distribution
