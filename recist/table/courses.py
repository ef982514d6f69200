"""From the rows of one subject to a course per reader, with what was odd on the way."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby, starmap
from operator import attrgetter
from typing import TypeAlias

from recist.course import (
    Course,
    CourseError,
    Event,
    EventKind,
    Lesion,
    Measurement,
    Role,
    Status,
    Timepoint,
)
from recist.endpoints import time_zero
from recist.protocol import DEFAULT, Protocol
from recist.table.dated_event import DatedEvent
from recist.table.entry import Record, Row
from recist.table.finding import Finding, Severity
from recist.table.joined_visits import LONGEST_ASKED_DAYS, Scans, join_visits
from recist.table.screening import from_baseline

#: Looked up once: Python finds a member of an enumeration slowly.
_NEW = Role.NEW

_Seen: TypeAlias = tuple[tuple[Lesion, ...], tuple[Timepoint, ...]]


def by_reader(rows: Sequence[Row]) -> dict[str, Sequence[Row]]:
    """The rows of each reader, in the order of the table."""
    only = rows[0][3].reader
    for _, _, _, entry, _ in rows:
        if entry.reader != only:
            break
    else:
        return {only: rows}
    several: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        several[row[3].reader].append(row)
    return dict(several)


def courses_of(
    subject: str,
    rows: Mapping[str, Sequence[Row]],
    events: Sequence[DatedEvent],
    *,
    has_dates: bool,
    findings: list[Finding],
    protocol: Protocol = DEFAULT,
) -> list[Course]:
    """The courses of one subject, one per reader; none where an error forbids it.

    Args:
        rows: of each reader, see :func:`by_reader`.
    """
    if "" in rows and len(rows) > 1:
        findings.append(_nameless(subject, rows))
    scanned = {
        reader: from_baseline(subject, sorted(own), events, findings, has_dates=has_dates)
        for reader, own in rows.items()
    }
    if events and _died_before(subject, rows, events, findings):
        return []
    zero = _day_zero(scanned, events, protocol) if has_dates else 0
    day_zero = dt.date.fromordinal(zero) if has_dates else None
    dated = tuple([Event(when - zero, kind) for when, kind in sorted(set(events))])
    courses = []
    for reader in sorted(scanned):
        before = len(findings)
        seen = _usual(scanned[reader], zero) or _seen(
            subject, scanned[reader], zero, protocol, findings
        )
        if any(finding.level is Severity.ERROR for finding in findings[before:]):
            continue
        try:
            courses.append(Course(subject, *seen, dated, day_zero, reader))
        except CourseError as error:
            findings.append(
                Finding(Severity.ERROR, "course", subject, None, error.what, error.remedy)
            )
    return courses


def _usual(ordered: Sequence[Row], zero: int) -> _Seen | None:
    """What :func:`_seen` finds where no row is odd, in one pass; None where a row may be.

    Each lesion says the same of itself in all its rows, and has one at a visit; each scan is a
    visit of its own, and nothing is to be told.
    """
    baseline = day = ordered[0][0]
    lesions: dict[str, Lesion] = {}
    timepoints: list[Timepoint] = []
    measurements: list[Measurement] = []
    previous, are_close = "", False
    for when, name, _, entry, _ in ordered:
        if when != day:
            timepoints.append(Timepoint(day - zero, tuple(measurements)))
            are_close = are_close or when - day <= LONGEST_ASKED_DAYS
            day, previous, measurements = when, "", []
        lesion, seen = entry.lesion, entry.seen
        if name == previous or entry.visit or seen.merged_into is not None:
            return None
        known = lesions.get(name)
        if known is not lesion:
            if known is not None or (lesion.role is _NEW) is (when == baseline):
                return None
            lesions[name] = lesion
        previous = name
        measurements.append(seen)
    timepoints.append(Timepoint(day - zero, tuple(measurements)))
    if are_close and any(map(_may_complete, timepoints, timepoints[1:])):
        return None
    return tuple([lesions[name] for name in sorted(lesions)]), tuple(timepoints)


def _may_complete(earlier: Timepoint, later: Timepoint) -> bool:
    """Whether two scans may be one visit: they lie close together and share no lesion."""
    if later.day - earlier.day > LONGEST_ASKED_DAYS:
        return False
    shown = {each.lesion_id for each in earlier.measurements}
    return shown.isdisjoint([each.lesion_id for each in later.measurements])


def _seen(
    subject: str,
    ordered: Sequence[Row],
    zero: int,
    protocol: Protocol,
    findings: list[Finding],
) -> _Seen:
    """Lesions and time points of the rows of one reader; what is odd in them is told."""
    scans, signs, are_named = join_visits(
        subject, list(starmap(Record, ordered)), protocol, findings
    )
    _drop_absence(scans)
    lesions = _lesions(subject, scans, findings)
    _merges(subject, scans, findings)
    timepoints = _timepoints(subject, scans, zero, findings, with_labels=are_named)
    if signs:
        timepoints = tuple(
            replace(timepoint, new_lesion_day=signs[timepoint.day + zero] - zero)
            if timepoint.day + zero in signs
            else timepoint
            for timepoint in timepoints
        )
    return lesions, timepoints


def _died_before(
    subject: str,
    rows: Mapping[str, Sequence[Row]],
    events: Sequence[DatedEvent],
    findings: list[Finding],
) -> bool:
    """Whether a death is dated before every scan: which date is wrong, no end point can tell."""
    deaths = [event.when for event in events if event.kind is EventKind.DEATH]
    if not deaths:
        return False
    before = min(when for own in rows.values() for when, *_ in own) - min(deaths)
    if before <= 0:
        return False
    what = f"a death {before} days before the first scan"
    remedy = "correct the date of the death, or those of the scans"
    findings.append(Finding(Severity.ERROR, "death-before-scans", subject, None, what, remedy))
    return True


def _nameless(subject: str, rows: Mapping[str, Sequence[Row]]) -> Finding:
    nameless, others = rows[""], ", ".join(sorted(name for name in rows if name))
    what = f"{len(nameless)} row(s) without reader beside those of {others}"
    remedy = "read as a course of its own, with a baseline of its own: name the reader"
    return Finding(Severity.WARNING, "no-reader", subject, nameless[0][2], what, remedy)


def _day_zero(
    scanned: Mapping[str, Sequence[Row]], events: Sequence[DatedEvent], protocol: Protocol
) -> int:
    first_scan = min(rows[0][0] for rows in scanned.values())
    return time_zero(events, first_scan, protocol)


def _drop_absence(scans: Scans) -> None:
    """Leave out the rows that say of a new lesion that the baseline did not show it."""
    baseline = next(iter(scans))
    kept = [
        record
        for record in scans[baseline]
        if record.entry.lesion.role is not _NEW or record.entry.seen.status is not Status.ABSENT
    ]
    if kept:
        scans[baseline] = kept


def _lesions(subject: str, scans: Scans, findings: list[Finding]) -> tuple[Lesion, ...]:
    first: dict[str, Record] = {}
    uids: dict[str, str] = {}
    for rows in scans.values():
        for record in rows:
            lesion = record.entry.lesion
            known = first.setdefault(record.lesion, record)
            if lesion is not known.entry.lesion:
                if lesion.tracking_uid and not known.entry.lesion.tracking_uid:
                    uids.setdefault(lesion.id, lesion.tracking_uid)
                _compare(subject, known, record, findings)
    first.pop("", None)
    baseline = next(iter(scans))
    findings += [
        _misplaced(subject, record)
        for record in first.values()
        if (record.entry.lesion.role is _NEW) is (record.when == baseline)
    ]
    lesions = [first[name].entry.lesion for name in sorted(first)]
    if uids:
        lesions = [
            replace(lesion, tracking_uid=uids.get(lesion.id, lesion.tracking_uid))
            for lesion in lesions
        ]
    return tuple(lesions)


def _compare(subject: str, earlier: Record, record: Record, findings: list[Finding]) -> None:
    """A lesion keeps its role and kind; its organ and field are those of its first row."""
    known, lesion = earlier.entry.lesion, record.entry.lesion
    where = f"lesion {record.lesion}"
    since = f"in row {earlier.row}"
    if lesion.role is not known.role:
        what = f"{where} is {lesion.role} here, {known.role} {since}"
        remedy = "a lesion keeps its role: give another lesion another name"
        findings.append(Finding(Severity.ERROR, "role-changes", subject, record.row, what, remedy))
    if lesion.is_node is not known.is_node:
        kinds = ("no node", "a node")
        what = f"{where} is {kinds[lesion.is_node]} here, {kinds[known.is_node]} {since}"
        remedy = "a node is measured by its short axis at every date: correct nodal"
        findings.append(Finding(Severity.ERROR, "kind-changes", subject, record.row, what, remedy))
    if lesion.organ.casefold() != known.organ.casefold():
        what = f"{where} lies in {lesion.organ!r} here, in {known.organ!r} {since}"
        remedy = f"taken as {known.organ!r}: is it the same lesion?"
        findings.append(
            Finding(Severity.WARNING, "organ-changes", subject, record.row, what, remedy)
        )
    if lesion.field is not known.field:
        what = f"{where} is {lesion.field} of the field here, {known.field} {since}"
        remedy = f"taken as {known.field}"
        findings.append(
            Finding(Severity.WARNING, "field-changes", subject, record.row, what, remedy)
        )


def _misplaced(subject: str, record: Record) -> Finding:
    """Targets and non-targets are those of the baseline, new lesions those after it."""
    where, role = f"lesion {record.lesion}", record.entry.lesion.role
    if role is Role.NEW:
        what = f"{where} is new at the baseline"
        remedy = "target or non-target at the baseline; new later"
        return Finding(Severity.ERROR, "new-at-baseline", subject, record.row, what, remedy)
    level = Severity.ERROR if role is Role.TARGET else Severity.WARNING
    what = f"{where} is {role} but has no row at the baseline"
    remedy = "a lesion first seen later is new; one seen before needs its baseline row"
    return Finding(level, "no-baseline-row", subject, record.row, what, remedy)


def _merges(subject: str, scans: Scans, findings: list[Finding]) -> None:
    """A lesion merges into another one that is still seen by itself, not round in a circle."""
    into = {
        (when, record.lesion): record
        for when, rows in scans.items()
        for record in rows
        if record.entry.seen.merged_into is not None
    }
    for (when, lesion), record in into.items():
        merged_into = record.entry.seen.merged_into
        seen, at = {lesion}, merged_into
        while at is not None and at not in seen and (when, at) in into:
            seen.add(at)
            at = into[when, at].entry.seen.merged_into
        if at in seen:
            what = f"lesion {lesion} merges into {merged_into}, and so into itself"
            remedy = "taken as not evaluable: measure the lesion that the others merged into"
            findings.append(
                Finding(Severity.WARNING, "merge-circle", subject, record.row, what, remedy)
            )


def _timepoints(
    subject: str, scans: Scans, zero: int, findings: list[Finding], *, with_labels: bool
) -> tuple[Timepoint, ...]:
    timepoints = []
    baseline = next(iter(scans))
    for when, rows in scans.items():
        seen = {record.lesion: record.entry.seen for record in rows}
        if len(seen) < len(rows):
            named = [record for record in rows if record.lesion]
            for lesion, parts in groupby(named, attrgetter("lesion")):
                seen[lesion] = _measurement(
                    subject, list(parts), findings, at_baseline=when == baseline
                )
        seen.pop("", None)
        names = [record.entry.visit for record in rows] if with_labels else []
        label = next(filter(None, names), "")
        timepoints.append(Timepoint(when - zero, tuple(seen.values()), label))
    return tuple(timepoints)


def _measurement(
    subject: str, rows: Sequence[Record], findings: list[Finding], *, at_baseline: bool
) -> Measurement:
    """The measurement of a lesion in fragments; the first row where rows contradict."""
    rows = _each_once(subject, rows, findings)
    first = rows[0].entry.seen
    if len(rows) == 1 or not _agree(subject, rows, findings, at_baseline=at_baseline):
        return first
    parts = [part for record in rows for part in record.entry.seen.parts_mm]
    return replace(first, parts_mm=tuple(sorted(parts, reverse=True)))


def _each_once(subject: str, rows: Sequence[Record], findings: list[Finding]) -> Sequence[Record]:
    """The rows without exact copies: fragments of one size to every cell hardly ever happen."""
    once = {record._replace(row=0): record for record in reversed(rows)}
    if len(once) == len(rows) or rows[0].entry.seen.status is not Status.MEASURED:
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
    seen = [record.entry.seen for record in rows]
    states = {(each.status, each.merged_into) for each in seen}
    if len(states) > 1:
        said = ", ".join(sorted(str(each.status) for each in seen))
        what = f"{where} contradict each other: {said}"
        remedy = "keep the right row"
        findings.append(
            Finding(Severity.ERROR, "contradicting-rows", subject, others[0].row, what, remedy)
        )
        return False
    if seen[0].status is not Status.MEASURED:
        what, remedy = f"{where} say the same", "keep one row"
        findings.append(Finding(Severity.CHECK, "same-rows", subject, others[0].row, what, remedy))
        return True
    if first.entry.lesion.is_node:
        what = f"{where} give a node several diameters"
        remedy = "counted as fragments; RECIST gives no rule for a fragmented node: keep one row"
        findings.append(
            Finding(Severity.WARNING, "node-parts", subject, others[0].row, what, remedy)
        )
    elif not at_baseline and len({record.unread for record in rows}) < len(rows):
        total = sum((part for each in seen for part in each.parts_mm), Decimal(0))
        what = f"{where} give it several diameters, which add up to {total} mm"
        remedy = "summed as fragments; if one is a correction, delete the other; number fragments "
        remedy += "in a column `part`"
        findings.append(
            Finding(Severity.WARNING, "unnamed-parts", subject, others[0].row, what, remedy)
        )
    elif len({each.parts_mm for each in seen}) < len(rows):
        what = f"{where} give the same diameter twice"
        remedy = "counted as fragments; delete one if it is a copy"
        findings.append(Finding(Severity.CHECK, "same-parts", subject, others[0].row, what, remedy))
    return True
