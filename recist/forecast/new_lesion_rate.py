"""How many new lesions to expect: a rate of new visible lesions learned from those seen so far.

The rate of a patient is ``r exp(k t)`` in the years ``t`` since time zero: seeds that a growing
tumour shed keep becoming visible at a growing rate (see :mod:`recist.forecast.emission`), and a
rate taken as constant foretells too few of them. ``r`` has a Gamma prior and counts are Poisson, so
that given ``k`` the posterior is a Gamma and the count of a coming time negative binomial; ``k`` is
normal between patients, and summed over. Every site counts alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.optimize import brentq, minimize
from scipy.special import betainc, gammaln, logsumexp

from imaging.errors import InputError
from imaging.volume import FloatArray

#: More lesions than oligo-metastatic disease may have (ESTRO-ASTRO, Lievens 2020).
MOST_OLIGOMETASTASES = 5
#: Patients from which on the prior is learned from the cohort itself.
FEWEST_FOR_PRIOR = 20
HORIZONS_YEARS = {"6 months": 0.5, "12 months": 1.0}
#: Points at which the growth of the rate is summed over (Gauss and Hermite).
GROWTH_POINTS = 15


class NewLesionHistory(NamedTuple):
    """New lesions by date.

    Attributes:
        years: of the scans since time zero, rising.
        counts: of new lesions first seen on each.
    """

    years: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def new(self) -> int:
        return sum(self.counts)

    @property
    def until(self) -> float:
        return self.years[-1] if self.years else 0.0


@dataclass(frozen=True, slots=True)
class GammaPrior:
    """The rate of new lesions per year at time zero: ``shape / years`` on average.

    Attributes:
        years: the follow-up that the prior is worth.
        growth: of the logarithm of the rate per year; ``growth_spread``: between patients.
    """

    shape: float
    years: float
    source: str
    growth: float = 0.0
    growth_spread: float = 0.0

    def __post_init__(self) -> None:
        if not (self.shape > 0 and self.years > 0 and self.growth_spread >= 0):
            raise InputError(f"a prior of shape {self.shape:g} worth {self.years:g} years")

    @property
    def growths(self) -> tuple[FloatArray, FloatArray]:
        """Growths of the rate, and the weight of each."""
        if not self.growth_spread:
            return np.array([self.growth]), np.ones(1)
        points, weights = np.polynomial.hermite_e.hermegauss(GROWTH_POINTS)
        return self.growth + self.growth_spread * points, weights / weights.sum()


#: Worth half a year of follow-up with one new lesion. Growth between none and that of the seeds of
#: a tumour that doubles every 90 days and sheds by the power 0.663 of its size (Iwata 2000: 1.87
#: per year). An assumption, not a finding.
WEAK = GammaPrior(1.0, 0.5, "weak: one new lesion in half a year", 0.9, 0.9)


class _Part(NamedTuple):
    """What is expected at one growth of the rate: weight, posterior shape and years, growth."""

    weight: float
    shape: float
    years: float
    growth: float


@dataclass(frozen=True, slots=True)
class ExpectedNewLesions:
    """What is expected of one patient.

    Attributes:
        lesions: known so far; ``new``: of them, seen since the start, in ``years``.
        parts: of the posterior, one for each growth of the rate.
    """

    lesions: int
    new: int
    years: float
    parts: tuple[_Part, ...] = field(repr=False)

    @property
    def per_year(self) -> float:
        """The rate now."""
        return sum(part.weight * part.shape / self._years_now(part) for part in self.parts)

    @property
    def per_year_interval(self) -> tuple[float, float]:
        """90 %, by the posterior."""
        low, high = (self._rate_quantile(share) for share in (0.05, 0.95))
        return low, high

    def count_interval(self, years: float, confidence: float) -> tuple[int, int]:
        """New lesions in a coming time: the central interval of whole numbers."""
        tail = (1 - confidence) / 2
        return self._quantile(tail, years), self._quantile(1 - tail, years)

    def chance_at_most(self, total: int, years: float) -> float:
        """The chance of at most so many lesions in all after a time."""
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

    def _years_now(self, part: _Part) -> float:
        return part.years / float(np.exp(part.growth * self.years))

    def _rate_quantile(self, share: float) -> float:
        def missing(rate: float) -> float:
            return share - sum(
                part.weight * float(stats.gamma.cdf(rate, part.shape, scale=1 / now))
                for part in self.parts
                for now in [self._years_now(part)]
            )

        top = 1.0
        while missing(top) > 0:
            top *= 2
        return float(brentq(missing, 0.0, top, xtol=1e-10))

    def _at_most(self, count: int, years: float) -> float:
        """The negative binomial distribution, by the incomplete beta function."""
        if count < 0:
            return 0.0
        weight, shape, known, growth = np.array(self.parts).T
        ahead = exposure_years(growth, self.years, self.years + years)
        return float(weight @ betainc(shape, count + 1, known / (known + ahead)))

    def _quantile(self, share: float, years: float) -> int:
        low, high = -1, 1
        while self._at_most(high, years) < share:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._at_most(middle, years) < share else (low, middle)
        return high


def exposure_years(growth: npt.ArrayLike, start: npt.ArrayLike, end: npt.ArrayLike) -> FloatArray:
    """The integral of ``exp(growth t)`` from ``start`` to ``end``: years at the first rate."""
    k, since, until = (np.asarray(each, dtype=np.float64) for each in (growth, start, end))
    still = np.abs(k) < 1e-9
    safe = np.where(still, 1.0, k)
    grown = np.exp(safe * since) * np.expm1(safe * (until - since)) / safe
    return np.asarray(np.where(still, until - since, grown))


def expected(
    lesions: int,
    history: NewLesionHistory,
    prior: GammaPrior = WEAK,
    *,
    growth: tuple[float, float] | None = None,
) -> ExpectedNewLesions:
    """The posterior of one patient.

    Args:
        growth: of the logarithm of the rate per year, as the growth of the patient's own lesions
            lets it expect, and its error.

    Raises:
        InputError: counts or a follow-up below zero, more new lesions than lesions.
    """
    new, until = history.new, history.until
    if min((lesions, *history.counts)) < 0 or new > lesions or min((*history.years, 0)) < 0:
        raise InputError(f"{new} new of {lesions} lesions in {until:g} years")
    growths, weights = prior.growths
    (likelihood,) = _log_likelihoods(_DatedCounts.of([history]), prior, growths)
    logs = np.log(weights) + likelihood
    if growth is not None and len(growths) > 1:
        logs = logs - 0.5 * ((growths - growth[0]) / growth[1]) ** 2
    chances = np.exp(logs - logsumexp(logs))
    known = prior.years + exposure_years(growths, 0.0, until)
    return ExpectedNewLesions(
        lesions,
        new,
        until,
        tuple(
            _Part(float(weight), prior.shape + new, float(years), float(k))
            for weight, years, k in zip(chances, known, growths, strict=True)
        ),
    )


class _DatedCounts(NamedTuple):
    """The dated counts of several patients: a row for each time between two dates, (n, 1).

    Attributes:
        patient: whose time it is; ``new``, ``until``: of each patient, (patients, 1).
    """

    patient: npt.NDArray[np.intp]
    start: FloatArray
    end: FloatArray
    seen: FloatArray
    new: FloatArray
    until: FloatArray

    @classmethod
    def of(cls, histories: Sequence[NewLesionHistory]) -> _DatedCounts:
        times = [
            (float(number), start, end, float(count))
            for number, each in enumerate(histories)
            for (start, end), count in zip(pairwise((0.0, *each.years)), each.counts, strict=True)
            if end > start
        ]
        patient, start, end, seen = np.array(times).reshape(-1, 4).T[:, :, None]
        new, until = np.array([(float(each.new), each.until) for each in histories]).T[:, :, None]
        return cls(patient[:, 0].astype(np.intp), start, end, seen, new, until)


def _log_likelihoods(counted: _DatedCounts, prior: GammaPrior, growths: FloatArray) -> FloatArray:
    """(patients, growths): log-likelihood of the dated counts, the rate summed over."""
    alone = prior.shape * np.log(prior.years) - gammaln(prior.shape)
    total = np.full((len(counted.new), len(growths)), alone)
    exposed = exposure_years(growths, counted.start, counted.end)
    at_each = counted.seen * np.log(exposed) - gammaln(counted.seen + 1)
    np.add.at(total, counted.patient, at_each)
    shape = prior.shape + counted.new
    known = prior.years + exposure_years(growths, 0.0, counted.until)
    return np.asarray(total + gammaln(shape) - shape * np.log(known))


#: Where the logarithms of shape, years and spread of the growth, and the growth itself, are taken
#: to lie before a cohort is seen, and how wide.
_HYPER_MEAN = np.array([0.0, np.log(0.5), np.log(0.9), 0.9])
_HYPER_SPREAD = np.array([1.5, 1.5, 0.7, 0.9])


def prior_of(histories: Sequence[NewLesionHistory]) -> GammaPrior:
    """The most probable prior of a cohort, or the weak one where it is too small."""
    known = [history for history in histories if history.until > 0]
    if len(known) < FEWEST_FOR_PRIOR or not any(history.new for history in known):
        return WEAK
    distinct: dict[NewLesionHistory, int] = {}
    for history in known:
        distinct[history] = distinct.get(history, 0) + 1
    counted, times = _DatedCounts.of(list(distinct)), list(distinct.values())
    source = f"learned from {len(known)} patients"

    def prior(parameters: FloatArray) -> GammaPrior:
        shape, years, spread = np.exp(parameters[:3])
        return GammaPrior(float(shape), float(years), source, float(parameters[3]), float(spread))

    def unlikely(parameters: FloatArray) -> float:
        candidate = prior(parameters)
        growths, weights = candidate.growths
        logs = np.log(weights) + _log_likelihoods(counted, candidate, growths)
        likelihood = sum(
            n * float(value) for n, value in zip(times, logsumexp(logs, axis=1), strict=True)
        )
        away = (parameters - _HYPER_MEAN) / _HYPER_SPREAD
        return 0.5 * float(away @ away) - likelihood

    bounds = [(-3.0, 5.0), (-4.0, 5.0), (np.log(0.05), np.log(3.0)), (-3.0, 5.0)]
    return prior(minimize(unlikely, _HYPER_MEAN, bounds=bounds, method="L-BFGS-B").x)
