"""The metabolic responses as a section of the page."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from pet.response.pet_assessment import PetAssessment
from recist.course import Course
from recist.report.charts import day_name

TITLE = "Metabolic response (PET), beside RECIST and never over it"
COLUMNS = ("Date", "Criteria", "Response", "Baseline", "Value", "Change", "Why")


def metabolic_sections(
    assessments: Sequence[PetAssessment], course: Course
) -> tuple[tuple[str, str], ...]:
    """Title and HTML of the section; none without a PET at two dates."""
    if not assessments:
        return ()
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in COLUMNS)
    rows = Markup("").join(_row(each, course) for each in assessments)
    table = Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, rows)
    return ((TITLE, str(table)),)


def _row(assessment: PetAssessment, course: Course) -> Markup:
    change = assessment.change_percent
    why = Markup("<br>").join(
        [
            *(escape(f"{r.sentence} ({r.source})") for r in assessment.reasons),
            *(escape(gate.sentence) for gate in assessment.gates if gate.passed is not True),
            *(escape(warning) for warning in assessment.warnings),
        ]
    )
    cells = (
        day_name(course, assessment.day),
        assessment.criteria,
        str(assessment.response),
        _number(assessment.baseline),
        _number(assessment.value),
        "" if change is None else f"{change:+.1f} %".replace("-", "−"),
    )
    short = Markup("").join(Markup('<td class="figure">{}</td>').format(cell) for cell in cells)
    return Markup("<tr>{}<td>{}</td></tr>").format(short, why)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
