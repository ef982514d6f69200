"""Who stands for each measurement: the network, a person who drew, or a reader who checked it."""

from __future__ import annotations

from collections.abc import Sequence

from recist.patient.corrections.said import Corrections
from recist.patient.redrawn import drawn_by_lesion
from recist.patient.result import LesionReview, ReviewState
from recist.patient.roles import Placed
from recist.patient.tracked_lesion import TrackedLesion
from recist.patient.work.observed import ObservedDate


def reviews_of(
    placed: Placed, dates: Sequence[ObservedDate], corrections: Corrections
) -> tuple[LesionReview, ...]:
    """One for each lesion and date from the one on which it was first seen."""
    return tuple(
        _review(lesion, date, corrections)
        for lesion in placed.tracked
        for date in dates
        if lesion.track.at(date.day) is not None
    )


def _review(lesion: TrackedLesion, date: ObservedDate, corrections: Corrections) -> LesionReview:
    day = date.day
    drawn = drawn_by_lesion(corrections).get((lesion.id, date.date))
    said = lesion.corrected.get(day)
    checked = next((each for each in corrections.dates if each.date == date.date), None)
    own: tuple[ReviewState, object] | None = None
    if lesion.said(day) is not None:
        own = ReviewState.CORRECTED, said
    elif drawn is not None:
        own = ReviewState.CORRECTED, drawn
    elif said is not None and said.is_signed:
        own = ReviewState.CHECKED, said
    elif checked is not None:
        own = ReviewState.CHECKED, checked
    elif lesion.choice.confirmed:
        own = ReviewState.CHECKED, lesion.choice
    elif date.found.reviewed:
        return LesionReview(lesion.id, day, ReviewState.DRAWN)
    if own is None:
        return LesionReview(lesion.id, day, ReviewState.PROPOSED)
    state, by = own
    signed = (str(getattr(by, name)) for name in ("reader", "recorded_at", "reason"))
    return LesionReview(lesion.id, day, state, *signed)
