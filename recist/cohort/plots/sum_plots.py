"""The sum of every patient: its best change, and its course, whole and by side of the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from recist.cohort.arms import Arms
from recist.cohort.end_points import DAYS_PER_MONTH
from recist.cohort.lesion_charts import PROGRESSION_PERCENT, RESPONSE_PERCENT, TOP_PERCENT
from recist.cohort.plots.plot import (
    FAINT,
    LINE,
    MOST_NAMED,
    Plot,
    arm_patches,
    bare,
    blank,
    colour_of,
)
from recist.cohort.sheet import SheetRow
from recist.cohort.times import FollowedPatient
from recist.report.palette import SCOPE_COLOURS, SCOPE_NAMES, TONE_COLOURS, tone
from recist.response import Scope

#: With more patients than this, the lines of a spider plot carry no mark at each scan.
MOST_MARKED = 80


def waterfall_plot(patients: Sequence[FollowedPatient], arms: Arms) -> Plot | None:
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
    drawing = blank(9.4, 4.8)
    axes = drawing.add_subplot()
    colour = colour_of(arms)
    shown = [min(best, TOP_PERCENT) for best, _, _ in bars]
    axes.bar(
        range(len(bars)), shown, width=0.9 if len(bars) < 200 else 1.0,
        color=[colour(each.patient.arm) for _, each, _ in bars],
    )  # fmt: skip
    axes.axhline(0, color=LINE, linewidth=0.8)
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
    bare(axes)
    axes.legend(handles=arm_patches(arms), frameon=False, loc="upper right")
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


class SumLine(NamedTuple):
    """A line of a spider: whose, what it is called in the key, its colour, (day, change)."""

    patient: FollowedPatient
    name: str
    colour: str
    changes: Sequence[tuple[int, float]]


def spider_plot(patients: Sequence[FollowedPatient], arms: Arms) -> Plot | None:
    """The change of the sum over time, an axis for each arm, coloured by best response."""
    lines = []
    for each in patients:
        outcome = each.outcome()
        if outcome is not None:
            best = outcome.best_overall
            lines.append(SumLine(each, str(best), TONE_COLOURS[tone(best)], sums_of(each)))
    found = _spider(lines, arms, "Change of the sum (%)", "best_overall")
    return found and Plot("spider", "Sum of diameters over time", *found)


def field_spider_plot(patients: Sequence[FollowedPatient], arms: Arms) -> Plot | None:
    """The sums in the field and outside of it over time, coloured by side."""
    lines = [
        SumLine(each, SCOPE_NAMES[scope].lower(), SCOPE_COLOURS[scope], sums_of(each, scope))
        for scope in (Scope.IN_FIELD, Scope.OUT_OF_FIELD)
        for each in patients
    ]
    found = _spider(lines, arms, "Change of the sum on each side of the field (%)", "lesions")
    return found and Plot("spider_field", "Sums in and out of the field over time", *found)


def _spider(
    lines: Sequence[SumLine], arms: Arms, label: str, column: str
) -> tuple[Figure, tuple[SheetRow, ...]] | None:
    """An axis for each arm; growth beyond the axis is drawn at its end with a triangle.

    Args:
        column: of the data, for what the colours say.
    """
    drawn = [line for line in lines if len(line.changes) > 1]
    if not drawn:
        return None
    drawing = blank(max(5.2, 4.7 * len(arms.names)), 4.4)
    every = drawing.subplots(1, len(arms.names), sharex=True, sharey=True, squeeze=False)[0]
    for axes, arm in zip(every, arms.names, strict=True):
        members = [line for line in drawn if line.patient.patient.arm == arm]
        thin = len(members) > MOST_MARKED
        for line in members:
            x = [(day - line.patient.origin_day) / DAYS_PER_MONTH for day, _ in line.changes]
            y = [min(change, TOP_PERCENT) for _, change in line.changes]
            axes.plot(
                x, y, color=line.colour, linewidth=0.7 if thin else 1.1,
                alpha=0.45 if thin else 0.85, marker=None if thin else "o", markersize=2.6,
            )  # fmt: skip
            beyond = [at for at, (_, change) in zip(x, line.changes, strict=True)
                      if change > TOP_PERCENT]  # fmt: skip
            axes.plot(
                beyond, [TOP_PERCENT] * len(beyond), "^", color=line.colour,
                markersize=3.5 if thin else 6,
            )  # fmt: skip
        axes.axhline(0, color=LINE, linewidth=0.8)
        for level in (RESPONSE_PERCENT, PROGRESSION_PERCENT):
            axes.axhline(level, color=FAINT, linewidth=0.8, linestyle="--")
        patients = len({line.patient.subject for line in members})
        axes.set_title(f"{arm} ({patients})", fontsize=10)
        axes.set_xlabel("Months")
        axes.set_ylim(-105, TOP_PERCENT + 8)
        bare(axes)
    every[0].set_ylabel(label)
    key = {line.name: line.colour for line in sorted(drawn, key=lambda line: line.name)}
    handles = [Line2D([], [], color=colour, label=name) for name, colour in key.items()]
    if any(change > TOP_PERCENT for line in drawn for _, change in line.changes):
        beyond_name = f"above +{TOP_PERCENT:g} %"
        handles.append(Line2D([], [], color=FAINT, marker="^", linestyle="", label=beyond_name))
    drawing.legend(
        handles=handles, frameon=False, loc="outside lower center", ncols=len(handles), fontsize=8
    )
    rows = tuple(
        {"subject": line.patient.subject, "arm": line.patient.patient.arm,
         "day": str(day - line.patient.origin_day), "change_percent": f"{change:.2f}",
         column: line.name}
        for line in drawn
        for day, change in line.changes
    )  # fmt: skip
    return drawing, rows


def sums_of(each: FollowedPatient, scope: Scope = Scope.ALL) -> list[tuple[int, float]]:
    """(day, change of the sum in percent) from the baseline; empty where there is no sum."""
    if each.course is None:
        return []
    seen = [a for a in each.assessments if a.criteria == "recist11" and a.scope is scope]
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
