"""The pictures of a case, cut while its volumes are at hand: each lesion at each date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from imaging.treatment import Treatment
from imaging.volume import FloatArray
from recist.course import Role
from recist.patient.examination import Examination
from recist.patient.irradiation import to_planning, united
from recist.patient.picture import key_image, view_mm
from recist.patient.result import KeyImage
from recist.patient.status import SEEN
from recist.patient.tracked_lesion import TrackedLesion
from recist.tracking import DatedCandidates

#: With more lesions than this, targets, then new lesions, then the largest others are pictured.
MOST_LESIONS = 40


def key_images(
    lesions: Sequence[TrackedLesion],
    examinations: Sequence[Examination],
    dates: Sequence[DatedCandidates],
    treatment: Treatment | None,
) -> tuple[KeyImage, ...]:
    """One axial crop per lesion and date, the field drawn on it; empty places are shown too."""
    return tuple(
        image
        for lesion in pictured(lesions)
        for image in _of_lesion(lesion, examinations, dates, treatment)
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
    treatment: Treatment | None,
) -> Iterator[KeyImage]:
    days = [sighting.day for sighting in lesion.track.sightings]
    width_mm = view_mm(lesion.caliper(day) for day in days)
    place_mm: FloatArray | None = None  # in the frame of the first date
    # The dates of planning follow those of the examinations; they are shown by their dose only.
    for examination, dated in zip(examinations, dates, strict=False):
        sighting = lesion.track.at(dated.day)
        if sighting is None:
            continue
        pieces = lesion.sized.get(dated.day, ()) if sighting.state in SEEN else ()
        mask = united([piece.candidate.mask for piece in pieces]) if pieces else None
        if mask is not None:
            place_mm = _in_first_frame(mask.centre_mm, dated)
        if place_mm is None:
            continue
        centre_mm = _at_date(place_mm, dated) if mask is None else None
        if centre_mm is not None and not _is_inside(centre_mm, dated):
            continue
        planning = to_planning(dated.day, treatment, dates)
        yield key_image(
            examination.ct.volume,
            mask,
            lesion.caliper(dated.day) if mask is not None else None,
            lesion_id=lesion.id,
            day=dated.day,
            width_mm=width_mm,
            centre_mm=None if centre_mm is None else tuple(centre_mm),
            treatment=treatment,
            to_planning_mm=planning,
        )


def _in_first_frame(point_mm: FloatArray, dated: DatedCandidates) -> FloatArray:
    if dated.registration is None:
        return point_mm
    return np.asarray(dated.registration.to_fixed_mm(point_mm[None])[0])


def _at_date(point_mm: FloatArray, dated: DatedCandidates) -> FloatArray:
    if dated.registration is None:
        return point_mm
    return np.asarray(dated.registration.to_moving_mm(point_mm[None])[0])


def _is_inside(point_mm: FloatArray, dated: DatedCandidates) -> bool:
    index = dated.grid.to_voxel(point_mm)
    return bool((index > -0.5).all() and (index < np.array(dated.grid.shape) - 0.5).all())
