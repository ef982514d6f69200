"""Time zero: the day from which every duration of a patient counts.

The progression-free survival of a randomised trial runs from randomisation (Eisenhauer 2009,
section 4.7); without one, from the start of treatment, systemic or radiotherapy, whichever was
earlier; without that, from the baseline scan. Every command asks here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from recist.course import Course, EventKind
from recist.protocol import Protocol

RANDOMISATION = frozenset({EventKind.RANDOMISATION})
TREATMENT = frozenset({EventKind.TREATMENT_START, EventKind.RADIOTHERAPY_START})

#: What each option of the setting ``origin`` takes: the earliest event of the first of these sets
#: that has one.
STARTS: Mapping[
    Literal["randomisation", "treatment_start", "baseline"], tuple[frozenset[EventKind], ...]
] = {
    "randomisation": (RANDOMISATION, TREATMENT),
    "treatment_start": (TREATMENT, RANDOMISATION),
    "baseline": (),
}


def recorded_start(
    events: Iterable[tuple[int, EventKind]], first_scan: int | None, protocol: Protocol
) -> int | None:
    """The day of the event that durations count from; None where no event says.

    Radiotherapy that began before the baseline scan belongs to an earlier line of treatment: it
    counts only where no other start is recorded, and then the last one does.

    Args:
        events: day and kind; days on any scale, such as ordinals of dates.
        first_scan: the day of the baseline scan on the same scale; None where it is not known (a
            table of responses begins after it), so that all radiotherapy counts.
        protocol: its ``origin`` says which event comes first.
    """
    known = [(day, kind) for day, kind in events if kind in RANDOMISATION | TREATMENT]
    if not known:
        return None
    earlier = _earlier_lines(known, first_scan)
    current = [each for each in known if each not in earlier]
    for kinds in STARTS[protocol.origin]:
        days = [day for day, kind in current if kind in kinds]
        if days:
            return min(days)
        if kinds is TREATMENT and earlier and not current:
            return max(day for day, _ in earlier)
    return None


def time_zero(events: Iterable[tuple[int, EventKind]], first_scan: int, protocol: Protocol) -> int:
    """The day from which durations count: that of an event, else that of the baseline scan.

    Args:
        events: day and kind; days on any scale, such as ordinals of dates.
        first_scan: the day of the baseline scan on the same scale.
    """
    start = recorded_start(events, first_scan, protocol)
    return first_scan if start is None else start


def time_zero_of(course: Course, protocol: Protocol) -> int:
    """The same in the days of a course.

    Where no event says when treatment started, day 0 does: days count from the start of treatment
    where a course has no dates, and from the baseline scan where it has.
    """
    first_scan = _first_scan(course)
    start = recorded_start(_dated(course), first_scan, protocol) if course.events else None
    if start is None:
        return (first_scan or 0) if protocol.origin == "baseline" else 0
    return start


def remarks_on_start(course: Course, protocol: Protocol) -> tuple[str, ...]:
    """What a reader should know of time zero: it precedes the baseline, or a start was passed."""
    first_scan, events = _first_scan(course), _dated(course)
    if first_scan is None:
        return ()
    start = recorded_start(events, first_scan, protocol)
    remarks = []
    if start is not None and start < first_scan:
        remarks.append(f"durations count from {first_scan - start} days before the baseline scan")
    passed = [day for day, _ in _earlier_lines(events, first_scan) if day != start]
    if passed and protocol.origin != "baseline":
        remarks.append(
            f"radiotherapy {first_scan - max(passed)} days before the baseline scan is taken as "
            "of an earlier line and starts no duration"
        )
    return tuple(remarks)


def _earlier_lines(
    events: Iterable[tuple[int, EventKind]], first_scan: int | None
) -> list[tuple[int, EventKind]]:
    return [
        (day, kind)
        for day, kind in events
        if kind is EventKind.RADIOTHERAPY_START and first_scan is not None and day < first_scan
    ]


def _first_scan(course: Course) -> int | None:
    """The day of the baseline scan; beside a table of responses, by an event or not at all."""
    if course.timepoints:
        return course.timepoints[0].day
    return course.first_day_of(EventKind.BASELINE_SCAN)


def _dated(course: Course) -> list[tuple[int, EventKind]]:
    return [(event.day, event.kind) for event in course.events]
