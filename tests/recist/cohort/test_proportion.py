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


@pytest.mark.parametrize(
    ("first", "second", "score", "newcombe"),
    [
        ((56, 70), (48, 80), (0.0528, 0.3382), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1700, 0.8406), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0342, 0.8534), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0326, 0.1933), (-0.0381, 0.1926)),
        ((10, 10), (0, 20), (0.7156, 1.0), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6636, 1.0), (0.6075, 1.0)),
    ],
)
def test_differences_as_newcombe_1998_tabulates_them(
    first: tuple[int, int],
    second: tuple[int, int],
    score: tuple[float, float],
    newcombe: tuple[float, float],
) -> None:
    """Newcombe, Stat Med 1998;17:873, Table II, methods 6 (Miettinen, Nurminen) and 10."""
    found = contrast(Proportion(*first), Proportion(*second))
    assert found is not None
    assert found.miettinen_nurminen == pytest.approx(score, abs=5e-5)
    assert found.newcombe == pytest.approx(newcombe, abs=5e-5)


@given(st.integers(1, 25), st.integers(1, 25), st.data())
def test_the_score_interval_holds_the_difference_and_turns_with_the_arms(
    n: int, m: int, data: st.DataObject
) -> None:
    first = Proportion(data.draw(st.integers(0, n)), n)
    second = Proportion(data.draw(st.integers(0, m)), m)
    one, other = contrast(first, second), contrast(second, first)
    assert one is not None and other is not None
    low, high = one.miettinen_nurminen
    assert -1 <= low <= one.difference + 1e-9 and one.difference - 1e-9 <= high <= 1
    assert other.miettinen_nurminen == pytest.approx((-high, -low), abs=1e-6)
