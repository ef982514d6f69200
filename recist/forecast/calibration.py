"""Are the forecasts as sure as they say: simulated cohorts, where the truth is known.

Once as the model assumes (a constant rate, Gamma between patients), and once by emission and
growth, where it does not hold: what the difference costs is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from recist.forecast.emission import Emission, new_visible_days
from recist.forecast.new_lesion_rate import MOST_OLIGOMETASTASES, expected, prior_of

DAYS_PER_YEAR = 365.25
OBSERVED_YEARS, AHEAD_YEARS = 0.5, 1.0
BINS = 5


class World(StrEnum):
    CONSTANT = "constant rate, as assumed"
    EMISSION = "emission and growth"


@dataclass(frozen=True, slots=True)
class Calibration:
    """How forecasts of one year met what came.

    Attributes:
        coverage_50, coverage_90: shares within the intervals; whole numbers make them cover more.
        exact_50, exact_90: the same with the ends of the intervals drawn by chance (randomised
            probability integral transform): where a forecast is as sure as it says, 0.5 and 0.9.
        brier: of poly-metastatic disease; ``brier_of_rate``: of always saying the share itself.
        bins: of the predicted chance: mean predicted, share observed, patients.
    """

    world: World
    patients: int
    coverage_50: float
    coverage_90: float
    exact_50: float
    exact_90: float
    brier: float
    brier_of_rate: float
    bins: tuple[tuple[float, float, int], ...]


def calibrate(world: World, *, patients: int = 500, seed: int = 1) -> Calibration:
    """Forecast a simulated cohort from half a year, and compare with the year that follows."""
    random = np.random.default_rng(seed)
    start = random.integers(1, MOST_OLIGOMETASTASES + 1, patients)
    before, after = np.zeros(patients, dtype=int), np.zeros(patients, dtype=int)
    for k in range(patients):
        if world is World.CONSTANT:
            rate = random.gamma(1.2, 1.5)
            before[k] = random.poisson(rate * OBSERVED_YEARS)
            after[k] = random.poisson(rate * AHEAD_YEARS)
        else:
            emission = Emission(
                doubling_days=float(np.exp(random.normal(np.log(90), 0.4))),
                source_cells=float(10 ** random.uniform(9.3, 10.6)),
            )
            end = (OBSERVED_YEARS + AHEAD_YEARS) * DAYS_PER_YEAR
            days = new_visible_days(emission, end, random)
            before[k] = int((days <= OBSERVED_YEARS * DAYS_PER_YEAR).sum())
            after[k] = len(days) - before[k]
    prior = prior_of(before.tolist(), [OBSERVED_YEARS] * patients)
    inside, drawn = np.zeros(2), np.zeros(2)
    chances, became = [], []
    for n, seen, came in zip(start.tolist(), before.tolist(), after.tolist(), strict=True):
        found = expected(n + seen, seen, OBSERVED_YEARS, prior)
        for k, confidence in enumerate((0.5, 0.9)):
            low, high = found.count_interval(AHEAD_YEARS, confidence)
            inside[k] += low <= came <= high
        place = found.place_of(came, AHEAD_YEARS, float(random.random()))
        drawn += (abs(place - 0.5) < 0.25, abs(place - 0.5) < 0.45)
        if n + seen <= MOST_OLIGOMETASTASES:
            chances.append(found.chance_poly(AHEAD_YEARS))
            became.append(n + seen + came > MOST_OLIGOMETASTASES)
    predicted, observed = np.array(chances), np.array(became, dtype=float)
    order = np.array_split(np.argsort(predicted), BINS)
    return Calibration(
        world,
        patients,
        float(inside[0] / patients),
        float(inside[1] / patients),
        float(drawn[0] / patients),
        float(drawn[1] / patients),
        float(((predicted - observed) ** 2).mean()),
        float(observed.mean() * (1 - observed.mean())),
        tuple(
            (float(predicted[part].mean()), float(observed[part].mean()), len(part))
            for part in order
            if len(part)
        ),
    )
