"""How the readers of a trial agree, why they do not, and how long a read takes."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recist.cohort.agreement import Agreement, agreement
from recist.course import Course, Role, Status
from recist.review.database.tables import AuditRow, SubjectRow
from recist.review.reading.assessed import AssessedReading
from recist.review.room import Room
from recist.review.trial.reads import SubjectReads, answer_of, assessed_read, reads_of

#: Two readers mean the same lesion where their calipers lie no further apart.
SAME_PLACE_MM = 15.0
#: Who does nothing for so long is not reading.
PAUSE = dt.timedelta(minutes=5)
#: Published figures, shown beside the trial's own; none of them is a limit.
PUBLISHED = {
    "best_response_differs": "23 % of patients (40 trials, 12,299 patients)",
    "progression_date_differs": "31 % of patients (40 trials, 12,299 patients)",
    "adjudicated": "36.7 % (a phase II trial of small-cell lung cancer)",
    "other_targets": "85 % of those adjudicated had at least one other target lesion",
    "kappa": "0.510 for the overall response (82 pairs)",
}


def cause(first: AssessedReading | None, second: AssessedReading | None) -> str:
    """The first thing in which two discordant reads differ, in the order of the reading."""
    if first is None or second is None:
        return "one reader recorded no lesion"
    one, other = first.course, second.course
    if not _same_targets(one, other):
        return "other targets chosen"
    if _new_days(one) != _new_days(other):
        return "new lesion"
    non_targets = [
        {each.day: each.non_target for each in read.timepoints} for read in (first, second)
    ]
    if non_targets[0] != non_targets[1]:
        return "non-target"
    return "other diameter"


def _same_targets(one: Course, other: Course) -> bool:
    """Whether each target of one reader lies where one of the other's does."""
    left, right = _targets(one), _targets(other)
    if len(left) != len(right):
        return False
    for organ, place in left:
        at = next((n for n, (o, p) in enumerate(right) if o == organ and _near(place, p)), None)
        if at is None:
            return False
        del right[at]
    return True


Place = tuple[float, ...] | None


def _targets(course: Course) -> list[tuple[str, Place]]:
    found = []
    baseline = {each.lesion_id: each for each in course.timepoints[0].measurements}
    for lesion in course.lesions:
        if lesion.role is not Role.TARGET:
            continue
        seen = baseline.get(lesion.id)
        place: Place = None
        if seen is not None and seen.caliper is not None:
            axis = seen.caliper.long_axis
            place = axis.middle_mm
        found.append((lesion.organ.casefold(), place))
    return found


def _near(one: Place, other: Place) -> bool:
    """Whether two lesions are one: by their calipers; without a caliper only by the organ."""
    return one is None or other is None or math.dist(one, other) <= SAME_PLACE_MM


def _new_days(course: Course) -> set[int]:
    new = {lesion.id for lesion in course.lesions if lesion.role is Role.NEW}
    return {
        timepoint.day
        for timepoint in course.timepoints
        for each in timepoint.measurements
        if each.lesion_id in new and each.status not in (Status.ABSENT, Status.NOT_EVALUABLE)
    }


def seconds_of_reading(times: Iterable[str]) -> float:
    """Time spent, from the times of the audit: pauses are left out."""
    moments = sorted(dt.datetime.fromisoformat(each) for each in times)
    gaps = (after - before for before, after in pairwise(moments))
    return sum((gap.total_seconds() for gap in gaps if gap < PAUSE), 0.0)


def analytics(session: Session, room: Room) -> dict[str, Any]:
    """Agreement, causes, times and the rate of adjudication of the trial so far."""
    subjects = session.scalars(select(SubjectRow).order_by(SubjectRow.name)).all()
    both = [
        reads
        for reads in (reads_of(session, room, subject) for subject in subjects)
        if reads.is_signed_twice
    ]
    pairs = [(answer_of(room, r.reads[0]), answer_of(room, r.reads[1])) for r in both]
    best = agreement([(one.best, other.best) for one, other in pairs])
    at_dates = agreement(
        [
            (one.responses[date], other.responses[date])
            for one, other in pairs
            for date in one.responses
            if date in other.responses
        ]
    )
    causes = Counter(_cause(room, reads) for reads in both if reads.found)
    return {
        "subjects_read_twice": len(both),
        "best_response": _shown(best),
        "response_at_date": _shown(at_dates),
        "best_response_differs": sum(one.best != other.best for one, other in pairs),
        "progression_date_differs": sum(o.progression != s.progression for o, s in pairs),
        "to_adjudicate": sum(bool(reads.found) for reads in both),
        "adjudicated": sum(reads.adjudication is not None for reads in both),
        "adjudication_rate": sum(bool(r.found) for r in both) / len(both) if both else None,
        "causes": dict(causes),
        "minutes_per_read": _times(session),
        "published": PUBLISHED,
    }


def _cause(room: Room, reads: SubjectReads) -> str:
    one, other = (assessed_read(room, each) for each in reads.reads)
    return cause(one, other)


def _shown(found: Agreement) -> dict[str, Any]:
    def figure(value: float) -> float | None:
        return None if math.isnan(value) else round(value, 3)

    return {
        "pairs": found.pairs,
        "kappa": figure(found.kappa),
        "low": figure(found.low),
        "high": figure(found.high),
    }


def _times(session: Session) -> dict[str, Any]:
    times: dict[tuple[str, str], list[str]] = {}
    rows = session.execute(
        select(AuditRow.account, AuditRow.subject, AuditRow.at).where(
            AuditRow.subject != "", AuditRow.role == "reader"
        )
    )
    for account, subject, at in rows:
        times.setdefault((account, subject), []).append(at)
    by_reader: dict[str, list[float]] = {}
    for (account, _), moments in times.items():
        by_reader.setdefault(account, []).append(seconds_of_reading(moments) / 60)
    return {
        account: {"reads": len(found), "median": round(median(found), 2)}
        for account, found in sorted(by_reader.items())
    }
