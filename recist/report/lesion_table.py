"""The lesions as the page shows them: rows by role, a cell per date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from recist.course import Field, Lesion, Measurement, Role
from recist.criteria.diameter import in_mm
from recist.criteria.sums import LesionSize, figures_of, lesion_sizes
from recist.field.field_finding import FieldFinding
from recist.patient.result import LesionReview, PatientResult, ReviewState
from recist.report import wording
from recist.report.palette import FIELD_NAMES, ROLE_NAMES, SCOPE_NAMES
from recist.response import Assessment, Scope
from recist.tracking import LinkFinding, is_unsure

UNKNOWN_ORGANS = ("", "unknown")
#: How far a measurement can be relied on, in words.
STATE_WORDS = {
    ReviewState.PROPOSED: "proposed, not reviewed",
    ReviewState.DRAWN: "drawn",
    ReviewState.CHECKED: "checked",
    ReviewState.CORRECTED: "corrected",
}
#: So many characters of a time by ISO 8601 are its date.
DATE_CHARACTERS = 10


@dataclass(frozen=True, slots=True)
class LesionCell:
    """One lesion at one date in the table."""

    main: str
    measured: bool
    change: str = ""
    details: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    state: str = ""
    state_class: str = ""


@dataclass(frozen=True, slots=True)
class LesionRow:
    id: str
    organ: str
    is_node: bool
    field: str
    field_name: str
    dose: tuple[str, ...]
    cells: tuple[LesionCell, ...]
    drawn_as: str = ""


@dataclass(frozen=True, slots=True)
class LesionGroup:
    name: str
    rows: tuple[LesionRow, ...]
    sums: tuple[tuple[str, tuple[str, ...]], ...] = ()


def lesion_groups(case: PatientResult) -> tuple[LesionGroup, ...]:
    """Targets with their sums, then non-target and new lesions."""
    groups = []
    told = ByLesion.of(case)
    for role in Role:
        rows = tuple(told.row(lesion) for lesion in case.course.lesions if lesion.role is role)
        if rows:
            sums = tuple(_sum_rows(case)) if role is Role.TARGET else ()
            groups.append(LesionGroup(ROLE_NAMES[role], rows, sums))
    return tuple(groups)


def _sum_rows(case: PatientResult) -> Iterator[tuple[str, tuple[str, ...]]]:
    for scope in Scope:
        found = {
            a.day: a for a in case.assessments if a.scope is scope and a.criteria == "recist11"
        }
        values = [
            _baseline_words(case, scope) if n == 0 else _sum_words(found.get(timepoint.day))
            for n, timepoint in enumerate(case.course.timepoints)
        ]
        if any(value != "–" for value in values):
            yield f"Sum, {SCOPE_NAMES[scope].lower()}", tuple(values)


def _baseline_words(case: PatientResult, scope: Scope) -> str:
    found = next((each for each in case.baselines if each.scope is scope), None)
    if found is None or not found.targets:
        return "–"
    if found.sum_mm is None:
        return "not evaluable"
    bound = "at least " if found.lower_bound else ""
    return f"{bound}{wording.mm(found.sum_mm)}"


def _sum_words(assessment: Assessment | None) -> str:
    if assessment is None:
        return "–"
    words = wording.total(assessment)
    change = figures_of(assessment).change_from_baseline_percent
    if change is None:
        return words
    unreliable = f" ({wording.UNRELIABLE})" if assessment.method_changed else ""
    return f"{words} · {wording.percent(change)}{unreliable}"


@dataclass(frozen=True, slots=True)
class ByLesion:
    """What a result tells, by the lesion that it is told of, and by day."""

    case: PatientResult
    fields: Mapping[str, FieldFinding]
    names: Mapping[str, str]
    remarks: Mapping[str, Mapping[int, Sequence[str]]]
    links: Mapping[str, Mapping[int, LinkFinding]]
    reviews: Mapping[str, Mapping[int, LesionReview]]
    seen: Mapping[str, Mapping[int, Measurement]]
    sizes: Mapping[str, tuple[LesionSize, ...]]

    @classmethod
    def of(cls, case: PatientResult) -> ByLesion:
        remarks: dict[str, dict[int, list[str]]] = {}
        for name, day, remark in case.flags:
            remarks.setdefault(name, {}).setdefault(day, []).append(remark)
        links: dict[str, dict[int, LinkFinding]] = {}
        for link in case.links:
            links.setdefault(link.lesion_id, {})[link.day] = link
        reviews: dict[str, dict[int, LesionReview]] = {}
        for review in case.reviews:
            reviews.setdefault(review.lesion_id, {})[review.day] = review
        seen: dict[str, dict[int, Measurement]] = {}
        for timepoint in case.course.timepoints:
            for measurement in timepoint.measurements:
                seen.setdefault(measurement.lesion_id, {})[timepoint.day] = measurement
        fields = {finding.lesion_id: finding for finding in case.fields}
        sizes = lesion_sizes(case.course)
        return cls(case, fields, dict(case.names), remarks, links, reviews, seen, sizes)

    def row(self, lesion: Lesion) -> LesionRow:
        """A lesion at every date."""
        return LesionRow(
            lesion.id,
            lesion.organ if lesion.organ not in UNKNOWN_ORGANS else "organ unknown",
            lesion.is_node,
            lesion.field.value,
            FIELD_NAMES[lesion.field],
            tuple(_dose_words(self.fields.get(lesion.id))),
            tuple(self._cells(lesion)),
            self.names.get(lesion.id, ""),
        )

    def _cells(self, lesion: Lesion) -> Iterator[LesionCell]:
        remarks = self.remarks.get(lesion.id, {})
        links, reviews = self.links.get(lesion.id, {}), self.reviews.get(lesion.id, {})
        seen = self.seen.get(lesion.id, {})
        changes = {size.day: size.change_percent for size in self.sizes[lesion.id]}
        for timepoint in self.case.course.timepoints:
            measurement = seen.get(timepoint.day)
            notes = list(remarks.get(timepoint.day, ()))
            review = reviews.get(timepoint.day)
            state = {
                "state": "" if review is None else state_words(review),
                "state_class": "" if review is None else str(review.state),
            }
            link = links.get(timepoint.day)
            if link is not None and is_unsure(link):
                notes.insert(0, f"link {link.state}, {_share(link.confidence)}")
            if measurement is None or measurement.diameter_mm is None:
                unseen = lesion.role is Role.NEW and measurement is None
                words = "–" if unseen else wording.status_words(measurement)
                details = () if measurement is None else tuple(_details(measurement, lesion))
                yield LesionCell(words, False, details=details, remarks=tuple(notes), **state)
                continue
            yield LesionCell(
                wording.mm(measurement.diameter_mm),
                True,
                wording.percent(changes[timepoint.day]),
                tuple(_details(measurement, lesion)),
                tuple(notes),
                **state,
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


def _share(part: float) -> str:
    return f"{100 * part:.0f} %"


def _gray(dose_gy: float) -> str:
    return "< 0.1 Gy" if 0 <= dose_gy < 0.1 else f"{dose_gy:.1f} Gy"


def state_words(review: LesionReview) -> str:
    """Who stands for a measurement, and since when."""
    who = " by " + review.reader if review.reader else ""
    when = f", {review.recorded_at[:DATE_CHARACTERS]}" if review.recorded_at else ""
    return f"{STATE_WORDS[review.state]}{who}{when}"


def _details(measurement: Measurement, lesion: Lesion) -> Iterator[str]:
    if len(measurement.parts_mm) > 1:
        yield " + ".join(in_mm(part) for part in measurement.parts_mm)
    if measurement.caliper is not None:
        long_mm, short_mm = measurement.caliper.long_axis_mm, measurement.caliper.short_axis_mm
        yield f"{in_mm(long_mm)} × {in_mm(short_mm)}" + (
            " (short axis counts)" if lesion.is_node else ""
        )
    if measurement.volume_ml is not None:
        yield f"{measurement.volume_ml:.1f} ml"
    if measurement.suv_max is not None:
        yield f"SUVmax {measurement.suv_max:.1f}"
    if measurement.suv_peak is not None:
        yield f"SUVpeak {measurement.suv_peak:.1f}"


def link_rows(case: PatientResult) -> tuple[tuple[str, tuple[LinkFinding | None, ...]], ...]:
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
        yield f"{_share(finding.volume_at_half)} of it with half of the prescription"
    if finding.upper_bound_gy is not None and finding.field not in (Field.IN, Field.PARTIAL):
        yield f"upper bound {_gray(finding.upper_bound_gy)}"
    for alpha_beta_gy, eqd2_gy in finding.eqd2_mean_gy[:1]:
        yield f"mean EQD2 {_gray(eqd2_gy)} (α/β {alpha_beta_gy:g} Gy)"
    if finding.band:
        yield f"band {finding.band}"
    if finding.probability:
        yield "probability: " + ", ".join(f"{name} {_share(p)}" for name, p in finding.probability)
    if finding.evidence:
        yield f"by {finding.evidence}"
    if finding.profile:
        yield finding.profile
