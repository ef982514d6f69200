"""Which curve a series of sizes follows: the Stein family, Claret's and Wang's, side by side.

By likelihood alone, so from five scans on only: no spread between patients is published for most of
them that could stand as a prior. Curves of more parameters are fitted where scans outnumber them.
They are compared by Akaike's criterion, as in the package tumgr; the rates of the main fit
(:mod:`recist.forecast.fitting`) stay those of Stein's curve, whatever comes out best here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from imaging.volume import FloatArray
from recist.forecast.fitting import (
    FEWEST_WITHOUT,
    HIGHEST_RATE,
    LOWEST_RATE,
    OAK,
    Prior,
    sizes_over_days,
)
from recist.forecast.kinetics import Claret, Stein, Wang, gd_phi

#: Where the smallest size of a curve is looked for, beyond the last scan, in days.
BEYOND_DAYS = 365.0


@dataclass(frozen=True, slots=True)
class CurveModel:
    """A curve of sizes.

    Attributes:
        names: of its parameters; the first is the size at the first scan, in mm.
        bounds: of the others, per day unless said by the name.
        size: mm on days since the first scan.
    """

    name: str
    source: str
    names: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]
    size: Callable[[FloatArray, Sequence[float]], FloatArray]


_RATE = (LOWEST_RATE, HIGHEST_RATE)

MODELS = (
    CurveModel("growth", "Stein 2011 (gx)", ("start_mm", "kg"), (_RATE,),
               lambda t, p: p[0] * np.exp(p[1] * t)),
    CurveModel("shrinkage", "Stein 2011 (dx)", ("start_mm", "ks"), (_RATE,),
               lambda t, p: p[0] * np.exp(-p[1] * t)),
    CurveModel("growth and shrinkage", "Stein 2011 (gd)", ("start_mm", "kg", "ks"), (_RATE, _RATE),
               lambda t, p: p[0] * Stein(p[1], p[2]).relative(t)),
    CurveModel("shrinking share", "tumgr (gd-phi)", ("start_mm", "kg", "kd", "share"),
               (_RATE, _RATE, (0.01, 0.99)), lambda t, p: p[0] * gd_phi(t, p[1], p[2], p[3])),
    CurveModel("Claret", "Claret 2009", ("start_mm", "kl", "kde", "wearing_off"),
               (_RATE, _RATE, _RATE), lambda t, p: Claret(p[0], p[1], p[2], p[3]).size(t)),
    CurveModel("Wang", "Wang 2009", ("start_mm", "shrinkage", "growth_mm"), (_RATE, (1e-4, 2.0)),
               lambda t, p: Wang(p[0], p[1], p[2]).size(t)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CurveFit:
    """One curve on one series.

    Attributes:
        aic: Akaike's criterion, less is better; computed with the error of one reading of the sum.
        nadir_day, nadir_mm: the smallest size up to a year beyond the last scan; since the first.
        flags: parameters of which nothing is known but that they lie beyond a bound.
    """

    model: CurveModel
    parameters: Mapping[str, float]
    aic: float
    nadir_day: float
    nadir_mm: float
    flags: tuple[str, ...]


def fit_curves(
    days: npt.ArrayLike, sizes_mm: npt.ArrayLike, error: Prior = OAK
) -> tuple[CurveFit, ...]:
    """Every curve that the scans outnumber, the most probable first; none of fewer than five scans.

    Args:
        error: whose error of one reading is taken.

    Raises:
        InputError: lengths that differ, or a size of zero or less.
    """
    t, y = sizes_over_days(days, sizes_mm)
    if len(t) < FEWEST_WITHOUT:
        return ()
    deviation = np.sqrt((error.proportional * y) ** 2 + error.additive_mm**2)
    found = [_fit(model, t - t[0], y, deviation) for model in MODELS if len(model.names) < len(t)]
    return tuple(sorted(found, key=lambda each: each.aic))


def _fit(model: CurveModel, since: FloatArray, y: FloatArray, deviation: FloatArray) -> CurveFit:
    """Least squares on the logarithms of the parameters, from several starts."""
    low = np.log([y[0] / 8, *(low for low, _ in model.bounds)])
    high = np.log([y[0] * 8, *(high for _, high in model.bounds)])

    def misses(parameters: FloatArray) -> FloatArray:
        return (model.size(since, np.exp(parameters).tolist()) - y) / deviation

    shares = np.linspace(0.3, 0.8, len(model.bounds))
    best = min(
        (
            least_squares(misses, np.clip([math.log(y[0]), *start], low + 1e-6, high - 1e-6),
                          bounds=(low, high))
            for start in (low[1:] + turn * (high[1:] - low[1:])
                          for turn in (0.4, 0.55, 0.7, shares, shares[::-1]))
        ),
        key=lambda each: float(each.cost),
    )  # fmt: skip
    values = np.exp(best.x)
    days = np.linspace(0.0, since[-1] + BEYOND_DAYS, 2000)
    sizes = model.size(days, values.tolist())
    at = int(np.argmin(sizes))
    flags = [
        f"{name} at its bound"
        for name, value, a, b in zip(model.names[1:], best.x[1:], low[1:], high[1:], strict=True)
        if min(value - a, b - value) < 0.02 * (b - a)
    ]
    return CurveFit(
        model,
        dict(zip(model.names, map(float, values), strict=True)),
        float(2 * best.cost) + 2 * len(model.names),
        float(days[at]),
        float(sizes[at]),
        tuple(flags),
    )
