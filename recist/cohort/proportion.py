"""A proportion with its confidence intervals, and the comparison of two.

Papers on abscopal response use both the exact interval (Golden 2015) and Wilson's (McBride 2021),
often without saying so: both are given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from imaging.errors import InputError

Range = tuple[float, float]

#: Two-sided confidence of every interval.
CONFIDENCE = 0.95


@cache
def z_of(confidence: float = CONFIDENCE) -> float:
    """Standard errors from the middle to the end of a two-sided interval."""
    return float(stats.norm.ppf((1 + confidence) / 2))


@dataclass(frozen=True, slots=True)
class Proportion:
    """``x`` of ``n``; intervals and rate as shares, 0..1.

    Raises:
        InputError: more than all, or less than none.
    """

    x: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.x <= self.n:
            raise InputError(f"{self.x} of {self.n} is no proportion")

    @property
    def rate(self) -> float | None:
        """None out of nobody."""
        return self.x / self.n if self.n else None

    @property
    def clopper_pearson(self) -> Range | None:
        """The exact interval (Clopper and Pearson 1934): it covers at least what it says."""
        if not self.n:
            return None
        tail = (1 - CONFIDENCE) / 2
        low = float(stats.beta.ppf(tail, self.x, self.n - self.x + 1)) if self.x else 0.0
        high = (
            float(stats.beta.ppf(1 - tail, self.x + 1, self.n - self.x)) if self.x < self.n else 1.0
        )
        return low, high

    @property
    def wilson(self) -> Range | None:
        """The score interval (Wilson 1927), without continuity correction."""
        if not self.n:
            return None
        z2 = z_of() ** 2
        middle = self.x + z2 / 2
        half = math.sqrt(z2) * math.sqrt(self.x * (self.n - self.x) / self.n + z2 / 4)
        low, high = (middle - half) / (self.n + z2), (middle + half) / (self.n + z2)
        return max(0.0, low) if self.x else 0.0, min(1.0, high) if self.x < self.n else 1.0


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two arms compared, the first less the second.

    Attributes:
        difference: of the rates, with Newcombe's interval (1998, method 10: from Wilson's) and
            the score interval of Miettinen and Nurminen (1985).
        odds_ratio: of the sample; infinite where a cell is empty, None where nothing can be said.
        fisher_p, chi_squared, chi_squared_p: two-sided; Pearson without continuity correction.
    """

    first: Proportion
    second: Proportion
    difference: float
    newcombe: Range
    miettinen_nurminen: Range
    odds_ratio: float | None
    fisher_p: float
    chi_squared: float | None
    chi_squared_p: float | None


def contrast(first: Proportion, second: Proportion) -> Contrast | None:
    """The comparison of two proportions; None where an arm is empty."""
    if first.rate is None or second.rate is None:
        return None
    low_1, high_1 = first.wilson or (0.0, 1.0)
    low_2, high_2 = second.wilson or (0.0, 1.0)
    difference = first.rate - second.rate
    below = math.hypot(first.rate - low_1, high_2 - second.rate)
    above = math.hypot(high_1 - first.rate, second.rate - low_2)
    table = np.array([[first.x, first.n - first.x], [second.x, second.n - second.x]])
    cross = (first.x * (second.n - second.x), second.x * (first.n - first.x))
    odds = cross[0] / cross[1] if cross[1] else (math.inf if cross[0] else None)
    chi = _pearson(table)
    return Contrast(
        first,
        second,
        difference,
        (difference - below, difference + above),
        _score_interval(first, second),
        odds,
        float(stats.fisher_exact(table)[1]),
        chi,
        None if chi is None else float(stats.chi2.sf(chi, 1)),
    )


def _pearson(table: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> float | None:
    """Pearson's statistic; None where all or none responded."""
    if not table.sum(axis=0).all():
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(((table - expected) ** 2 / expected).sum())


def _score_interval(first: Proportion, second: Proportion) -> Range:
    """All differences that the score test with the factor n / (n - 1) does not reject."""
    difference = first.x / first.n - second.x / second.n
    limit = z_of() ** 2

    def excess(delta: float) -> float:
        return _score(first, second, difference, delta) - limit

    low = -1.0 if excess(-1.0) <= 0 else float(brentq(excess, -1.0, difference, xtol=1e-12))
    high = 1.0 if excess(1.0) <= 0 else float(brentq(excess, difference, 1.0, xtol=1e-12))
    return low, high


def _score(first: Proportion, second: Proportion, difference: float, delta: float) -> float:
    """The squared score statistic of a difference, Miettinen and Nurminen 1985."""
    if delta == difference:
        return 0.0
    p2 = _restricted(first, second, delta)
    p1 = p2 + delta
    n = first.n + second.n
    variance = (p1 * (1 - p1) / first.n + p2 * (1 - p2) / second.n) * n / (n - 1)
    return (difference - delta) ** 2 / variance if variance > 0 else math.inf


def _restricted(first: Proportion, second: Proportion, delta: float) -> float:
    """The second rate of greatest likelihood where the first is larger by delta: a cubic."""
    n1, n2, x1, x2 = first.n, second.n, first.x, second.x
    n = n1 + n2
    coefficients = (
        n,
        (n1 + 2 * n2) * delta - n - x1 - x2,
        (n2 * delta - n - 2 * x2) * delta + x1 + x2,
        x2 * delta * (1 - delta),
    )
    lowest, highest = max(0.0, -delta), min(1.0, 1.0 - delta)
    roots = [float(root.real) for root in np.roots(coefficients) if abs(root.imag) < 1e-6]
    inside = [min(max(root, lowest), highest) for root in roots] or [lowest]

    def likelihood(rate: float) -> float:
        terms = (
            (x1, rate + delta),
            (n1 - x1, 1 - rate - delta),
            (x2, rate),
            (n2 - x2, 1 - rate),
        )
        if any(count and share <= 0 for count, share in terms):
            return -math.inf
        return sum(count * math.log(share) for count, share in terms if count)

    return max([*inside, lowest, highest], key=likelihood)
