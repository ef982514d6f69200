"""The frame that charts share: scales, axes, curves, labels at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np

from recist.course import Course
from recist.criteria.diameter import in_mm
from recist.report.svg import line, polyline, tag, text

#: Room that the words "new lesion" beside their mark take.
NEW_LESION_WIDTH = 75.0
WIDTH, HEIGHT = 640.0, 340.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 152.0, 58.0, 44.0
#: Dates nearer than this on the axis are spread evenly instead, and the axis says so.
NEAREST_PX = 46.0
#: Longer names are cut at the end of a line.
LONGEST_NAME = 12


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


def day_name(course: Course, day: int) -> str:
    """The calendar date where it is known, else the day."""
    date = course.date_of(day)
    return f"day {day}" if date is None else date.isoformat()


def axes(frame: ChartScale, course: Course, steps: Sequence[float], unit: str) -> list[str]:
    """Levels with their values, dates with their days, and the line that the dates stand on."""
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


def curve(
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


def end_labels(ends: Sequence[tuple[float, str, str]]) -> list[str]:
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


def level_line(frame: ChartScale, value: float, colour: str) -> str:
    """A dashed line over the whole width."""
    y = frame.y(value)
    return line(LEFT, y, WIDTH - RIGHT, y, stroke=colour, class_="threshold")


def step_of(high: float) -> float:
    """The step between the levels of an axis from 0 to ``high``; at most seven of them."""
    return next((s for s in (5, 10, 20, 25, 50, 100, 200, 500) if high / s <= 7), 1000)


def _label(value: float, unit: str) -> str:
    if unit == "%":
        return "0 %" if value == 0 else f"{value:+.0f}".replace("-", "−")
    return f"{value:.0f} mm" if value == 0 else f"{value:.0f}"


def mm_text(value: float) -> str:
    """A length with the digits it was recorded with."""
    return in_mm(Decimal(str(value)))
