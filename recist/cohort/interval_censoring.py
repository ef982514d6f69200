"""Survival where the event lies somewhere between two scans: Turnbull's estimator (1976).

Progression is dated by the scan that shows it, though it came earlier. As a sensitivity analysis
the curve is estimated from the bounds alone: free at the last scan before, progressed at this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from imaging.errors import InputError
from imaging.volume import FloatArray

#: Largest change of a probability at which the iteration ends, and the most steps it may take.
CONVERGENCE, MOST_STEPS = 1e-10, 20_000
#: Intervals of less probability hold nothing: what is left of the iteration.
LEAST_MASS = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Turnbull:
    """A survival curve known outside of some intervals only.

    Attributes:
        left, right: bounds of the innermost intervals in days, open on the left; an infinite right
            bound holds those who never had the event while followed.
        mass: the probability that each holds; where in the interval is not known.
    """

    left: FloatArray
    right: FloatArray
    mass: FloatArray

    def at(self, day: float) -> tuple[float, float]:
        """Lowest and highest survival on a day; both are the same outside of the intervals."""
        certain = float(self.mass[self.right <= day].sum())
        possible = float(self.mass[self.left < day].sum())
        return max(0.0, 1 - max(certain, possible)), max(0.0, 1 - certain)

    @property
    def median(self) -> tuple[float, float] | None:
        """The bounds between which the median lies; None where half never had the event."""
        fallen = np.cumsum(self.mass)
        k = int(np.argmax(fallen >= 0.5 - 1e-9))
        if fallen[k] < 0.5 - 1e-9 or np.isinf(self.right[k]):
            return None
        return float(self.left[k]), float(self.right[k])


def turnbull(after: npt.ArrayLike, by: npt.ArrayLike) -> Turnbull:
    """The estimate of greatest likelihood.

    Args:
        after: days on which each subject was last known free of the event.
        by: days by which it had happened; infinite for who never had it; equal to ``after`` where
            the day is known exactly (a death).

    Raises:
        InputError: bounds in the wrong order, negative, or no numbers.
    """
    lower = np.asarray(after, dtype=np.float64).ravel()
    upper = np.asarray(by, dtype=np.float64).ravel()
    if not len(lower) or len(lower) != len(upper):
        raise InputError(f"{len(lower)} lower and {len(upper)} upper bounds")
    if np.isnan(lower).any() or np.isnan(upper).any() or (lower < 0).any():
        raise InputError("bounds that are negative or no numbers")
    if (lower > upper).any():
        raise InputError("an upper bound below its lower one")
    left, right = _innermost(lower, upper)
    # An exact time is the interval that holds that day alone.
    exact = lower == upper
    inside = np.where(
        exact[:, None],
        (left[None, :] == lower[:, None]) & (right[None, :] == upper[:, None]),
        (left[None, :] >= lower[:, None])
        & (right[None, :] <= upper[:, None])
        & ~((left[None, :] == right[None, :]) & (left[None, :] == lower[:, None])),
    )
    mass = _mass(inside)
    held = mass > LEAST_MASS
    return Turnbull(left[held], right[held], mass[held] / mass[held].sum())


def _innermost(lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Stretches from a left bound to the next right bound, with no bound between (Peto 1973)."""
    exact = lower == upper
    # By day; on one day right bounds end before left ones begin, exact days stand between.
    bounds = sorted(
        {(day, 0, "right") for day in upper[~exact]}
        | {(day, 1, "left") for day in upper[exact]}
        | {(day, 2, "right") for day in upper[exact]}
        | {(day, 3, "left") for day in lower[~exact]}
    )
    pairs = [
        (start[0], end[0])
        for start, end in pairwise(bounds)
        if start[2] == "left" and end[2] == "right"
    ]
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


def _mass(inside: npt.NDArray[np.bool_]) -> FloatArray:
    """The self-consistent probabilities, by expectation and maximisation with extrapolation."""
    rows, counts = np.unique(inside, axis=0, return_counts=True)
    member = rows.astype(np.float64)
    total = counts.sum()

    def step(mass: FloatArray) -> FloatArray:
        share = member @ mass
        fresh: FloatArray = mass * ((counts / share) @ member) / total
        return fresh

    def likelihood(mass: FloatArray) -> float:
        share = member @ mass
        return float(counts @ np.log(share)) if (share > 0).all() else -np.inf

    mass = np.full(inside.shape[1], 1 / inside.shape[1])
    for _ in range(MOST_STEPS):
        once = step(mass)
        twice = step(once)
        change, bend = once - mass, twice - 2 * once + mass
        curve = float(np.linalg.norm(bend))
        fresh = twice
        if curve > 0:  # squared extrapolation (Varadhan and Roland 2008)
            length = -float(np.linalg.norm(change)) / curve
            leap = np.maximum(mass - 2 * length * change + length**2 * bend, 0)
            leap = leap / leap.sum()
            if likelihood(leap) >= likelihood(twice):
                fresh = step(leap)
        if float(np.abs(fresh - mass).max()) < CONVERGENCE:
            return fresh
        mass = fresh
    raise InputError("the interval-censored curve does not converge", remedy="report this")
