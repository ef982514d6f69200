"""Which scan is the baseline, where several were made before treatment.

The baseline is as close as possible to the start of treatment (Eisenhauer 2009, section 3.2.1), so
of several scans of screening the last one is. A lesion that it does not show again keeps what an
earlier scan said, as where one visit of screening is spread over weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap

from recist.course import EventKind
from recist.table.dated_event import DatedEvent
from recist.table.entry import Record, Row
from recist.table.finding import Finding, Severity

_STARTS = (EventKind.TREATMENT_START, EventKind.RADIOTHERAPY_START, EventKind.RANDOMISATION)


def from_baseline(
    subject: str,
    ordered: Sequence[Row],
    events: Sequence[DatedEvent],
    findings: list[Finding],
    *,
    has_dates: bool,
) -> Sequence[Row]:
    """The rows from the baseline on, in order; earlier ones of screening are told.

    A course that begins long before radiotherapy, with new lesions on the way, stays whole.
    """
    start = _start(events, has_dates=has_dates)
    if start is None or ordered[0][0] >= start:
        return ordered
    before = [record for record in starmap(Record, ordered) if record.when <= start]
    if before[0].when == before[-1].when:
        return ordered
    if any(record.entry.shows_new_lesion for record in before) and not any(
        event.kind is EventKind.TREATMENT_START for event in events
    ):
        return ordered
    last = before[-1].when
    latest: dict[str, int] = {}
    for record in before:
        latest[record.lesion] = max(record.when, latest.get(record.lesion, record.when))
    kept = [r for r in before if r.lesion and r.when == latest[r.lesion]]
    kept += [r for r in before if not r.lesion and r.when == last]
    earlier = sorted({r.lesion for r in kept if r.when != last})
    scans = sorted({r.when for r in before} - {last})
    what = f"{len(scans)} scan(s) before the last one of screening, {start - last} days from start"
    remedy = "the last one is the baseline"
    if earlier:
        remedy += f"; {', '.join(earlier)} as on an earlier one"
    findings.append(Finding(Severity.WARNING, "screening", subject, kept[0].row, what, remedy))
    moved = [record._replace(when=last) for record in kept]
    return [*sorted(moved), *ordered[len(before) :]]


def _start(events: Sequence[DatedEvent], *, has_dates: bool) -> int | None:
    """The start of treatment; days without dates count from it."""
    for kind in _STARTS if events else ():
        days = [event.when for event in events if event.kind is kind]
        if days:
            return min(days)
    return None if has_dates else 0
