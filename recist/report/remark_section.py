"""What a reader should check, and the settings in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from recist.patient.result import PatientResult
from recist.report import wording
from recist.report.chart_frame import day_name
from recist.tracking import is_unsure


def attention(case: PatientResult) -> tuple[str, ...]:
    """What a reader should look at first, each once."""
    course = case.course
    findings = {finding.lesion_id: finding for finding in case.fields}
    notes = [
        wording.irradiated_growth(course, lesion, findings.get(lesion.id))
        for lesion in course.lesions
    ]
    looked = {(look.lesion_id, look.day) for look in case.looks}
    notes += [
        f"{link.lesion_id}, {day_name(course, link.day)}: {link.state} with a confidence of "
        f"{100 * link.confidence:.0f} % ({link.reason})"
        for link in case.links
        if is_unsure(link) and (link.lesion_id, link.day) not in looked
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
