"""Every lesion by itself, coloured by its place in the irradiated field."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.patches import Patch

from recist.cohort.arms import Arms
from recist.cohort.lesion_charts import PROGRESSION_PERCENT, RESPONSE_PERCENT, TOP_PERCENT
from recist.cohort.plots.plot import FAINT, LINE, MOST_NAMED, Plot, bare, blank, members_of
from recist.cohort.times import FollowedPatient
from recist.course import Course, Field, Lesion, Role
from recist.criteria.diameter import diameter_of
from recist.protocol import Protocol
from recist.report.palette import FIELD_COLOURS, FIELD_NAMES


def lesion_waterfall_plot(
    patients: Sequence[FollowedPatient], arms: Arms, protocol: Protocol
) -> Plot | None:
    """The best change of every target lesion, largest growth first, an axis for each arm.

    None where no field is known: the plot of the sums says the rest.
    """
    bars = [
        (each, lesion, best)
        for each in patients
        if each.course is not None
        for lesion in each.course.lesions
        if (best := best_change_percent(each.course, lesion, protocol)) is not None
    ]
    if all(lesion.field is Field.UNKNOWN for _, lesion, _ in bars):
        return None
    bars.sort(key=lambda bar: (-bar[2], bar[0].subject, bar[1].id))
    drawing = blank(max(5.6, 5.0 * len(arms.names)), 4.6)
    every = drawing.subplots(1, len(arms.names), sharey=True, squeeze=False)[0]
    for axes, arm in zip(every, arms.names, strict=True):
        own = [bar for bar in bars if bar[0].patient.arm == arm]
        axes.bar(
            range(len(own)), [min(best, TOP_PERCENT) for _, _, best in own],
            width=0.9 if len(own) < 200 else 1.0,
            color=[FIELD_COLOURS[lesion.field] for _, lesion, _ in own],
        )  # fmt: skip
        beyond = [place for place, (_, _, best) in enumerate(own) if best > TOP_PERCENT]
        axes.plot(beyond, [TOP_PERCENT + 3] * len(beyond), "^", color=FAINT, markersize=3)
        axes.axhline(0, color=LINE, linewidth=0.8)
        for level in (RESPONSE_PERCENT, PROGRESSION_PERCENT):
            axes.axhline(level, color=FAINT, linewidth=0.8, linestyle="--")
        axes.set_xticks([])
        if len(own) <= MOST_NAMED:
            names = [f"{each.subject} {lesion.id}" for each, lesion, _ in own]
            axes.set_xticks(range(len(own)), names, rotation=90, fontsize=6)
        axes.set_xlim(-0.7, max(len(own), 1) - 0.3)
        axes.set_title(f"{arm} ({len(members_of(patients, arm))})", fontsize=10)
        axes.set_xlabel(f"{len(own)} target lesions with a size after baseline")
        bare(axes)
    every[0].set_ylim(-105, 1.1 * max(40, *(min(best, TOP_PERCENT) for _, _, best in bars)))
    every[0].set_ylabel("Best change of the diameter (%)")
    used = {lesion.field for _, lesion, _ in bars}
    handles = [Patch(color=FIELD_COLOURS[f], label=FIELD_NAMES[f]) for f in Field if f in used]
    drawing.legend(
        handles=handles, frameon=False, loc="outside lower center", ncols=len(handles), fontsize=8
    )
    rows = tuple(
        {"subject": each.subject, "arm": each.patient.arm, "lesion": lesion.id,
         "field": str(lesion.field), "best_change_percent": f"{best:.2f}"}
        for each, lesion, best in bars
    )  # fmt: skip
    return Plot("waterfall_lesions", "Best change of every target lesion", drawing, rows)


def best_change_percent(course: Course, lesion: Lesion, protocol: Protocol) -> float | None:
    """The smallest diameter after baseline against that of the baseline; for charts."""
    if lesion.role is not Role.TARGET:
        return None
    baseline, *after = [
        next((diameter_of(m, protocol, is_node=lesion.is_node) for m in timepoint.measurements
              if m.lesion_id == lesion.id), None)
        for timepoint in course.timepoints
    ] or [None]  # fmt: skip
    sizes = [size for size in after if size is not None]
    if not baseline or not sizes:
        return None
    return 100 * (float(min(sizes)) / float(baseline) - 1)
