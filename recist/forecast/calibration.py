"""Are the forecasts as sure as they say: simulated cohorts, where the truth is known.

Once at a constant rate, and once by emission and growth, of which the model knows nothing but that
the rate may grow; once with the prior learned from the cohort, and once with the weak one, as where
a cohort is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from recist.forecast.emission import Emission, new_visible_days
from recist.forecast.new_lesion_rate import (
    MOST_OLIGOMETASTASES,
    WEAK,
    NewLesionHistory,
    expected,
    prior_of,
)

DAYS_PER_YEAR = 365.25
OBSERVED_YEARS, AHEAD_YEARS = 0.5, 1.0
#: Scans of the time observed, evenly.
SCANS = 3
BINS = 5


class World(StrEnum):
    CONSTANT = "constant rate"
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
    prior: str
    patients: int
    coverage_50: float
    coverage_90: float
    exact_50: float
    exact_90: float
    brier: float
    brier_of_rate: float
    bins: tuple[tuple[float, float, int], ...]


def calibrate(
    world: World, *, patients: int = 500, seed: int = 1, learned: bool = True
) -> Calibration:
    """Forecast a simulated cohort from half a year, and compare with the year that follows.

    Args:
        learned: by the prior of the cohort itself; else by the weak one.
    """
    random = np.random.default_rng(seed)
    start = random.integers(1, MOST_OLIGOMETASTASES + 1, patients)
    histories, after = [], []
    scans = tuple(OBSERVED_YEARS * (k + 1) / SCANS for k in range(SCANS))
    for _ in range(patients):
        years = _new_lesions(world, random)
        seen = np.diff([0, *np.searchsorted(years, scans, side="right")]).tolist()
        histories.append(NewLesionHistory(scans, tuple(seen)))
        after.append(len(years) - sum(seen))
    prior = prior_of(histories) if learned else WEAK
    inside, drawn = np.zeros(2), np.zeros(2)
    chances, became = [], []
    for n, history, came in zip(start.tolist(), histories, after, strict=True):
        known = n + history.new
        found = expected(known, history, prior)
        for k, confidence in enumerate((0.5, 0.9)):
            low, high = found.count_interval(AHEAD_YEARS, confidence)
            inside[k] += low <= came <= high
        place = found.place_of(came, AHEAD_YEARS, float(random.random()))
        drawn += (abs(place - 0.5) < 0.25, abs(place - 0.5) < 0.45)
        if known <= MOST_OLIGOMETASTASES:
            chances.append(found.chance_poly(AHEAD_YEARS))
            became.append(known + came > MOST_OLIGOMETASTASES)
    predicted, observed = np.array(chances), np.array(became, dtype=float)
    order = np.array_split(np.argsort(predicted), BINS)
    return Calibration(
        world,
        prior.source,
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


def _new_lesions(world: World, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Years at which the new lesions of one patient become visible."""
    end = OBSERVED_YEARS + AHEAD_YEARS
    if world is World.CONSTANT:
        rate = random.gamma(1.2, 1.5)
        return np.sort(random.uniform(0, end, random.poisson(rate * end)))
    emission = Emission(
        doubling_days=float(np.exp(random.normal(np.log(90), 0.4))),
        source_cells=float(10 ** random.uniform(9.3, 10.6)),
    )
    return new_visible_days(emission, end * DAYS_PER_YEAR, random) / DAYS_PER_YEAR
