"""Agreement of two readers, why they differ, and how long they read."""

from __future__ import annotations

import datetime as dt

import pytest

from recist.cohort.agreement import agreement
from recist.protocol import DEFAULT
from recist.review.reading.assessed import AssessedReading, assess_reading
from recist.review.trial.analytics import cause, seconds_of_reading
from tests.recist.patients import course


def read(
    follow_up: str = "20", *, organ: str = "lung", new: bool = False, non_target: str = "present"
) -> AssessedReading:
    """A target of 30 mm at the baseline, a non-target, and maybe a new lesion."""
    appeared = {"N1": "here"} if new else {}
    patient = course(
        {0: {"T1": "30", "X1": "here"}, 56: {"T1": follow_up, "X1": non_target, **appeared}},
        organs={"T1": organ, "N1": "bone"},
        day_zero=dt.date(2024, 1, 1),
        reader="ann",
    )
    return assess_reading(patient, ("recist11",), DEFAULT)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (read("40"), "other diameter"),
        (read(new=True), "new lesion"),
        (read(non_target="progression"), "non-target"),
        (read(organ="kidney"), "other targets chosen"),
        (read("40", new=True, organ="kidney"), "other targets chosen"),  # what comes first
        (None, "one reader recorded no lesion"),
    ],
)
def test_the_first_difference_in_the_order_of_reading_is_the_cause(
    other: AssessedReading | None, why: str
) -> None:
    assert cause(read(), other) == why


def test_kappa_with_its_interval_is_that_of_the_textbook() -> None:
    """Fleiss, Levin, Paik 2003, table 18.1 in counts of 100: kappa 0.68, standard error 0.087."""
    counts = {("a", "a"): 75, ("a", "b"): 1, ("a", "c"): 4, ("b", "a"): 5, ("b", "b"): 4,
              ("b", "c"): 1, ("c", "b"): 0, ("c", "a"): 0, ("c", "c"): 10}  # fmt: skip
    found = agreement([pair for pair, count in counts.items() for _ in range(count)])
    assert found.pairs == 100 and found.kappa == pytest.approx(0.68, abs=0.005)
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(0.087, abs=0.002)


def test_readers_of_one_word_have_no_kappa() -> None:
    found = agreement([("SD", "SD")] * 5)
    assert found.pairs == 5 and found.kappa != found.kappa


def test_pauses_are_not_reading() -> None:
    times = ["2024-01-01T10:00:00+00:00", "2024-01-01T10:02:00+00:00",
             "2024-01-01T12:00:00+00:00", "2024-01-01T12:01:00+00:00"]  # fmt: skip
    assert seconds_of_reading(times) == 180
    assert seconds_of_reading([]) == 0
