"""From the images of a patient to :class:`Work`: all that takes time, and no reader decides."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from imaging.beside import NOBODY, Beside
from imaging.errors import InputError
from imaging.read import Reading
from imaging.series import SeriesFormat, Subject, Visit
from imaging.treatment import Treatment
from recist.patient.corrections.said import NOTHING_SAID, Corrections
from recist.patient.drawn_lesions import follow_drawings, known_drawings
from recist.patient.examination import Examination, examine, sizes
from recist.patient.irradiation import planning_dates, treatment_of
from recist.patient.looking_back import looked_back
from recist.patient.metabolism import observed_pet
from recist.patient.options import AUTO, Options
from recist.patient.outlined_dates import delineate_dates, network_growth, second_opinion
from recist.patient.roles import node_regions
from recist.patient.work.memory import Memory
from recist.patient.work.observed import FollowedDrawing, Later, ObservedDate, Terms, Work
from recist.patient.work.provenance import origin_of, treatment_origin

#: Images of one file each that are read by so many threads.
READ_AT_ONCE = 2
#: Slice thickness and spacing nearer than this are the same.
SAME_MM = 0.05
#: Characters that are shown of a word of a header.
LONGEST_WORDS = 40


def observe(
    subject: Subject,
    options: Options,
    *,
    kept: Work | None = None,
    said: Corrections = NOTHING_SAID,
    beside: Beside = NOBODY,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Work:
    """Read, delineate, measure, register.

    A patient who has a CT at no date is measured on the PET alone, where its lesions were drawn.

    Args:
        kept: the work of an earlier run: its first dates are taken from it, so far as they come
            from what they came from then.
        said: what a reader said of its answer: lesions that he drew at those dates are looked for
            at the others.
        beside: other processes that take their part of the work.

    Raises:
        InputError: nothing of the patient can be assessed, or a date cannot be read: an answer
            that left out a date could name a wrong nadir.
    """
    visits = _measurable(subject, options)
    zero = options.day_zero(subject.id, visits[0].date)

    origins = [origin_of(subject.id, visit, options) for visit in visits]
    before = _unchanged(kept, visits, origins, zero)

    on_stage("read")
    examinations = [each.examination for each in before]
    examinations += _examined(visits[len(before) :], zero)
    drawn = known_drawings(replace(kept, dates=tuple(before)), said) if kept and before else ()
    outlines = delineate_dates(
        subject.id,
        examinations,
        options,
        before=before,
        drawn_by_hand=bool(drawn),
        beside=beside,
        on_stage=on_stage,
    )
    asked = (
        (second_opinion(options), outlines.growth or network_growth(options))
        if drawn
        else (None, None)
    )
    on_stage("measure")
    registrations = outlines.registrations or (None,) * len(examinations)
    dates = [
        replace(each, registration=registration)
        for each, registration in zip(before, registrations, strict=False)
    ]
    every = list(
        zip(examinations, outlines.found, registrations, outlines.followed, origins, strict=True)
    )[len(before) :]
    measured = sizes([(each, found.candidates) for each, found, *_ in every], beside)
    for (examination, each, registration, followed, origin), sized in zip(
        every, measured, strict=True
    ):
        drawings: tuple[FollowedDrawing, ...] = ()
        if drawn and not each.reviewed:
            drawings = follow_drawings(
                drawn, examination, registration, each, followed, asked=asked
            )
        dates.append(
            ObservedDate(
                examination,
                each,
                sized,
                registration,
                followed,
                node_regions(examination),
                pet=observed_pet(examination, sized),
                technique=technique_of(examination.ct),
                origin=origin,
                drawings=drawings,
            )
        )
    on_stage("field")
    treated = treatment_origin(visits, subject.treatment)
    terms = terms_of(options)
    memory = Memory()
    if kept is not None and before and kept.treatment_origin == treated:
        if len(before) == len(kept.dates):
            memory = kept.memory
        treatment: Later[Treatment | None] = Later(
            lambda: treatment_of([*visits, *subject.treatment])
        )
        planning, remarks = kept.planning, kept.planning_remarks
        told, unreadable = kept.treatment_remarks, kept.treatment_unreadable
    else:
        read = treatment_of([*visits, *subject.treatment])
        treatment = Later(lambda: read)
        planning, remarks = planning_dates(subject.treatment, read, examinations[0])
        told = (*read.problems, *read.warnings) if read else ()
        unreadable = read.unreadable if read else ()
    return Work(
        subject,
        zero,
        options.events(subject.id, zero),
        looked_back(dates, memory),
        terms,
        treatment,
        planning,
        remarks,
        treatment_remarks=told,
        treatment_unreadable=unreadable,
        treatment_origin=treated,
        memory=memory,
    )


def _examined(visits: Sequence[Visit], zero: dt.date) -> list[Examination]:
    """The images of the dates; those of a file each by several threads, slices by one of them.

    Slices are read by threads of their own.
    """
    at_once = READ_AT_ONCE if all(_is_one_file(visit) for visit in visits) else 1
    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(lambda each: examine(each, (each.date - zero).days), visits))


def _is_one_file(visit: Visit) -> bool:
    image = visit.ct or visit.pet
    return image is not None and image.kind is SeriesFormat.NIFTI


def _unchanged(
    kept: Work | None, visits: Sequence[Visit], origins: Sequence[str], zero: dt.date
) -> list[ObservedDate]:
    """The first dates of kept work that come from what the dates of a patient come from now."""
    if kept is None or kept.zero != zero:
        return []
    same = itertools.takewhile(
        lambda pair: pair[0].origin == pair[1], zip(kept.dates, origins, strict=False)
    )
    return [
        replace(each, examination=replace(each.examination, visit=visit), found_before=())
        for (each, _), visit in zip(same, visits, strict=False)
    ]


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
