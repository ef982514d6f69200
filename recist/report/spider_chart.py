"""The change of each lesion from its first diameter, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recist.course import Course, Field, Role
from recist.criteria.sums import LesionSize, lesion_sizes
from recist.report.chart_frame import (
    HEIGHT,
    LEFT,
    LONGEST_NAME,
    WIDTH,
    ChartScale,
    axes,
    curve,
    end_labels,
    level_line,
)
from recist.report.palette import (
    FIELD_COLOURS,
    FIELD_NAMES,
    TONE_COLOURS,
)
from recist.report.svg import drawing, tag, text

#: With more lesions than this the spider's lines carry no names.
MOST_NAMED_LINES = 8
#: The spider's axis ends here; what lies beyond is marked at its edge with its change.
MOST_PERCENT = 200.0


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
    parts = axes(frame, course, _percent_steps(frame), "%")
    for level, colour in ((-30.0, TONE_COLOURS["partial"]), (20.0, TONE_COLOURS["progression"])):
        if frame.low < level < frame.high:
            parts.append(level_line(frame, level, colour))
            parts.append(
                text(f"{level:+.0f} %".replace("-", "−"), LEFT + 4, frame.y(level) - 4,
                     class_="limit", fill=colour)
            )  # fmt: skip
    ends = []
    for lesion in chosen:
        found = changes[lesion.id]
        points = [(day, min(value, frame.high)) for day, value in found]
        colour = FIELD_COLOURS[lesion.field]
        parts += curve(frame, points, colour, heavy=False)
        for day, value in found:
            if value > frame.high:
                parts += _beyond(frame, day, value, colour)
        last = found[-1][1]
        ends.append((frame.y(points[-1][1]), f"{_short(lesion.id)} {_signed(last)}", colour))
    if len(ends) <= MOST_NAMED_LINES:
        parts += end_labels(ends)
    parts += _field_legend({lesion.field for lesion in chosen})
    return drawing(WIDTH, HEIGHT, *parts, label="Change of each lesion", class_="chart")


def changes_percent(sizes: Sequence[LesionSize]) -> list[tuple[int, float]]:
    """(day, percent) of a lesion, 0 at its first diameter; none without a first one above 0."""
    if not sizes or not sizes[0].diameter_mm:
        return []
    changes = [float(size.change_percent) for size in sizes[1:] if size.change_percent is not None]
    return [(size.day, value) for size, value in zip(sizes, [0.0, *changes], strict=True)]


def _beyond(frame: ChartScale, day: int, value: float, colour: str) -> list[str]:
    """A filled arrowhead at the edge of the axis, with the change that lies beyond it."""
    x, y = frame.x(day), frame.y(frame.high)
    corners = f"{x - 6:.1f},{y:.1f} {x:.1f},{y - 9:.1f} {x + 6:.1f},{y:.1f}"
    return [
        tag("polygon", points=corners, fill=colour, class_="beyond"),
        text(_signed(value), x, y - 12, class_="limit", text_anchor="middle", fill=colour),
    ]


def _field_legend(fields: set[Field]) -> list[str]:
    parts, x = [], LEFT
    for field in (field for field in Field if field in fields):
        parts.append(tag("circle", cx=x + 4, cy=18.0, r=4.0, fill=FIELD_COLOURS[field]))
        parts.append(text(FIELD_NAMES[field], x + 13, 22, class_="tick"))
        x += 30 + 6.5 * len(FIELD_NAMES[field])
    return parts


def _percent_steps(frame: ChartScale) -> list[float]:
    step = 50 if frame.high - frame.low > 160 else 20
    first = np.ceil(frame.low / step) * step
    return [float(value) for value in np.arange(first, frame.high + 0.1, step)]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _signed(percent: float) -> str:
    """A percentage with its sign and the one decimal that tables give it."""
    return f"{percent:+.1f} %".replace("-", "−") if percent else "0 %"
