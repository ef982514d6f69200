"""From the images of a patient to :class:`Work`: all that takes time, and no reader decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from imaging.errors import InputError
from imaging.read import Reading
from imaging.series import Subject, Visit
from recist.patient.examination import examine, size
from recist.patient.irradiation import planning_dates, treatment_of
from recist.patient.looking_back import looked_back
from recist.patient.metabolism import observed_pet
from recist.patient.options import AUTO, Options
from recist.patient.outlined_dates import delineate_dates
from recist.patient.roles import node_regions
from recist.patient.work.observed import Later, ObservedDate, Terms, Work

#: Slice thickness and spacing nearer than this are the same.
SAME_MM = 0.05
#: Characters that are shown of a word of a header.
LONGEST_WORDS = 40


def observe(
    subject: Subject, options: Options, *, on_stage: Callable[[str], None] = lambda _: None
) -> Work:
    """Read, delineate, measure, register.

    A patient who has a CT at no date is measured on the PET alone, where its lesions were drawn.

    Raises:
        InputError: nothing of the patient can be assessed, or a date cannot be read: an answer
            that left out a date could name a wrong nadir.
    """
    visits = _measurable(subject, options)
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
            technique=technique_of(examination.ct),
        )
        for examination, each, registration, followed in zip(
            examinations, outlines.found, registrations, outlines.followed, strict=True
        )
    ]
    dates = [replace(each, pet=observed_pet(each.examination, each.sized)) for each in dates]
    dates = list(looked_back(dates))
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


def _measurable(subject: Subject, options: Options) -> list[Visit]:
    """The dates with a CT; where there is none, those with a PET.

    Raises:
        InputError: neither, or no CT for the network that is to delineate.
    """
    visits = [visit for visit in subject.visits if visit.ct is not None]
    if visits:
        return visits
    visits = [visit for visit in subject.visits if visit.pet is not None]
    if not visits:
        raise InputError(
            "no CT or PET that can be measured", remedy="--dry-run shows what was found"
        )
    if options.lesions == AUTO:
        raise InputError(
            "PET without CT: the network needs a CT to delineate",
            remedy="draw the lesions on the PET (SEG, RTSTRUCT or label maps) and give them with "
            "--lesions: the PET criteria are then assessed",
        )
    return visits


def technique_of(ct: Reading) -> str:
    """How a CT was made, as far as its headers tell: slices, contrast, kernel, scanner."""
    spacing_mm = ct.volume.grid.spacing_mm[2]
    words = [f"slices {ct.slice_thickness_mm:.3g} mm"]
    if abs(spacing_mm - ct.slice_thickness_mm) > SAME_MM:
        words = [f"{words[0]} every {spacing_mm:.3g} mm"]
    if not ct.headers:
        return words[0]
    header = ct.headers[0]
    agent = str(header.get("ContrastBolusAgent") or "").strip()
    if agent:
        words.append(f"contrast {agent[:LONGEST_WORDS]}")
    kernel = header.get("ConvolutionKernel") or ""
    kernel = kernel if isinstance(kernel, str) else "/".join(map(str, kernel))
    words.append(f"kernel {kernel[:LONGEST_WORDS]}" if kernel else "")
    scanner = (header.get(name) or "" for name in ("Manufacturer", "ManufacturerModelName"))
    words.append(" ".join(str(part).strip()[:LONGEST_WORDS] for part in scanner if part))
    return ", ".join(word for word in words if word)


def terms_of(options: Options) -> Terms:
    """The terms that the options have patients assessed by."""
    return Terms(
        options.criteria,
        options.protocol,
        options.source,
        "" if options.bundle is None else options.bundle.source,
        options.model_record(),
        options.as_dict(),
    )
