"""From the images of a patient to :class:`Work`: all that takes time, and no reader decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from imaging.errors import InputError
from imaging.series import Subject
from recist.patient.examination import examine, size
from recist.patient.irradiation import planning_dates, treatment_of
from recist.patient.metabolism import observed_pet
from recist.patient.options import Options
from recist.patient.outlines import delineate_dates
from recist.patient.roles import node_regions
from recist.patient.work.observed import Later, ObservedDate, Terms, Work


def observe(
    subject: Subject, options: Options, *, on_stage: Callable[[str], None] = lambda _: None
) -> Work:
    """Read, delineate, measure, register.

    Raises:
        InputError: nothing of the patient can be assessed, or a date cannot be read: an answer
            that left out a date could name a wrong nadir.
    """
    visits = [visit for visit in subject.visits if visit.ct is not None]
    if not visits:
        raise InputError("no CT that can be measured", remedy="--dry-run shows what was found")
    zero = options.day_zero(subject.id, visits[0].date)

    on_stage("read")
    examinations = [examine(visit, (visit.date - zero).days) for visit in visits]
    outlines = delineate_dates(subject.id, examinations, options, on_stage=on_stage)
    on_stage("measure")
    registrations = outlines.registrations or (None,) * len(examinations)
    dates = [
        ObservedDate(
            examination,
            each,
            tuple(size(candidate, examination) for candidate in each.candidates),
            registration,
            followed,
            node_regions(examination),
        )
        for examination, each, registration, followed in zip(
            examinations, outlines.found, registrations, outlines.followed, strict=True
        )
    ]
    dates = [replace(each, pet=observed_pet(each.examination, each.sized)) for each in dates]
    on_stage("field")
    treatment = treatment_of([*visits, *subject.treatment])
    planning, remarks = planning_dates(subject.treatment, treatment, examinations[0])
    told = (*treatment.problems, *treatment.warnings) if treatment else ()
    return Work(
        subject,
        zero,
        options.events(subject.id, zero),
        tuple(dates),
        terms_of(options),
        Later(lambda: treatment),
        planning,
        remarks,
        treatment_remarks=told,
        treatment_unreadable=treatment.unreadable if treatment else (),
    )


def terms_of(options: Options) -> Terms:
    """By what the options have patients assessed."""
    return Terms(
        options.criteria,
        options.protocol,
        options.source,
        "" if options.bundle is None else options.bundle.source,
        options.model_record(),
        options.as_dict(),
    )
