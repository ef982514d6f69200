"""Agreement of readers: the tables on which the papers show their statistics."""

from __future__ import annotations

import math

import pytest

from imaging.errors import InputError
from recist.cohort.agreement import agreement, intraclass_correlation, kappa

#: Shrout and Fleiss 1979, Table 2: six targets, four judges.
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
#: Fleiss 1971, as widely printed: ten subjects by fourteen readers, counts of five categories.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_the_six_correlations_of_shrout_and_fleiss() -> None:
    assert intraclass_correlation(JUDGES) == pytest.approx(
        (0.1657, 0.2898, 0.7148, 0.4428, 0.6201, 0.9093), abs=5e-5
    )


def test_fleiss() -> None:
    answers = [
        [word for word, count in zip("abcde", row, strict=True) for _ in range(count)]
        for row in FLEISS
    ]
    assert kappa(answers) == pytest.approx(0.2099307, abs=5e-8)


def test_cohen() -> None:
    answers = [("PD", "PD")] * 20 + [("PD", "SD")] * 5 + [("SD", "PD")] * 10 + [("SD", "SD")] * 15
    assert kappa(answers) == pytest.approx(0.4)


def test_where_all_answer_the_same_chance_agrees_as_well() -> None:
    assert kappa([("PD", "PD"), ("PD", "PD")]) is None


def test_a_reader_who_knows_one_word_agrees_no_better_than_chance() -> None:
    found = agreement([("SD", "SD"), ("SD", "PD")])
    assert (found.pairs, found.kappa) == (2, 0.0)


def test_two_readers_of_the_same_word_have_no_kappa() -> None:
    assert math.isnan(agreement([("SD", "SD"), ("SD", "SD")]).kappa)


def test_gaps_are_refused() -> None:
    with pytest.raises(InputError):
        kappa([("PD", "PD"), ("PD",)])
    with pytest.raises(InputError):
        intraclass_correlation([[1, 2], [3, float("nan")]])
