"""Cumulative incidence where risks compete: one event that keeps another from happening.

Aalen and Johansen 1978. One minus Kaplan-Meier would count those who died as if they could still
progress. The variance is that of the infinitesimal jackknife, as in R's ``survival``; it holds for
several lesions of one patient too, where their influences are added first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recist.cohort.proportion import Range, z_of
from recist.cohort.survival import checked

#: The cause of a time that is censored.
CENSORED = 0


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeIncidence:
    """The share in whom one cause has come first, as steps over the distinct times.

    Attributes:
        days, at_risk: distinct times, and who is followed just before.
        events: of this cause.
        incidence, standard_errors: after each time.
    """

    days: npt.NDArray[np.float64]
    at_risk: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]
    incidence: npt.NDArray[np.float64]
    standard_errors: npt.NDArray[np.float64]

    def at(self, day: float) -> float:
        k = int(np.searchsorted(self.days, day, side="right")) - 1
        return 0.0 if k < 0 else float(self.incidence[k])

    def standard_error(self, day: float) -> float:
        k = int(np.searchsorted(self.days, day, side="right")) - 1
        return 0.0 if k < 0 else float(self.standard_errors[k])

    def interval(self, day: float) -> Range | None:
        """The interval by the scale log(-log), never outside 0..1; None before any event."""
        share, error = self.at(day), self.standard_error(day)
        if not 0 < share < 1:
            return None
        shift = z_of() * error / (share * math.log(share))
        low, high = share ** math.exp(-shift), share ** math.exp(shift)
        return min(low, high), max(low, high)


def cumulative_incidence(
    days: npt.ArrayLike,
    causes: npt.ArrayLike,
    cause: int,
    clusters: Sequence[object] | None = None,
) -> CumulativeIncidence:
    """The cumulative incidence of one cause.

    Args:
        days: from the start of the clock, not negative.
        causes: what happened at each, as a whole number; 0: censored.
        clusters: whom each belongs to (the patient of a lesion); each stands alone unless given.

    Raises:
        InputError: see :func:`recist.cohort.survival.kaplan_meier`.
    """
    kinds = np.asarray(causes, dtype=np.int64).ravel()
    times, happened = checked(days, kinds != CENSORED)
    distinct, place = np.unique(times, return_inverse=True)
    steps = np.arange(len(distinct))
    followed = place[:, None] >= steps  # (subjects, times)
    any_event = (place[:, None] == steps) & happened[:, None]
    own_event = any_event & (kinds == cause)[:, None]
    at_risk = followed.sum(axis=0)
    hazard, own_hazard = any_event.sum(axis=0) / at_risk, own_event.sum(axis=0) / at_risk
    before = np.concatenate([[1.0], np.cumprod(1 - hazard)[:-1]])
    excess = (any_event - followed * hazard) / at_risk
    own_excess = (own_event - followed * own_hazard) / at_risk
    left = np.where(hazard < 1, 1 - hazard, 1.0)  # beyond, nobody is left
    log_change = np.cumsum(excess / left, axis=1)
    log_change = np.concatenate([np.zeros((len(times), 1)), log_change[:, :-1]], axis=1)
    influence = np.cumsum(before * (own_excess - own_hazard * log_change), axis=1)
    if clusters is not None:
        _, member = np.unique([str(each) for each in clusters], return_inverse=True)
        together = np.zeros((int(member.max(initial=0)) + 1, len(distinct)))
        np.add.at(together, member, influence)
        influence = together
    return CumulativeIncidence(
        distinct,
        at_risk.astype(np.int64),
        own_event.sum(axis=0).astype(np.int64),
        np.cumsum(before * own_hazard),
        np.sqrt((influence**2).sum(axis=0)),
    )
