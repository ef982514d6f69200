"""Agreement of two readers where the formulas divide by nothing."""

from __future__ import annotations

import math

from recist.review.trial.analytics import agreement


def test_a_reader_who_knows_one_word_agrees_no_better_than_chance() -> None:
    found = agreement([("SD", "SD"), ("SD", "PD")])
    assert (found.pairs, found.kappa) == (2, 0.0)


def test_two_readers_of_the_same_word_have_no_kappa() -> None:
    assert math.isnan(agreement([("SD", "SD"), ("SD", "SD")]).kappa)
