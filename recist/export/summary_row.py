"""One row per patient for ``summary.csv``."""

from __future__ import annotations

from recist.patient.result import PatientResult
from recist.response import Scope


def summarise(case: PatientResult) -> dict[str, str]:
    """One row of ``summary.csv``."""
    course = case.course
    days = [timepoint.day for timepoint in course.timepoints]

    def shown(day: int | None) -> str:
        if day is None:
            return ""
        date = course.date_of(day)
        return str(day) if date is None else date.isoformat()

    row = {
        "subject": course.subject,
        "status": "incomplete" if case.problems else "done",
        "dates": str(len(days)),
        "first": shown(days[0]) if days else "",
        "last": shown(days[-1]) if days else "",
        "targets": str(sum(lesion.role == "target" for lesion in course.lesions)),
        "non_targets": str(sum(lesion.role == "non-target" for lesion in course.lesions)),
        "new_lesions": str(sum(lesion.role == "new" for lesion in course.lesions)),
        "pet_at_baseline": "yes" if case.visits and case.visits[0].pet_series else "no",
    }
    for criteria in dict.fromkeys(assessment.criteria for assessment in case.assessments):
        for scope in Scope:
            seen = [a for a in case.assessments if (a.criteria, a.scope) == (criteria, scope)]
            found = [o for o in case.outcomes if (o.criteria, o.scope) == (criteria, scope)]
            name = f"{criteria}_{scope}".replace("-", "_")
            row[f"{name}_last"] = str(seen[-1].overall) if seen else ""
            row[f"{name}_best"] = str(found[0].best_overall) if found else ""
            row[f"{name}_progression"] = shown(found[0].progression_day) if found else ""
    row["warnings"] = str(len(case.warnings))
    return row
