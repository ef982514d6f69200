"""The sum of diameters over time, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recist.course import Course
from recist.criteria.sums import figures_of
from recist.report.chart_frame import (
    HEIGHT,
    LEFT,
    NEW_LESION_WIDTH,
    RIGHT,
    TOP,
    WIDTH,
    ChartScale,
    axes,
    curve,
    end_labels,
    level_line,
    mm_text,
    step_of,
)
from recist.report.palette import (
    SCOPE_COLOURS,
    SCOPE_NAMES,
    TONE_COLOURS,
    tone,
)
from recist.report.svg import drawing, line, polyline, tag, text
from recist.response import Assessment, Response, Scope


def sum_chart(course: Course, assessments: Sequence[Assessment]) -> str:
    """The sum of the target diameters of all, in-field and out-of-field lesions by RECIST 1.1.

    With the response at every date, the baseline, the nadir, the limits of partial response and
    progression, and new lesions; every value is that of the assessments. A lower bound is no point
    of a curve: it is marked apart. Empty text where there is no sum at two dates.
    """
    if len(course.timepoints) < 2:
        return ""
    first_day = course.timepoints[0].day
    lines = {scope: sums(assessments, scope, first_day) for scope in Scope}
    known = {scope: points for scope, points in lines.items() if points}
    if len({day for points in known.values() for day, _ in points}) < 2:
        return ""
    whole = lines[Scope.ALL]
    of_all = _by_recist(assessments, Scope.ALL)
    bounds = [(a.day, float(a.sum_mm)) for a in of_all if a.lower_bound and a.sum_mm is not None]
    values = [value for points in (*known.values(), bounds) for _, value in points]
    limits = [figures_of(a).progression_mm for a in of_all if len(whole) > 1][:1]
    top = max([*values, *(float(limit) for limit in limits if limit is not None), 10.0])
    frame = ChartScale(tuple(t.day for t in course.timepoints), 0.0, _round_up(top * 1.04))
    # Where all targets lie on one side of the field, the two lines are one.
    shown = [s for s in Scope if s in known and (s is Scope.ALL or known[s] != whole)]
    parts = [
        *axes(frame, course, _steps(frame.high), "mm"),
        *(_limits(frame, course, of_all, whole) if len(whole) > 1 else ()),
    ]
    for scope in reversed(shown):
        parts += curve(frame, known[scope], SCOPE_COLOURS[scope], heavy=scope is Scope.ALL)
    parts += [mark for day, value in bounds for mark in _lower_bound(frame, day, value)]
    parts += _responses(frame, course, assessments)
    ends = [
        (frame.y(known[s][-1][1]), f"{SCOPE_NAMES[s]} {mm_text(known[s][-1][1])}", SCOPE_COLOURS[s])
        for s in shown
    ]
    parts += end_labels(ends)
    return drawing(WIDTH, HEIGHT, *parts, label="Sum of diameters over time", class_="chart")


def sums(
    assessments: Sequence[Assessment], scope: Scope, first_day: int
) -> list[tuple[int, float]]:
    """(day, sum in mm) by RECIST 1.1 where the sum is complete; the baseline comes first."""
    chosen = _by_recist(assessments, scope)
    found = {a.day: float(a.sum_mm) for a in chosen if a.sum_mm is not None and not a.lower_bound}
    baseline = next((a.baseline_mm for a in chosen if a.baseline_mm is not None), None)
    if baseline is not None:
        found.setdefault(first_day, float(baseline))
    return sorted(found.items())


def _by_recist(assessments: Sequence[Assessment], scope: Scope) -> list[Assessment]:
    return [a for a in assessments if a.criteria == "recist11" and a.scope is scope]


def _limits(
    frame: ChartScale,
    course: Course,
    assessments: Sequence[Assessment],
    points: Sequence[tuple[int, float]],
) -> list[str]:
    """Baseline, nadir and limits that the assessments were judged by.

    Args:
        points: (day, sum in mm) of the curve.
    """
    parts: list[str] = []
    green, red = TONE_COLOURS["partial"], TONE_COLOURS["progression"]
    last = assessments[-1]
    response = figures_of(last).partial_response_mm
    if last.baseline_mm is not None and response is not None:
        level, bar = frame.y(float(last.baseline_mm)), float(response)
        parts += [
            line(LEFT, level, WIDTH - RIGHT, level, class_="baseline"),
            text("baseline", WIDTH - RIGHT - 4, level - 5, class_="limit", text_anchor="end",
                 fill="#6b7280"),
            level_line(frame, bar, green),
            text("−30 % of baseline", LEFT + 4, frame.y(bar) + 13, class_="limit", fill=green),
        ]  # fmt: skip
    corners: list[tuple[float, float]] = []
    before = course.timepoints[0].day
    for assessment in assessments:
        limit = figures_of(assessment).progression_mm
        if limit is not None:
            y = frame.y(min(float(limit), frame.high))
            corners += [(frame.x(before), y), (frame.x(assessment.day), y)]
        before = assessment.day
    if corners:
        parts.append(polyline(corners, stroke=red, class_="threshold"))
        parts.append(
            text("+20 % and 5 mm over nadir", corners[0][0] + 4, corners[0][1] - 5,
                 class_="limit", fill=red)
        )  # fmt: skip
    if last.nadir_mm is not None:
        nadir = float(last.nadir_mm)
        day = next((day for day, value in points if value == nadir), None)
        if day is not None:
            x, y = frame.x(day), frame.y(nadir)
            parts.append(tag("circle", cx=x, cy=y, r=8.0, class_="nadir"))
            parts.append(
                text("nadir", x, y + 22, class_="limit", text_anchor="middle", fill="#374151")
            )
    return parts


def _lower_bound(frame: ChartScale, day: int, value: float) -> list[str]:
    """An open arrowhead that points up: the sum is at least this."""
    x, y = frame.x(day), frame.y(value)
    corners = f"{x - 5:.1f},{y:.1f} {x:.1f},{y - 8:.1f} {x + 5:.1f},{y:.1f}"
    colour = SCOPE_COLOURS[Scope.ALL]
    return [
        tag("polygon", points=corners, fill="none", stroke=colour),
        text(
            f"at least {mm_text(value)}",
            x,
            y + 14,
            class_="limit",
            text_anchor="middle",
            fill=colour,
        ),
    ]


def _responses(frame: ChartScale, course: Course, assessments: Sequence[Assessment]) -> list[str]:
    """A chip above each follow-up date, and a mark where new lesions appear."""
    parts = []
    named_to = 0.0  # where the words of the last mark end
    baseline_day = course.timepoints[0].day
    parts.append(text("Baseline", frame.x(baseline_day), 22, class_="tick", text_anchor="middle"))
    for assessment in assessments:
        if assessment.scope is not Scope.ALL or assessment.criteria != "recist11":
            continue
        if assessment.day == baseline_day:
            continue
        x = frame.x(assessment.day)
        parts += _chip(x, assessment.overall)
        if assessment.new_lesion:
            y = TOP - 8
            corners = f"{x:.1f},{y - 6} {x + 6:.1f},{y} {x:.1f},{y + 6} {x - 6:.1f},{y}"
            parts.append(tag("polygon", points=corners, fill=TONE_COLOURS["progression"]))
            if x > named_to:
                parts.append(
                    text("new lesion", x + 10, y + 4, class_="limit",
                         fill=TONE_COLOURS["progression"])
                )  # fmt: skip
                named_to = x + NEW_LESION_WIDTH
    return parts


def _chip(x: float, response: Response) -> list[str]:
    label = "non" if response is Response.NON_CR_NON_PD else response.value
    width = 12.0 + 8.0 * len(label)
    return [
        tag("rect", x=x - width / 2, y=8.0, width=width, height=20.0, rx=10.0,
            fill=TONE_COLOURS[tone(response)]),
        text(label, x, 22.5, class_="chip", text_anchor="middle"),
    ]  # fmt: skip


def _round_up(value: float) -> float:
    step = step_of(value)
    return float(np.ceil(value / step) * step)


def _steps(high: float) -> list[float]:
    step = step_of(high)
    return [float(value) for value in np.arange(0, high + step / 2, step)]
