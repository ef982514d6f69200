"""What is decided at one date: which candidate is which lesion, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from recist.tracking.clouds import Cloud
from recist.tracking.matching import (
    FORBIDDEN,
    UNLINKED_COST,
)
from recist.tracking.sightings import (
    Followed,
    Sighting,
)

#: Below this confidence a link is called ambiguous and should be looked at.
AMBIGUOUS_BELOW = 0.35
#: Cost difference to the next best assignment at which a link is beyond doubt by a factor of e.
MARGIN_SCALE = 0.25


@dataclass(slots=True, eq=False)
class Growing:
    """A lesion while its track grows: where it was first and last seen on its own.

    Attributes:
        drawn_as: the name under which it was last drawn; empty where that says nothing.
    """

    id: str
    first: Cloud
    last: Cloud
    sightings: list[Sighting] = field(default_factory=list)
    drawn_as: str = ""

    @property
    def places(self) -> tuple[Cloud, ...]:
        return (self.last,) if self.last is self.first else (self.last, self.first)


@dataclass(slots=True)
class Decision:
    """What is decided at one date: candidates of each lesion, and lesions inside another.

    Attributes:
        near: for each lesion the candidates that could have to do with it.
        names: under which the candidates were drawn; empty where that says nothing.
        imaged: for each lesion the share of its last place that the date shows.
    """

    near: Sequence[Sequence[int]]
    names: Sequence[str]
    imaged: Sequence[float]
    owner: dict[int, int] = field(default_factory=dict)  # candidate -> lesion
    own: dict[int, list[int]] = field(default_factory=dict)  # lesion -> its candidates
    certain: dict[int, float] = field(default_factory=dict)  # candidate -> confidence of its link
    told: set[int] = field(default_factory=set)  # candidates linked by a reader
    #: lesion -> lesion that holds it, confidence
    merged: dict[int, tuple[int, float]] = field(default_factory=dict)
    told_merged: set[int] = field(default_factory=set)
    #: lesion -> what was found of it where it was looked for
    followed: dict[int, Followed] = field(default_factory=dict)
    #: lesion without a candidate -> candidate without a lesion that was drawn under its name
    namesakes: dict[int, int] = field(default_factory=dict)
    #: of every link that was weighed: by lesion, then candidate, and the other way round
    of_lesion: dict[int, dict[int, float]] = field(default_factory=dict)
    of_candidate: dict[int, dict[int, float]] = field(default_factory=dict)

    def of(self, lesion: int) -> list[int]:
        return sorted(self.own.get(lesion, []))

    def link(self, candidate: int, lesion: int, confidence: float) -> None:
        self.owner[candidate] = lesion
        self.own.setdefault(lesion, []).append(candidate)
        self.certain[candidate] = confidence

    def rival_of_lesion(self, lesion: int) -> int | None:
        """A candidate that was linked elsewhere, but hardly less well to this lesion."""
        weighed = self.of_lesion.get(lesion, {})
        doubtful = [c for c, cost in weighed.items() if self._doubtful(c, cost)]
        return self._first(doubtful)

    def rival_of_candidate(self, candidate: int) -> int | None:
        """A lesion that was linked to another candidate, but hardly less well to this one."""
        weighed = self.of_candidate.get(candidate, {})
        first = self._first(
            [c for n, cost in weighed.items() for c in self.of(n) if self._doubtful(c, cost)]
        )
        return None if first is None else self.owner[first]

    def find_namesakes(self, lesions: Sequence[Growing], left: Iterable[int]) -> None:
        """Lesions that are not at their place while something new was drawn under their name.

        Place and name contradict each other: drawn elsewhere by mistake, or another lesion under
        the old name. Neither that it has gone nor that it is new can be told without the reader.
        """
        free = {self.names[c]: c for c in left if self.names[c]}
        for n, lesion in enumerate(lesions):
            namesake = free.get(lesion.drawn_as) if lesion.drawn_as else None
            if namesake is not None and not self.of(n) and n not in self.merged:
                self.namesakes[n] = namesake

    def namesake_of_candidate(self, candidate: int) -> int | None:
        """The lesion that is not at its place, and whose name this candidate has."""
        return next((n for n, c in self.namesakes.items() if c == candidate), None)

    def unlinked_confidence(self, costs: Iterable[float]) -> float:
        """How sure it is that none of these links should have been made."""
        excess = min(costs, default=FORBIDDEN) - 2 * UNLINKED_COST
        return float(1 - np.exp(-max(excess, 0.0) / MARGIN_SCALE))

    def _doubtful(self, candidate: int, cost: float) -> bool:
        doubted = self.certain.get(candidate, 1.0) < AMBIGUOUS_BELOW
        return doubted and cost < 2 * UNLINKED_COST

    def _first(self, linked: Sequence[int]) -> int | None:
        """The one of some candidates that was linked first."""
        return next((c for c in self.owner if c in linked), None) if linked else None
