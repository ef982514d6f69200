"""From the rows of one subject to a course per reader, with what was odd on the way."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from itertools import groupby, takewhile
from operator import attrgetter

from recist.course import (
    Course,
    CourseError,
    Event,
    EventKind,
    Field,
    Lesion,
    Measurement,
    Role,
    Status,
    Timepoint,
)
from recist.endpoints import time_zero
from recist.protocol import DEFAULT, Protocol
from recist.table.dated_event import DatedEvent
from recist.table.finding import Finding, Severity
from recist.table.joined_visits import join_visits
from recist.table.records import NO_EXTRAS, Record
from recist.table.screening import from_baseline

#: Different measurements and lesions kept for reuse; most rows of a table repeat earlier ones.
REMEMBERED = 50_000


def courses_of(
    subject: str,
    records: Sequence[Record],
    events: Sequence[DatedEvent],
    *,
    has_dates: bool,
    findings: list[Finding],
    protocol: Protocol = DEFAULT,
) -> list[Course]:
    """The courses of one subject, one per reader; none where an error forbids it."""
    by_reader = _by_reader(subject, records, events, findings, has_dates=has_dates)
    if _died_before(subject, records, events, findings):
        return []
    zero = _day_zero(by_reader, events, protocol) if has_dates else 0
    day_zero = dt.date.fromordinal(zero) if has_dates else None
    dated = tuple(
        Event(event.when - zero, event.kind)
        for event in sorted(set(events), key=lambda event: (event.when, event.kind))
    )
    courses = []
    for reader in sorted(by_reader):
        before = len(findings)
        joined = join_visits(subject, by_reader[reader], protocol, findings)
        ordered = _without_absence(joined.records)
        lesions = _lesions(subject, ordered, findings)
        _merges(subject, ordered, findings)
        timepoints = _timepoints(subject, ordered, zero, findings)
        if joined.signs:
            timepoints = tuple(
                replace(timepoint, new_lesion_day=joined.signs[timepoint.day + zero] - zero)
                if timepoint.day + zero in joined.signs
                else timepoint
                for timepoint in timepoints
            )
        if any(finding.level is Severity.ERROR for finding in findings[before:]):
            continue
        try:
            courses.append(Course(subject, lesions, timepoints, dated, day_zero, reader))
        except CourseError as error:
            findings.append(
                Finding(Severity.ERROR, "course", subject, None, error.what, error.remedy)
            )
    return courses


def _died_before(
    subject: str,
    records: Sequence[Record],
    events: Sequence[DatedEvent],
    findings: list[Finding],
) -> bool:
    """Whether a death is dated before every scan: which date is wrong, no end point can tell."""
    deaths = [event.when for event in events if event.kind is EventKind.DEATH]
    if not deaths or not records:
        return False
    before = min(record.when for record in records) - min(deaths)
    if before <= 0:
        return False
    what = f"a death {before} days before the first scan"
    remedy = "correct the date of the death, or those of the scans"
    findings.append(Finding(Severity.ERROR, "death-before-scans", subject, None, what, remedy))
    return True


#: The order of rows: by visit, then lesion; the parts of a lesion as in the file.
_IN_ORDER = attrgetter("when", "lesion", "row")


def _by_reader(
    subject: str,
    records: Sequence[Record],
    events: Sequence[DatedEvent],
    findings: list[Finding],
    *,
    has_dates: bool,
) -> dict[str, Sequence[Record]]:
    """The rows of each reader in order, from the baseline on."""
    by_reader: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_reader[record.reader].append(record)
    if "" in by_reader and len(by_reader) > 1:
        nameless = by_reader[""]
        others = ", ".join(sorted(name for name in by_reader if name))
        what = f"{len(nameless)} row(s) without reader beside those of {others}"
        remedy = "read as a course of its own, with a baseline of its own: name the reader"
        row = nameless[0].row
        findings.append(Finding(Severity.WARNING, "no-reader", subject, row, what, remedy))
    return {
        reader: from_baseline(
            subject, sorted(rows, key=_IN_ORDER), events, findings, has_dates=has_dates
        )
        for reader, rows in by_reader.items()
    }


def _day_zero(
    by_reader: Mapping[str, Sequence[Record]], events: Sequence[DatedEvent], protocol: Protocol
) -> int:
    first_scan = min(rows[0].when for rows in by_reader.values())
    return time_zero(events, first_scan, protocol)


def _without_absence(ordered: Sequence[Record]) -> Sequence[Record]:
    """The rows without those that say of a new lesion that the baseline did not show it."""
    baseline = ordered[0].when
    at_baseline = takewhile(lambda r: r.when == baseline, ordered)
    if Role.NEW not in map(_ROLE, at_baseline):
        return ordered
    kept = [
        r
        for r in ordered
        if not (r.role is Role.NEW and r.when == baseline and r.status is Status.ABSENT)
    ]
    return kept if kept and kept[0].when == baseline else ordered


def _lesions(
    subject: str, ordered: Sequence[Record], findings: list[Finding]
) -> tuple[Lesion, ...]:
    first: dict[str, Record] = {}
    uids: dict[str, str] = {}
    for record in ordered:
        lesion = record.lesion
        if not lesion:
            continue
        if record.extras is not NO_EXTRAS and record.extras.tracking_uid:
            uids.setdefault(lesion, record.extras.tracking_uid)
        known = first.get(lesion)
        if known is None:
            first[lesion] = record
        elif _kind(known) != _kind(record):
            _compare(subject, known, record, findings)
    baseline = ordered[0].when
    for record in first.values():
        _first_seen(subject, record, baseline, findings)
    return tuple(
        _lesion(name, r.organ, r.role, r.field, uids.get(name, ""), is_node=r.is_node)
        for name, r in sorted(first.items())
    )


#: What has to stay the same of a lesion: role, organ, kind and field.
_kind = attrgetter("role", "organ", "is_node", "field")


def _compare(subject: str, known: Record, record: Record, findings: list[Finding]) -> None:
    """A lesion keeps its role and kind; its organ and field are those of its first row."""
    where = f"lesion {record.lesion}"
    since = f"in row {known.row}"
    if record.role is not known.role:
        what = f"{where} is {record.role} here, {known.role} {since}"
        remedy = "a lesion keeps its role: give another lesion another name"
        findings.append(Finding(Severity.ERROR, "role-changes", subject, record.row, what, remedy))
    if record.is_node is not known.is_node:
        kinds = ("no node", "a node")
        what = f"{where} is {kinds[record.is_node]} here, {kinds[known.is_node]} {since}"
        remedy = "a node is measured by its short axis at every date: correct nodal"
        findings.append(Finding(Severity.ERROR, "kind-changes", subject, record.row, what, remedy))
    if record.organ.casefold() != known.organ.casefold():
        what = f"{where} lies in {record.organ!r} here, in {known.organ!r} {since}"
        remedy = f"taken as {known.organ!r}: is it the same lesion?"
        findings.append(
            Finding(Severity.WARNING, "organ-changes", subject, record.row, what, remedy)
        )
    if record.field is not known.field:
        what = f"{where} is {record.field} of the field here, {known.field} {since}"
        remedy = f"taken as {known.field}"
        findings.append(
            Finding(Severity.WARNING, "field-changes", subject, record.row, what, remedy)
        )


def _first_seen(subject: str, record: Record, baseline: int, findings: list[Finding]) -> None:
    """Targets and non-targets are those of the baseline, new lesions those after it."""
    where = f"lesion {record.lesion}"
    if record.role is Role.NEW:
        if record.when == baseline:
            what = f"{where} is new at the baseline"
            remedy = "target or non-target at the baseline; new later"
            findings.append(
                Finding(Severity.ERROR, "new-at-baseline", subject, record.row, what, remedy)
            )
    elif record.when != baseline:
        level = Severity.ERROR if record.role is Role.TARGET else Severity.WARNING
        what = f"{where} is {record.role} but has no row at the baseline"
        remedy = "a lesion first seen later is new; one seen before needs its baseline row"
        findings.append(Finding(level, "no-baseline-row", subject, record.row, what, remedy))


def _merges(subject: str, ordered: Sequence[Record], findings: list[Finding]) -> None:
    """A lesion merges into another one that is still seen by itself, not round in a circle."""
    if Status.MERGED not in map(_STATUS, ordered):
        return
    into = {(r.when, r.lesion): r for r in ordered if r.status is Status.MERGED}
    for (when, lesion), record in into.items():
        seen, at = {lesion}, record.merged_into
        while at not in seen and (when, at) in into:
            seen.add(at)
            at = into[when, at].merged_into
        if at in seen:
            what = f"lesion {lesion} merges into {record.merged_into}, and so into itself"
            remedy = "taken as not evaluable: measure the lesion that the others merged into"
            findings.append(
                Finding(Severity.WARNING, "merge-circle", subject, record.row, what, remedy)
            )


def _timepoints(
    subject: str, ordered: Sequence[Record], zero: int, findings: list[Finding]
) -> tuple[Timepoint, ...]:
    timepoints = []
    for when, rows in groupby(ordered, _WHEN):
        visit = list(rows)
        lesions = set(map(_LESION, visit))
        named = [record for record in visit if record.lesion] if "" in lesions else visit
        if len(lesions) == len(visit):
            measurements = list(map(_plain, named))
        else:
            measurements = [
                _measurement(subject, list(parts), findings, at_baseline=when == ordered[0].when)
                for _, parts in groupby(named, _LESION)
            ]
        label = next(filter(None, map(_VISIT, visit)), "")
        timepoints.append(Timepoint(when - zero, tuple(measurements), label))
    return tuple(timepoints)


_WHEN, _LESION, _VISIT = attrgetter("when"), attrgetter("lesion"), attrgetter("extras.visit")
_ROLE, _STATUS = attrgetter("role"), attrgetter("status")


def _plain(record: Record) -> Measurement:
    """The measurement of a lesion with one row."""
    size, extras = record.diameter_mm, record.extras
    text = None if size is None else str(size)
    drawn_by = extras.drawn_by or record.reader
    plain = _recorded(record.lesion, record.status, text, record.merged_into, drawn_by)
    if extras is NO_EXTRAS:
        return plain
    volume_ml, suv_max, suv_mean, suv_peak = extras.measures
    return replace(
        plain, volume_ml=volume_ml, suv_max=suv_max, suv_mean=suv_mean, suv_peak=suv_peak
    )


@lru_cache(maxsize=REMEMBERED)
def _recorded(
    lesion: str, status: Status, diameter_mm: str | None, merged_into: str, drawn_by: str
) -> Measurement:
    """One measurement for all rows that say the same: it cannot change, and there are few."""
    parts = () if diameter_mm is None else (Decimal(diameter_mm),)
    return Measurement(lesion, status, parts, merged_into or None, source=drawn_by)


@lru_cache(maxsize=REMEMBERED)
def _lesion(name: str, organ: str, role: Role, field: Field, uid: str, *, is_node: bool) -> Lesion:
    """One lesion for all subjects in whom it reads the same."""
    return Lesion(name, organ, is_node, role, field, uid)


def _measurement(
    subject: str, rows: Sequence[Record], findings: list[Finding], *, at_baseline: bool
) -> Measurement:
    """The measurement of a lesion in fragments; the first row where rows contradict."""
    rows = _each_once(subject, rows, findings)
    first = _plain(rows[0])
    if len(rows) == 1 or not _agree(subject, rows, findings, at_baseline=at_baseline):
        return first
    parts = (record.diameter_mm for record in rows if record.diameter_mm is not None)
    return replace(first, parts_mm=tuple(sorted(parts, reverse=True)))


def _each_once(subject: str, rows: Sequence[Record], findings: list[Finding]) -> Sequence[Record]:
    """The rows without exact copies: fragments of one size to every cell hardly ever happen."""
    once = {record._replace(row=0): record for record in reversed(rows)}
    if len(once) == len(rows) or rows[0].status is not Status.MEASURED:
        return rows
    numbers = ", ".join(str(record.row) for record in rows)
    what = f"lesion {rows[0].lesion}, rows {numbers} are identical in every cell"
    remedy = "a copy is counted once; parts of one size need a column `part` that differs"
    findings.append(Finding(Severity.WARNING, "identical-rows", subject, rows[1].row, what, remedy))
    return sorted(once.values(), key=lambda record: record.row)


def _agree(
    subject: str, rows: Sequence[Record], findings: list[Finding], *, at_baseline: bool
) -> bool:
    """Several rows of a lesion at a date are its fragments; anything else contradicts.

    Fragments at the baseline are asked about by the checks of the course.
    """
    first, *others = rows
    numbers = ", ".join(str(record.row) for record in rows)
    where = f"lesion {first.lesion}, rows {numbers}"
    states = {(record.status, record.merged_into) for record in rows}
    if len(states) > 1:
        said = ", ".join(sorted(str(record.status) for record in rows))
        what = f"{where} contradict each other: {said}"
        remedy = "keep the right row"
        findings.append(
            Finding(Severity.ERROR, "contradicting-rows", subject, others[0].row, what, remedy)
        )
        return False
    if first.status is not Status.MEASURED:
        what, remedy = f"{where} say the same", "keep one row"
        findings.append(Finding(Severity.CHECK, "same-rows", subject, others[0].row, what, remedy))
        return True
    if first.is_node:
        what = f"{where} give a node several diameters"
        remedy = "counted as fragments; RECIST gives no rule for a fragmented node: keep one row"
        findings.append(
            Finding(Severity.WARNING, "node-parts", subject, others[0].row, what, remedy)
        )
    elif not at_baseline and len({record.unread for record in rows}) < len(rows):
        total = sum((record.diameter_mm or Decimal(0) for record in rows), Decimal(0))
        what = f"{where} give it several diameters, which add up to {total} mm"
        remedy = "summed as fragments; if one is a correction, delete the other; number fragments "
        remedy += "in a column `part`"
        findings.append(
            Finding(Severity.WARNING, "unnamed-parts", subject, others[0].row, what, remedy)
        )
    elif len({record.diameter_mm for record in rows}) < len(rows):
        what = f"{where} give the same diameter twice"
        remedy = "counted as fragments; delete one if it is a copy"
        findings.append(Finding(Severity.CHECK, "same-parts", subject, others[0].row, what, remedy))
    return True
