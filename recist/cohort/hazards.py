"""Two or more arms compared by their times: log-rank, hazard ratio, proportionality.

statsmodels does the estimating; what is added says when an answer does not exist.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from imaging.errors import InputError
from recist.cohort.proportion import Range, z_of
from recist.cohort.survival import checked, kaplan_meier

Labels = Sequence[object]


@dataclass(frozen=True, slots=True)
class LogRank:
    """The log-rank test (Mantel 1966), two-sided."""

    chi_squared: float
    degrees_of_freedom: int
    p: float


@dataclass(frozen=True, slots=True)
class Effect:
    """One covariate of a Cox model.

    Attributes:
        log_hazard_ratio, standard_error: per unit of the covariate.
        p: of Wald's test, two-sided.
    """

    name: str
    log_hazard_ratio: float
    standard_error: float
    p: float

    @property
    def hazard_ratio(self) -> float:
        return float(np.exp(self.log_hazard_ratio))

    @property
    def interval(self) -> Range:
        half = z_of() * self.standard_error
        return (
            float(np.exp(self.log_hazard_ratio - half)),
            float(np.exp(self.log_hazard_ratio + half)),
        )


@dataclass(frozen=True, slots=True)
class Proportionality:
    """Whether the hazard ratio stays the same over time (Grambsch and Therneau 1994).

    Attributes:
        chi_squared, p: score test of a slope over one minus the Kaplan-Meier curve; one degree of
            freedom.
    """

    chi_squared: float
    p: float


def log_rank(
    days: npt.ArrayLike, events: npt.ArrayLike, groups: Labels, strata: Labels | None = None
) -> LogRank | None:
    """Do the groups differ, within strata where given.

    Returns:
        None where nothing can be told: one group, or no event while two groups were followed.
    """
    from statsmodels.duration.survfunc import survdiff  # noqa: PLC0415 - heavy

    times, happened = checked(days, events)
    member = _layers(groups, len(times))
    layer = _layers(strata, len(times))
    # statsmodels stumbles over a stratum that contrasts nothing; it adds nothing either.
    useful = np.isin(
        layer,
        [k for k in np.unique(layer) if _contrasts(times, happened, member, layer == k)],
    )
    if not useful.any():
        return None
    times, happened, member, layer = times[useful], happened[useful], member[useful], layer[useful]
    compared = len(np.unique(member))
    status = happened.astype(np.int64)
    several = len(np.unique(layer)) > 1
    chi, p = survdiff(times, status, member, strata=layer if several else None)
    return LogRank(float(chi), compared - 1, float(p))


def cox(
    days: npt.ArrayLike,
    events: npt.ArrayLike,
    covariates: dict[str, npt.ArrayLike],
    strata: Labels | None = None,
    ties: str = "efron",
) -> tuple[Effect, ...] | None:
    """Hazard ratios by Cox's model.

    Args:
        covariates: numbers by name; an arm is 0 or 1.
        strata: each has a baseline hazard of its own.
        ties: efron or breslow.

    Returns:
        None where the model has no finite answer: no event, a covariate that does not vary, one arm
        without an event, or any other likelihood that rises without end.
    """
    from statsmodels.duration.hazard_regression import PHReg  # noqa: PLC0415 - heavy
    from statsmodels.tools.sm_exceptions import (  # noqa: PLC0415
        ConvergenceWarning,
        HessianInversionWarning,
    )

    times, happened = checked(days, events)
    design = _design(covariates, len(times))
    if not happened.any() or any(_monotone(column, happened) for column in design.T):
        return None
    layer = None if strata is None else _layers(strata, len(times))
    # Efron's sums are kept small by centring; the effects do not depend on it.
    model = PHReg(
        times, design - design.mean(axis=0), happened.astype(np.int64), strata=layer, ties=ties
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # statsmodels warns where the likelihood has no maximum
            fitted = model.fit()
    except (ConvergenceWarning, HessianInversionWarning, RuntimeWarning, np.linalg.LinAlgError):
        return None
    estimates, errors = np.atleast_1d(fitted.params), np.atleast_1d(fitted.bse)
    if not np.isfinite(estimates).all() or not np.isfinite(errors).all():
        return None
    return tuple(
        Effect(name, float(b), float(se), float(2 * stats.norm.sf(abs(b / se))))
        for name, b, se in zip(covariates, estimates, errors, strict=True)
    )


def proportionality(
    days: npt.ArrayLike,
    events: npt.ArrayLike,
    covariates: dict[str, npt.ArrayLike],
    strata: Labels | None = None,
) -> tuple[Proportionality, ...] | None:
    """Is each hazard ratio the same at all times: the score test, as ``cox.zph`` of R does it.

    Returns:
        One test per covariate; None where the Cox model itself has no answer.
    """
    effects = cox(days, events, covariates, strata)
    if effects is None:
        return None
    times, happened = checked(days, events)
    design = _design(covariates, len(times))
    design = design - design.mean(axis=0)
    layer = _layers(strata, len(times))
    risk = np.exp(design @ np.array([each.log_hazard_ratio for each in effects]))
    curve = kaplan_meier(times, happened)
    residual_rows, variances, scales = [], [], []
    for stratum in np.unique(layer):
        inside = layer == stratum
        for day in np.unique(times[inside & happened]):
            followed, died = inside & (times >= day), inside & (times == day) & happened
            mean, variance = _efron(design, risk, followed, died)
            residual_rows.append(design[died].sum(axis=0) - mean)
            variances.append(variance)
            scales.append(1 - _just_before(curve.days, curve.survival, float(day)))
    score, information, g = np.array(residual_rows), np.array(variances), np.array(scales)
    first = information.sum(axis=0)
    cross = (g[:, None, None] * information).sum(axis=0)
    second = (g[:, None, None] ** 2 * information).sum(axis=0)
    slope = (g[:, None] * score).sum(axis=0)
    tests = []
    for k in range(design.shape[1]):
        left = second[k, k] - cross[k] @ np.linalg.solve(first, cross[k])
        chi = float(slope[k] ** 2 / left) if left > 0 else 0.0
        tests.append(Proportionality(chi, float(stats.chi2.sf(chi, 1))))
    return tuple(tests)


def concordance(days: npt.ArrayLike, events: npt.ArrayLike, score: npt.ArrayLike) -> float | None:
    """The share of comparable pairs in which the higher score has the event first (Harrell 1982).

    A pair is comparable where the earlier time is an event; equal scores count one half, equal
    times with two events are left out, as in R's ``survival``.

    Returns:
        None without a comparable pair.
    """
    times, happened = checked(days, events)
    risk = np.asarray(score, dtype=np.float64).ravel()
    later = times[None, :] > times[:, None]
    same_but_censored = (times[None, :] == times[:, None]) & ~happened[None, :]
    comparable = happened[:, None] & (later | same_but_censored)
    pairs = int(comparable.sum())
    if not pairs:
        return None
    higher = (risk[:, None] > risk[None, :])[comparable].sum()
    equal = (risk[:, None] == risk[None, :])[comparable].sum()
    return float((higher + equal / 2) / pairs)


def _efron(
    design: npt.NDArray[np.float64],
    risk: npt.NDArray[np.float64],
    followed: npt.NDArray[np.bool_],
    died: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sums over the deaths of one time of the expected covariate and of its variance."""
    number = int(died.sum())
    p = design.shape[1]
    mean, variance = np.zeros(p), np.zeros((p, p))
    for k in range(number):
        weights = risk * (followed - died * (k / number))
        weights = weights / weights.sum()
        centre = weights @ design
        mean += centre
        variance += (design * weights[:, None]).T @ design - np.outer(centre, centre)
    return mean, variance


def _just_before(
    days: npt.NDArray[np.float64], survival: npt.NDArray[np.float64], day: float
) -> float:
    k = int(np.searchsorted(days, day, side="left")) - 1
    return 1.0 if k < 0 else float(survival[k])


def _design(covariates: dict[str, npt.ArrayLike], n: int) -> npt.NDArray[np.float64]:
    if not covariates:
        raise InputError("a Cox model without covariates")
    columns = [np.asarray(each, dtype=np.float64).ravel() for each in covariates.values()]
    for name, column in zip(covariates, columns, strict=True):
        if len(column) != n or not np.isfinite(column).all():
            raise InputError(f"covariate {name!r} is not one number for each of {n} times")
    return np.column_stack(columns)


def _layers(strata: Labels | None, n: int) -> npt.NDArray[np.int64]:
    if strata is None:
        return np.zeros(n, dtype=np.int64)
    _, layer = np.unique([str(each) for each in strata], return_inverse=True)
    return layer.astype(np.int64)


def _contrasts(
    times: npt.NDArray[np.float64],
    happened: npt.NDArray[np.bool_],
    member: npt.NDArray[np.int64],
    inside: npt.NDArray[np.bool_],
) -> bool:
    """Whether an event of a stratum happened while two of its groups were followed."""
    days = times[inside & happened]
    return any(len(np.unique(member[inside & (times >= day)])) > 1 for day in np.unique(days))


def _monotone(column: npt.NDArray[np.float64], happened: npt.NDArray[np.bool_]) -> bool:
    """Whether a covariate leaves the likelihood without a maximum, as far as two values show."""
    values = np.unique(column)
    if len(values) < 2:
        return True
    return len(values) == 2 and not all(happened[column == value].any() for value in values)
