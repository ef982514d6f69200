"""Checks on the dates of a course: scans among themselves, and against events.

Levels: see :class:`recist.table.finding.Severity`. A check never changes an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import starmap

from recist.course import Course, EventKind
from recist.endpoints.origin import recorded_start, remarks_on_start
from recist.protocol import Protocol
from recist.table.entry import Record, Row
from recist.table.finding import Finding, Severity

#: A gap between visits that is more often a wrong year.
IMPLAUSIBLE_GAP_DAYS = 3 * 365
#: What happens once.
ONCE = (EventKind.DEATH, EventKind.RANDOMISATION, EventKind.TREATMENT_START)


def dates_out_of_order(course: Course, records: Sequence[Row]) -> Iterable[Finding]:
    """Rows of one lesion that go back in time."""
    last: dict[str, Record] = {}
    for record in starmap(Record, records):
        previous = last.get(record.lesion)
        if previous is not None and record.when < previous.when:
            what = f"lesion {record.lesion}: this row is earlier than row {previous.row}"
            remedy = "taken in the order of dates; is the date right?"
            yield Finding(
                Severity.WARNING, "dates-out-of-order", course.subject, record.row, what, remedy
            )
        last[record.lesion] = record


def long_gaps(course: Course, found: list[Finding]) -> None:
    """Visits so far apart that a date may be wrong."""
    earlier: int | None = None
    for timepoint in course.timepoints:
        later = timepoint.day
        if earlier is not None and later - earlier > IMPLAUSIBLE_GAP_DAYS:
            what = f"{later - earlier} days between two visits (to day {later})"
            remedy = "is the year right?"
            found.append(Finding(Severity.CHECK, "long-gap", course.subject, None, what, remedy))
        earlier = later


def doubtful_start(course: Course, protocol: Protocol, *, has_events: bool) -> Iterable[Finding]:
    """A baseline that is too old, or a start that is not known."""
    if protocol.origin == "baseline" or not course.timepoints:
        return
    baseline = course.timepoints[0].day
    start = None
    if course.events:
        start = course.first_day_of(EventKind.TREATMENT_START)
        if start is None:
            events = [(event.day, event.kind) for event in course.events]
            start = recorded_start(events, baseline, protocol)
    if start is None and course.day_zero is not None:
        what = "no start of treatment and no randomisation among the events"
        remedy = "durations run from the baseline scan: give a table of events"
        named = course.subject if has_events else ""  # of the whole table
        yield Finding(Severity.WARNING, "no-start", named, None, what, remedy)
        return
    age, most = (start or 0) - baseline, protocol.baseline_days
    if age > most:
        what = f"baseline {age} days before the start of treatment, {most} at most"
        remedy = "is there a later scan? the limit is the setting baseline_days"
        yield Finding(Severity.WARNING, "old-baseline", course.subject, None, what, remedy)


def against_events(
    course: Course, follow_up: Sequence[int], protocol: Protocol
) -> Iterable[Finding]:
    """A baseline after the start, follow-up before it or after death; follow-up in order."""

    def finding(code: str, what: str, remedy: str) -> Finding:
        return Finding(Severity.WARNING, code, course.subject, None, what, remedy)

    for remark in remarks_on_start(course, protocol):
        remedy = "is the date right? treatment of an earlier line is a previous-line-start"
        yield finding("baseline-after-start", remark, remedy)
    first_scan = course.timepoints[0].day if course.timepoints else None
    events = [(event.day, event.kind) for event in course.events]
    start = recorded_start(events, first_scan, protocol)
    if start is not None and follow_up and follow_up[0] < start:
        what = f"follow-up on day {follow_up[0]}, before the start on day {start}"
        remedy = "the first date is the baseline: leave out scans before the last one of screening"
        yield finding("before-start", what, remedy)
    for kind in ONCE:
        days = sorted({event.day for event in course.events if event.kind is kind})
        if len(days) > 1:
            what = f"{len(days)} dates of {kind}: days {', '.join(map(str, days))}"
            yield finding("event-again", what, "the first counts: leave out the others")
    death = course.first_day_of(EventKind.DEATH)
    if death is not None and follow_up and death < follow_up[-1]:
        what = f"death on day {death}, a visit on day {follow_up[-1]}"
        yield finding("after-death", what, "correct the one date or the other")
