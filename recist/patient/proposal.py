"""What is known of a lesion at one date, and what is proposed for it at another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.registration import Registration
from recist.patient.examination import Examination
from recist.tracking import Followed
from segmentation.instances import Candidate


@dataclass(frozen=True, slots=True, eq=False)
class KnownLesion:
    """A lesion as it was delineated at an earlier (or later) date.

    Attributes:
        number: of its candidate at that date.
        registration: of that date's CT to the first one's; None for the first.
    """

    examination: Examination
    number: int
    candidate: Candidate
    registration: Registration | None


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What is proposed for a known lesion at another date.

    Attributes:
        candidate: None where nothing was found; its source and flags say by whom and what to
            look at. Of lesions that grew together one and the same.
        fragments: further pieces of it, smaller than that.
        confidence: 0..1.
        is_unclear: nothing was found, but whether it is gone cannot be told.
        in_view: its place was imaged.
    """

    known: KnownLesion
    candidate: Candidate | None
    confidence: float
    reason: str
    is_unclear: bool = False
    in_view: bool = True
    fragments: tuple[Candidate, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All that it is now."""
        return () if self.candidate is None else (self.candidate, *self.fragments)

    def followed(self, positions: Sequence[int]) -> Followed:
        """For tracking: the candidates found are at these positions."""
        found, *pieces = positions or (None,)
        return Followed(
            self.known.examination.day,
            self.known.number,
            found,
            self.confidence,
            self.reason,
            self.is_unclear,
            tuple(each for each in pieces if each is not None),
        )
