"""Responses of all patients at each visit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from recist.cohort.arms import Arms
from recist.cohort.end_points import (
    DAYS_PER_MONTH,
)
from recist.cohort.plots.plot import (
    Plot,
    bare,
    blank,
    members_of,
)
from recist.cohort.sheet import SheetRow
from recist.cohort.times import FollowedPatient
from recist.report.palette import SCOPE_COLOURS, SCOPE_NAMES, TONE_COLOURS, tone
from recist.response import Response, Scope

#: Visits of the stacked bars, in days.
STACK_DAYS = 56
#: The states from the lowest bar up, with their colours.
SHADES = {
    **{word: TONE_COLOURS[word] for word in ("complete", "partial", "stable", "progression")},
    "none": "#d1d5db",
    "died": "#111827",
    "not followed": "#f3f4f6",
}


def stacked_plot(patients: Sequence[FollowedPatient], arms: Arms) -> Plot | None:
    """The responses at each scheduled visit, by arm: of all lesions and of each side of the field.

    Shares of all enrolled in the arm, and on a side of those with lesions there at baseline.
    """
    last = max((t.days for e in patients for t in e.times if t.endpoint == "OS"), default=0)
    visits = range(STACK_DAYS, min(last, 13 * STACK_DAYS) + 1, STACK_DAYS)
    if not visits:
        return None
    scopes = [
        scope
        for scope in Scope
        if scope is Scope.ALL or any(each.has_lesions(scope) for each in patients)
    ]
    drawing = blank(max(5.6, 4.7 * len(arms.names)), 1.2 + 2.6 * len(scopes))
    grid = drawing.subplots(len(scopes), len(arms.names), sharex=True, sharey=True, squeeze=False)
    rows: list[SheetRow] = []
    for line, scope in zip(grid, scopes, strict=True):
        for axes, arm in zip(line, arms.names, strict=True):
            members = [
                each
                for each in members_of(patients, arm)
                if scope is Scope.ALL or each.has_lesions(scope)
            ]
            rows += _stack(axes, members, scope, arm, visits)
            axes.set_title(f"{arm} ({len(members)})", fontsize=9)
            bare(axes)
        line[0].set_ylabel(f"{SCOPE_NAMES[scope]} (%)", color=SCOPE_COLOURS[scope])
    for axes in grid[-1]:
        axes.set_xlabel("Months")
    handles, labels = grid[0][0].get_legend_handles_labels()
    drawing.legend(handles, labels, frameon=False, loc="outside lower center", ncols=7, fontsize=8)
    return Plot("responses", "Responses over time", drawing, tuple(rows))


def _stack(
    axes: Axes, members: Sequence[FollowedPatient], scope: Scope, arm: str, visits: Sequence[int]
) -> list[SheetRow]:
    rows: list[SheetRow] = []
    floor = np.zeros(len(visits))
    states = [[_state(each, scope, day) for each in members] for day in visits]
    for word, shade in SHADES.items():
        counts = [found.count(word) for found in states]
        share = 100 * np.array(counts) / max(1, len(members))
        axes.bar(
            [day / DAYS_PER_MONTH for day in visits], share, width=1.5, bottom=floor, color=shade,
            label={"none": "not evaluable"}.get(word, word),
            edgecolor="#d1d5db" if word == "not followed" else None, linewidth=0.4,
        )  # fmt: skip
        floor += share
        rows += [
            {"lesions": str(scope), "arm": arm, "day": str(day), "state": word,
             "patients": str(count), "of": str(len(members))}
            for day, count in zip(visits, counts, strict=True)
        ]  # fmt: skip
    return rows


def _state(each: FollowedPatient, scope: Scope, day: int) -> str:
    """What was last seen within a visit of a day; progression and death stay."""
    alive = each.time("OS")
    if alive is not None and alive.event and alive.days <= day:
        return "died"
    seen = [
        a
        for a in each.assessments
        if a.criteria == "recist11" and a.scope is scope and a.day - each.origin_day <= day + 28
    ]
    if any(a.overall is Response.PD for a in seen):
        return "progression"
    recent = [a for a in seen if a.day - each.origin_day > day - STACK_DAYS]
    if not recent:
        return "not followed"
    return tone(recent[-1].overall)
