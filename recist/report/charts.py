"""The sum of diameters over time, and each lesion's change, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np

from recist.course import Course, Field, Role
from recist.criteria.diameter import in_mm
from recist.criteria.sums import LesionSize, figures_of, lesion_sizes
from recist.report.palette import (
    FIELD_COLOURS,
    FIELD_NAMES,
    SCOPE_COLOURS,
    SCOPE_NAMES,
    TONE_COLOURS,
    tone,
)
from recist.report.svg import drawing, line, polyline, tag, text
from recist.response import Assessment, Response, Scope

#: Room that the words "new lesion" beside their mark take.
NEW_LESION_WIDTH = 75.0
WIDTH, HEIGHT = 640.0, 340.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 152.0, 58.0, 44.0
#: Dates nearer than this on the axis are spread evenly instead, and the axis says so.
NEAREST_PX = 46.0
#: With more lesions than this the spider's lines carry no names.
MOST_NAMED_LINES = 8
#: Longer names are cut at the end of a line.
LONGEST_NAME = 12

#: The spider's axis ends here; what lies beyond is marked at its edge with its change.
MOST_PERCENT = 200.0


@dataclass(frozen=True, slots=True)
class ChartScale:
    """Where days and values lie on the drawing."""

    days: tuple[int, ...]
    low: float
    high: float

    @property
    def to_scale(self) -> bool:
        if len(self.days) < 2 or self.days[-1] == self.days[0]:
            return True
        span = WIDTH - LEFT - RIGHT
        nearest = min(b - a for a, b in pairwise(self.days))
        return nearest / (self.days[-1] - self.days[0]) * span >= NEAREST_PX

    def x(self, day: int) -> float:
        span = WIDTH - LEFT - RIGHT
        if len(self.days) < 2:
            return LEFT + span / 2
        if self.to_scale:
            return LEFT + span * (day - self.days[0]) / (self.days[-1] - self.days[0])
        return LEFT + span * self.days.index(day) / (len(self.days) - 1)

    def y(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)


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
        *_axes(frame, course, _steps(frame.high), "mm"),
        *(_limits(frame, course, of_all, whole) if len(whole) > 1 else ()),
    ]
    for scope in reversed(shown):
        parts += _curve(frame, known[scope], SCOPE_COLOURS[scope], heavy=scope is Scope.ALL)
    parts += [mark for day, value in bounds for mark in _lower_bound(frame, day, value)]
    parts += _responses(frame, course, assessments)
    ends = [
        (frame.y(known[s][-1][1]), f"{SCOPE_NAMES[s]} {_mm(known[s][-1][1])}", SCOPE_COLOURS[s])
        for s in shown
    ]
    parts += _end_labels(ends)
    return drawing(WIDTH, HEIGHT, *parts, label="Sum of diameters over time", class_="chart")


def spider_chart(course: Course) -> str:
    """Change of each target's diameter from its first one in percent, coloured by field.

    A patient without targets gets the measured lesions instead. The axis grows with the changes up
    to :data:`MOST_PERCENT`; what lies beyond is marked at its edge. Empty text without two dates.
    """
    chosen = [lesion for lesion in course.lesions if lesion.role is Role.TARGET]
    chosen = chosen or list(course.lesions)
    sizes = lesion_sizes(course)
    changes = {lesion.id: changes_percent(sizes[lesion.id]) for lesion in chosen}
    chosen = [lesion for lesion in chosen if len(changes[lesion.id]) > 1]
    if not chosen:
        return ""
    values = [value for lesion in chosen for _, value in changes[lesion.id]]
    high = max(25.0, min(MOST_PERCENT, max(values) * 1.1))
    low = min(-40.0, min(values) - 8)
    frame = ChartScale(tuple(t.day for t in course.timepoints), max(low, -105.0), high)
    parts = _axes(frame, course, _percent_steps(frame), "%")
    for level, colour in ((-30.0, TONE_COLOURS["partial"]), (20.0, TONE_COLOURS["progression"])):
        if frame.low < level < frame.high:
            parts.append(_level(frame, level, colour))
            parts.append(
                text(f"{level:+.0f} %".replace("-", "−"), LEFT + 4, frame.y(level) - 4,
                     class_="limit", fill=colour)
            )  # fmt: skip
    ends = []
    for lesion in chosen:
        found = changes[lesion.id]
        points = [(day, min(value, frame.high)) for day, value in found]
        colour = FIELD_COLOURS[lesion.field]
        parts += _curve(frame, points, colour, heavy=False)
        for day, value in found:
            if value > frame.high:
                parts += _beyond(frame, day, value, colour)
        last = found[-1][1]
        ends.append((frame.y(points[-1][1]), f"{_short(lesion.id)} {_signed(last)}", colour))
    if len(ends) <= MOST_NAMED_LINES:
        parts += _end_labels(ends)
    parts += _field_legend({lesion.field for lesion in chosen})
    return drawing(WIDTH, HEIGHT, *parts, label="Change of each lesion", class_="chart")


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


def changes_percent(sizes: Sequence[LesionSize]) -> list[tuple[int, float]]:
    """(day, percent) of a lesion, 0 at its first diameter; none without a first one above 0."""
    if not sizes or not sizes[0].diameter_mm:
        return []
    changes = [float(size.change_percent) for size in sizes[1:] if size.change_percent is not None]
    return [(size.day, value) for size, value in zip(sizes, [0.0, *changes], strict=True)]


def day_name(course: Course, day: int) -> str:
    """The calendar date where it is known, else the day."""
    date = course.date_of(day)
    return f"day {day}" if date is None else date.isoformat()


def _axes(frame: ChartScale, course: Course, steps: Sequence[float], unit: str) -> list[str]:
    parts = []
    for step in steps:
        y = frame.y(step)
        parts.append(line(LEFT, y, WIDTH - RIGHT, y, class_="grid"))
        parts.append(text(_label(step, unit), LEFT - 8, y + 4, class_="tick", text_anchor="end"))
    room = (WIDTH - LEFT - RIGHT) / max(len(frame.days) - 1, 1)
    every = max(1, int(np.ceil(66 / room)))
    for number, day in enumerate(frame.days):
        x = frame.x(day)
        parts.append(line(x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 4, class_="axis"))
        if number % every == 0:
            parts.append(
                text(day_name(course, day), x, HEIGHT - BOTTOM + 18, class_="tick",
                     text_anchor="middle")
            )  # fmt: skip
            if course.day_zero is not None:
                parts.append(
                    text(f"day {day}", x, HEIGHT - BOTTOM + 32, class_="fine", text_anchor="middle")
                )
    parts.append(line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, class_="axis"))
    if not frame.to_scale:
        parts.append(
            text("dates not to scale", WIDTH - 4, HEIGHT - 10, class_="fine", text_anchor="end")
        )
    return parts


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
            _level(frame, bar, green),
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


def _curve(
    frame: ChartScale, points: Sequence[tuple[int, float]], colour: str, *, heavy: bool
) -> list[str]:
    """Points joined by lines, dashed over a date that has no point."""
    width = 2.6 if heavy else 1.8
    places = [(frame.x(day), frame.y(value)) for day, value in points]
    parts = []
    run = places[:1]
    for here, ((day, _), (following, _)) in zip(places[1:], pairwise(points), strict=True):
        if any(day < between < following for between in frame.days):
            parts.append(polyline(run, stroke=colour, stroke_width=width))
            parts.append(
                polyline([run[-1], here], stroke=colour, stroke_width=width, stroke_dasharray="3 5")
            )
            run = [here]
        else:
            run.append(here)
    parts.append(polyline(run, stroke=colour, stroke_width=width))
    for x, y in places:
        parts.append(tag("circle", cx=x, cy=y, r=4.0 if heavy else 3.2, fill=colour))
    return parts


def _lower_bound(frame: ChartScale, day: int, value: float) -> list[str]:
    """An open arrowhead that points up: the sum is at least this."""
    x, y = frame.x(day), frame.y(value)
    corners = f"{x - 5:.1f},{y:.1f} {x:.1f},{y - 8:.1f} {x + 5:.1f},{y:.1f}"
    colour = SCOPE_COLOURS[Scope.ALL]
    return [
        tag("polygon", points=corners, fill="none", stroke=colour),
        text(
            f"at least {_mm(value)}", x, y + 14, class_="limit", text_anchor="middle", fill=colour
        ),
    ]


def _beyond(frame: ChartScale, day: int, value: float, colour: str) -> list[str]:
    """A filled arrowhead at the edge of the axis, with the change that lies beyond it."""
    x, y = frame.x(day), frame.y(frame.high)
    corners = f"{x - 6:.1f},{y:.1f} {x:.1f},{y - 9:.1f} {x + 6:.1f},{y:.1f}"
    return [
        tag("polygon", points=corners, fill=colour, class_="beyond"),
        text(_signed(value), x, y - 12, class_="limit", text_anchor="middle", fill=colour),
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


def _end_labels(ends: Sequence[tuple[float, str, str]]) -> list[str]:
    """Names at the right end of the lines, moved apart where they would overlap."""
    ordered = sorted(ends)
    heights = [y for y, _, _ in ordered]
    for _ in range(60):
        for n in range(len(heights) - 1):
            overlap = 15 - (heights[n + 1] - heights[n])
            if overlap > 0.1:
                heights[n] -= overlap / 2
                heights[n + 1] += overlap / 2
    return [
        text(name, WIDTH - RIGHT + 10, y + 4, class_="end", fill=colour)
        for y, (_, name, colour) in zip(heights, ordered, strict=True)
    ]


def _field_legend(fields: set[Field]) -> list[str]:
    parts, x = [], LEFT
    for field in (field for field in Field if field in fields):
        parts.append(tag("circle", cx=x + 4, cy=18.0, r=4.0, fill=FIELD_COLOURS[field]))
        parts.append(text(FIELD_NAMES[field], x + 13, 22, class_="tick"))
        x += 30 + 6.5 * len(FIELD_NAMES[field])
    return parts


def _level(frame: ChartScale, value: float, colour: str) -> str:
    y = frame.y(value)
    return line(LEFT, y, WIDTH - RIGHT, y, stroke=colour, class_="threshold")


def _round_up(value: float) -> float:
    step = _step(value)
    return float(np.ceil(value / step) * step)


def _step(high: float) -> float:
    return next((s for s in (5, 10, 20, 25, 50, 100, 200, 500) if high / s <= 7), 1000)


def _steps(high: float) -> list[float]:
    step = _step(high)
    return [float(value) for value in np.arange(0, high + step / 2, step)]


def _percent_steps(frame: ChartScale) -> list[float]:
    step = 50 if frame.high - frame.low > 160 else 20
    first = np.ceil(frame.low / step) * step
    return [float(value) for value in np.arange(first, frame.high + 0.1, step)]


def _label(value: float, unit: str) -> str:
    if unit == "%":
        return "0 %" if value == 0 else f"{value:+.0f}".replace("-", "−")
    return f"{value:.0f} mm" if value == 0 else f"{value:.0f}"


def _mm(value: float) -> str:
    """A length with the digits it was recorded with."""
    return in_mm(Decimal(str(value)))


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _signed(percent: float) -> str:
    """With the decimal of the tables, cut off there as here."""
    return f"{percent:+.1f} %".replace("-", "−") if percent else "0 %"


#: Of the small curve of one lesion, in its own units.
CURVE_WIDTH, CURVE_HEIGHT, CURVE_EDGE = 190.0, 64.0, 12.0


def size_curve(course: Course, lesion_id: str) -> str:
    """The diameters of one lesion over time as a small drawing; empty below two of them."""
    sizes = lesion_sizes(course)[lesion_id]
    if len(sizes) < 2:
        return ""
    days = [float(size.day) for size in sizes]
    lengths = [float(size.diameter_mm) for size in sizes]
    span, top = max(days) - min(days) or 1.0, max(lengths) or 1.0
    points = [
        (
            CURVE_EDGE + (CURVE_WIDTH - 2 * CURVE_EDGE) * (day - min(days)) / span,
            CURVE_HEIGHT - CURVE_EDGE - (CURVE_HEIGHT - 2.5 * CURVE_EDGE) * length / top,
        )
        for day, length in zip(days, lengths, strict=True)
    ]
    marks = [
        tag("circle", cx=x, cy=y, r=2.6, class_="dot")
        + text(in_mm(size.diameter_mm), x, y - 6, text_anchor="middle", class_="tick")
        for (x, y), size in zip(points, sizes, strict=True)
    ]
    ground = line(
        CURVE_EDGE, CURVE_HEIGHT - CURVE_EDGE, CURVE_WIDTH - CURVE_EDGE, CURVE_HEIGHT - CURVE_EDGE,
        class_="axis",
    )  # fmt: skip
    words = ", ".join(
        f"{day_name(course, size.day)} {in_mm(size.diameter_mm)} mm" for size in sizes
    )
    label = f"{lesion_id} over time: {words}"
    return drawing(
        CURVE_WIDTH, CURVE_HEIGHT, ground, polyline(points, class_="course"), *marks,
        label=label, class_="curve",
    )  # fmt: skip
