"""Visits whose scans lie on several days.

A lesion is measured once per visit: rows of one name in the column ``visit`` are joined only where
no lesion has two of them, within :data:`LONGEST_VISIT_DAYS`. Anything else is several visits that
share a name. Without names, scans within the visit window of the protocol are one visit where none
of them shows all known lesions and no lesion is seen twice; further apart, it is asked.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from recist.course import Role
from recist.endpoints.sequence import visit_day
from recist.protocol import Protocol
from recist.table.entry import Record
from recist.table.finding import Finding, Severity

#: Scans of one visit lie within the usual visit window of trials on both sides.
LONGEST_VISIT_DAYS = 14
#: Scans that complete each other are asked about up to the shortest usual interval of visits.
LONGEST_ASKED_DAYS = 42

#: The rows of one reader by the time of their visit, in order.
Scans: TypeAlias = dict[int, list[Record]]


class Joined(NamedTuple):
    """The rows by visit.

    Attributes:
        signs: time of a visit -> that of the scan that shows a new lesion, where they differ.
        are_named: some row names its visit.
    """

    scans: Scans
    signs: dict[int, int]
    are_named: bool


def join_visits(
    subject: str, ordered: Sequence[Record], protocol: Protocol, findings: list[Finding]
) -> Joined:
    """Give the rows of each visit over several days the one day that the protocol lets count."""
    scans = nameless = _by_time(ordered)
    joined: list[tuple[str, list[Record]]] = []
    are_named = {record.entry.visit for record in ordered} != {""}
    if are_named:
        visits: defaultdict[str, list[Record]] = defaultdict(list)
        for record in ordered:
            visits[record.entry.visit].append(record)
        nameless = _by_time(visits.pop("", []))
        joined = [(f"visit {name!r}", rows) for name, rows in visits.items() if _is_one_visit(rows)]
    joined += [("one visit", rows) for rows in _partial(subject, nameless, protocol, findings)]
    signs: dict[int, int] = {}
    days: dict[tuple[str, int], int] = {}
    for name, rows in joined:
        scanned = sorted({record.when for record in rows})
        day = visit_day(scanned, by_new_lesion=False, protocol=protocol)
        days |= {(rows[0].entry.visit, when): day for when in scanned}
        shown = [record.when for record in rows if record.entry.shows_new_lesion]
        if shown:
            sign = visit_day(
                scanned, by_new_lesion=True, protocol=protocol, new_lesion_day=min(shown)
            )
            if sign != day:
                signs[day] = sign
        what = f"{name} has scans on {len(scanned)} dates"
        remedy = f"taken as one visit (visit_date = {protocol.visit_date}, AMB-32)"
        findings.append(Finding(Severity.CHECK, "one-visit", subject, rows[0].row, what, remedy))
    if not days:
        return Joined(scans, signs, are_named)
    moved = [
        record._replace(when=days.get((record.entry.visit, record.when), record.when))
        for record in ordered
    ]
    return Joined(_by_time(sorted(moved)), signs, are_named)


def _by_time(ordered: Iterable[Record]) -> Scans:
    scans: Scans = {}
    for record in ordered:
        if record.when in scans:
            scans[record.when].append(record)
        else:
            scans[record.when] = [record]
    return scans


def _is_one_visit(rows: Sequence[Record]) -> bool:
    scanned = {record.when for record in rows}
    seen_on = {(record.lesion, record.when) for record in rows if record.lesion}
    each_once = len({lesion for lesion, _ in seen_on}) == len(seen_on)
    return len(scanned) > 1 and each_once and max(scanned) - min(scanned) <= LONGEST_VISIT_DAYS


def _partial(
    subject: str, scans: Scans, protocol: Protocol, findings: list[Finding]
) -> list[list[Record]]:
    """Scans of several days that are one visit by what they show; those too far apart are told."""
    gaps = [later - day for day, later in itertools.pairwise(scans)]
    if not gaps or min(gaps) > LONGEST_ASKED_DAYS:
        return []
    known = {
        record.lesion
        for rows in scans.values()
        for record in rows
        if record.lesion and record.entry.lesion.role is not Role.NEW
    }
    groups: list[list[Record]] = []
    for scan in scans.values():
        if groups and _completes(groups[-1], scan, known, LONGEST_VISIT_DAYS):
            groups[-1] += scan
        else:
            groups.append(list(scan))
    several = [rows for rows in groups if rows[0].when != rows[-1].when]
    window = protocol.visit_window_days
    near = [rows for rows in several if rows[-1].when - rows[0].when <= window]
    far = [rows for rows in several if rows not in near]
    far += [
        [*earlier, *later]
        for earlier, later in itertools.pairwise(groups)
        if _completes(earlier, later, known, LONGEST_ASKED_DAYS)
    ]
    for rows in far:
        apart = rows[-1].when - rows[0].when
        what = f"scans {apart} days apart that each show some of the lesions"
        remedy = "one visit? name it in a column `visit`, or widen visit_window_days"
        findings.append(
            Finding(Severity.WARNING, "partial-visits", subject, rows[0].row, what, remedy)
        )
    return near


def _completes(
    earlier: Sequence[Record], scan: Sequence[Record], known: set[str], within_days: int
) -> bool:
    """Whether a scan shows, within some days, known lesions that the earlier ones do not."""
    first = {record.lesion for record in earlier}
    second = {record.lesion for record in scan}
    return (
        scan[0].when - earlier[0].when <= within_days
        and "" not in first | second
        and first.isdisjoint(second)
        and not first >= known
        and bool(second & known)
    )
