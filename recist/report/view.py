"""From a case to what the page shows: rows, cells and pictures in the order of reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recist.case import Case, FieldFinding, KeyImage, LinkFinding
from recist.course import Course, Field, Lesion, Measurement, Role
from recist.report import wording
from recist.report.charts import day_name
from recist.report.palette import (
    FIELD_NAMES,
    ROLE_NAMES,
    SCOPE_NAMES,
    criteria_name,
    tone,
)
from recist.report.pictures import legend, picture, projection, window_of
from recist.response import Assessment, Outcome, Reason, Response, Scope

#: A link less certain than this is put before the reader.
SURE_LINK = 0.7
_SURE_STATES = ("matched", "new", "absent", "baseline")


@dataclass(frozen=True, slots=True)
class Chip:
    """A response in a coloured pill."""

    label: str
    tone: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """The last answer for one set of lesions."""

    name: str
    scope: str
    chips: tuple[tuple[str, Chip], ...]
    sentence: str
    remark: str
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    scope: str
    criteria: str
    chips: tuple[Chip | None, ...]
    first_of_scope: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One lesion at one date in the table."""

    main: str
    measured: bool
    change: str = ""
    details: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LesionRow:
    id: str
    organ: str
    is_node: bool
    field: str
    field_name: str
    dose: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class LesionGroup:
    name: str
    rows: tuple[LesionRow, ...]
    sums: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    svg: str
    caption: str
    detail: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The pictures of one lesion, one per date."""

    row: LesionRow
    window: str
    legend: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    remark: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One assessment with all its reasons."""

    criteria: str
    chip: Chip
    parts: str
    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerdictDay:
    day: str
    sets: tuple[tuple[str, tuple[Verdict, ...]], ...]


def cards(case: Case) -> tuple[Card, ...]:
    """All, in-field and out-of-field lesions on the last date."""
    if not case.course.timepoints:
        return ()
    last = case.course.timepoints[-1].day
    return tuple(_card(case, scope, last) for scope in Scope)


def _card(case: Case, scope: Scope, day: int) -> Card:
    first = case.course.timepoints[0].day
    here = [a for a in case.assessments if a.scope is scope and a.day == day]
    shown = tuple((criteria_name(a.criteria), chip(a, first)) for a in here)
    recist = next((a for a in here if a.criteria == "recist11"), here[0] if here else None)
    immune = next((a for a in here if a.criteria == "irecist"), None)
    if recist is None or recist.overall is Response.NA:
        sentence, shown = _empty_set(case, scope), ()
    elif day == first:
        sentence = f"Baseline, sum of diameters {wording.mm(recist.sum_mm)}."
    else:
        words = wording.clause(recist)
        sentence = words[0].upper() + words[1:] + "."
    remark = wording.immune_remark(immune) if immune and shown else ""
    ends = tuple(
        _outcome_words(case.course, outcome)
        for outcome in case.outcomes
        if outcome.scope is scope and shown and day != first
    )
    return Card(SCOPE_NAMES[scope], scope.value, shown, sentence, remark, ends)


def _empty_set(case: Case, scope: Scope) -> str:
    if scope is not Scope.ALL and not _field_known(case):
        return "No plan, dose or target volume was found, so the irradiated field is not known."
    return "No lesion in this set."


def _field_known(case: Case) -> bool:
    return any(lesion.field is not Field.UNKNOWN for lesion in case.course.lesions)


def _outcome_words(course: Course, outcome: Outcome) -> str:
    when = (
        f" ({day_name(course, outcome.best_overall_day)})"
        if outcome.best_overall_day is not None
        else ""
    )
    words = f"{criteria_name(outcome.criteria)}: best response {outcome.best_overall.value}{when}"
    if outcome.confirmed_best_overall is not outcome.best_overall:
        words += f", confirmed {outcome.confirmed_best_overall.value}"
    if outcome.pfs_days is not None:
        event = "progression or death" if outcome.pfs_event else "censored"
        words += f"; progression-free {outcome.pfs_days} days ({event})"
    return words


def chip(assessment: Assessment, first_day: int) -> Chip:
    title = wording.VERDICTS[assessment.overall]
    if assessment.day == first_day and assessment.overall in (Response.NA, Response.NE):
        return Chip("baseline", "none", "baseline")
    return Chip(assessment.overall.value, tone(assessment.overall), title)


def matrix(case: Case) -> tuple[MatrixRow, ...]:
    """Responses: a row per set and criteria, a chip per date."""
    days = [timepoint.day for timepoint in case.course.timepoints]
    found = {(a.scope, a.criteria, a.day): a for a in case.assessments}
    criteria = list(dict.fromkeys(a.criteria for a in case.assessments))
    rows = []
    for scope in Scope:
        first = True
        for name in criteria:
            here = [found.get((scope, name, day)) for day in days]
            if not any(a is not None and a.overall is not Response.NA for a in here):
                continue
            chips = tuple(None if a is None else chip(a, days[0]) for a in here)
            rows.append(MatrixRow(SCOPE_NAMES[scope], criteria_name(name), chips, first))
            first = False
    return tuple(rows)


def lesion_groups(case: Case) -> tuple[LesionGroup, ...]:
    """Targets with their sums, then non-target and new lesions."""
    groups = []
    for role in Role:
        rows = tuple(row(case, lesion) for lesion in case.course.lesions if lesion.role is role)
        if rows:
            sums = tuple(_sum_rows(case)) if role is Role.TARGET else ()
            groups.append(LesionGroup(ROLE_NAMES[role], rows, sums))
    return tuple(groups)


def _sum_rows(case: Case) -> Iterator[tuple[str, tuple[str, ...]]]:
    for scope in Scope:
        found = {
            a.day: a for a in case.assessments if a.scope is scope and a.criteria == "recist11"
        }
        values = []
        for timepoint in case.course.timepoints:
            a = found.get(timepoint.day)
            if a is None or a.sum_mm is None:
                values.append("–")
            elif a.baseline_mm and timepoint is not case.course.timepoints[0]:
                values.append(f"{a.sum_mm:.1f} mm · {wording.percent(a.sum_mm, a.baseline_mm)}")
            else:
                values.append(f"{a.sum_mm:.1f} mm")
        if any(value != "–" for value in values):
            yield f"Sum, {SCOPE_NAMES[scope].lower()}", tuple(values)


def row(case: Case, lesion: Lesion) -> LesionRow:
    finding = next((f for f in case.fields if f.lesion_id == lesion.id), None)
    return LesionRow(
        lesion.id,
        lesion.organ,
        lesion.is_node,
        lesion.field.value,
        FIELD_NAMES[lesion.field],
        tuple(_dose_words(finding)),
        tuple(_cells(case, lesion)),
    )


def _dose_words(finding: FieldFinding | None) -> Iterator[str]:
    if finding is None:
        return
    if finding.prescription and finding.field in (Field.IN, Field.PARTIAL):
        yield finding.prescription
    if finding.dose_mean_gy is not None:
        yield f"mean {_gray(finding.dose_mean_gy)}"
    if finding.dose_max_gy is not None and finding.dose_max_gy != finding.dose_mean_gy:
        yield f"max {_gray(finding.dose_max_gy)}"
    if finding.provisional:
        yield "provisional"


def _gray(dose_gy: float) -> str:
    return "< 0.1 Gy" if 0 <= dose_gy < 0.1 else f"{dose_gy:.1f} Gy"


def _cells(case: Case, lesion: Lesion) -> Iterator[Cell]:
    remarks: dict[int, list[str]] = {}
    for name, day, remark in case.flags:
        if name == lesion.id:
            remarks.setdefault(day, []).append(remark)
    links = {link.day: link for link in case.links if link.lesion_id == lesion.id}
    first = None
    for timepoint in case.course.timepoints:
        measurement = next((m for m in timepoint.measurements if m.lesion_id == lesion.id), None)
        notes = list(remarks.get(timepoint.day, ()))
        link = links.get(timepoint.day)
        if link is not None and unsure(link):
            notes.insert(0, f"link {link.state}, {link.confidence:.0%}")
        if measurement is None or measurement.diameter_mm is None:
            unseen = lesion.role is Role.NEW and measurement is None
            words = "–" if unseen else wording.status_words(measurement)
            yield Cell(words, False, remarks=tuple(notes))
            continue
        change = "" if first is None else wording.percent(measurement.diameter_mm, first)
        first = measurement.diameter_mm if first is None else first
        yield Cell(
            f"{measurement.diameter_mm:.1f} mm",
            True,
            change,
            tuple(_details(measurement, lesion)),
            tuple(notes),
        )


def _details(measurement: Measurement, lesion: Lesion) -> Iterator[str]:
    if len(measurement.parts_mm) > 1:
        yield " + ".join(f"{part:.1f}" for part in measurement.parts_mm)
    if measurement.caliper is not None:
        long_mm, short_mm = measurement.caliper.long_axis_mm, measurement.caliper.short_axis_mm
        yield f"{long_mm:.1f} × {short_mm:.1f}" + (" (short axis counts)" if lesion.is_node else "")
    if measurement.volume_ml is not None:
        yield f"{measurement.volume_ml:.1f} ml"
    if measurement.suv_max is not None:
        yield f"SUVmax {measurement.suv_max:.1f}"
    if measurement.suv_peak is not None:
        yield f"SUVpeak {measurement.suv_peak:.1f}"


def unsure(link: LinkFinding) -> bool:
    """Whether a reader should look at how a lesion was recognised."""
    return link.state not in _SURE_STATES or link.confidence < SURE_LINK


def link_rows(case: Case) -> tuple[tuple[str, tuple[LinkFinding | None, ...]], ...]:
    """How each lesion was recognised, a row per lesion and a place per date."""
    found = {(link.lesion_id, link.day): link for link in case.links}
    days = [timepoint.day for timepoint in case.course.timepoints]
    names = dict.fromkeys(link.lesion_id for link in case.links)
    return tuple((name, tuple(found.get((name, day)) for day in days)) for name in names)


def field_details(finding: FieldFinding) -> Iterator[str]:
    """The figures behind a field class, beyond mean, minimum and maximum."""
    if finding.prescription:
        yield finding.prescription
    if finding.target:
        yield f"target volume {finding.target}"
    if finding.volume_at_half is not None:
        yield f"{finding.volume_at_half:.0%} of it with half of the prescription"
    if finding.upper_bound_gy is not None and finding.field not in (Field.IN, Field.PARTIAL):
        yield f"at most {_gray(finding.upper_bound_gy)}"
    for alpha_beta_gy, eqd2_gy in finding.eqd2_mean_gy[:1]:
        yield f"mean EQD2 {_gray(eqd2_gy)} (α/β {alpha_beta_gy:g} Gy)"
    if finding.band:
        yield f"band {finding.band}"
    if finding.probability:
        yield "probability " + ", ".join(f"{name} {p:.0%}" for name, p in finding.probability)
    if finding.evidence:
        yield f"by {finding.evidence}"
    if finding.profile:
        yield finding.profile
    if finding.provisional:
        yield "provisional: mapped back from a later date"


def strips(case: Case) -> tuple[Strip, ...]:
    """The pictures of every lesion that has one, CT before PET."""
    found = []
    for lesion in case.course.lesions:
        images = [image for image in case.key_images if image.lesion_id == lesion.id]
        for modality in sorted({image.modality for image in images}):
            chosen = [image for image in images if image.modality == modality]
            found.append(_strip(case, lesion, chosen))
    return tuple(found)


def _strip(case: Case, lesion: Lesion, images: list[KeyImage]) -> Strip:
    window = window_of(images, is_node=lesion.is_node)
    by_day = {image.day: image for image in images}
    lesion_row = row(case, lesion)
    figures = []
    for timepoint, cell in zip(case.course.timepoints, lesion_row.cells, strict=True):
        name = day_name(case.course, timepoint.day)
        image = by_day.get(timepoint.day)
        label = f"{lesion.id}, {name}: {cell.main}"
        svg = "" if image is None else picture(image, window, label)
        main = f"{cell.main}" + (f" ({cell.change})" if cell.change else "")
        figures.append(Figure(svg, f"{name} · {main}", image.slice_position if image else ""))
    finding = next((f for f in case.fields if f.lesion_id == lesion.id), None)
    remark = wording.irradiated_growth(case.course, lesion, finding)
    words = f"{images[0].modality}, {window.words}"
    return Strip(lesion_row, words, tuple(legend(images)), tuple(figures), remark)


def projections(case: Case) -> tuple[tuple[str, tuple[Figure, ...]], ...]:
    """The PET projections by date."""
    found = []
    for visit in case.visits:
        name = day_name(case.course, visit.day)
        pictures = tuple(
            Figure(projection(pixels, spacing, f"{title}, {name}"), title, "")
            for title, pixels, spacing in visit.projections
        )
        if pictures:
            found.append((name, pictures))
    return tuple(found)


def verdicts(case: Case) -> tuple[VerdictDay, ...]:
    """Every assessment with its reasons, by date and set of lesions."""
    days = []
    first = case.course.timepoints[0].day if case.course.timepoints else 0
    for timepoint in case.course.timepoints:
        sets = []
        for scope in Scope:
            here = tuple(
                _verdict(a, first)
                for a in case.assessments
                if a.scope is scope and a.day == timepoint.day and a.overall is not Response.NA
            )
            if here:
                sets.append((SCOPE_NAMES[scope], here))
        if sets:
            days.append(VerdictDay(day_name(case.course, timepoint.day), tuple(sets)))
    return tuple(days)


def _verdict(assessment: Assessment, first_day: int) -> Verdict:
    parts = [f"targets {assessment.target.value}", f"non-targets {assessment.non_target.value}"]
    parts.append("new lesion" if assessment.new_lesion else "no new lesion")
    return Verdict(
        criteria_name(assessment.criteria),
        chip(assessment, first_day),
        " · ".join(parts),
        assessment.reasons,
        assessment.warnings,
    )


def attention(case: Case) -> tuple[str, ...]:
    """What a reader should look at first, each once."""
    course = case.course
    findings = {finding.lesion_id: finding for finding in case.fields}
    notes = [
        wording.irradiated_growth(course, lesion, findings.get(lesion.id))
        for lesion in course.lesions
    ]
    notes += [
        f"{link.lesion_id}, {day_name(course, link.day)}: {link.state} with a confidence of "
        f"{link.confidence:.0%} ({link.reason})"
        for link in case.links
        if unsure(link)
    ]
    notes += [
        f"{problem.where}: {problem.what}" + (f" ({problem.remedy})" if problem.remedy else "")
        for problem in case.problems
    ]
    notes += case.warnings
    seen = {(lesion.id, t.day) for lesion in course.lesions for t in course.timepoints}
    notes += [
        f"{name}, {day_name(course, day)}: {remark}"
        for name, day, remark in case.flags
        if (name, day) not in seen
    ]
    notes += [warning for assessment in case.assessments for warning in assessment.warnings]
    return tuple(note for note in dict.fromkeys(notes) if note)


def settings_rows(settings: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as rows: dotted name, value."""
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from settings_rows(value, f"{name}.")
        elif isinstance(value, (list, tuple)):
            yield name, ", ".join(map(str, value)) or "none"
        else:
            yield name, "–" if value is None else str(value)
