"""The field class of every tracked lesion: its first delineation against the treatment.

The class is found once, on the date at which a lesion was first seen (the baseline for all but new
lesions), and is carried by the lesion's identity. Follow-ups are never warped into the plan:
shrinkage and fibrosis would move the lesion through the dose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from imaging.errors import InputError
from imaging.read import read_ct
from imaging.registration import register_dates
from imaging.series import Visit
from imaging.treatment import Treatment, read_treatment
from imaging.volume import FloatArray, Mask
from recist.course import Event, EventKind, Field
from recist.criteria import selection
from recist.field.classes import FieldOverride, classify_lesions, overridden
from recist.field.field_finding import FieldFinding
from recist.patient.examination import Examination
from recist.patient.overrides import Override
from recist.patient.pieces import united
from recist.patient.work.memory import Memory, mask_key
from recist.protocol.field import DEFAULT_PROFILE, FieldProfile
from recist.tracking import DatedCandidates, Tracks

MapPoints = Callable[[FloatArray], FloatArray]


def treatment_of(visits: Sequence[Visit]) -> Treatment | None:
    """The treatment that the radiotherapy objects of all dates describe; None without any.

    Args:
        visits: time points, and dates of planning.
    """
    doses = [path for visit in visits for series in visit.rtdoses for path in series.files]
    plans = [path for visit in visits for series in visit.rtplans for path in series.files]
    records = [path for visit in visits for series in visit.rtrecords for path in series.files]
    if not doses and not plans:
        return None
    # Contours drawn at other dates say nothing of the plan.
    planned = [visit for visit in visits if visit.rtdoses or visit.rtplans]
    structures = [path for visit in planned for series in visit.rtstructs for path in series.files]
    registrations = [
        path for visit in visits for series in visit.registrations for path in series.files
    ]
    return read_treatment(
        doses, plans, structures, record_files=records, registration_files=registrations
    )


def planning_dates(
    planning: Sequence[Visit], treatment: Treatment | None, first: Examination
) -> tuple[tuple[DatedCandidates, ...], tuple[str, ...]]:
    """The planning CT that the treatment lies on, registered to the first date, and remarks.

    Nothing where the treatment lies on no planning CT, or that of a time point.
    """
    for visit in planning:
        frame = None if visit.ct is None else visit.ct.frame_of_reference_uid
        if visit.ct is None or treatment is None or treatment.frame_of_reference_uid != frame:
            continue
        if first.ct.volume.grid.frame_of_reference_uid == frame:
            return (), ()
        if first.is_pet_alone:
            what = f"{visit.date}: the planning CT cannot be aligned with a PET that has no CT"
            return (), (f"{what}: the irradiated field is not known",)
        try:
            volume = read_ct(visit.ct).volume
        except InputError as error:
            what = f"{visit.date}: the planning CT cannot be used for the field: {error.what}"
            return (), (what,)
        registration = register_dates([first.ct.volume, volume])[1]
        day = first.day + (visit.date - first.visit.date).days
        return (DatedCandidates(day, (), volume.grid, registration, visit.date),), ()
    return (), ()


def treatments_by_field(
    events: Sequence[Event], baseline_day: int
) -> dict[Field, selection.LocalTreatment]:
    """What being in the field means for the choice of targets (AMB-20).

    Radiotherapy that started before the baseline bars a lesion from being a target unless it
    progressed since; irradiation on study does not. Without a date it is taken as on study,
    because the baseline is the scan that was planned on.
    """
    starts = [event.day for event in events if event.kind is EventKind.RADIOTHERAPY_START]
    before = any(day < baseline_day for day in starts)
    treatment = (
        selection.LocalTreatment.BEFORE_BASELINE if before else selection.LocalTreatment.ON_STUDY
    )
    return {Field.IN: treatment}


def to_planning(
    day: int,
    treatment: Treatment | None,
    dates: Sequence[DatedCandidates],
) -> MapPoints | None:
    """The map from points (n, 3) of a date to the planning image's, through the baseline.

    None where no map is needed (the same frame of reference) or none is known.
    """
    if treatment is None:
        return None
    frame = treatment.frame_of_reference_uid
    own = next(dated for dated in dates if dated.day == day)
    planning = next((dated for dated in dates if _frame(dated) == frame), None)
    if planning is None or _frame(own) == frame:
        return None

    def mapped(points_mm: FloatArray) -> FloatArray:
        points = np.asarray(points_mm, dtype=np.float64)
        if own.registration is not None:
            points = own.registration.to_fixed_mm(points)
        if planning.registration is not None:
            points = planning.registration.to_moving_mm(points)
        return points

    return mapped


def _frame(dated: DatedCandidates) -> str | None:
    return dated.grid.frame_of_reference_uid


def field_of_lesions(
    tracks: Tracks,
    dates: Sequence[DatedCandidates],
    treatment: Callable[[], Treatment | None],
    choices: Mapping[str, Override],
    *,
    profile: FieldProfile = DEFAULT_PROFILE,
    memory: Memory | None = None,
) -> tuple[FieldFinding, ...]:
    """One finding per lesion, in the order of the tracks.

    Args:
        treatment: fetched only where a lesion was not classified before.
        memory: of the classes that were found before, without the reader's choices.
    """
    known = memory if memory is not None else Memory()
    found = []
    for lesion in tracks.lesions:
        seen = next(sighting for sighting in lesion.sightings if sighting.candidates)
        dated = next(dated for dated in dates if dated.day == seen.day)
        mask = united([dated.candidates[number].mask for number in seen.candidates])

        def classified(
            name: str = lesion.id, day: int = seen.day, mask: Mask = mask
        ) -> FieldFinding:
            (finding,) = classify_lesions(
                {name: mask},
                treatment(),
                profile,
                to_planning_mm=to_planning(day, treatment(), dates),
                provisional=day != dates[0].day,
            )
            return finding

        finding = known.of(("field", lesion.id, seen.day, mask_key(mask), profile), classified)
        choice = choices.get(lesion.id)
        if choice is not None and choice.field is not None:
            reason = choice.reason or "no reason given"
            finding = overridden(finding, FieldOverride(choice.field, reason, choice.reader))
        found.append(finding)
    return tuple(found)
