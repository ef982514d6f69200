"""Which lesion each candidate of a course is, and how right a way of linking is about it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from recist.tracking import DatedCandidates, Tracks, is_unsure


@dataclass(frozen=True, slots=True, eq=False)
class LinkedCourse:
    """A course and which lesion each candidate is.

    Attributes:
        owners: by date and candidate, the lesions in it; several where these merged.
    """

    dates: tuple[DatedCandidates, ...]
    owners: tuple[tuple[frozenset[int], ...], ...]

    @property
    def links(self) -> frozenset[tuple[int, int, int]]:
        """Lesion, date and candidate, of every lesion that an earlier date shows."""
        known: set[int] = set()
        found = set()
        for n, candidates in enumerate(self.owners):
            found |= {(lesion, n, c) for c, own in enumerate(candidates) for lesion in own & known}
            known |= {lesion for own in candidates for lesion in own}
        return frozenset(found)

    def begun_at(self, n: int, candidate: int) -> frozenset[int]:
        """The lesions in a candidate that no earlier date shows."""
        known = {lesion for own in itertools.chain(*self.owners[:n]) for lesion in own}
        return self.owners[n][candidate] - known


@dataclass(frozen=True, slots=True)
class LinkedSighting:
    """What a way of linking says of a lesion at a date.

    Attributes:
        candidates: its own, or those of the lesion that holds it.
        is_flagged: a reader is asked to look at it.
    """

    date: int
    candidates: tuple[int, ...]
    is_flagged: bool = False


@dataclass(frozen=True, slots=True)
class LinkScore:
    """Links of lesions that an earlier date shows: lesion, date, candidate.

    Attributes:
        true: how many there are.
        made: how many were made, and how many of these were flagged.
        right: how many of those made are true.
        wrong_unflagged: how many of those made are wrong, and nobody is asked to look.
    """

    true: int = 0
    made: int = 0
    flagged: int = 0
    right: int = 0
    wrong_unflagged: int = 0

    def __add__(self, other: LinkScore) -> LinkScore:
        return LinkScore(
            self.true + other.true,
            self.made + other.made,
            self.flagged + other.flagged,
            self.right + other.right,
            self.wrong_unflagged + other.wrong_unflagged,
        )

    @property
    def f1(self) -> float:
        return 2 * self.right / max(self.true + self.made, 1)


def score_of(course: LinkedCourse, said: Sequence[Sequence[LinkedSighting]]) -> LinkScore:
    """How right the links of a course are.

    Args:
        said: of each lesion, its sightings in order of time; the first is where it begins. A lesion
            that begins in a candidate that is known already is none: all its links are wrong.
    """
    true = course.links
    made: dict[tuple[int, int, int], bool] = {}
    for number, track in enumerate(said):
        if not track or not track[0].candidates:
            continue
        first = track[0]
        begun = set.intersection(*(set(course.begun_at(first.date, c)) for c in first.candidates))
        lesion = min(begun) if begun else -1 - number
        for seen in track[1:]:
            for c in seen.candidates:
                made[lesion, seen.date, c] = seen.is_flagged
    wrong = set(made) - true
    return LinkScore(
        len(true),
        len(made),
        sum(made.values()),
        len(true & set(made)),
        sum(not made[link] for link in wrong),
    )


def said_by(tracks: Tracks) -> list[list[LinkedSighting]]:
    """What tracking says; flagged is what is ambiguous, or of little confidence."""
    date_of = {day: n for n, day in enumerate(tracks.days)}
    own = {(t.id, seen.day): seen.candidates for t in tracks.lesions for seen in t.sightings}
    return [
        [
            LinkedSighting(
                date_of[seen.day],
                own.get((seen.merged_into or track.id, seen.day), ()),
                is_unsure(seen),
            )
            for seen in track.sightings
        ]
        for track in tracks.lesions
    ]
