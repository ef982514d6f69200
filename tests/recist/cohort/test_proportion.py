"""Published proportions and intervals, to the digit that was printed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.cohort.proportion import Contrast, Proportion, contrast

TRUTH = json.loads((Path(__file__).parents[1] / "truth" / "abscopal_cases.json").read_text())
PUBLISHED = TRUTH["published_rates"]


@pytest.mark.parametrize("row", PUBLISHED, ids=[row["study"] for row in PUBLISHED])
def test_published_rates_and_intervals(row: dict[str, Any]) -> None:
    found = Proportion(row["x"], row["n"])
    assert found.rate is not None
    assert round(100 * found.rate, 1) == row["computed_rate"]
    printed = round(100 * found.rate, 0 if float(row["rate"]).is_integer() else 1)
    assert printed == pytest.approx(row["rate"])
    if row["ci_method"]:
        interval = found.wilson if row["ci_method"] == "Wilson" else found.clopper_pearson
        assert interval is not None
        assert [round(100 * end, 1) for end in interval] == row["ci"]


@pytest.mark.parametrize(
    ("x", "n", "exact", "wilson"),
    [
        (11, 41, (0.1422, 0.4294), (0.1569, 0.4193)),
        (10, 29, (0.1794, 0.5433), (0.1994, 0.5265)),
        (9, 31, (0.1422, 0.4804), (0.1610, 0.4659)),
        (0, 10, (0.0, 0.3085), None),
        (10, 10, (0.6915, 1.0), None),
        (1, 10, (0.0025, 0.4450), None),
        (5, 10, (0.1871, 0.8129), None),
        (22, 38, (0.4082, 0.7369), None),
        (8, 45, (0.0800, 0.3205), None),
        (30, 72, (0.3015, 0.5389), None),
        (15, 76, (0.1149, 0.3046), None),
        (47, 72, (0.5314, 0.7612), None),
        (33, 76, (0.3208, 0.5529), None),
    ],
)
def test_intervals_to_four_digits(
    x: int, n: int, exact: tuple[float, float], wilson: tuple[float, float] | None
) -> None:
    found = Proportion(x, n)
    assert found.clopper_pearson is not None and found.wilson is not None
    assert tuple(round(end, 4) for end in found.clopper_pearson) == exact
    if wilson:
        assert tuple(round(end, 4) for end in found.wilson) == wilson


def compared(first: Proportion, second: Proportion) -> Contrast:
    found = contrast(first, second)
    assert found is not None
    return found


def test_the_pooled_abscopal_trials_against_their_controls() -> None:
    response = compared(Proportion(30, 72), Proportion(15, 76))
    assert response.odds_ratio == pytest.approx(2.905, abs=5e-4)
    assert round(response.fisher_p, 4) == 0.0044
    assert response.chi_squared_p is not None and round(response.chi_squared_p, 4) == 0.0037
    assert [round(100 * end, 1) for end in response.newcombe] == [7.1, 35.6]


def test_low_dose_lesions_against_those_without_dose() -> None:
    menon = compared(Proportion(22, 38), Proportion(8, 45))
    assert menon.odds_ratio is not None and round(menon.odds_ratio, 3) == 6.359
    assert round(menon.fisher_p, 6) == 0.000212
    assert menon.chi_squared_p is not None and round(menon.chi_squared_p, 6) == 0.000151


def test_empty_cells_and_empty_arms() -> None:
    assert contrast(Proportion(0, 0), Proportion(1, 5)) is None
    assert compared(Proportion(3, 3), Proportion(1, 5)).odds_ratio == math.inf
    nobody = compared(Proportion(0, 3), Proportion(0, 5))
    assert (nobody.odds_ratio, nobody.chi_squared, nobody.fisher_p) == (None, None, 1.0)
    assert Proportion(0, 0).rate is Proportion(0, 0).wilson is None
    with pytest.raises(InputError, match="6 of 5"):
        Proportion(6, 5)


counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_intervals_hold_their_rate_and_mirror(count: tuple[int, int]) -> None:
    x, n = count
    found, mirror = Proportion(x, n), Proportion(n - x, n)
    for own, other in (
        (found.clopper_pearson, mirror.clopper_pearson),
        (found.wilson, mirror.wilson),
    ):
        assert own is not None and other is not None
        assert 0 <= own[0] <= x / n <= own[1] <= 1
        assert own[0] == pytest.approx(1 - other[1], abs=1e-9)


@given(counts, counts)
def test_the_difference_turns_with_its_arms(a: tuple[int, int], b: tuple[int, int]) -> None:
    one, two = compared(Proportion(*a), Proportion(*b)), compared(Proportion(*b), Proportion(*a))
    assert one.difference == pytest.approx(-two.difference)
    assert one.newcombe[0] == pytest.approx(-two.newcombe[1])
    assert one.newcombe[0] <= one.difference <= one.newcombe[1]
    assert one.newcombe[0] >= -1 - 1e-9 and one.newcombe[1] <= 1 + 1e-9
    assert one.fisher_p == pytest.approx(two.fisher_p)
