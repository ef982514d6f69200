"""Growth and shrinkage fitted to a patient's scans, as far as their number allows.

With kg 0.003 and ks 0.01 per day and readings to 8 %, least squares on three scans misses kg by
more than a factor of two in a third of patients, on five in one of a hundred. So: fewer than
three scans give a growth rate between scans only; three or four the estimate under a named prior,
with its shrinkage; five or more the likelihood alone, with its interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from imaging.errors import InputError
from imaging.volume import FloatArray
from recist.cohort.proportion import z_of
from recist.forecast.kinetics import Stein

#: Fewest scans with sizes for a fit under the prior, and for one without.
FEWEST_WITH_PRIOR, FEWEST_WITHOUT = 3, 5

#: Bounds of kg and ks per day within which a fit looks; at the bound nothing is known of it.
LOWEST_RATE, HIGHEST_RATE = 1e-5, 0.1
#: With this shrinkage towards the prior or more, the prior says more than the scans.
DOMINATED_FROM = 0.5


class FitMethod(StrEnum):
    NONE = "growth rate only"
    PRIOR = "maximum a posteriori"
    LIKELIHOOD = "maximum likelihood"


@dataclass(frozen=True, slots=True)
class Prior:
    """Log-normal rates of a population: typical values per day, spread of the logarithm.

    Attributes:
        proportional, additive_mm: error of one reading of the sum.
    """

    name: str
    kg: float
    kg_spread: float
    ks: float
    ks_spread: float
    proportional: float
    additive_mm: float
    source: str


#: Sum of longest diameters, atezolizumab and docetaxel arms of OAK together.
OAK = Prior(
    "OAK",
    0.0016,
    1.03,
    0.0014,
    1.64,
    0.08,
    0.65,
    "Ribba et al. 2022 (non-small-cell lung cancer, not sarcoma)",
)


@dataclass(frozen=True, slots=True)
class Fit:
    """Growth and shrinkage of one sum.

    Attributes:
        kg, ks: per day; None where the scans are too few.
        kg_interval: 95 %, on the scale of the logarithm.
        kg_shrinkage: share of the prior's variance that is left; None without a prior.
        flags: what a reader should know.
    """

    method: FitMethod
    scans: int
    prior: str
    kg: float | None = None
    ks: float | None = None
    kg_interval: tuple[float, float] | None = None
    kg_shrinkage: float | None = None
    flags: tuple[str, ...] = ()

    @property
    def model(self) -> Stein | None:
        return None if self.kg is None or self.ks is None else Stein(self.kg, self.ks)


def sizes_over_days(days: npt.ArrayLike, sizes_mm: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Days and sizes as arrays of one length.

    Raises:
        InputError: lengths that differ, or a size of zero or less.
    """
    t = np.asarray(days, dtype=np.float64).ravel()
    y = np.asarray(sizes_mm, dtype=np.float64).ravel()
    if len(t) != len(y) or (len(y) and not (np.isfinite(y).all() and y.min() > 0)):
        raise InputError("sizes must be above zero, one for each day")
    return t, y


def fit(days: npt.ArrayLike, sizes_mm: npt.ArrayLike, prior: Prior = OAK) -> Fit:
    """The Stein model of sizes over days from the start of treatment.

    Raises:
        InputError: lengths that differ, or a size of zero or less.
    """
    t, y = sizes_over_days(days, sizes_mm)
    if len(t) < FEWEST_WITH_PRIOR:
        return Fit(FitMethod.NONE, len(t), "")
    with_prior = len(t) < FEWEST_WITHOUT
    return fit_by(t, y, prior, FitMethod.PRIOR if with_prior else FitMethod.LIKELIHOOD)


def fit_by(
    t: npt.NDArray[np.float64], y: npt.NDArray[np.float64], prior: Prior, by: FitMethod
) -> Fit:
    """The same by one method, whatever the number of scans."""
    since = t - t[0]
    error = np.sqrt((prior.proportional * y) ** 2 + prior.additive_mm**2)
    centre = np.log([prior.kg, prior.ks])
    spread = np.array([prior.kg_spread, prior.ks_spread])

    def residuals(parameters: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        size, kg, ks = np.exp(parameters)
        misses = (size * Stein(kg, ks).relative(since) - y) / error
        if by is FitMethod.PRIOR:
            misses = np.concatenate([misses, (parameters[1:] - centre) / spread])
        return np.asarray(misses)

    low, high = math.log(LOWEST_RATE), math.log(HIGHEST_RATE)
    bounds = ([math.log(y[0]) - 2, low, low], [math.log(y[0]) + 2, high, high])
    starts = [(0.001, 0.001), (0.003, 0.01), (0.0003, 0.005), (0.01, 0.001)]
    found = min(
        (
            least_squares(residuals, [math.log(y[0]), math.log(kg), math.log(ks)], bounds=bounds)
            for kg, ks in starts
        ),
        key=lambda each: float(each.cost),
    )
    kg, ks = (float(value) for value in np.exp(found.x[1:]))
    covariance = np.linalg.pinv(found.jac.T @ found.jac)
    deviation = math.sqrt(max(0.0, float(covariance[1, 1])))
    flags = []
    if kg < 1.5 * LOWEST_RATE:
        flags.append("growth at its lower bound: not seen yet")
    if ks < 1.5 * LOWEST_RATE:
        flags.append("shrinkage at its lower bound: none seen")
    shrinkage = None
    if by is FitMethod.PRIOR:
        shrinkage = min(1.0, float(covariance[1, 1]) / prior.kg_spread**2)
        if shrinkage > DOMINATED_FROM:
            flags.append("prior-dominated")
    half = z_of() * deviation
    return Fit(
        by,
        len(t),
        prior.name if by is FitMethod.PRIOR else "",
        kg,
        ks,
        (kg * math.exp(-min(half, 20)), kg * math.exp(min(half, 20))),
        shrinkage,
        tuple(flags),
    )
