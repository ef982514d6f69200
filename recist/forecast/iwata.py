"""Colonies by size: Iwata's model with Hartung's renewal equation. Exploratory simulation only.

Iwata, Kawasaki and Shigesada, J Theor Biol 2000;203:177, with the values of their patient:
Gompertz growth ``b ** (1 - exp(-a t))``, emission ``m x ** alpha`` of every tumour, metastases too.
With ``B`` the emission of all together, ``B(t) = beta(x(t)) + integral of beta(x(t - s)) B(s)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.integrate import quad
from scipy.optimize import brentq

from imaging.volume import FloatArray
from recist.forecast.emission import cells_of

#: Step of the renewal equation, in days; halved once and extrapolated.
STEP_DAYS = 1.0


@dataclass(frozen=True, slots=True)
class Iwata:
    """The model; days, cells."""

    a: float = 0.00286
    b: float = 7.3e10
    m: float = 5.3e-8
    alpha: float = 0.663

    def cells(self, day: npt.ArrayLike) -> FloatArray:
        age = np.asarray(day, dtype=np.float64)
        return np.asarray(np.exp(math.log(self.b) * -np.expm1(-self.a * age)))

    def emission(self, day: npt.ArrayLike) -> FloatArray:
        """Colonies per day from a tumour of an age."""
        return np.asarray(self.m * self.cells(day) ** self.alpha)

    def age_at(self, diameter_mm: float) -> float:
        """Days from one cell to a diameter."""
        return -math.log(1 - math.log(cells_of(diameter_mm)) / math.log(self.b)) / self.a

    def first_generation(self, day: float) -> float:
        """Colonies of the primary alone."""
        return float(quad(lambda t: float(self.emission(t)), 0, day, epsabs=1e-10, limit=200)[0])

    def colonies(self, day: float, visible_mm: float = 0.0) -> float:
        """Colonies of all generations, those above a diameter."""
        older = day - (self.age_at(visible_mm) if visible_mm else 0.0)
        return self._total(older) if older > 0 else 0.0

    def malthus_per_day(self) -> float:
        """The rate at which the whole grows in the end (Euler and Lotka)."""

        def excess(rate: float) -> float:
            value = quad(
                lambda t: float(self.emission(t)) * math.exp(-rate * t), 0, np.inf, limit=400
            )[0]
            return float(value) - 1

        return float(brentq(excess, 1e-4, 0.1, xtol=1e-14))

    def _total(self, day: float) -> float:
        """The integral of B, by the trapezoid rule and Richardson's extrapolation."""
        coarse, fine = (self._renewal(day, parts) for parts in _parts(day))
        return (4 * fine - coarse) / 3

    def _renewal(self, day: float, parts: int) -> float:
        step = day / parts
        kernel = self.emission(np.arange(parts + 1) * step)
        births = np.zeros(parts + 1)
        births[0] = kernel[0]
        for k in range(1, parts + 1):
            inner = kernel[k:0:-1] @ births[:k] - 0.5 * kernel[k] * births[0]
            births[k] = (kernel[k] + step * inner) / (1 - 0.5 * step * kernel[0])
        return float(step * (births.sum() - (births[0] + births[-1]) / 2))


def _parts(day: float) -> tuple[int, int]:
    parts = max(8, math.ceil(day / STEP_DAYS))
    return parts, 2 * parts
