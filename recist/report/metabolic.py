"""The metabolic responses as a section of the page."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from pet.response.pet_assessment import PetAssessment
from recist.course import Course
from recist.patient.result import PetTotals
from recist.report.chart_frame import day_name

TOTALS_TITLE = "Metabolic burden (PET)"
TOTALS_COLUMNS = ("Date", "Lesions", "Voxels", "Number", "MTV, ml", "TLG", "SUVmax", "Dmax, mm")
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


def totals_sections(totals: Sequence[PetTotals], course: Course) -> tuple[tuple[str, str], ...]:
    """Title and HTML of the totals over the lesions of each date; none without a PET."""
    if not totals:
        return ()
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in TOTALS_COLUMNS)
    rows = Markup("").join(_totals_row(each, course) for each in totals)
    table = Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, rows)
    return ((TOTALS_TITLE, str(table)),)


def _totals_row(totals: PetTotals, course: Course) -> Markup:
    found = totals.burden
    cells = (
        day_name(course, totals.day),
        totals.lesions if totals.lesions == "all" else f"field: {totals.lesions}",
        totals.basis,
        str(found.lesions),
        f"{found.mtv_ml:.1f}",
        f"{found.tlg:.0f}",
        _number(found.suv_max),
        "" if found.dmax_mm is None else f"{found.dmax_mm:.0f}",
    )
    row = Markup("").join(Markup('<td class="figure">{}</td>').format(cell) for cell in cells)
    return Markup("<tr>{}</tr>").format(row)


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
