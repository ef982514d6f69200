"""The lesions that are known from some dates, and the outline that each is followed from."""

from __future__ import annotations

from collections.abc import Sequence

from recist.patient.delineation import Delineated
from recist.tracking import Followed


def known_lesions(
    days: Sequence[int],
    found: Sequence[Delineated],
    followed: Sequence[tuple[Followed, ...]],
) -> list[tuple[int, int]]:
    """Of each lesion the date and the candidate to follow it from.

    A reader's outline is followed rather than one that was proposed, and of these the last.

    Args:
        days: of the dates, in order of time.
        found: what was delineated at each.
        followed: at each, what became of earlier lesions.
    """
    chosen: dict[tuple[int, int], tuple[int, int]] = {}
    origin: dict[tuple[int, int], tuple[int, int]] = {}
    date_of = {day: n for n, day in enumerate(days)}
    for date, delineated in enumerate(found):
        earlier = {c: (f.day, f.candidate) for f in followed[date] for c in f.candidates}
        for number in range(len(delineated.candidates)):
            before = earlier.get(number)
            own = (date, number)
            first = own if before is None else origin[date_of[before[0]], before[1]]
            origin[own] = first
            if first not in chosen or delineated.reviewed:
                chosen[first] = own
    return list(chosen.values())
