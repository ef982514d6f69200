"""From what was observed, and what the reader says of it, to the answer: by rules alone.

No image is delineated and no date registered here; the same work and the same corrections always
give the same result, so that taking a correction back leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from imaging.series import Series, Visit
from recist import abscopal
from recist.abscopal import AbscopalFinding
from recist.assessment import assess_course, by_either_set
from recist.course import Course, Field, Measurement, Timepoint
from recist.criteria.sums import baseline_sum
from recist.endpoints.origin import remarks_on_start
from recist.field.scope import parts_of
from recist.patient.certainties import certainties_of
from recist.patient.corrections.corrected_measurements import CorrectedMeasurement
from recist.patient.corrections.said import NOTHING_SAID, Corrections
from recist.patient.delineated_date import DelineatedDate
from recist.patient.irradiation import field_of_lesions, treatments_by_field
from recist.patient.key_images import key_images
from recist.patient.looking_back import questions, with_found_before
from recist.patient.looks import looks_of
from recist.patient.metabolism import Metabolism, metabolism
from recist.patient.parting import parting_remarks
from recist.patient.redrawn import Redrawn, redrawn
from recist.patient.remarks import names_drawn, problems_of, quality_flags, warnings_of
from recist.patient.result import PatientResult, VisitImages
from recist.patient.reviews import reviews_of
from recist.patient.roles import Placed, place
from recist.patient.status import delineation_error, measurements
from recist.patient.tracked_lesion import UNKNOWN_ORGAN
from recist.patient.work.observed import ObservedDate, Terms, Work
from recist.protocol import Protocol
from recist.tracking import CONFIRMED, Link, LinkFinding, link_rows

Remark = tuple[str, int, str]
#: Who drew, where nobody is named.
A_READER = "a reader"


def conclude(
    work: Work,
    corrections: Corrections = NOTHING_SAID,
    *,
    pictures: bool = True,
    on_stage: Callable[[str], None] = lambda _: None,
) -> tuple[PatientResult, tuple[DelineatedDate, ...]]:
    """Track, place, assess: the answer, and the delineations under the names of their lesions.

    Args:
        pictures: cut the pictures of the page and weigh what needs a look; without them nothing is
            read from images, unless something was drawn.

    Raises:
        InputError: a correction names a lesion, delineation or date that is not there, or
            contradicts another.
    """
    terms, memory = work.terms, work.memory
    on_stage("track")
    corrections = _without_repetition(work, corrections)
    seen = redrawn(work, corrections)
    dates, tracks = seen.dates, seen.tracks
    dated = [each.dated for each in dates]
    examinations = [each.examination for each in dates]
    on_stage("field")
    placed_dates = (*dated, *work.planning)
    fields = field_of_lesions(
        tracks,
        placed_dates,
        work.treatment,
        corrections.choices,
        profile=terms.protocol.field,
        memory=memory,
    )
    checked = {each.date for each in corrections.dates}
    reviewed = frozenset(each.day for each in dates if each.found.reviewed or each.date in checked)
    placed = place(
        tracks,
        [each.sized for each in dates],
        examinations,
        fields,
        corrections.choices,
        protocol=terms.protocol,
        treatments=treatments_by_field(work.events, examinations[0].day),
        reviewed=reviewed,
        drawn=frozenset(each.day for each in dates if each.found.reviewed),
        incomplete=frozenset(
            each.day for each in dates if each.found.incomplete and each.date not in checked
        ),
        hints={each.day: each.node_regions for each in dates},
        corrected=_corrected(seen, corrections),
    )
    placed = replace(placed, tracked=with_found_before(placed.tracked, dates))
    on_stage("assess")
    pet = metabolism(
        placed.tracked,
        {each.id: each.organ for each in placed.lesions if each.organ != UNKNOWN_ORGAN},
        dates,
        terms.protocol.pet,
        memory,
        fields={each.id: each.field.value for each in placed.lesions},
    )
    timepoints, remarks = _timepoints(placed, dates, terms)
    asked_before = questions(placed.tracked, dates)
    course = Course(work.subject.id, placed.lesions, timepoints, work.events, work.zero)
    first = dates[0].found
    if first.reviewed or first.candidates or dates[0].day in reviewed:
        assessments, outcomes = assess_course(course, terms.criteria, terms.protocol)
    else:  # that the network found nothing at baseline is no proof of no disease
        assessments, outcomes = (), ()
    on_stage("show")
    recorded = {lesion.id for lesion in placed.lesions}
    asked = None if all(each.found.reviewed for each in dates) else terms.model
    images = (
        key_images(placed.tracked, examinations, placed_dates, work.treatment, memory)
        if pictures
        else ()
    )
    links = _signed(tracks.links(), corrections.links, dates)
    reviews = reviews_of(placed, dates, corrections)
    case = PatientResult(
        course=course,
        visits=tuple(_visit_images(each, pet) for each in dates),
        assessments=assessments,
        outcomes=outcomes,
        fields=tuple(finding for finding in fields if finding.lesion_id in recorded),
        links=links,
        link_table=link_rows(tracks, dated, work.subject.id),
        key_images=images,
        flags=(
            *remarks,
            *quality_flags(placed),
            *parting_remarks(placed.tracked),
            *_on_sizes(placed, terms),
            *asked_before,
        ),
        warnings=(
            *remarks_on_start(course, terms.protocol),
            *filter(None, [by_either_set(course, terms.protocol) if assessments else ""]),
            *warnings_of(
                examinations,
                [each.found for each in dates],
                dated,
                work.treatment_remarks,
                placed,
            ),
            *pet.warnings,
            *work.planning_remarks,
        ),
        problems=problems_of(
            work.subject, examinations, [each.found for each in dates], work.treatment_unreadable
        ),
        metabolic=pet.assessments,
        pet_totals=pet.totals,
        certainties=certainties_of(course, terms.protocol, delineation_error(placed.tracked))
        if assessments
        else (),
        abscopal=_abscopal(course, terms.protocol),
        baselines=tuple(
            baseline_sum(part, terms.protocol, scope)
            for scope, part in parts_of(course, terms.protocol)
        ),
        settings={**terms.settings, "model": asked, "roles": list(placed.reasons)},
        reviews=reviews,
        names=names_drawn(placed),
        looks=looks_of(course, links, reviews, terms.protocol, asked_before)
        if pictures and assessments
        else (),
    )
    return case, tuple(
        DelineatedDate(each.examination, placed.tracked, placed.lesions, each.found.reviewed)
        for each in dates
    )


def _without_repetition(work: Work, corrections: Corrections) -> Corrections:
    """The corrections without rows that nobody signed and that say what stands there anyway.

    The table of a run that is given back whole is no correction of everything in it.
    """
    said = corrections.measurements
    signed = tuple(each for each in said if each.is_signed)
    if len(signed) == len(said):
        return corrections
    plain, _ = conclude(work, replace(corrections, measurements=signed), pictures=False)
    course = plain.course
    seen = {
        (each.lesion_id, course.date_of(at.day)): each
        for at in course.timepoints
        for each in at.measurements
    }
    kept = (each for each in said if not each.repeats(seen.get((each.lesion, each.date))))
    return replace(corrections, measurements=tuple(kept))


def _corrected(
    seen: Redrawn, corrections: Corrections
) -> dict[str, dict[int, CorrectedMeasurement]]:
    """What is said of sizes and states: by lesion and day, each caliper on its slice.

    Who draws a lesion stands for it there, whether or not its date was gone through.

    Raises:
        InputError: a lesion or date that is not there.
    """
    found: dict[str, dict[int, CorrectedMeasurement]] = {}
    for said in corrections.measurements:
        date = seen.at(said.lesion, said.date)
        ct = date.examination.ct
        placed = said.on_image(ct.volume.grid, ct.sop_instance_uids)
        found.setdefault(said.lesion, {})[date.day] = placed
    for drawn in corrections.drawn:
        seen_and_right = CorrectedMeasurement(
            drawn.lesion,
            drawn.date,
            reason=drawn.reason,
            reader=drawn.reader or A_READER,
            recorded_at=drawn.recorded_at,
        )
        day = seen.at(drawn.lesion, drawn.date).day
        found.setdefault(drawn.lesion, {}).setdefault(day, seen_and_right)
    return found


def _signed(
    findings: Sequence[LinkFinding], links: Sequence[Link], dates: Sequence[ObservedDate]
) -> tuple[LinkFinding, ...]:
    """Links that a reader set, with who said so, when and why."""
    names = {each.date.isoformat(): each.day for each in dates}
    told = {
        (link.lesion, names.get(link.when, link.when)): words
        for link in links
        if (words := signature(link.reader, link.recorded_at, link.reason))
    }

    def signed(finding: LinkFinding) -> LinkFinding:
        words = told.get((finding.lesion_id, finding.day), "")
        if not words or not finding.reason.startswith(CONFIRMED):
            return finding
        return replace(finding, reason=f"{finding.reason} ({words})")

    return tuple(signed(finding) for finding in findings)


def signature(reader: str, recorded_at: str, reason: str) -> str:
    """Who, when and why in a few words; empty without any."""
    who = ", ".join(each for each in (reader, recorded_at) if each)
    return ": ".join(each for each in (who, reason) if each)


def _on_sizes(placed: Placed, terms: Terms) -> tuple[Remark, ...]:
    """A remark on each corrected size: what stood there, and what is still the machine's."""
    found = []
    for lesion in placed.tracked:
        for day in sorted(lesion.corrected):
            said = lesion.said(day)
            if said is None:
                continue
            drawn = lesion.drawn_parts_mm(day)
            was = f"{sum(drawn)} mm was drawn" if drawn else "nothing was drawn"
            by = signature(said.reader, said.recorded_at, said.reason)
            what = f"by the reader ({by})" if by else "by the reader"
            kept = ""
            if day in lesion.sized:
                kept = f"; outline, volume and SUV are those of {_source(lesion.sized[day], terms)}"
            found.append((lesion.id, day, f"{what}; {was}{kept}"))
    return tuple(found)


def _source(pieces: Sequence[object], terms: Terms) -> str:
    names = dict.fromkeys(
        name
        for piece in pieces
        if (name := getattr(piece, "candidate").source)  # noqa: B009
    )
    return ", ".join(names) or terms.network or terms.source


def _abscopal(course: Course, protocol: Protocol) -> AbscopalFinding | None:
    """The abscopal finding, where a lesion was irradiated and there is a date to compare."""
    irradiated = any(lesion.field in (Field.IN, Field.PARTIAL) for lesion in course.lesions)
    if not irradiated or len(course.timepoints) < 2:
        return None
    return abscopal.assess(course, protocol)


def _timepoints(
    placed: Placed, dates: Sequence[ObservedDate], terms: Terms
) -> tuple[tuple[Timepoint, ...], tuple[Remark, ...]]:
    """What was seen at each date, and the remarks for the reader."""
    seen: Mapping[int, list[Measurement]] = {each.day: [] for each in dates}
    remarks: list[Remark] = []
    without_ct = [each.day for each in dates if each.examination.is_pet_alone]
    for lesion in placed.tracked:
        found, own = measurements(
            lesion,
            terms.protocol,
            source=terms.source,
            network=terms.network,
            without_ct=without_ct,
        )
        for day, measurement in found.items():
            seen[day].append(measurement)
        remarks.extend(own)
    timepoints = tuple(
        Timepoint(
            each.day,
            tuple(seen[each.day]),
            label=each.examination.visit.label,
            studies=_studies(each.examination.visit),
        )
        for each in dates
    )
    return timepoints, tuple(remarks)


def _studies(visit: Visit) -> tuple[str, ...]:
    image = visit.ct or visit.pet
    return (image.study_uid,) if image is not None else ()


def _named(series: Series | None) -> str:
    """A series for the page, which is passed on: its folder may be called after the patient."""
    return "" if series is None else f"{series.description or 'unnamed'} ({series.slices} slices)"


def _visit_images(observed: ObservedDate, pet: Metabolism) -> VisitImages:
    examination = observed.examination
    visit = examination.visit
    sources = dict.fromkeys(each.candidate.source for each in observed.sized)
    return VisitImages(
        day=examination.day,
        date=visit.date,
        label=visit.label,
        ct_series=_named(visit.ct),
        pet_series=_named(visit.pet) if examination.suv is not None else "",
        delineation=", ".join(sources) or "no lesion delineated",
        technique=observed.technique,
        projections=dict(pet.projected).get(examination.day, ()),
    )
