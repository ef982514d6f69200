"""The straight line, from the studies of one patient to an assessed case.

Each step is a function from one type to the next; files are read at the start and written by
:mod:`recist.run.batch` at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from imaging.errors import InputError
from imaging.series import Series, Subject
from recist import abscopal
from recist.abscopal import AbscopalFinding
from recist.assessment import assess_course
from recist.course import Course, Field, Measurement, Timepoint
from recist.criteria.robustness import category_probabilities
from recist.criteria.sums import baseline_sum
from recist.endpoints.origin import remarks_on_start
from recist.field.scope import parts_of
from recist.patient.delineated_date import DelineatedDate
from recist.patient.delineation import Delineated
from recist.patient.examination import Examination, Sized, examine, size
from recist.patient.irradiation import (
    field_of_lesions,
    planning_dates,
    treatment_of,
    treatments_by_field,
)
from recist.patient.key_images import key_images
from recist.patient.metabolism import Metabolism, metabolism
from recist.patient.options import Options
from recist.patient.outlines import Outlines, delineate_dates
from recist.patient.remarks import problems_of, quality_flags, warnings_of
from recist.patient.result import Certainty, PatientResult, VisitImages
from recist.patient.roles import Placed, place
from recist.patient.status import delineation_error, measurements
from recist.patient.tracked_lesion import UNKNOWN_ORGAN
from recist.protocol import Protocol
from recist.tracking import DatedCandidates, link_rows, track

#: What a patient goes through, in this order; progress bars and timings name these.
STAGES = (
    "read",
    "delineate",
    "register",
    "follow",
    "measure",
    "track",
    "field",
    "assess",
    "show",
    "write",
)


def assess_subject(
    subject: Subject, options: Options, *, on_stage: Callable[[str], None] = lambda _: None
) -> tuple[PatientResult, tuple[DelineatedDate, ...]]:
    """Read, delineate, measure, track, place, assess.

    Raises:
        InputError: nothing of the patient can be assessed, or a date cannot be read: an answer
            that left out a date could name a wrong nadir.
    """
    visits = [visit for visit in subject.visits if visit.ct is not None]
    if not visits:
        raise InputError("no CT that can be measured", remedy="--dry-run shows what was found")
    zero = options.day_zero(subject.id, visits[0].date)
    events = options.events(subject.id, zero)

    on_stage("read")
    examinations = [examine(visit, (visit.date - zero).days) for visit in visits]
    outlines = delineate_dates(subject.id, examinations, options, on_stage=on_stage)
    found = outlines.found
    on_stage("measure")
    sized = [
        tuple(size(candidate, examination) for candidate in each.candidates)
        for each, examination in zip(found, examinations, strict=True)
    ]
    on_stage("track")
    dates = _dated(outlines, sized)
    tracks = track(dates, links=options.links(subject.id))
    on_stage("field")
    choices = options.choices(subject.id)
    treatment = treatment_of([*visits, *subject.treatment])
    planning, planning_remarks = planning_dates(subject.treatment, treatment, examinations[0])
    placed_dates = (*dates, *planning)
    fields = field_of_lesions(tracks, placed_dates, treatment, choices, options.protocol.field)
    placed = place(
        tracks,
        sized,
        examinations,
        fields,
        choices,
        protocol=options.protocol,
        treatments=treatments_by_field(events, examinations[0].day),
        reviewed=frozenset(
            examination.day
            for examination, each in zip(examinations, found, strict=True)
            if each.reviewed
        ),
        incomplete=frozenset(
            examination.day
            for examination, each in zip(examinations, found, strict=True)
            if each.incomplete
        ),
    )
    on_stage("assess")
    pet = metabolism(
        placed.tracked,
        {each.id: each.organ for each in placed.lesions if each.organ != UNKNOWN_ORGAN},
        examinations,
        options.protocol.pet,
    )
    timepoints, remarks = _timepoints(placed, examinations, options)
    course = Course(subject.id, placed.lesions, timepoints, events, zero)
    if found[0].reviewed or found[0].candidates:
        assessments, outcomes = assess_course(course, options.criteria, options.protocol)
    else:  # that the network found nothing at baseline is no proof of no disease
        assessments, outcomes = (), ()
    on_stage("show")
    recorded = {lesion.id for lesion in placed.lesions}
    asked = None if all(each.reviewed for each in found) else options.model_record()
    case = PatientResult(
        course=course,
        visits=tuple(_visit_images(*each, pet) for each in zip(examinations, found, strict=True)),
        assessments=assessments,
        outcomes=outcomes,
        fields=tuple(finding for finding in fields if finding.lesion_id in recorded),
        links=tracks.links(),
        link_table=link_rows(tracks, dates, subject.id),
        key_images=key_images(placed.tracked, examinations, placed_dates, treatment),
        flags=(*remarks, *quality_flags(placed)),
        warnings=(
            *remarks_on_start(course, options.protocol),
            *warnings_of(examinations, found, dates, treatment, placed),
            *pet.warnings,
            *planning_remarks,
        ),
        problems=problems_of(subject, examinations, found, treatment),
        metabolic=pet.assessments,
        certainties=_certainties(course, placed, options.protocol) if assessments else (),
        abscopal=_abscopal(course, options.protocol),
        baselines=tuple(
            baseline_sum(part, options.protocol, scope)
            for scope, part in parts_of(course, options.protocol)
        ),
        settings=options.as_dict() | {"model": asked, "roles": list(placed.reasons)},
    )
    return case, tuple(
        DelineatedDate(examination, placed.tracked, placed.lesions, each.reviewed)
        for examination, each in zip(examinations, found, strict=True)
    )


def _dated(outlines: Outlines, sized: Sequence[Sequence[Sized]]) -> list[DatedCandidates]:
    """The candidates of each date with how its CT lies on that of the first date."""
    return [
        DatedCandidates(
            examination.day,
            tuple(each.candidate for each in own),
            examination.ct.volume.grid,
            registration,
            examination.visit.date,
            followed,
        )
        for examination, own, followed, registration in zip_longest(
            outlines.examinations, sized, outlines.followed, outlines.registrations
        )
    ]


def _abscopal(course: Course, protocol: Protocol) -> AbscopalFinding | None:
    """The abscopal finding, where a lesion was irradiated and there is a date to compare."""
    irradiated = any(lesion.field in (Field.IN, Field.PARTIAL) for lesion in course.lesions)
    if not irradiated or len(course.timepoints) < 2:
        return None
    return abscopal.assess(course, protocol)


def _certainties(course: Course, placed: Placed, protocol: Protocol) -> tuple[Certainty, ...]:
    """How sure each category is, for every set of lesions."""
    error = delineation_error(placed.tracked)
    return tuple(
        Certainty(scope, point.day, point.sentence)
        for scope, part in parts_of(course, protocol)
        for point in category_probabilities(part, protocol, error=error, scope=scope)
    )


def _timepoints(
    placed: Placed, examinations: Sequence[Examination], options: Options
) -> tuple[tuple[Timepoint, ...], tuple[tuple[str, int, str], ...]]:
    """What was seen at each date, and the remarks for the reader."""
    seen: dict[int, list[Measurement]] = {examination.day: [] for examination in examinations}
    remarks: list[tuple[str, int, str]] = []
    for lesion in placed.tracked:
        found, own = measurements(
            lesion,
            options.protocol,
            source=options.source,
            network="" if options.bundle is None else options.bundle.source,
        )
        for day, measurement in found.items():
            seen[day].append(measurement)
        remarks.extend(own)
    timepoints = tuple(
        Timepoint(
            examination.day,
            tuple(seen[examination.day]),
            label=examination.visit.label,
            studies=(examination.visit.ct.study_uid,) if examination.visit.ct else (),
        )
        for examination in examinations
    )
    return timepoints, tuple(remarks)


def _named(series: Series | None) -> str:
    """A series for the page, which is passed on: its folder may be called after the patient."""
    return "" if series is None else f"{series.description or 'unnamed'} ({series.slices} slices)"


def _visit_images(examination: Examination, found: Delineated, pet: Metabolism) -> VisitImages:
    visit = examination.visit
    sources = dict.fromkeys(candidate.source for candidate in found.candidates)
    return VisitImages(
        day=examination.day,
        date=visit.date,
        label=visit.label,
        ct_series=_named(visit.ct),
        pet_series=_named(visit.pet) if examination.suv is not None else "",
        delineation=", ".join(sources) or "no lesion delineated",
        projections=dict(pet.projected).get(examination.day, ()),
    )
