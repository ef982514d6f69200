"""The pictures of a case, cut while its volumes are at hand: each lesion at each date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from imaging.treatment import Treatment
from imaging.volume import Array, FloatArray, Mask, Volume
from recist.course import Caliper, Role
from recist.patient.examination import Examination
from recist.patient.irradiation import to_planning
from recist.patient.picture import key_image, view_mm
from recist.patient.pieces import united
from recist.patient.result import KeyImage
from recist.patient.status import SEEN
from recist.patient.tracked_lesion import TrackedLesion
from recist.patient.work.memory import Memory, mask_key
from recist.tracking import DatedCandidates

#: With more lesions than this, targets, then new lesions, then the largest others are pictured.
MOST_LESIONS = 40


def key_images(
    lesions: Sequence[TrackedLesion],
    examinations: Sequence[Examination],
    dates: Sequence[DatedCandidates],
    treatment: Callable[[], Treatment | None],
    memory: Memory | None = None,
) -> tuple[KeyImage, ...]:
    """One axial crop per lesion and date, the field drawn on it; empty places are shown too.

    Args:
        treatment: fetched only where a picture was not drawn before.
        memory: of the pictures that were drawn before.
    """
    known = memory if memory is not None else Memory()
    return tuple(
        image
        for lesion in pictured(lesions)
        for image in _of_lesion(lesion, examinations, dates, treatment, known)
    )


def pictured(lesions: Sequence[TrackedLesion]) -> list[TrackedLesion]:
    """The lesions that are pictured, in their order: of too many, the non-targets give way first.

    Lesions come by size at the first date.
    """
    first = sorted(lesions, key=lambda lesion: lesion.role is Role.NON_TARGET)[:MOST_LESIONS]
    kept = {lesion.id for lesion in first}
    return [lesion for lesion in lesions if lesion.id in kept]


def _of_lesion(
    lesion: TrackedLesion,
    examinations: Sequence[Examination],
    dates: Sequence[DatedCandidates],
    treatment: Callable[[], Treatment | None],
    known: Memory,
) -> Iterator[KeyImage]:
    days = [sighting.day for sighting in lesion.track.sightings]
    width_mm = view_mm(lesion.caliper(day) for day in days)
    place_mm = _first_place(lesion, dates, known)  # in the frame of the first date
    # The dates of planning follow those of the examinations; they are shown by their dose only.
    for examination, dated in zip(examinations, dates, strict=False):
        # A new lesion is shown where it was not yet, too.
        sighting = lesion.track.at(dated.day)
        seen = sighting is not None and sighting.state in SEEN
        pieces = lesion.sized.get(dated.day, ()) if seen else ()
        mask = united([piece.candidate.mask for piece in pieces]) if pieces else None
        caliper = lesion.caliper(dated.day)
        before = lesion.found_before.get(dated.day)
        if before is not None:
            mask, caliper = before.sized.candidate.mask, before.sized.caliper
        if mask is not None:
            place_mm = _in_first_frame(mask.centre_mm, dated, known)
        if place_mm is None:
            continue
        centre_mm = None
        if mask is None and caliper is None:
            centre_mm = _at_date(place_mm, dated, known)
            if not _is_inside(centre_mm, dated):
                continue
        place = None if centre_mm is None else tuple(centre_mm.tolist())

        def drawn(
            volume: Volume = examination.ct.volume,
            mask: Mask | None = mask,
            caliper: Caliper | None = caliper,
            place: tuple[float, ...] | None = place,
            day: int = dated.day,
        ) -> KeyImage:
            return key_image(
                volume,
                mask,
                caliper,
                lesion_id=lesion.id,
                day=day,
                width_mm=width_mm,
                centre_mm=place,
                treatment=treatment(),
                to_planning_mm=to_planning(day, treatment(), dates),
            )

        question = ("picture", lesion.id, dated.day, mask_key(mask), caliper, place, width_mm)
        yield known.of(question, drawn)


def _first_place(
    lesion: TrackedLesion, dates: Sequence[DatedCandidates], known: Memory
) -> FloatArray | None:
    """Where a lesion was first drawn: it is shown there at the dates before, too."""
    for dated in dates:
        pieces = lesion.sized.get(dated.day)
        if pieces:
            centre_mm = united([piece.candidate.mask for piece in pieces]).centre_mm
            return _in_first_frame(centre_mm, dated, known)
    return None


def _in_first_frame(point_mm: FloatArray, dated: DatedCandidates, known: Memory) -> FloatArray:
    if dated.registration is None:
        return point_mm
    return _followed("to first", point_mm, dated.day, dated.registration.to_fixed_mm, known)


def _at_date(point_mm: FloatArray, dated: DatedCandidates, known: Memory) -> FloatArray:
    if dated.registration is None:
        return point_mm
    return _followed("from first", point_mm, dated.day, dated.registration.to_moving_mm, known)


def _followed(
    which: str, point_mm: FloatArray, day: int, to_mm: Callable[[Array], FloatArray], known: Memory
) -> FloatArray:
    """A point by the registration of a day, which a patient has one of."""
    place = tuple(point_mm.tolist())
    return np.array(known.of((which, day, place), lambda: tuple(to_mm(point_mm[None])[0].tolist())))


def _is_inside(point_mm: FloatArray, dated: DatedCandidates) -> bool:
    index = dated.grid.to_voxel(point_mm)
    return bool((index > -0.5).all() and (index < np.array(dated.grid.shape) - 0.5).all())
