"""The delineations of one date under the names of their lesions, as they are exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.volume import Mask
from recist.course import Lesion
from recist.patient.examination import Examination
from recist.patient.pieces import united
from recist.patient.tracked_lesion import TrackedLesion


@dataclass(frozen=True, slots=True, eq=False)
class DelineatedDate:
    """What was delineated at one date.

    Attributes:
        tracked: the lesions of the patient, whether seen at this date or not.
        places: their places in the course, in its order.
        reviewed: a person delineated, so that what is missing was not there.
    """

    examination: Examination
    tracked: Sequence[TrackedLesion]
    places: tuple[Lesion, ...]
    reviewed: bool

    def masks(self) -> dict[str, Mask]:
        """Lesion -> all of it that was drawn at this date; lesions not seen here are left out."""
        day = self.examination.day
        return {
            lesion.id: united([piece.candidate.mask for piece in lesion.sized[day]])
            for lesion in self.tracked
            if day in lesion.sized
        }
