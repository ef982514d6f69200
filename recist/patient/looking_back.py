"""Lesions that are new at a later date, looked for at the dates before.

A lesion that an earlier date shows already is not new: it was missed there, or is none. Which, only
a reader can say, so what is found is outlined, measured and pictured at the earlier date, counts
for nothing, and is put as a question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from imaging.registration.change import SURE
from recist.course import Role
from recist.measure import diameter_mm
from recist.patient.examination import size
from recist.patient.following import propose
from recist.patient.proposal import KnownLesion, Proposal
from recist.patient.tracked_dates import tracked
from recist.patient.tracked_lesion import TrackedLesion
from recist.patient.work.memory import Memory, mask_key
from recist.patient.work.observed import FoundBefore, ObservedDate
from recist.tracking import Track
from segmentation.evaluation import shared_voxels

#: Of more new lesions than this the smallest are not looked for at earlier dates.
MOST_LOOKED_FOR = 20


def looked_back(dates: Sequence[ObservedDate], memory: Memory) -> tuple[ObservedDate, ...]:
    """The dates with what they show of lesions that were delineated only later.

    Args:
        memory: of what was looked for before.
    """
    first_seen = [
        (n, max(seen.candidates, key=lambda c: dates[n].sized[c].candidate.mask.volume_ml))
        for lesion in tracked(dates, memory).lesions
        for n, each in enumerate(dates)
        if n and (seen := lesion.sightings[0]).day == each.day
    ]
    first_seen.sort(key=lambda at: -dates[at[0]].sized[at[1]].candidate.mask.volume_ml)
    found: dict[int, list[FoundBefore]] = {}
    for n, number in first_seen[:MOST_LOOKED_FOR]:
        later = dates[n]
        known = KnownLesion(
            later.examination, number, later.sized[number].candidate, later.registration
        )
        for d in range(n):
            question = ("there already", later.day, mask_key(known.candidate.mask), dates[d].day)
            before = memory.of(question, partial(_at_date, known, later.day, dates[d]))
            if before is not None:
                found.setdefault(d, []).append(before)
    return tuple(
        replace(each, found_before=tuple(found[n])) if n in found else each
        for n, each in enumerate(dates)
    )


def _at_date(known: KnownLesion, later_day: int, date: ObservedDate) -> FoundBefore | None:
    """What an earlier date shows of a lesion; None where it shows none beyond doubt."""
    (proposal,) = propose([known], date.examination, date.registration)
    if proposal.candidate is None or not _is_seen(proposal, date):
        return None
    sized = size(proposal.candidate, date.examination)
    return FoundBefore(later_day, known.number, sized, proposal.confidence, proposal.reason)


def _is_seen(proposal: Proposal, date: ObservedDate) -> bool:
    """Recognised beyond doubt, and nothing that was delineated there as another lesion."""
    candidate = proposal.candidate
    if candidate is None or proposal.confidence < SURE:
        return False
    return not any(shared_voxels(candidate.mask, each.candidate.mask) for each in date.sized)


def with_found_before(
    lesions: Sequence[TrackedLesion], dates: Sequence[ObservedDate]
) -> tuple[TrackedLesion, ...]:
    """New lesions with what earlier dates show of them, unless a reader called them new."""
    return tuple(
        replace(lesion, found_before=_of_track(lesion.track, dates))
        if lesion.role is Role.NEW and not lesion.choice.confirmed
        else lesion
        for lesion in lesions
    )


def _of_track(seen: Track, dates: Sequence[ObservedDate]) -> Mapping[int, FoundBefore]:
    first = seen.sightings[0]
    return {
        date.day: each
        for date in dates
        for each in date.found_before
        if each.later_day == first.day and each.later in first.candidates
    }


def questions(
    lesions: Sequence[TrackedLesion], dates: Sequence[ObservedDate]
) -> tuple[tuple[str, int, str], ...]:
    """What to ask the reader: (lesion, earlier day, question)."""
    date_of = {each.day: each.date for each in dates}
    return tuple(
        (lesion.id, day, _question(found, date_of[found.later_day].isoformat(), lesion.is_node))
        for lesion in lesions
        for day, found in sorted(lesion.found_before.items())
    )


def _question(found: FoundBefore, later: str, is_node: bool) -> str:
    there = size_mm(found, is_node)
    how_large = "too small to measure" if there is None else f"{there} mm"
    return (
        f"there already ({how_large}, confidence {100 * found.confidence:.0f} %), drawn first on "
        f"{later}: missed here, or new? It counts for nothing here until a reader says "
        "new=refused or new=confirmed"
    )


def size_mm(found: FoundBefore, is_node: bool) -> Decimal | None:
    """Its diameter at the earlier date; None where it is too small to measure."""
    caliper = found.sized.caliper
    return None if caliper is None else diameter_mm(caliper, is_node)
