"""Visits whose scans lie on several days, where a column ``visit`` says that they are one.

A lesion is measured once per visit: rows of one visit name are joined only where no lesion has two
of them, within :data:`LONGEST_VISIT_DAYS`. Anything else is several visits that share a name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from recist.course import Role, Status
from recist.endpoints.time_to_event import visit_day
from recist.protocol import Protocol
from recist.table.finding import Finding, Level
from recist.table.records import NO_EXTRAS, Record

#: Scans of one visit lie within the usual visit window of trials on both sides.
LONGEST_VISIT_DAYS = 14


class Joined(NamedTuple):
    """The rows in order, with one time per visit.

    Attributes:
        signs: time of a visit -> that of the scan that shows a new lesion, where they differ.
    """

    records: Sequence[Record]
    signs: dict[int, int]


def join_visits(
    subject: str, ordered: Sequence[Record], protocol: Protocol, findings: list[Finding]
) -> Joined:
    """Give the rows of each visit over several days the one day that the protocol lets count."""
    signs: dict[int, int] = {}
    if all(record.extras is NO_EXTRAS or not record.extras.visit for record in ordered):
        return Joined(ordered, signs)
    visits: defaultdict[str, list[Record]] = defaultdict(list)
    for record in ordered:
        visits[record.extras.visit].append(record)
    days: dict[tuple[str, int], int] = {}
    for name, rows in visits.items():
        scanned = sorted({record.when for record in rows})
        if not name or len(scanned) == 1 or not _is_one_visit(rows, scanned):
            continue
        day = visit_day(scanned, by_new_lesion=False, protocol=protocol)
        days |= {(name, when): day for when in scanned}
        shown = [record.when for record in rows if _shows_new_lesion(record)]
        if shown:
            sign = visit_day(
                scanned, by_new_lesion=True, protocol=protocol, new_lesion_day=min(shown)
            )
            if sign != day:
                signs[day] = sign
        what = f"visit {name!r} has scans on {len(scanned)} dates"
        remedy = f"taken as one visit (visit_date = {protocol.visit_date}, AMB-32)"
        findings.append(Finding(Level.CHECK, "one-visit", subject, rows[0].row, what, remedy))
    if not days:
        return Joined(ordered, signs)
    moved = [
        record._replace(when=days.get((record.extras.visit, record.when), record.when))
        for record in ordered
    ]
    return Joined(sorted(moved, key=lambda r: (r.when, r.lesion, r.row)), signs)


def _is_one_visit(rows: Sequence[Record], scanned: Sequence[int]) -> bool:
    seen_on = {(record.lesion, record.when) for record in rows if record.lesion}
    each_once = len({lesion for lesion, _ in seen_on}) == len(seen_on)
    return each_once and scanned[-1] - scanned[0] <= LONGEST_VISIT_DAYS


def _shows_new_lesion(record: Record) -> bool:
    unseen = (Status.ABSENT, Status.NOT_EVALUABLE)
    return record.role is Role.NEW and record.status not in unseen
