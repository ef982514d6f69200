"""Cumulative incidence by hand, against Kaplan-Meier, and with lesions of one patient."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recist.cohort.competing import cumulative_incidence
from recist.cohort.survival import kaplan_meier

PROGRESSION, DEATH = 1, 2
SUBJECTS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from([0, PROGRESSION, DEATH])), min_size=1, max_size=30
)


def test_five_patients_by_hand() -> None:
    """Progression at 1; death at 2 (of 4); progression at 3 (of 3); two go on."""
    days, causes = [1, 2, 3, 4, 5], [PROGRESSION, DEATH, PROGRESSION, 0, 0]
    progressed = cumulative_incidence(days, causes, PROGRESSION)
    died = cumulative_incidence(days, causes, DEATH)
    assert [progressed.at(day) for day in (0, 1, 2, 3, 9)] == pytest.approx([0, 0.2, 0.2, 0.4, 0.4])
    assert died.at(9) == pytest.approx(0.2)
    # One minus Kaplan-Meier would say 1 - 4/5 x 2/3.
    assert 1 - kaplan_meier(days, [c == PROGRESSION for c in causes]).at(9) == pytest.approx(7 / 15)


@given(SUBJECTS)
def test_all_causes_and_survival_add_to_one(subjects: list[tuple[int, int]]) -> None:
    days, causes = zip(*subjects, strict=True)
    whole = kaplan_meier(days, [cause > 0 for cause in causes])
    shares = [cumulative_incidence(days, causes, cause) for cause in (PROGRESSION, DEATH)]
    for day in range(32):
        assert sum(each.at(day) for each in shares) + whole.at(day) == pytest.approx(1)


@given(SUBJECTS)
def test_without_a_rival_its_error_is_greenwoods(subjects: list[tuple[int, int]]) -> None:
    days = [day for day, _ in subjects]
    events = [cause == PROGRESSION for _, cause in subjects]
    curve = kaplan_meier(days, events)
    found = cumulative_incidence(days, [int(event) for event in events], PROGRESSION)
    for day in days:
        expected = curve.standard_error(day)
        if expected is not None:
            assert found.standard_error(day) == pytest.approx(expected, abs=1e-12)


def test_copies_of_a_patient_say_nothing_new() -> None:
    """Each lesion three times: counted apart the error shrinks, by patient it stays."""
    days, causes = [3, 5, 8, 9, 12, 15], [1, 2, 1, 0, 1, 0]
    names = ["a", "b", "c", "d", "e", "f"]
    once = cumulative_incidence(days, causes, 1)
    thrice = cumulative_incidence(days * 3, causes * 3, 1, clusters=names * 3)
    naive = cumulative_incidence(days * 3, causes * 3, 1)
    assert thrice.at(10) == pytest.approx(once.at(10))
    assert thrice.standard_error(10) == pytest.approx(once.standard_error(10))
    assert naive.standard_error(10) < 0.6 * once.standard_error(10)


def test_an_interval_never_leaves_zero_to_one() -> None:
    found = cumulative_incidence([1, 2, 3, 4], [1, 1, 2, 0], 1)
    low, high = found.interval(3) or (0, 0)
    assert 0 < low < found.at(3) < high < 1
    assert found.interval(0.5) is None
