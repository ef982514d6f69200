"""The plots of a trial, by arm, each with the data that it shows; from ten patients to hundreds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from recist.cohort.arms import ALL_ARMS, Arms
from recist.cohort.end_points import (
    COMPARED,
    COMPETING,
    DAYS_PER_MONTH,
    curve_of,
    incidence_of,
    policy_of,
    times_of,
)
from recist.cohort.growth_modulation import SARCOMA
from recist.cohort.hazards import cox
from recist.cohort.lesion_charts import PROGRESSION_PERCENT, RESPONSE_PERCENT, STYLE, TOP_PERCENT
from recist.cohort.response_sheets import groups, modulation_of, rate_of
from recist.cohort.sheet import SheetRow, figure
from recist.cohort.survival import IntervalScale
from recist.cohort.times import Followed, FollowedTime
from recist.course import EventKind
from recist.report.palette import FIELD_COLOURS, TONE_COLOURS, tone
from recist.response import Response, Scope

#: Okabe and Ito's colours, told apart by most eyes and in grey; one per arm.
ARM_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
FAINT = "#6b7280"

#: Above, patients of a waterfall or swimmer carry no name.
MOST_NAMED = 60
#: Tallest swimmer, in inches.
TALLEST = 13.0
#: Visits of the stacked bars, in days.
STACK_DAYS = 56


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing and what it shows."""

    name: str
    title: str
    drawing: Figure
    rows: tuple[SheetRow, ...]


def plots(
    patients: Sequence[Followed], arms: Arms, policy: str, strata: Sequence[str]
) -> list[Plot]:
    """Every plot that the data allow."""
    drawn: list[Plot | None] = [
        *(survival_plot(patients, arms, endpoint, policy) for endpoint in COMPARED),
        *(incidence_plot(patients, arms, endpoint) for endpoint in COMPETING),
        waterfall_plot(patients, arms),
        spider_plot(patients, arms),
        swimmer_plot(patients, arms, policy),
        stacked_plot(patients, arms),
        hazard_forest(patients, arms, policy, strata),
        rate_forest(patients, arms, strata),
        modulation_plot(patients, arms, policy),
    ]
    return [each for each in drawn if each is not None]


def colour_of(arms: Arms) -> Callable[[str], str]:
    return lambda arm: ARM_COLOURS[arms.names.index(arm) % len(ARM_COLOURS)]


def survival_plot(
    patients: Sequence[Followed], arms: Arms, endpoint: str, policy: str
) -> Plot | None:
    """Kaplan-Meier by arm, with bands, marks of censoring and numbers at risk."""
    chosen = policy_of(endpoint, policy)
    rule = f"policy {chosen}" if chosen else ""
    series: list[tuple[str, Steps]] = []
    rows: list[SheetRow] = []
    for arm in arms.names:
        curve = curve_of(_in(patients, arm), endpoint, chosen)
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
    return Plot(f"km_{_file(endpoint)}", f"{endpoint} by Kaplan-Meier", drawing, tuple(rows))


def incidence_plot(patients: Sequence[Followed], arms: Arms, endpoint: str) -> Plot | None:
    """Cumulative incidence by arm, death competing."""
    series = []
    rows: list[SheetRow] = []
    for arm in arms.names:
        found = incidence_of(_in(patients, arm), endpoint)
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
    return Plot(f"incidence_{_file(endpoint)}", title, drawing, tuple(rows))


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
    drawing = _figure(8.2, 4.6 + 0.24 * len(series))
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
    _bare(axes)
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


def waterfall_plot(patients: Sequence[Followed], arms: Arms) -> Plot | None:
    """The best change of the sum of each patient, largest growth first."""
    bars = []
    for each in patients:
        changes = [change for _, change in sums_of(each)[1:]]
        outcome = each.outcome()
        if changes and outcome is not None:
            bars.append((min(changes), each, outcome.best_overall))
    if not bars:
        return None
    bars.sort(key=lambda bar: (-bar[0], bar[1].subject))
    drawing = _figure(9.4, 4.8)
    axes = drawing.add_subplot()
    colour = colour_of(arms)
    shown = [min(best, TOP_PERCENT) for best, _, _ in bars]
    axes.bar(
        range(len(bars)), shown, width=0.9 if len(bars) < 200 else 1.0,
        color=[colour(each.patient.arm) for _, each, _ in bars],
    )  # fmt: skip
    axes.axhline(0, color="#1f2937", linewidth=0.8)
    for level in (RESPONSE_PERCENT, PROGRESSION_PERCENT):
        axes.axhline(level, color=FAINT, linewidth=0.8, linestyle="--")
    if len(bars) <= MOST_NAMED:
        for place, (best, _, word) in enumerate(bars):
            text = f"{best:+.0f} {word}" if best > TOP_PERCENT else str(word)
            up = shown[place] >= 0
            axes.text(
                place, shown[place] + (2 if up else -2), text, ha="center",
                va="bottom" if up else "top", rotation=90, fontsize=7,
            )  # fmt: skip
        axes.set_xticks(range(len(bars)), [e.subject for _, e, _ in bars], rotation=90, fontsize=7)
    else:
        axes.set_xticks([])
    axes.set_xlim(-0.7, len(bars) - 0.3)
    axes.set_ylim(-128 if len(bars) <= MOST_NAMED else -105, 1.25 * max(40, *shown))
    axes.set_ylabel("Best change of the sum (%)")
    axes.set_xlabel(f"{len(bars)} patients with a sum after baseline")
    _bare(axes)
    axes.legend(handles=_arm_patches(arms), frameon=False, loc="upper right")
    rows = tuple(
        {
            "subject": each.subject,
            "arm": each.patient.arm,
            "best_change_percent": f"{best:.2f}",
            "best_overall": str(word),
        }
        for best, each, word in bars
    )
    return Plot("waterfall", "Best change of the sum of diameters", drawing, rows)


def spider_plot(patients: Sequence[Followed], arms: Arms) -> Plot | None:
    """The change of the sum over time, an axis for each arm, coloured by best response."""
    drawing = _figure(max(5.2, 4.7 * len(arms.names)), 4.4)
    every = drawing.subplots(1, len(arms.names), sharex=True, sharey=True, squeeze=False)[0]
    rows: list[SheetRow] = []
    for axes, arm in zip(every, arms.names, strict=True):
        members = _in(patients, arm)
        thin = len(members) > 80
        for each in members:
            series = sums_of(each)
            outcome = each.outcome()
            if len(series) < 2 or outcome is None:
                continue
            x = [(day - each.origin_day) / DAYS_PER_MONTH for day, _ in series]
            y = [min(change, TOP_PERCENT) for _, change in series]
            axes.plot(
                x, y, color=TONE_COLOURS[tone(outcome.best_overall)],
                linewidth=0.7 if thin else 1.1, alpha=0.45 if thin else 0.85,
                marker=None if thin else "o", markersize=2.6,
            )  # fmt: skip
            rows += [
                {"subject": each.subject, "arm": arm, "day": str(day - each.origin_day),
                 "change_percent": f"{change:.2f}", "best_overall": str(outcome.best_overall)}
                for day, change in series
            ]  # fmt: skip
        axes.axhline(0, color="#1f2937", linewidth=0.8)
        for level in (RESPONSE_PERCENT, PROGRESSION_PERCENT):
            axes.axhline(level, color=FAINT, linewidth=0.8, linestyle="--")
        axes.set_title(f"{arm} ({len(members)})", fontsize=10)
        axes.set_xlabel("Months")
        axes.set_ylim(-105, TOP_PERCENT + 5)
        _bare(axes)
    if not rows:
        return None
    every[0].set_ylabel("Change of the sum (%)")
    names = dict.fromkeys(row["best_overall"] for row in rows)
    handles = [
        Line2D([], [], color=TONE_COLOURS[tone(Response(name))], label=name)
        for name in sorted(names)
    ]
    drawing.legend(
        handles=handles, frameon=False, loc="outside lower center", ncols=len(handles), fontsize=8
    )
    return Plot("spider", "Sum of diameters over time", drawing, tuple(rows))


def swimmer_plot(patients: Sequence[Followed], arms: Arms, policy: str) -> Plot | None:
    """Each patient from randomisation to the last contact: responses, radiotherapy, events."""
    bars = []
    for each in patients:
        alive = each.time("OS")
        pfs = each.time("PFS", policy)
        ends = [t.days for t in (alive, pfs) if t is not None]
        if ends:
            bars.append((each, max(ends), pfs, alive))
    if not bars:
        return None
    bars.sort(key=lambda bar: (arms.names.index(bar[0].patient.arm), bar[1], bar[0].subject))
    named = len(bars) <= MOST_NAMED
    room = 0.2 if named else max(0.02, min(0.12, TALLEST / len(bars)))
    drawing = _figure(9.0, max(3.0, min(TALLEST, 1.5 + room * len(bars))))
    axes = drawing.add_subplot()
    colour = colour_of(arms)
    size = 26 if named else 13 if len(bars) < 200 else 4
    rows: list[SheetRow] = []
    marks: dict[str, list[tuple[float, int]]] = {}
    for place, (each, end, pfs, alive) in enumerate(bars):
        axes.barh(
            place, end / DAYS_PER_MONTH, height=0.78 if len(bars) < 200 else 1.0,
            color=colour(each.patient.arm), alpha=0.3, linewidth=0,
        )  # fmt: skip
        events = _events(each, pfs, alive)
        for word, day in events:
            marks.setdefault(word, []).append((day / DAYS_PER_MONTH, place))
        rows += [
            {"subject": each.subject, "arm": each.patient.arm, "end_day": str(end), "event": word,
             "day": str(day)}
            for word, day in events or [("none", end)]
        ]  # fmt: skip
    for word, (marker, shade) in MARKS.items():
        if word in marks:
            x, y = zip(*marks[word], strict=True)
            axes.scatter(
                x, y, marker=marker, s=size, color=shade, label=word, zorder=3, linewidths=0.8
            )
    axes.set_ylim(-0.8, len(bars) - 0.2)
    axes.set_xlim(left=0)
    if named:
        axes.set_yticks(range(len(bars)), [each.subject for each, *_ in bars], fontsize=7)
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(bars)} patients")
    axes.set_xlabel("Months from randomisation")
    _bare(axes)
    handles, _ = axes.get_legend_handles_labels()
    drawing.legend(
        handles=[*_arm_patches(arms, 0.3), *handles], frameon=False, loc="outside upper center",
        ncols=4, fontsize=8,
    )  # fmt: skip
    return Plot("swimmer", "Course of every patient", drawing, tuple(rows))


#: Marks of the swimmer: shape and colour.
MARKS = {
    "response": ("^", TONE_COLOURS["partial"]),
    "progression": ("s", TONE_COLOURS["progression"]),
    "radiotherapy": ("|", FIELD_COLOURS[next(iter(FIELD_COLOURS))]),
    "new therapy": ("D", "#7c3aed"),
    "death": ("x", "#111827"),
    "alive": (">", "#9ca3af"),
}


def _events(
    each: Followed, pfs: FollowedTime | None, alive: FollowedTime | None
) -> list[tuple[str, int]]:
    origin = each.origin_day if each.course is not None else 0
    found: list[tuple[str, int]] = []
    outcome = each.outcome()
    if outcome is not None and outcome.response_day is not None:
        found.append(("response", outcome.response_day - origin))
    if pfs is not None and pfs.event and pfs.rule != "death":
        found.append(("progression", pfs.days))
    for kind, word in (
        (EventKind.RADIOTHERAPY_START, "radiotherapy"),
        (EventKind.NEW_THERAPY, "new therapy"),
    ):
        start = each.patient.origin
        if kind in each.patient.when and start is not None:
            found.append((word, each.patient.when[kind] - start))
    if alive is not None:
        found.append(("death" if alive.event else "alive", alive.days))
    return found


def stacked_plot(patients: Sequence[Followed], arms: Arms) -> Plot | None:
    """The responses at each scheduled visit, as shares of all enrolled in the arm."""
    last = max((t.days for e in patients for t in e.times if t.endpoint == "OS"), default=0)
    visits = range(STACK_DAYS, min(last, 13 * STACK_DAYS) + 1, STACK_DAYS)
    if not visits:
        return None
    order = ("complete", "partial", "stable", "progression", "none", "died", "not followed")
    shades = {**TONE_COLOURS, "none": "#d1d5db", "died": "#111827", "not followed": "#f3f4f6"}
    drawing = _figure(max(5.6, 4.7 * len(arms.names)), 4.2)
    every = drawing.subplots(1, len(arms.names), sharex=True, sharey=True, squeeze=False)[0]
    rows: list[SheetRow] = []
    for axes, arm in zip(every, arms.names, strict=True):
        members = _in(patients, arm)
        floor = np.zeros(len(visits))
        states = [[_state(each, day) for each in members] for day in visits]
        for word in order:
            share = np.array([100 * s.count(word) / max(1, len(members)) for s in states])
            axes.bar(
                [day / DAYS_PER_MONTH for day in visits], share, width=1.5, bottom=floor,
                color=shades[word], label={"none": "not evaluable"}.get(word, word),
                edgecolor="#d1d5db" if word == "not followed" else None, linewidth=0.4,
            )  # fmt: skip
            floor += share
            rows += [
                {"arm": arm, "day": str(day), "state": word, "patients": str(s.count(word)),
                 "of": str(len(members))}
                for day, s in zip(visits, states, strict=True)
            ]  # fmt: skip
        axes.set_title(f"{arm} ({len(members)})", fontsize=10)
        axes.set_xlabel("Months")
        _bare(axes)
    every[0].set_ylabel("Patients (%)")
    handles, labels = every[0].get_legend_handles_labels()
    drawing.legend(handles, labels, frameon=False, loc="outside lower center", ncols=7, fontsize=8)
    return Plot("responses", "Responses over time", drawing, tuple(rows))


def _state(each: Followed, day: int) -> str:
    """What was last seen within a visit of a day; progression and death stay."""
    alive = each.time("OS")
    if alive is not None and alive.event and alive.days <= day:
        return "died"
    seen = [
        a
        for a in each.assessments
        if a.criteria == "recist11" and a.scope is Scope.ALL and a.day - each.origin_day <= day + 28
    ]
    if any(a.overall is Response.PD for a in seen):
        return "progression"
    recent = [a for a in seen if a.day - each.origin_day > day - STACK_DAYS]
    if not recent:
        return "not followed"
    return tone(recent[-1].overall)


def hazard_forest(
    patients: Sequence[Followed], arms: Arms, policy: str, strata: Sequence[str]
) -> Plot | None:
    """The hazard ratio of PFS in every subgroup."""
    if not arms.pairs:
        return None
    first, control = arms.pairs[0]
    lines = []
    for label, members in _subgroups(patients, strata):
        pair = [each for each in members if each.patient.arm in (first, control)]
        data = [(t, e.patient.arm == first) for e in pair for t in times_of([e], "PFS", policy)]
        effect = cox(
            [t.days for t, _ in data], [t.event for t, _ in data], {"arm": [a for _, a in data]}
        ) if data else None  # fmt: skip
        events = sum(t.event for t, _ in data)
        lines.append((f"{label}  ({len(data)}, {events} events)", effect[0] if effect else None))
    if all(found is None for _, found in lines):
        return None
    drawing = _figure(8.6, 1.5 + 0.33 * len(lines))
    axes = drawing.add_subplot()
    rows: list[SheetRow] = []
    for place, (label, found) in enumerate(reversed(lines)):
        row = {"group": label, "hazard_ratio": "", "low": "", "high": ""}
        if found is not None:
            low, high = found.interval
            axes.plot(
                [max(low, 0.05), min(high, 20)], [place, place], color="#1f2937", linewidth=1.2
            )
            axes.plot(found.hazard_ratio, place, "s", color=ARM_COLOURS[0], markersize=6)
            axes.text(
                1.02, place, f"{found.hazard_ratio:.2f} ({low:.2f} to {high:.2f})", va="center",
                fontsize=8, transform=axes.get_yaxis_transform(),
            )  # fmt: skip
            row |= {"hazard_ratio": f"{found.hazard_ratio:.6f}", "low": f"{low:.6f}",
                    "high": f"{high:.6f}"}  # fmt: skip
        else:
            axes.text(1.02, place, "not estimable", va="center", fontsize=8, color=FAINT,
                      transform=axes.get_yaxis_transform())  # fmt: skip
        rows.insert(0, row)
    axes.set_yticks(range(len(lines)), [label for label, _ in reversed(lines)], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(0.1, 10)
    axes.set_xticks([0.1, 0.25, 0.5, 1, 2, 4, 10], ["0.1", "0.25", "0.5", "1", "2", "4", "10"])
    axes.minorticks_off()
    axes.axvline(1, color=FAINT, linewidth=0.8)
    axes.set_xlabel(f"Hazard ratio of PFS: {first} better  |  {control} better")
    _bare(axes)
    return Plot("forest_hazard", "Hazard ratio of PFS by subgroup", drawing, tuple(rows))


def _subgroups(
    patients: Sequence[Followed], strata: Sequence[str]
) -> list[tuple[str, list[Followed]]]:
    found = [("all", list(patients))]
    for column in strata:
        levels = sorted({each.patient.columns[column] for each in patients} - {""})
        found += [
            (f"{column}: {level}", [e for e in patients if e.patient.columns[column] == level])
            for level in levels
        ]
    return found


def rate_forest(patients: Sequence[Followed], arms: Arms, strata: Sequence[str]) -> Plot | None:
    """Objective response by arm and stratum, with exact intervals."""
    lines = [
        (label, rate_of(members, "objective response"))
        for label, members in groups(patients, arms, strata)
        if members
    ]
    drawing = _figure(8.6, 1.4 + 0.3 * len(lines))
    axes = drawing.add_subplot()
    rows: list[SheetRow] = []
    for place, (label, found) in enumerate(reversed(lines)):
        low, high = found.clopper_pearson or (0.0, 1.0)
        rate = found.rate or 0.0
        axes.plot([100 * low, 100 * high], [place, place], color="#1f2937", linewidth=1.2)
        axes.plot(100 * rate, place, "s", color=ARM_COLOURS[0], markersize=6)
        axes.text(
            1.02, place, f"{100 * rate:.0f} % ({100 * low:.0f} to {100 * high:.0f})", va="center",
            fontsize=8, transform=axes.get_yaxis_transform(),
        )  # fmt: skip
        rows.insert(
            0,
            {"group": label, "responders": str(found.x), "n": str(found.n), "rate": f"{rate:.6f}",
             "low": f"{low:.6f}", "high": f"{high:.6f}"},
        )  # fmt: skip
    names = [
        f"{'everyone' if label == ALL_ARMS else label}  ({found.x}/{found.n})"
        for label, found in reversed(lines)
    ]
    axes.set_yticks(range(len(lines)), names, fontsize=8)
    axes.set_xlim(0, 100)
    axes.set_xlabel("Objective response (%), exact 95 % interval")
    _bare(axes)
    return Plot("forest_response", "Objective response by group", drawing, tuple(rows))


def modulation_plot(patients: Sequence[Followed], arms: Arms, policy: str) -> Plot | None:
    """Kaplan-Meier of the growth modulation index by arm."""
    drawing = _figure(7.6, 4.2)
    axes = drawing.add_subplot()
    rows: list[SheetRow] = []
    colour = colour_of(arms)
    for arm in arms.names:
        found = modulation_of(_in(patients, arm), policy, SARCOMA)
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
    _bare(axes)
    return Plot("growth_modulation", "Growth modulation index", drawing, tuple(rows))


def sums_of(each: Followed) -> list[tuple[int, float]]:
    """(day, change of the sum in percent) from the baseline; empty where there is no sum."""
    if each.course is None:
        return []
    seen = [a for a in each.assessments if a.criteria == "recist11" and a.scope is Scope.ALL]
    first = next((a.baseline_mm for a in seen if a.baseline_mm), None)
    if first is None:
        return []
    start = each.course.timepoints[0].day
    return [
        (start, 0.0),
        *(
            (a.day, float(100 * (a.sum_mm - first) / first))
            for a in seen
            if a.sum_mm is not None and a.day > start
        ),
    ]


def _in(patients: Sequence[Followed], arm: str) -> list[Followed]:
    return [each for each in patients if each.patient.arm == arm]


def _arm_patches(arms: Arms, alpha: float = 1.0) -> list[Patch]:
    colour = colour_of(arms)
    return [Patch(color=colour(arm), label=arm, alpha=alpha) for arm in arms.names]


def _figure(width: float, height: float) -> Figure:
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)
    return drawing


def _bare(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)


def _file(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")
