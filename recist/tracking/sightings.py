"""What is said of a lesion at each date: the types that tracking takes and gives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from imaging.volume import Grid

if TYPE_CHECKING:  # neither SimpleITK nor the network's libraries are needed to link lesions
    from imaging.registration import Registration
    from segmentation.instances import Candidate


class State(StrEnum):
    """What became of a lesion at a date."""

    BASELINE = "baseline"  # seen at the first date
    MATCHED = "matched"
    NEW = "new"
    ABSENT = "absent"
    SPLIT = "split"
    MERGED = "merged"
    AMBIGUOUS = "ambiguous"
    NOT_EVALUABLE = "not-evaluable"  # its place lies outside of the image


#: Flag of a new lesion in a region that no earlier date showed: it may not be new at all.
NOT_IMAGED_BEFORE = "new region, not imaged before: the lesion may have been there"
CONFIRMED = "confirmed by a reader"


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of a candidate of an earlier date that was looked for at its place.

    Attributes:
        day, candidate: of the earlier candidate, by its position there.
        found: position of the candidate that it is now; None where nothing was found. Two lesions
            that grew together are found in one.
        pieces: positions of further candidates that are pieces of it.
        confidence: 0..1, that this is so.
        is_unclear: nothing was found, and whether it is gone cannot be told.
    """

    day: int
    candidate: int
    found: int | None
    confidence: float
    reason: str
    is_unclear: bool = False
    pieces: tuple[int, ...] = ()

    @property
    def candidates(self) -> tuple[int, ...]:
        """All that it is now."""
        return () if self.found is None else (self.found, *self.pieces)


@dataclass(frozen=True, slots=True, eq=False)
class DatedCandidates:
    """The candidates of one date, and how its image lies on the first date's.

    Attributes:
        day: as in the course; unique, rising.
        grid: of the CT on which the candidates lie: says what was imaged.
        registration: fixed = first date, moving = this date; None at the first date, or where the
            scanner's coordinates are all there is.
        date: for the links table; optional.
        followed: earlier candidates that were looked for at this date, each once.
    """

    day: int
    candidates: tuple[Candidate, ...]
    grid: Grid
    registration: Registration | None = None
    date: dt.date | None = None
    followed: tuple[Followed, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A reader's word: this candidate of this date is that lesion.

    Attributes:
        when: ISO date or day, as text.
        candidate: label of the candidate at that date.
        lesion: identifier; empty when the candidate is no lesion at all.
        reason, reader: why, and by whom.
        recorded_at: when it was said, ISO 8601; empty when not known.
    """

    when: str
    candidate: str
    lesion: str
    reason: str = ""
    reader: str = ""
    recorded_at: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One lesion at one date.

    Attributes:
        candidates: positions in ``Dated.candidates``; several when the lesion split; empty when it
            was not seen on its own.
        merged_into: the lesion whose candidate holds this one.
        confidence: 0..1, how sure the link (or its absence) is.
        looked_for: it has no candidate, and was looked for at its place.
    """

    day: int
    state: State
    candidates: tuple[int, ...]
    confidence: float
    reason: str
    merged_into: str | None = None
    flags: tuple[str, ...] = ()
    looked_for: bool = False


@dataclass(frozen=True, slots=True)
class LinkFinding:
    """How a lesion was recognised at a date: matched, new, absent, split, merged, ambiguous."""

    lesion_id: str
    day: int
    state: str
    confidence: float
    reason: str


#: A link less certain than this is put before the reader, and one in any other state than these.
SURE_LINK = 0.7
SURE_STATES = (State.BASELINE, State.MATCHED, State.NEW, State.ABSENT)


def is_unsure(link: LinkFinding | Sighting) -> bool:
    """Whether a reader should look at how a lesion was recognised."""
    return link.state not in SURE_STATES or link.confidence < SURE_LINK


@dataclass(frozen=True, slots=True)
class Track:
    """One lesion from the date it was first seen to the last date."""

    id: str
    sightings: tuple[Sighting, ...]

    def at(self, day: int) -> Sighting | None:
        """None before the lesion was first seen."""
        return next((seen for seen in self.sightings if seen.day == day), None)


@dataclass(frozen=True, slots=True)
class Tracks:
    """All lesions of a patient. L1, L2, ... by size at the first date, new ones after them."""

    lesions: tuple[Track, ...]
    days: tuple[int, ...]

    def lesion(self, lesion_id: str) -> Track:
        for track in self.lesions:
            if track.id == lesion_id:
                return track
        raise KeyError(lesion_id)

    def first_candidates(self, dates: Iterable[DatedCandidates]) -> dict[tuple[int, str], str]:
        """Day and label of the candidate that each lesion begins with, to its name."""
        labels = {each.day: [c.label for c in each.candidates] for each in dates}
        return {
            (track.sightings[0].day, labels[track.sightings[0].day][c]): track.id
            for track in self.lesions
            for c in track.sightings[0].candidates[:1]
        }

    def links(self) -> tuple[LinkFinding, ...]:
        """The links as they are shown and exported."""
        return tuple(
            LinkFinding(
                track.id,
                seen.day,
                str(seen.state),
                round(seen.confidence, 2),
                "; ".join((seen.reason, *seen.flags)),
            )
            for track in self.lesions
            for seen in track.sightings
        )
