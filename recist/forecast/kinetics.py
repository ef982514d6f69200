"""Curves of tumour size under treatment, relative to or in units of the size at the start.

Stein et al. (Clin Cancer Res 2011;17:907) and the package tumgr; Claret et al. (J Clin Oncol
2009;27:4103); Wang et al. (Clin Pharmacol Ther 2009;86:167). Rates per unit of the time given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging.volume import FloatArray


@dataclass(frozen=True, slots=True)
class Stein:
    """Regrowth over regression: ``exp(-ks t) + exp(kg t) - 1``."""

    kg: float
    ks: float

    def relative(self, time: npt.ArrayLike) -> FloatArray:
        t = np.asarray(time, dtype=np.float64)
        return np.asarray(np.exp(-self.ks * t) + np.exp(self.kg * t) - 1)

    @property
    def time_to_growth(self) -> float:
        """The time of the smallest size; zero where growth is faster from the start."""
        if self.ks <= self.kg:
            return 0.0
        return math.log(self.ks / self.kg) / (self.ks + self.kg)

    @property
    def nadir(self) -> float:
        return float(self.relative(self.time_to_growth))


def gd_phi(time: npt.ArrayLike, kg: float, kd: float, phi: float) -> FloatArray:
    """A share ``phi`` that shrinks and the rest that grows (tumgr)."""
    t = np.asarray(time, dtype=np.float64)
    return np.asarray((1 - phi) * np.exp(kg * t) + phi * np.exp(-kd * t))


@dataclass(frozen=True, slots=True)
class Claret:
    """Growth against an effect that wears off: ``y0 exp(kl t - kde/l (1 - exp(-l t)))``."""

    y0: float
    kl: float
    kde: float
    wearing_off: float

    def size(self, time: npt.ArrayLike) -> FloatArray:
        t = np.asarray(time, dtype=np.float64)
        worn = -np.expm1(-self.wearing_off * t) / self.wearing_off
        return np.asarray(self.y0 * np.exp(self.kl * t - self.kde * worn))


@dataclass(frozen=True, slots=True)
class Wang:
    """Exponential shrinkage and linear growth: ``b exp(-sr t) + pr t``."""

    b: float
    shrinkage: float
    growth: float

    def size(self, time: npt.ArrayLike) -> FloatArray:
        t = np.asarray(time, dtype=np.float64)
        return np.asarray(self.b * np.exp(-self.shrinkage * t) + self.growth * t)
