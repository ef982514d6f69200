"""How many new lesions to expect: a rate of new visible lesions learned from those seen so far.

Gamma prior, Poisson counts: the posterior is a Gamma, the count of a coming time negative
binomial. The rate is taken as constant over the horizon, and the same for every site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import minimize
from scipy.special import betainc

from imaging.errors import InputError

#: More lesions than oligo-metastatic disease may have (ESTRO-ASTRO, Lievens 2020).
MOST_OLIGOMETASTASES = 5
#: Patients from which on the prior is learned from the cohort itself.
FEWEST_FOR_PRIOR = 20
HORIZONS_YEARS = {"6 months": 0.5, "12 months": 1.0}


@dataclass(frozen=True, slots=True)
class GammaPrior:
    """The rate of new lesions per year: ``shape / years`` on average.

    Attributes:
        years: the follow-up that the prior is worth.
    """

    shape: float
    years: float
    source: str

    def __post_init__(self) -> None:
        if not (self.shape > 0 and self.years > 0):
            raise InputError(f"a prior of shape {self.shape:g} worth {self.years:g} years")


#: Worth half a year of follow-up with one new lesion: an assumption, not a finding.
WEAK = GammaPrior(1.0, 0.5, "weak: one new lesion in half a year")


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one patient.

    Attributes:
        lesions: known so far; ``new``: of them, seen since the start, in ``years``.
        shape, rate_years: of the posterior.
    """

    lesions: int
    new: int
    years: float
    shape: float
    rate_years: float

    @property
    def per_year(self) -> float:
        return self.shape / self.rate_years

    @property
    def per_year_interval(self) -> tuple[float, float]:
        """90 %, by the posterior."""
        low, high = stats.gamma.ppf([0.05, 0.95], self.shape, scale=1 / self.rate_years)
        return float(low), float(high)

    def count_interval(self, years: float, confidence: float) -> tuple[int, int]:
        """New lesions in a coming time: the central interval of whole numbers."""
        tail = (1 - confidence) / 2
        return self._quantile(tail, years), self._quantile(1 - tail, years)

    def chance_at_most(self, total: int, years: float) -> float:
        """At most so many lesions in all after a time."""
        return self._at_most(total - self.lesions, years)

    def chance_poly(self, years: float) -> float:
        """Poly-metastatic by then."""
        return 1 - self.chance_at_most(MOST_OLIGOMETASTASES, years)

    def chance_none(self, years: float) -> float:
        """No new lesion."""
        return self._at_most(0, years)

    def place_of(self, count: int, years: float, share: float) -> float:
        """Where a count lies in what was expected, 0 to 1; ``share`` of its own step is below."""
        below = self._at_most(count - 1, years)
        return below + share * (self._at_most(count, years) - below)

    def _at_most(self, count: int, years: float) -> float:
        """The negative binomial distribution, by the incomplete beta function."""
        if count < 0:
            return 0.0
        return float(betainc(self.shape, count + 1, self.rate_years / (self.rate_years + years)))

    def _quantile(self, share: float, years: float) -> int:
        count = 0
        while self._at_most(count, years) < share:
            count += 1
        return count


def expected(lesions: int, new: int, years: float, prior: GammaPrior = WEAK) -> Expected:
    """The posterior of one patient.

    Raises:
        InputError: counts or a follow-up below zero.
    """
    if min(lesions, new) < 0 or new > lesions or not years >= 0:
        raise InputError(f"{new} new of {lesions} lesions in {years:g} years")
    return Expected(lesions, new, years, prior.shape + new, prior.years + years)


def prior_of(counts: Sequence[int], years: Sequence[float]) -> GammaPrior:
    """The prior of greatest likelihood on a cohort, or the weak one where it is too small.

    Args:
        counts: of new lesions; ``years``: in which they were seen.
    """
    seen = np.asarray(counts)
    time = np.asarray(years, dtype=np.float64)
    known = time > 0
    if known.sum() < FEWEST_FOR_PRIOR or seen[known].sum() == 0:
        return WEAK

    def unlikely(parameters: np.ndarray) -> float:
        shape, rate = np.exp(parameters)
        value = stats.nbinom.logpmf(seen[known], shape, rate / (rate + time[known])).sum()
        return -float(value)

    bounds = [(-3.0, 5.0), (-4.0, 5.0)]
    found = minimize(unlikely, [0.0, 0.0], bounds=bounds, method="L-BFGS-B")
    shape, rate = np.exp(found.x)
    return GammaPrior(float(shape), float(rate), f"learned from {int(known.sum())} patients")
