"""Growth modulation index: how long this line holds the disease beside how long the last one did.

Von Hoff 1998 asked for a ratio above 1.3, sarcoma groups for 1.33 (Penel 2013, Cousin 2013). The
share of patients above the threshold is estimated in three ways, which differ where the new line
is censored: Texier et al. (Comput Math Methods Med 2018:1672176) recommend midranks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging.errors import InputError
from recist.cohort.proportion import Proportion, Range, z_of
from recist.cohort.survival import IntervalScale, KaplanMeier, kaplan_meier

#: Von Hoff, Clin Cancer Res 1998;4:1079, and the threshold of sarcoma trials.
VON_HOFF, SARCOMA = 1.3, 1.33


@dataclass(frozen=True, slots=True)
class Ratio:
    """The ratio of one patient.

    Attributes:
        days: free of progression in this line.
        previous_days: from the start of the previous line to its progression.
        event: this line has ended; False: the ratio is at least so much.
    """

    subject: str
    days: float
    previous_days: float
    event: bool

    def __post_init__(self) -> None:
        if not self.previous_days > 0 or self.days < 0:
            raise InputError(
                f"a ratio of {self.days:g} to {self.previous_days:g} days", where=self.subject
            )

    @property
    def index(self) -> float:
        return self.days / self.previous_days


@dataclass(frozen=True, slots=True)
class Midrank:
    """The share above a threshold by midranks.

    Attributes:
        interval: as the authors give it (Wald). Of 100 patients it covers a share near a half in
            94.4 % by the binomial distribution, far fewer near none or all (Brown, Cai and
            DasGupta, Stat Sci 2001;16:101), which is why ``wilson`` stands in the answers.
    """

    share: float
    interval: Range
    wilson: Range
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class GrowthModulation:
    """The share of patients whose index is above a threshold.

    Attributes:
        observed: by the ratios as they stand: censored ones below the threshold count as failures,
            so this is the least that it can be.
        midrank: Texier's estimate.
        curve: Kaplan-Meier of the ratios; ``curve.at(threshold)`` is the share above it.
    """

    threshold: float
    ratios: tuple[Ratio, ...]
    observed: Proportion
    midrank: Midrank
    curve: KaplanMeier

    @property
    def by_curve(self) -> tuple[float, Range | None]:
        """The Kaplan-Meier estimate at the threshold, with its log-log interval."""
        return self.curve.at(self.threshold), self.curve.interval(
            self.threshold, IntervalScale.LOG_LOG
        )


def growth_modulation(ratios: Sequence[Ratio], threshold: float) -> GrowthModulation | None:
    """The growth modulation index of a cohort; None where nobody can be evaluated."""
    if not ratios:
        return None
    above = sum(each.index > threshold for each in ratios)
    indices = [each.index for each in ratios]
    return GrowthModulation(
        threshold,
        tuple(ratios),
        Proportion(above, len(ratios)),
        midrank_share(
            [each.previous_days for each in ratios],
            [each.days for each in ratios],
            [each.event for each in ratios],
            threshold,
        ),
        kaplan_meier(indices, [each.event for each in ratios]),
    )


def midrank_share(
    previous_days: npt.ArrayLike, days: npt.ArrayLike, events: npt.ArrayLike, threshold: float
) -> Midrank:
    """The share of patients whose time is at least the threshold times the previous one.

    Both times of all patients are ranked together, a censored one as the interval from its
    censoring to infinity; the midrank of an interval (Hudgens and Satten 2002) lies half-way
    between the least and the greatest rank that it can have. A patient counts whose time ranks at
    least as high as the threshold times the previous time.
    """
    before = threshold * np.asarray(previous_days, dtype=np.float64)
    now = np.asarray(days, dtype=np.float64)
    ended = np.asarray(events, dtype=bool)
    if not len(now):
        raise InputError("a share of nobody")
    latest = np.where(ended, now, np.inf)
    lefts = np.sort(np.concatenate([before, now]))
    rights = np.sort(np.concatenate([before, latest]))

    def midranks(
        left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        least = np.searchsorted(rights, left, side="left") + 1
        greatest = np.searchsorted(lefts, right, side="right")
        middle: npt.NDArray[np.float64] = (least + greatest) / 2
        return middle

    found = Proportion(int((midranks(now, latest) >= midranks(before, before)).sum()), len(now))
    share = found.x / found.n
    half = z_of() * math.sqrt(share * (1 - share) / found.n)
    wald = max(0.0, share - half), min(1.0, share + half)
    return Midrank(share, wald, found.wilson or (0.0, 1.0), found.n)
