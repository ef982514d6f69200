"""Tumour growth rate between two scans, with the error that the diameters bring with them.

Ferte et al., Clin Cancer Res 2014;20:246: ``TG = 3 ln(D2/D1) / t`` in months, and
``TGR = 100 (exp TG - 1)`` percent of the volume per month. Mehrara et al., Cancer Res 2007;67:3970:
the specific growth rate is preferred to a doubling time, which does not exist without change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from imaging.errors import InputError

DAYS_PER_MONTH = 30.4375

#: Standard deviation of the logarithm of a repeated diameter of one lesion.
DIAMETER_LOG_SD = 0.05

#: From this ratio of the rates after and before on, growth is called hyperprogressive (Champiat et
#: al., Clin Cancer Res 2017;23:1920).
HYPERPROGRESSION_RATIO = 2.0


@dataclass(frozen=True, slots=True)
class GrowthRate:
    """Growth between two scans.

    Attributes:
        tg_per_month: of the logarithm of the volume; ``tg_error``: its standard error.
        days: between the scans.
    """

    tg_per_month: float
    tg_error: float
    days: float

    @property
    def tgr_percent_per_month(self) -> float:
        return 100 * math.expm1(self.tg_per_month)

    @property
    def tgr_interval(self) -> tuple[float, float]:
        """TGR one standard error of TG below and above."""
        return (
            100 * math.expm1(self.tg_per_month - self.tg_error),
            100 * math.expm1(self.tg_per_month + self.tg_error),
        )

    @property
    def sgr_percent_per_day(self) -> float:
        """The specific growth rate."""
        return 100 * self.tg_per_month / DAYS_PER_MONTH

    @property
    def doubling_days(self) -> float | None:
        """None where the volume does not change; negative where it halves."""
        rate = self.sgr_percent_per_day / 100
        return math.log(2) / rate if rate else None


def growth_rate(
    first_mm: float, second_mm: float, days: float, *, log_sd: float = DIAMETER_LOG_SD
) -> GrowthRate:
    """The growth rate from two diameters (or sums of diameters).

    Args:
        log_sd: of one reading of the diameter or sum.

    Raises:
        InputError: a diameter of zero, or scans on the same day.
    """
    if not (first_mm > 0 and second_mm > 0 and days > 0):
        raise InputError(f"no growth rate from {first_mm:g} to {second_mm:g} mm in {days:g} days")
    months = days / DAYS_PER_MONTH
    return GrowthRate(
        3 * math.log(second_mm / first_mm) / months, 3 * math.sqrt(2) * log_sd / months, days
    )
