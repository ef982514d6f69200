"""The course of every patient as a bar, with what happened on it."""

from __future__ import annotations

from collections.abc import Sequence

from recist.cohort.arms import Arms
from recist.cohort.end_points import (
    DAYS_PER_MONTH,
)
from recist.cohort.plots.plot import (
    MOST_NAMED,
    Plot,
    arm_patches,
    bare,
    blank,
    colour_of,
)
from recist.cohort.sheet import SheetRow
from recist.cohort.times import FollowedPatient, FollowedTime
from recist.course import EventKind, Field
from recist.report.palette import FIELD_COLOURS, TONE_COLOURS

#: Largest height of the plot, in inches.
TALLEST = 13.0

#: Progression by where it was: in the field, outside of it, on both sides; of an unknown field.
IN_FIELD, OUTSIDE, PROGRESSION = "progression in field", "progression out of field", "progression"
#: Marks of the swimmer: shape and colour.
MARKS = {
    "response": ("^", TONE_COLOURS["partial"]),
    IN_FIELD: ("s", FIELD_COLOURS[Field.IN]),
    OUTSIDE: ("s", FIELD_COLOURS[Field.OUT]),
    PROGRESSION: ("s", TONE_COLOURS["progression"]),
    "radiotherapy": ("|", FIELD_COLOURS[Field.IN]),
    "new therapy": ("D", "#7c3aed"),
    "death": ("x", "#111827"),
    "alive": (">", "#9ca3af"),
}


def swimmer_plot(patients: Sequence[FollowedPatient], arms: Arms, policy: str) -> Plot | None:
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
    drawing = blank(9.0, max(3.0, min(TALLEST, 1.5 + room * len(bars))))
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
        events = _events(each, pfs, alive, policy)
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
    bare(axes)
    handles, _ = axes.get_legend_handles_labels()
    drawing.legend(
        handles=[*arm_patches(arms, 0.3), *handles], frameon=False, loc="outside upper center",
        ncols=4, fontsize=8,
    )  # fmt: skip
    return Plot("swimmer", "Course of every patient", drawing, tuple(rows))


def _where(each: FollowedPatient, pfs: FollowedTime, policy: str) -> str:
    """Which side of the field progressed on the day of the progression."""
    sides = [
        word
        for word, endpoint in ((IN_FIELD, "PFS in field"), (OUTSIDE, "PFS out of field"))
        for side in [each.time(endpoint, policy)]
        if side is not None and side.event and side.rule != "death" and side.days <= pfs.days
    ]
    return sides[0] if len(sides) == 1 else PROGRESSION


def _events(
    each: FollowedPatient, pfs: FollowedTime | None, alive: FollowedTime | None, policy: str
) -> list[tuple[str, int]]:
    origin = each.origin_day if each.course is not None else 0
    found: list[tuple[str, int]] = []
    outcome = each.outcome()
    if outcome is not None and outcome.response_day is not None:
        found.append(("response", outcome.response_day - origin))
    if pfs is not None and pfs.event and pfs.rule != "death":
        found.append((_where(each, pfs, policy), pfs.days))
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
