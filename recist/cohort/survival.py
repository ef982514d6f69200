"""Survival curves of Kaplan and Meier, with the intervals, quantiles and areas that R prints.

R's ``survival`` is the reference of the field: its median takes the middle of a flat stretch at
one half, its default interval is on the scale of the logarithm, which lifelines lacks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from imaging.errors import InputError
from recist.cohort.proportion import Range, z_of

Days = npt.NDArray[np.float64]

#: Two levels of a curve are one within this, as in R (the square root of its epsilon).
LEVEL_TOLERANCE = 1.5e-8


class IntervalScale(StrEnum):
    """The scale on which a confidence interval is symmetric."""

    LOG = "log"  # R's default
    LOG_LOG = "log-log"  # SAS's default; never leaves 0..1
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """A survival curve as steps; arrays over the distinct times, in order.

    Attributes:
        days: distinct times of events and of censoring.
        at_risk: followed just before each time.
        events, censored: at each time; who is censored at a time is at risk of its events.
        survival: after each time.
        log_variance: of the logarithm of the survival (Greenwood 1926); infinite at zero.
    """

    days: Days
    at_risk: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]
    censored: npt.NDArray[np.int64]
    survival: Days
    log_variance: Days

    @property
    def n(self) -> int:
        return int(self.at_risk[0]) if len(self.at_risk) else 0

    @property
    def n_events(self) -> int:
        return int(self.events.sum())

    def at(self, day: float) -> float:
        """The survival at a time: the share without the event up to and on that day."""
        k = self._step(day)
        return 1.0 if k < 0 else float(self.survival[k])

    def standard_error(self, day: float) -> float | None:
        """The standard error of the survival at a time; None once nobody survives."""
        k = self._step(day)
        if k < 0:
            return 0.0
        survival = float(self.survival[k])
        return survival * math.sqrt(float(self.log_variance[k])) if survival else None

    def interval(self, day: float, kind: IntervalScale = IntervalScale.LOG) -> Range | None:
        """The confidence interval of the survival at a time; None where the scale has none."""
        k = self._step(day)
        low, high = self.band(kind)
        if k < 0:
            return None if kind is IntervalScale.LOG_LOG else (1.0, 1.0)
        return None if math.isnan(low[k]) else (float(low[k]), float(high[k]))

    def band(self, kind: IntervalScale = IntervalScale.LOG) -> tuple[Days, Days]:
        """The intervals after each time; NaN where the scale has none."""
        s = self.survival
        z = z_of()
        with np.errstate(divide="ignore", invalid="ignore"):
            error = z * np.sqrt(self.log_variance)
            if kind is IntervalScale.LOG:
                low, high = s * np.exp(-error), np.minimum(1.0, s * np.exp(error))
            elif kind is IntervalScale.PLAIN:
                low, high = np.maximum(0.0, s - s * error), np.minimum(1.0, s + s * error)
            else:
                inner = np.log(-np.log(s))
                shift = error / np.log(s)
                low, high = np.exp(-np.exp(inner - shift)), np.exp(-np.exp(inner + shift))
        undefined = (s <= 0) | ((s >= 1) & (kind is IntervalScale.LOG_LOG))
        return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)

    def quantile(self, share: float = 0.5) -> float | None:
        """The time by which a share has had the event; None where the curve stays above.

        Where the curve is flat at the level asked for, the middle of the stretch counts, as in R.
        """
        return self._quantile(self.survival, share)

    def quantile_interval(
        self, share: float = 0.5, kind: IntervalScale = IntervalScale.LOG
    ) -> tuple[float | None, float | None]:
        """The times at which the bounds of the curve reach a quantile (Brookmeyer, Crowley)."""
        low, high = self.band(kind)
        return self._quantile(low, share), self._quantile(high, share)

    @property
    def median(self) -> float | None:
        return self.quantile()

    def at_risk_on(self, days: Sequence[float]) -> list[int]:
        """How many are followed just before each of some times."""
        first = np.searchsorted(self.days, np.asarray(days, dtype=float), side="left")
        numbers = [*map(int, self.at_risk), 0]
        return [numbers[k] for k in first]

    def restricted_mean(self, until_day: float) -> tuple[float, float] | None:
        """The area under the curve up to a time in days, and its standard error.

        Returns:
            None where the follow-up ends earlier while somebody is still free of the event: what
            lies beyond is not known.
        """
        last = float(self.days[-1]) if len(self.days) else 0.0
        if until_day > last and (not len(self.days) or self.survival[-1] > 0):
            return None
        within = self.days < until_day
        edges = np.concatenate([[0.0], self.days[within], [until_day]])
        heights = np.concatenate([[1.0], self.survival[within]])
        areas = np.diff(edges) * heights
        after = np.cumsum(areas[::-1])[::-1][1:]  # beyond each time within
        left = (self.at_risk - self.events)[within]
        terms = np.divide(
            self.events[within],
            self.at_risk[within] * left,
            out=np.zeros(int(within.sum())),
            where=left > 0,
        )
        return float(areas.sum()), math.sqrt(float((after**2 * terms).sum()))

    def _step(self, day: float) -> int:
        return int(np.searchsorted(self.days, day, side="right")) - 1

    def _quantile(self, curve: Days, share: float) -> float | None:
        known = ~np.isnan(curve)
        if not known.any():
            return None
        days, fallen = self.days[known], 1 - curve[known]
        first = np.concatenate([[True], fallen[1:] != fallen[:-1]])
        reached = int(np.argmax(fallen >= share - LEVEL_TOLERANCE))
        if fallen[reached] < share - LEVEL_TOLERANCE:
            return None
        if abs(fallen[-1] - share) < LEVEL_TOLERANCE:
            return float((days[reached] + days[-1]) / 2)
        beyond = np.flatnonzero((fallen > share + LEVEL_TOLERANCE) & first)
        end = days[beyond[0]] if len(beyond) else days[reached]
        return float((days[reached] + end) / 2)


def kaplan_meier(days: npt.ArrayLike, events: npt.ArrayLike) -> KaplanMeier:
    """The survival curve of times, each an event or censored.

    Args:
        days: from the start of the clock, not negative.
        events: True for an event, False for censoring.

    Raises:
        InputError: negative times, times that are no numbers, or lengths that differ.
    """
    times, happened = checked(days, events)
    if not len(times):
        raise InputError("a survival curve of nobody", remedy="give at least one time")
    distinct, place = np.unique(times, return_inverse=True)
    total = np.bincount(place, minlength=len(distinct))
    died = np.bincount(place[happened], minlength=len(distinct))
    at_risk = len(times) - np.concatenate([[0], np.cumsum(total)[:-1]])
    left = at_risk - died
    survival = np.cumprod(left / at_risk)
    terms = np.full(len(distinct), np.inf)
    np.divide(died, at_risk * left, out=terms, where=left > 0)
    return KaplanMeier(
        distinct,
        at_risk.astype(np.int64),
        died.astype(np.int64),
        (total - died).astype(np.int64),
        survival,
        np.cumsum(terms),
    )


def checked(days: npt.ArrayLike, events: npt.ArrayLike) -> tuple[Days, npt.NDArray[np.bool_]]:
    """Times and events as arrays.

    Raises:
        InputError: see :func:`kaplan_meier`.
    """
    times = np.asarray(days, dtype=np.float64).ravel()
    happened = np.asarray(events, dtype=bool).ravel()
    if len(times) != len(happened):
        raise InputError(f"{len(times)} times and {len(happened)} events")
    if len(times) and not np.isfinite(times).all():
        raise InputError("a time that is no number", remedy="leave the patient out and say so")
    if len(times) and times.min() < 0:
        raise InputError(f"a time of {times.min():g} days", remedy="no event precedes the start")
    return times, happened
