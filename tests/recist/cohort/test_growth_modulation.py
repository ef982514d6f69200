"""Growth modulation index: published shares, ranks by hand, and what censoring does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.cohort.growth_modulation import SARCOMA, Ratio, growth_modulation, midrank_share
from recist.cohort.proportion import Proportion


@pytest.mark.parametrize(
    ("above", "n", "percent", "interval"),
    [(81, 279, 29.0, (23.8, 34.7)), (69, 227, 30.4, (24.5, 36.8))],
    ids=["Penel 2013", "Cousin 2013"],
)
def test_published_shares(
    above: int, n: int, percent: float, interval: tuple[float, float]
) -> None:
    """Every progression of both retrospective cohorts was seen: the share is a plain one."""
    ratios = [Ratio(str(k), 140.0 if k < above else 60.0, 100.0, event=True) for k in range(n)]
    found = growth_modulation(ratios, SARCOMA)
    assert found is not None
    exact = found.observed.clopper_pearson
    assert exact is not None and found.observed.rate is not None
    assert round(100 * found.observed.rate, 1) == percent
    assert tuple(round(100 * end, 1) for end in exact) == interval
    assert found.midrank.share == pytest.approx(above / n)
    assert found.by_curve[0] == pytest.approx(above / n)


def test_a_censored_patient_is_ranked_between_its_censoring_and_infinity() -> None:
    """Three patients; previous 100 each; now 50 (progressed), 90 (censored), 200 (progressed).

    Left bounds 50 90 100 100 100 200, right bounds 50 100 100 100 200 inf: the censored time can
    have the ranks 2 to 6, midrank 4; the previous ones 2 to 5, midrank 3.5. So it counts.
    """
    found = midrank_share([100, 100, 100], [50, 90, 200], [1, 0, 1], threshold=1)
    assert found.share == pytest.approx(2 / 3)
    early = midrank_share([100, 300, 100], [50, 10, 200], [1, 0, 1], threshold=1)
    assert early.share == pytest.approx(1 / 3)  # ranks 1 to 6, 3.5, against 5 to 6, 5.5


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=1, max_size=30),
    st.sampled_from([1.0, 1.3, SARCOMA]),
)
def test_without_censoring_midranks_count_who_reaches_the_threshold(
    pairs: list[tuple[int, int]], threshold: float
) -> None:
    before, now = zip(*pairs, strict=True)
    found = midrank_share(before, now, [True] * len(pairs), threshold)
    assert found.share == pytest.approx(np.mean([n >= threshold * b for b, n in pairs]))


def test_censoring_below_the_threshold_is_a_failure_only_for_the_observed_share() -> None:
    ratios = [
        Ratio("a", 150, 100, event=True),
        Ratio("b", 120, 100, event=False),
        Ratio("c", 60, 100, event=True),
        Ratio("d", 180, 100, event=False),
    ]
    found = growth_modulation(ratios, SARCOMA)
    assert found is not None
    assert found.observed == Proportion(2, 4)
    assert found.by_curve[0] == pytest.approx(3 / 4)  # b leaves after c and before the threshold


def test_nobody_evaluable_and_impossible_ratios() -> None:
    assert growth_modulation([], SARCOMA) is None
    with pytest.raises(InputError, match="0 days"):
        Ratio("a", 10, 0, event=True)
