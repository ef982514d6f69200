"""Responses by measurement error alone: the simulation against integration and known rates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from imaging.errors import InputError
from recist import abscopal
from recist.abscopal.chance import Chance, chance_of_response
from recist.course import Course
from recist.protocol import DEFAULT
from tests.recist.patients import call_of


def cohort(lesions: int, scans: int, log_sd: float) -> Chance:
    """Patients whose lesions are 10 to 60 mm large: the mean over many."""
    draw = np.random.default_rng(5)
    found = [
        chance_of_response(
            tuple(draw.uniform(10, 60, lesions)), scans, log_sd=log_sd, readings=4000, seed=k
        )
        for k in range(100)
    ]
    columns = zip(*[(c.single, c.single_confirmed, c.aggregate) for c in found], strict=True)
    single, confirmed, aggregate = (float(np.mean(column)) for column in columns)
    return Chance(single, confirmed, aggregate, 0.0, 0.0)


def chance_of_single(lesions: int, scans: int, log_sd: float) -> float:
    """Of at least one lesion at one scan, by integration over the error of the baseline."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    bar = math.log(0.7) / log_sd
    below = np.array([0.5 * math.erfc(-(bar + node) / math.sqrt(2)) for node in nodes])
    missed = float(weights @ (1 - below) ** scans) / math.sqrt(2 * math.pi)
    return 1 - missed**lesions


@pytest.mark.parametrize(
    ("lesions", "scans", "log_sd", "percent", "tolerance"),
    [
        (4, 4, 0.10, (7.8, 0.6, 0.0), (0.15, 0.06, 0.05)),
        (4, 4, 0.15, (43.8, 9.5, 0.3), (0.5, 0.3, 0.06)),
        (2, 2, 0.10, (2.2, 0.10, 0.08), (0.1, 0.04, 0.02)),
    ],
)
def test_known_rates_are_found_again(
    lesions: int,
    scans: int,
    log_sd: float,
    percent: tuple[float, ...],
    tolerance: tuple[float, ...],
) -> None:
    found = cohort(lesions, scans, log_sd)
    rates = (found.single, found.single_confirmed, found.aggregate)
    for rate, expected, within in zip(rates, percent, tolerance, strict=True):
        assert 100 * rate == pytest.approx(expected, abs=within)
    exact = chance_of_single(lesions, scans, log_sd)
    assert found.single == pytest.approx(exact, abs=0.004)
    assert 100 * exact == pytest.approx(percent[0], abs=0.2)


def test_one_lesion_is_its_own_sum_and_size_does_not_matter() -> None:
    one = chance_of_response((20.0,), 4)
    assert one.single == one.aggregate and one.single_confirmed == one.aggregate_confirmed
    assert one.single == pytest.approx(chance_of_response((55.0,), 4).single, abs=1e-12)
    assert 0 < one.aggregate_once < one.aggregate


def test_without_error_lesions_or_scans_nothing_happens_by_chance() -> None:
    assert chance_of_response((20.0, 30.0), 3, log_sd=0.0).single == 0.0
    assert chance_of_response((), 3).single == chance_of_response((20.0,), 0).single == 0.0
    with pytest.raises(InputError, match="positive"):
        chance_of_response((0.0,), 2)


def test_the_same_seed_gives_the_same_figures() -> None:
    first = chance_of_response((20.0, 31.0), 3, seed=4)
    chance_of_response.cache_clear()
    assert chance_of_response((20.0, 31.0), 3, seed=4) == first


def test_a_patient_carries_the_chance_of_his_own_lesions_and_scans(
    patient: Callable[..., Course],
) -> None:
    course = patient(
        {"T1": [30] * 3, "T2": [20] * 3, "T3": [25] * 3}, out=["T2", "T3"], days=(-7, 56, 112)
    )
    found = abscopal.assess(course, DEFAULT)
    assert found.chance == chance_of_response((20.0, 25.0), 2)
    golden = call_of(found, "golden").definition
    assert abscopal.chance_for(golden, found.chance, confirmed=False) == found.chance.single
    control = call_of(found, "theelen-acr").definition
    assert abscopal.chance_for(control, found.chance, confirmed=False) is None
