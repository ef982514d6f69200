"""Plain clinical sentences about responses. No rule is decided here; it is only said in words."""

from __future__ import annotations

from decimal import Decimal

from recist.course import Course, Field, Lesion, Measurement, Role, Status
from recist.criteria import diameter
from recist.criteria.criterion import title_of
from recist.criteria.diameter import has_grown
from recist.field.finding import FieldFinding
from recist.patient.result import PatientResult
from recist.report.charts import day_name
from recist.response import Assessment, Response, Scope

#: A number is not torn from its unit at the end of a line.
NBSP = "\u00a0"

VERDICTS = {
    Response.CR: "complete response",
    Response.PR: "partial response",
    Response.SD: "stable disease",
    Response.PD: "progression",
    Response.NE: "not evaluable",
    Response.NON_CR_NON_PD: "neither complete response nor progression",
    Response.NED: "no evidence of disease",
    Response.NA: "no lesion in this set",
    Response.ICR: "complete response",
    Response.IPR: "partial response",
    Response.ISD: "stable disease",
    Response.IUPD: "unconfirmed progression",
    Response.ICPD: "confirmed progression",
    Response.NON_ICR_NON_IUPD: "neither complete response nor progression",
    Response.CMR: "complete metabolic response",
    Response.PMR: "partial metabolic response",
    Response.SMD: "stable metabolic disease",
    Response.PMD: "metabolic progression",
}
_PROGRESSION = (Response.PD, Response.IUPD, Response.ICPD)

STATUS_WORDS = {
    Status.ABSENT: "absent",
    Status.TOO_SMALL: "too small",
    Status.NOT_EVALUABLE: "not evaluable",
    Status.PRESENT: "present",
    Status.INCREASED: "increased",
    Status.PROGRESSION: "clear progression",
    Status.EQUIVOCAL: "equivocal",
}

_SETS = {
    Scope.ALL: "overall ",
    Scope.IN_FIELD: "in the irradiated field ",
    Scope.OUT_OF_FIELD: "outside the irradiated field ",
}

_FIELDS = {Scope.IN_FIELD: Field.IN, Scope.OUT_OF_FIELD: Field.OUT}


def mm(value: Decimal | float | None) -> str:
    return "–" if value is None else f"{value:.1f}{NBSP}mm"


def percent(now: Decimal, reference: Decimal) -> str:
    """The change as the criteria print it (cut off, not rounded), with a true minus sign."""
    if now == reference:
        return f"0.0{NBSP}%"
    return diameter.percent(now, reference).replace("-", "−").replace(" %", f"{NBSP}%")


def headline(case: PatientResult) -> str:
    """One sentence on the last date: the three sets of lesions by RECIST 1.1."""
    course = case.course
    if not course.timepoints:
        return "No date could be assessed."
    last = course.timepoints[-1].day
    latest = {a.scope: a for a in case.assessments if a.criteria == "recist11" and a.day == last}
    if len(course.timepoints) < 2:
        return _baseline_only(course)
    if not latest:
        return f"No response by RECIST 1.1 was assessed on {day_name(course, last)}."
    clauses = [
        f"{_SETS[scope]}{clause(latest[scope])}"
        for scope in Scope
        if scope in latest and (scope is Scope.ALL or latest[scope].overall is not Response.NA)
    ]
    date = day_name(course, last)
    return f"{date[0].upper()}{date[1:]}: " + "; ".join(clauses) + "."


def _baseline_only(course: Course) -> str:
    date = day_name(course, course.timepoints[0].day)
    return f"Baseline only ({date}): {baseline(course, Scope.ALL)}. A response needs a second date."


def baseline(course: Course, scope: Scope) -> str:
    """The targets of a set on the first date, counted and summed."""
    inside = {
        lesion.id
        for lesion in course.lesions
        if lesion.role is Role.TARGET and (scope is Scope.ALL or lesion.field is _FIELDS[scope])
    }
    sizes = [
        measurement.diameter_mm
        for measurement in course.timepoints[0].measurements
        if measurement.lesion_id in inside and measurement.diameter_mm is not None
    ]
    if not inside:
        return "no target lesion"
    count = f"{len(inside)} target lesion{'' if len(inside) == 1 else 's'}"
    return f"{count}, sum of diameters {sum(sizes, Decimal(0)):.1f} mm"


def clause(assessment: Assessment) -> str:
    """Verdict, cause and sum, e.g. ``progression by a new lesion, while the targets shrank …``."""
    verdict = VERDICTS[assessment.overall]
    if assessment.overall in _PROGRESSION:
        causes = _causes(assessment)
        because = f" by {' and '.join(causes)}" if causes else ""
        aside = _targets(assessment) if assessment.target not in _PROGRESSION else ""
        return f"{verdict}{because}" + (f", while {aside}" if aside else "")
    aside = _targets(assessment)
    return f"{verdict}" + (f", {aside}" if aside else "")


def _causes(assessment: Assessment) -> list[str]:
    causes = []
    if assessment.target in _PROGRESSION:
        growth = ""
        if assessment.sum_mm is not None and assessment.nadir_mm:
            growth = f" ({percent(assessment.sum_mm, assessment.nadir_mm)} from the smallest sum)"
        causes.append(f"growth of the target lesions{growth}")
    if assessment.non_target in _PROGRESSION:
        causes.append("growth of non-target lesions")
    if assessment.new_lesion:
        causes.append("a new lesion")
    return causes


def _targets(assessment: Assessment) -> str:
    now, baseline = assessment.sum_mm, assessment.baseline_mm
    if now is None or baseline is None or baseline == 0:
        return ""
    change = percent(now, baseline)
    moved = "shrank" if now < baseline else "grew" if now > baseline else "stayed the same"
    by = "" if now == baseline else f" by {change.lstrip('+−')}"
    sums = f"{baseline:.1f} to {mm(now)}" if now != baseline else mm(now)
    return f"the target lesions {moved}{by} ({sums})"


def immune_remark(assessment: Assessment) -> str:
    """What the iRECIST category means for the next scan; empty where it says nothing more."""
    if assessment.overall is Response.IUPD:
        # Seymour 2017, iRECIST: confirmation by the next assessment, 4 to 8 weeks later.
        return "progression is unconfirmed: a scan 4 to 8 weeks later decides"
    if assessment.overall is Response.ICPD:
        return "progression is confirmed"
    return ""


def category(assessment: Assessment) -> str:
    return f"{title_of(assessment.criteria)} {assessment.overall.value}"


def status_words(measurement: Measurement | None) -> str:
    """The status of a lesion that has no diameter."""
    if measurement is None:
        return "not assessed"
    if measurement.status is Status.MERGED:
        return f"merged into {measurement.merged_into}"
    return STATUS_WORDS.get(measurement.status, measurement.status.value)


def irradiated_growth(course: Course, lesion: Lesion, finding: FieldFinding | None) -> str:
    """A remark for an irradiated lesion that grows: radiation fibrosis looks like growth."""
    if lesion.field not in (Field.IN, Field.PARTIAL):
        return ""
    values = [
        measurement.diameter_mm
        for timepoint in course.timepoints
        for measurement in timepoint.measurements
        if measurement.lesion_id == lesion.id and measurement.diameter_mm is not None
    ]
    if len(values) < 2:
        return ""
    smallest, now = min(values[:-1]), values[-1]
    if not has_grown(now, smallest):
        return ""
    dose = finding.prescription if finding and finding.prescription else "before"
    return (
        f"{lesion.id}: irradiated {dose}, growth may be fibrosis ({smallest:.1f} to {now:.1f} mm)"
    )
