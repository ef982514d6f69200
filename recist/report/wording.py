"""Plain clinical sentences about responses. No rule is decided here; it is only said in words."""

from __future__ import annotations

from decimal import Decimal

from pet.response.pet_assessment import PetResponse
from recist.course import Course, Field, Lesion, Measurement, Status
from recist.criteria.diameter import has_grown, in_mm
from recist.criteria.sums import figures_of, lesion_sizes
from recist.field.field_finding import FieldFinding
from recist.patient.result import PatientResult
from recist.report.chart_frame import day_name
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
VERDICTS_OF_PET = {
    PetResponse.CMR: "complete metabolic response",
    PetResponse.PMR: "partial metabolic response",
    PetResponse.SMD: "stable metabolic disease",
    PetResponse.PMD: "metabolic progression",
    PetResponse.UPMD: "unconfirmed metabolic progression",
    PetResponse.CPMD: "confirmed metabolic progression",
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


#: Stands beside a change between contours that were not drawn in the same way.
UNRELIABLE = "unreliable: the method of delineation changed"


def mm(value: Decimal | None) -> str:
    """A length as it was recorded, or a dash where there is none."""
    return "–" if value is None else f"{in_mm(value)}{NBSP}mm"


def percent(change: Decimal | None) -> str:
    """A change as the criteria give it (cut off, not rounded), with a true minus sign."""
    if change is None:
        return ""
    signed = f"{change:+.1f}".replace("-", "−") if change else "0.0"
    return f"{signed}{NBSP}%"


def total(assessment: Assessment) -> str:
    """The sum of an assessment; what is only a lower bound is called so."""
    if assessment.sum_mm is None:
        return "–" if assessment.target is Response.NA else "not evaluable"
    return f"at least {mm(assessment.sum_mm)}" if assessment.lower_bound else mm(assessment.sum_mm)


def headline(case: PatientResult) -> str:
    """One sentence on the last date: the three sets of lesions by RECIST 1.1.

    Where no date has a CT, what the PET criteria say.
    """
    course = case.course
    if not course.timepoints:
        return "No date could be assessed."
    if case.visits and not any(visit.ct_series for visit in case.visits):
        return _pet_alone(case)
    last = course.timepoints[-1].day
    latest = {a.scope: a for a in case.assessments if a.criteria == "recist11" and a.day == last}
    if len(course.timepoints) < 2:
        return _baseline_only(case)
    if not latest:
        return f"No response by RECIST 1.1 was assessed on {day_name(course, last)}."
    clauses = [
        f"{_SETS[scope]}{clause(latest[scope])}"
        for scope in Scope
        if scope in latest and (scope is Scope.ALL or latest[scope].overall is not Response.NA)
    ]
    date = day_name(course, last)
    return f"{date[0].upper()}{date[1:]}: " + "; ".join(clauses) + "."


#: Said of a patient who has a CT at no date.
NO_DIAMETERS = "Without a CT no diameter is measured: RECIST 1.1 is not evaluable."


def _pet_alone(case: PatientResult) -> str:
    """What each set of PET criteria says at the last date."""
    last = case.course.timepoints[-1].day
    date = day_name(case.course, last)
    latest = [each for each in case.metabolic if each.day == last]
    if not latest:
        known = "baseline only" if len(case.course.timepoints) < 2 else "no response was assessed"
        return f"PET alone, {date}: {known}. {NO_DIAMETERS}"
    said: dict[str, list[str]] = {}
    for each in latest:
        verdict = VERDICTS_OF_PET.get(each.response, each.response.value.lower().replace("_", " "))
        said.setdefault(verdict, []).append(each.criteria)
    clauses = (f"{verdict} by {', '.join(names)}" for verdict, names in said.items())
    return f"PET alone, {date}: {'; '.join(clauses)}. {NO_DIAMETERS}"


def _baseline_only(case: PatientResult) -> str:
    date = day_name(case.course, case.course.timepoints[0].day)
    return f"Baseline only ({date}): {baseline(case, Scope.ALL)}. A response needs a second date."


def baseline(case: PatientResult, scope: Scope) -> str:
    """The targets of a set on the first date, counted and summed."""
    found = next((each for each in case.baselines if each.scope is scope), None)
    if found is None or not found.targets:
        return "no target lesion"
    count = f"{found.targets} target lesion{'' if found.targets == 1 else 's'}"
    if found.sum_mm is None:
        return f"{count}, none evaluable"
    bound = "at least " if found.lower_bound else ""
    return f"{count}, sum of diameters {bound}{mm(found.sum_mm)}"


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
        change = figures_of(assessment).change_from_nadir_percent
        growth = ""
        if change is not None:
            unreliable = f", {UNRELIABLE}" if assessment.method_changed else ""
            growth = f" ({percent(change)} from the smallest sum{unreliable})"
        elif assessment.lower_bound and assessment.nadir_mm is not None:
            growth = f" ({total(assessment)}, a lower bound, after {mm(assessment.nadir_mm)})"
        causes.append(f"growth of the target lesions{growth}")
    if assessment.non_target in _PROGRESSION:
        causes.append("growth of non-target lesions")
    if assessment.new_lesion:
        causes.append("a new lesion")
    return causes


def _targets(assessment: Assessment) -> str:
    now, baseline = assessment.sum_mm, assessment.baseline_mm
    if assessment.target is Response.NA:
        return ""
    if now is None:
        return "no target lesion evaluable"
    if assessment.lower_bound:
        return f"some target lesions not evaluable, the others {total(assessment)}, a lower bound"
    if not baseline:
        return ""
    if now == baseline:
        return f"the target lesions stayed the same ({mm(now)})"
    moved = "shrank" if now < baseline else "grew"
    by = percent(figures_of(assessment).change_from_baseline_percent).lstrip("+−")
    unreliable = f", {UNRELIABLE}" if assessment.method_changed else ""
    return f"the target lesions {moved} by {by} ({in_mm(baseline)} to {mm(now)}{unreliable})"


def immune_remark(assessment: Assessment) -> str:
    """What the iRECIST category means for the next scan; empty where it says nothing more."""
    if assessment.overall is Response.IUPD:
        # Seymour 2017, iRECIST: confirmation by the next assessment, 4 to 8 weeks later.
        return "progression is unconfirmed: a scan 4 to 8 weeks later decides"
    if assessment.overall is Response.ICPD:
        return "progression is confirmed"
    return ""


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
    sizes = [size.diameter_mm for size in lesion_sizes(course, (lesion.id,))[lesion.id]]
    if len(sizes) < 2:
        return ""
    smallest, now = min(sizes[:-1]), sizes[-1]
    if not has_grown(now, smallest):  # the rule for sums, applied to one lesion
        return ""
    dose = finding.prescription if finding and finding.prescription else "before"
    return (
        f"{lesion.id}: irradiated {dose}, growth may be fibrosis "
        f"({in_mm(smallest)} to {in_mm(now)} mm)"
    )
