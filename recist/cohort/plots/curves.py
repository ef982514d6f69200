"""Shares of patients over time, by arm: survival, incidence, the growth modulation index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from recist.cohort.arms import Arms
from recist.cohort.end_points import (
    DAYS_PER_MONTH,
    curve_of,
    incidence_of,
    policy_of,
)
from recist.cohort.growth_modulation import SARCOMA
from recist.cohort.plots.plot import (
    FAINT,
    Plot,
    bare,
    blank,
    colour_of,
    file_name,
    members_of,
)
from recist.cohort.response_sheets import modulation_of
from recist.cohort.sheet import SheetRow, figure
from recist.cohort.survival import IntervalScale
from recist.cohort.times import FollowedPatient


def survival_plot(
    patients: Sequence[FollowedPatient], arms: Arms, endpoint: str, policy: str
) -> Plot | None:
    """Kaplan-Meier by arm, with bands, marks of censoring and numbers at risk."""
    chosen = policy_of(endpoint, policy)
    rule = f"policy {chosen}" if chosen else ""
    series: list[tuple[str, Steps]] = []
    rows: list[SheetRow] = []
    for arm in arms.names:
        curve = curve_of(members_of(patients, arm), endpoint, chosen)
        if curve is None:
            continue
        low, high = curve.band(IntervalScale.LOG_LOG)
        censored = curve.days[curve.censored > 0]
        series.append(
            (
                arm,
                Steps(curve.days, curve.survival, low, high, censored, curve.at_risk_on, 1.0),
            )
        )
        rows += [
            {
                "arm": arm,
                "days": f"{day:g}",
                "at_risk": str(n),
                "events": str(d),
                "censored": str(c),
                "survival": f"{s:.6f}",
                "low": figure(float(a), 6),
                "high": figure(float(b), 6),
            }
            for day, n, d, c, s, a, b in zip(
                curve.days, curve.at_risk, curve.events, curve.censored, curve.survival, low, high,
                strict=True,
            )
        ]  # fmt: skip
    if not series:
        return None
    drawing = _steps(series, arms, f"{endpoint} (%)", rule)
    return Plot(f"km_{file_name(endpoint)}", f"{endpoint} by Kaplan-Meier", drawing, tuple(rows))


def incidence_plot(patients: Sequence[FollowedPatient], arms: Arms, endpoint: str) -> Plot | None:
    """Cumulative incidence by arm, death competing."""
    series = []
    rows: list[SheetRow] = []
    for arm in arms.names:
        found = incidence_of(members_of(patients, arm), endpoint)
        if found is None:
            continue
        spans = [found.interval(float(day)) or (np.nan, np.nan) for day in found.days]
        low, high = np.array([a for a, _ in spans]), np.array([b for _, b in spans])
        risk = found.at_risk
        days = found.days

        def at_risk_on(
            at: Sequence[float], days: np.ndarray = days, risk: np.ndarray = risk
        ) -> list[int]:
            numbers = [*map(int, risk), 0]
            return [numbers[k] for k in np.searchsorted(days, np.asarray(at), side="left")]

        series.append((arm, Steps(days, found.incidence, low, high, np.array([]), at_risk_on, 0.0)))
        rows += [
            {"arm": arm, "days": f"{d:g}", "at_risk": str(n), "events": str(e),
             "incidence": f"{p:.6f}", "standard_error": f"{s:.6f}"}
            for d, n, e, p, s in zip(days, risk, found.events, found.incidence,
                                     found.standard_errors, strict=True)
        ]  # fmt: skip
    if not series:
        return None
    of = "irradiated lesions" if endpoint == "local progression" else "patients"
    drawing = _steps(series, arms, f"{endpoint} (% of {of})", "death competing")
    title = f"Cumulative incidence of {endpoint}"
    return Plot(f"incidence_{file_name(endpoint)}", title, drawing, tuple(rows))


def modulation_plot(patients: Sequence[FollowedPatient], arms: Arms, policy: str) -> Plot | None:
    """Kaplan-Meier of the growth modulation index by arm."""
    drawing = blank(7.6, 4.2)
    axes = drawing.add_subplot()
    rows: list[SheetRow] = []
    colour = colour_of(arms)
    for arm in arms.names:
        found = modulation_of(members_of(patients, arm), policy, SARCOMA)
        if found is None:
            continue
        curve = found.curve
        axes.step(
            [0, *curve.days], [100, *(100 * curve.survival)], where="post", color=colour(arm),
            linewidth=1.8, label=f"{arm} ({len(found.ratios)})",
        )  # fmt: skip
        rows += [
            {"arm": arm, "subject": each.subject, "index": f"{each.index:.4f}",
             "event": "yes" if each.event else "no"}
            for each in found.ratios
        ]  # fmt: skip
    if not rows:
        return None
    axes.axvline(SARCOMA, color=FAINT, linewidth=0.8, linestyle="--")
    axes.text(SARCOMA, 101, f" {SARCOMA:g}", fontsize=8, color=FAINT)
    axes.set_xlim(0, min(6, 1.05 * max(float(row["index"]) for row in rows) + 0.1))
    axes.set_ylim(0, 106)
    axes.set_xlabel("Growth modulation index")
    axes.set_ylabel("Patients above (%)")
    axes.legend(frameon=False)
    bare(axes)
    return Plot("growth_modulation", "Growth modulation index", drawing, tuple(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A curve of steps from its height at time zero."""

    days: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    marks: np.ndarray
    at_risk_on: Callable[[Sequence[float]], list[int]]
    start: float


def _steps(series: Sequence[tuple[str, Steps]], arms: Arms, label: str, note: str) -> Figure:
    drawing = blank(8.2, 4.6 + 0.24 * len(series))
    axes = drawing.add_subplot()
    colour = colour_of(arms)
    last = max(float(steps.days[-1]) for _, steps in series) / DAYS_PER_MONTH
    for arm, steps in series:
        x = np.concatenate([[0], steps.days]) / DAYS_PER_MONTH
        y = 100 * np.concatenate([[steps.start], steps.values])
        axes.step(x, y, where="post", color=colour(arm), linewidth=1.8, label=arm)
        known = ~np.isnan(steps.low)
        if known.any():
            axes.fill_between(
                steps.days[known] / DAYS_PER_MONTH, 100 * steps.low[known], 100 * steps.high[known],
                step="post", color=colour(arm), alpha=0.13, linewidth=0,
            )  # fmt: skip
        if len(steps.marks):
            at = np.searchsorted(steps.days, steps.marks)
            axes.plot(
                steps.marks / DAYS_PER_MONTH, 100 * steps.values[at], "|", color=colour(arm),
                markersize=6,
            )  # fmt: skip
    step = next((s for s in (1, 2, 3, 6, 12, 24) if last / s <= 10), 48)
    ticks = np.arange(0, last + step, step)
    axes.set_xticks(ticks)
    axes.set_xlim(0, max(ticks[-1], step))
    axes.set_ylim(0, 102)
    axes.set_ylabel(label)
    axes.axvline(6, color=FAINT, linewidth=0.7, linestyle=":")
    bare(axes)
    place: Literal["upper right", "upper left"] = "upper left"
    if series[0][1].start:
        place = "upper right"
    axes.legend(frameon=False, loc=place, title=note, title_fontsize=8)
    names = "\n".join(arm if len(arm) <= 24 else arm[:23] + "…" for arm, _ in series)
    axes.set_xlabel("Months")
    below = axes.secondary_xaxis(-0.2)
    below.set_xticks(
        ticks,
        [
            "\n".join(str(steps.at_risk_on([tick * DAYS_PER_MONTH])[0]) for _, steps in series)
            for tick in ticks
        ],
    )
    below.tick_params(length=0, labelsize=8)
    below.spines["bottom"].set_visible(False)
    axes.annotate(
        f"At risk\n{names}", (0, -0.2), xycoords="axes fraction", xytext=(-14, 9.5),
        textcoords="offset points", ha="right", va="top", fontsize=8, annotation_clip=False,
    )  # fmt: skip
    return drawing
