"""The diameters of one lesion over time, as a small inline SVG."""

from __future__ import annotations

from recist.course import Course
from recist.criteria.diameter import in_mm
from recist.criteria.sums import lesion_sizes
from recist.report.chart_frame import (
    day_name,
)
from recist.report.svg import drawing, line, polyline, tag, text

#: Size and margin of the small curve of one lesion, in its own units.
CURVE_WIDTH, CURVE_HEIGHT, CURVE_EDGE = 190.0, 64.0, 12.0


def size_curve(course: Course, lesion_id: str) -> str:
    """The diameters of one lesion over time as a small drawing; empty below two of them."""
    sizes = lesion_sizes(course, (lesion_id,))[lesion_id]
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
