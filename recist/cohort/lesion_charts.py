"""Waterfall and spider of the lesions of a cohort, coloured by field class."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from recist.cohort.members import FollowedLesion, Member
from recist.course import Field
from recist.criteria.thresholds import PD_PERCENT, PR_PERCENT
from recist.report.palette import FIELD_COLOURS, FIELD_NAMES

#: Partial response and progression, as drawn.
RESPONSE_PERCENT, PROGRESSION_PERCENT = -float(PR_PERCENT), float(PD_PERCENT)
#: Growth beyond this is cut off in the charts, and marked.
TOP_PERCENT = 100.0
#: With more lesions than this, bars carry no names.
MOST_NAMED_BARS = 60
#: With more lines than this, growth beyond the axis of a spider plot carries no figure.
MOST_NAMED_SPIDERS = 12
#: More lesions than this are drawn together, as one picture.
MOST_DRAWN_SINGLY = 1_000
PNG_DPI = 160
#: What would differ from run to run, or names the program that drew.
SVG_METADATA = ("Date", "Creator", "Format", "Type")

STYLE: dict[Any, Any] = {"svg.hashsalt": "recist", "svg.fonttype": "none", "font.size": 9}


def waterfall(patients: Sequence[Member]) -> Figure:
    """The best change of every lesion since radiotherapy, largest growth first, by arm."""
    figure, every = _drawing(patients, "Best change from baseline (%)")
    used = set()
    for axes, members in zip(every, by_arm(patients), strict=True):
        bars = sorted(
            (
                (patient.subject, change, change.best_percent)
                for patient, change in _followed(members)
            ),
            key=lambda bar: (-bar[2], bar[0], bar[1].id),
        )
        heights = [min(best, TOP_PERCENT) for _, _, best in bars]
        colours = [FIELD_COLOURS[change.field] for _, change, _ in bars]
        beyond = [(place, best) for place, (_, _, best) in enumerate(bars) if best > TOP_PERCENT]
        if len(bars) > MOST_DRAWN_SINGLY:
            axes.vlines(range(len(bars)), 0, heights, colors=colours, rasterized=True)
            _marked(axes, [(place, colours[place]) for place, _ in beyond])
        else:
            axes.bar(range(len(bars)), heights, width=0.85, color=colours)
            for place, best in beyond:
                axes.text(place, TOP_PERCENT, f"{best:+.0f}", ha="center", va="bottom", fontsize=7)
        _limit(axes, [best for _, _, best in bars])
        if len(bars) <= MOST_NAMED_BARS:
            names = [f"{subject} {change.id}" for subject, change, _ in bars]
            axes.set_xticks(range(len(bars)), names, rotation=90, fontsize=6)
        else:
            axes.set_xticks([])
        axes.set_xlabel(f"{len(bars)} lesions")
        used |= {change.field for _, change, _ in bars}
    handles = [Patch(color=FIELD_COLOURS[field], label=FIELD_NAMES[field]) for field in Field]
    _legend(
        every[-1], [handle for field, handle in zip(Field, handles, strict=True) if field in used]
    )
    return figure


def spider(patients: Sequence[Member]) -> Figure:
    """The change of every lesion over the days since the end of radiotherapy, by arm.

    Growth beyond the axis is drawn at its end with a triangle, of few patients with its figure.
    """
    figure, every = _drawing(patients, "Change from baseline (%)")
    used = set()
    for axes, members in zip(every, by_arm(patients), strict=True):
        reached: list[float] = []
        followed = _followed(members)
        lines: list[tuple[list[float], list[float], str]] = []
        marks: list[tuple[float, str]] = []
        for _, change in followed:
            days, values = list(change.days), change.changes_percent
            shown = [min(value, TOP_PERCENT) for value in values]
            colour = FIELD_COLOURS[change.field]
            beyond = [
                (d, value) for d, value in zip(days, values, strict=True) if value > TOP_PERCENT
            ]
            used.add(change.field)
            reached += values
            if len(followed) > MOST_DRAWN_SINGLY:
                lines.append((days, shown, colour))
                marks += [(day, colour) for day, _ in beyond]
                continue
            axes.plot(days, shown, color=colour, marker="o", markersize=3, linewidth=1, alpha=0.85)
            for day, value in beyond:
                axes.plot(day, TOP_PERCENT, "^", color=colour, markersize=7)
                if len(members) <= MOST_NAMED_SPIDERS:
                    axes.annotate(
                        f"{value:+.0f}", (day, TOP_PERCENT), xytext=(0, 5), fontsize=7,
                        textcoords="offset points", ha="center", color=colour,
                    )  # fmt: skip
        _drawn(axes, lines)
        _marked(axes, marks)
        _limit(axes, reached)
        axes.axvline(0, color="#6b7280", linewidth=0.8, linestyle=":")
        axes.set_xlabel("Days from the end of radiotherapy")
    _legend(
        every[-1],
        [
            Line2D([], [], color=FIELD_COLOURS[field], marker="o", label=FIELD_NAMES[field])
            for field in Field
            if field in used
        ],
    )
    return figure


def _drawn(axes: Axes, lines: Sequence[tuple[list[float], list[float], str]]) -> None:
    """Very many lines, as one picture: an object each would take minutes and gigabytes."""
    if lines:
        axes.add_collection(
            LineCollection(
                [list(zip(days, shown, strict=True)) for days, shown, _ in lines],
                colors=[colour for _, _, colour in lines],
                linewidths=1,
                alpha=0.85,
                rasterized=True,
            )
        )
        axes.autoscale_view()


def _marked(axes: Axes, marks: Sequence[tuple[float, str]]) -> None:
    """Triangles at the end of the axis: growth goes on beyond it."""
    if marks:
        axes.scatter(
            [place for place, _ in marks], [TOP_PERCENT] * len(marks), s=49, marker="^",
            c=[colour for _, colour in marks], rasterized=True,
        )  # fmt: skip


def by_arm(patients: Sequence[Member]) -> list[list[Member]]:
    """The patients of each arm by name; all together where there are no arms."""
    arms = sorted({patient.arm for patient in patients})
    return [[each for each in patients if each.arm == arm] for arm in arms] or [[]]


def as_pictures(figure: Figure) -> tuple[bytes, bytes]:
    """A figure as SVG and as PNG; the same figure gives the same bytes.

    It is laid out once for both: that takes as long as drawing it.
    """
    svg, png = io.BytesIO(), io.BytesIO()
    engine, dpi = figure.get_layout_engine(), figure.get_dpi()
    with mpl.rc_context(STYLE):
        figure.set_dpi(PNG_DPI)
        try:
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            pixels: Any = FigureCanvasAgg(figure)
            pixels.print_png(png)
            lines: Any = FigureCanvasSVG(figure)  # sets a resolution of its own
            lines.print_svg(svg, metadata=dict.fromkeys(SVG_METADATA))
        finally:
            FigureCanvasAgg(figure)
            figure.set_dpi(dpi)
            figure.set_layout_engine(engine)
    return svg.getvalue(), png.getvalue()


def _drawing(patients: Sequence[Member], label: str) -> tuple[Figure, list[Axes]]:
    """An axis for each arm, side by side on one scale."""
    groups = by_arm(patients)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9 if len(groups) == 1 else 6.2 * len(groups), 4.8),
                        layout="constrained")  # fmt: skip
        FigureCanvasAgg(figure)
        every = list(figure.subplots(1, len(groups), sharey=True, squeeze=False)[0])
    every[0].set_ylabel(label)
    for axes, members in zip(every, groups, strict=True):
        if len(groups) > 1:
            axes.set_title(f"{members[0].arm or 'no arm'} ({len(members)})", fontsize=10)
        axes.axhline(0, color="#1f2937", linewidth=0.8)
        for level in (RESPONSE_PERCENT, PROGRESSION_PERCENT):
            axes.axhline(level, color="#6b7280", linewidth=0.8, linestyle="--")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return figure, every


def _limit(axes: Axes, values: Sequence[float]) -> None:
    """Room for what is shown, for both thresholds, and for the key above it."""
    top = min(TOP_PERCENT, max([PROGRESSION_PERCENT, *values]))
    axes.set_ylim(-105, max(1.3 * top, axes.get_ylim()[1]))  # the scale is that of all arms


def _legend(axes: Axes, handles: Sequence[Patch | Line2D]) -> None:
    if handles:
        axes.legend(handles=list(handles), frameon=False, loc="upper right")
    else:
        axes.text(0.5, 0.5, "no lesion was followed", transform=axes.transAxes, ha="center")


def _followed(members: Sequence[Member]) -> list[tuple[Member, FollowedLesion]]:
    return [(member, lesion) for member in members for lesion in member.lesions]
