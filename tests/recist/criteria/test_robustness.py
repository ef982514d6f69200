"""The probability of a category under the error of measuring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.course import Course, Role
from recist.criteria import recist11
from recist.criteria.robustness import (
    ONE_READER,
    SEVERAL_READERS,
    CategoryProbability,
    MeasurementError,
    category_probabilities,
)
from recist.protocol import DEFAULT
from recist.response import Response
from tests.recist.patients import by_visit
from tests.recist.patients import course as patients_course

EXACT = MeasurementError(0.0, 0.0, "no error")
#: A size in mm, or a status, at each visit.
Sizes = list[Any]


def course(**targets: Sizes) -> Course:
    """Targets by name, nodes by a name with N; a size, a status or None for each visit."""
    days = [56 * k for k in range(len(next(iter(targets.values()))))]
    return patients_course(
        by_visit(targets, days),
        nodes=[name for name in targets if "N" in name],
        roles=dict.fromkeys(targets, Role.TARGET),
    )


def test_a_response_far_from_the_threshold_is_sure() -> None:
    (found,) = category_probabilities(course(T1=[100, 30]), DEFAULT)
    assert found == CategoryProbability(56, Response.PR, ((Response.PR, 1.0),))
    assert (found.certainty, found.sentence) == (1.0, "PR")


def test_a_response_on_the_threshold_is_a_toss_up() -> None:
    (found,) = category_probabilities(course(T1=[100, 70]), DEFAULT)
    assert found.certainty == pytest.approx(0.5, abs=0.02)
    assert found.sentence.startswith("PR, 5") or found.sentence.startswith("PR, 4")
    assert found.sentence.endswith("% chance of SD")


def test_the_chance_is_that_of_two_log_normal_readings() -> None:
    # ln(72/70) over the standard deviation of the difference of two logarithms.
    (found,) = category_probabilities(course(T1=[100, 72]), DEFAULT)
    from math import log, sqrt  # noqa: PLC0415
    from statistics import NormalDist  # noqa: PLC0415

    expected = NormalDist().cdf(log(70 / 72) / (ONE_READER.lesion_sd * sqrt(2)))
    assert dict(found.probabilities)[Response.PR] == pytest.approx(expected, abs=0.015)


def test_more_lesions_average_the_error_out_and_a_reader_does_not() -> None:
    one = course(T1=[100, 110])
    four = course(T1=[25, 27.5], T2=[25, 27.5], T3=[25, 27.5], T4=[25, 27.5])
    shared = MeasurementError(0.0, SEVERAL_READERS.lesion_sd, "for the test")

    def certainty(of: Course, error: MeasurementError) -> float:
        return category_probabilities(of, DEFAULT, error=error)[0].certainty

    assert certainty(four, SEVERAL_READERS) > certainty(one, SEVERAL_READERS) + 0.05
    assert certainty(four, shared) == pytest.approx(certainty(one, SEVERAL_READERS), abs=0.03)


def test_an_error_that_lasts_moves_no_ratio_of_one_lesion() -> None:
    lasting = MeasurementError(0.0, 0.0, "for the test", lasting_sd=0.2)
    near = course(T1=[100, 69])
    assert category_probabilities(near, DEFAULT, error=lasting)[0].certainty == 1.0
    anew = MeasurementError(0.2, 0.0, "for the test")
    assert category_probabilities(near, DEFAULT, error=anew)[0].certainty < 0.6
    # Of two lesions that change differently it moves the sum: the weights of both are unsure.
    two = course(T1=[50, 20], T2=[50, 49])
    assert 0.5 < category_probabilities(two, DEFAULT, error=lasting)[0].certainty < 0.95


def test_the_seed_decides_the_figures() -> None:
    patient = course(T1=[100, 72])
    again = [
        category_probabilities(patient, DEFAULT, seed=seed, readings=500) for seed in (1, 1, 2)
    ]
    assert again[0] == again[1] != again[2]


def test_what_targets_cannot_change_is_certain() -> None:
    new = patients_course({0: {"T1": 50}, 56: {"T1": 50, "N1": "here"}})
    (found,) = category_probabilities(new, DEFAULT)
    assert found.probabilities == ((Response.PD, 1.0),)


def test_without_targets_or_visits_there_is_nothing_to_simulate() -> None:
    assert category_probabilities(course(T1=[50]), DEFAULT) == ()
    free = patients_course({0: {}, 56: {}})
    assert category_probabilities(free, DEFAULT)[0].probabilities == ((Response.NED, 1.0),)


def test_rare_categories_are_told() -> None:
    found = CategoryProbability(56, Response.PR, ((Response.PR, 0.999), (Response.SD, 0.001)))
    assert found.sentence == "PR, under 1 % chance of SD"
    assert replace(found, category=Response.CR).certainty == 0.0
    assert "over 99 % chance of PR" in replace(found, category=Response.CR).sentence


@pytest.mark.parametrize("sd", [-0.1, 1.0])
def test_an_error_is_a_fraction(sd: float) -> None:
    with pytest.raises(InputError, match="measurement error"):
        MeasurementError(sd, 0.0, "")


SIZES = st.one_of(
    st.integers(30, 900).map(lambda tenths: tenths / 10),
    st.sampled_from(["absent", "too-small", "not-evaluable", None]),
)


@st.composite
def patients(draw: st.DrawFn) -> Course:
    visits = draw(st.integers(2, 5))
    names = draw(st.lists(st.sampled_from(["T1", "T2", "N1", "N2"]), min_size=1, unique=True))
    return course(**{name: [draw(SIZES) for _ in range(visits)] for name in names})


@given(
    patients(),
    st.sampled_from(["complete", "any"]),
    st.sampled_from(["lower_bound", "ne"]),
    st.booleans(),
    st.sampled_from(["none", "any", "after_confirmed"]),
)
def test_without_error_every_reading_is_the_assessment(
    patient: Course, nadir: Any, missing: Any, nodes: bool, sticky: Any
) -> None:
    protocol = replace(
        DEFAULT,
        nadir_sums=nadir,
        missing_target=missing,
        node_cr_precedence=nodes,
        sticky_pr=sticky,
    )
    found = category_probabilities(patient, protocol, error=EXACT, readings=3)
    assert [point.probabilities for point in found] == [
        ((assessment.overall, 1.0),) for assessment in recist11.assess(patient, protocol)
    ]
