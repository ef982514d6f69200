"""``write_report``: one self-contained HTML page per patient, readable on paper too.

Nothing is loaded from anywhere: style, charts and pictures are inside the page, and no script runs.
"""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from imaging.writing import write_text
from recist.criteria.criterion import title_of
from recist.patient.result import PatientResult, SignedBy
from recist.report import lesion_table, remark_section, response_cards, strips, wording
from recist.report.abscopal_section import abscopal_section
from recist.report.chart_frame import day_name
from recist.report.environment import page
from recist.report.metabolic import metabolic_sections, totals_sections
from recist.report.spider_chart import spider_chart
from recist.report.sum_chart import sum_chart
from recist.tracking import is_unsure

#: Digits of a hash that are shown; the whole is in the settings.
HASH_DIGITS = 12


def write_report(case: PatientResult, path: Path) -> str:
    """Write the page of a case, whole or not at all; its text.

    Args:
        path: the HTML file; its folder must exist.
    """
    page = render(case)
    write_text(path, page)
    return page


def render(case: PatientResult) -> str:
    """The page as text."""
    return page(
        "report.html",
        kind="Tumour response assessment",
        heading=case.course.subject,
        header=_header(case),
        case=case,
        dates=[day_name(case.course, timepoint.day) for timepoint in case.course.timepoints],
        labels=[timepoint.label for timepoint in case.course.timepoints],
        headline=wording.headline(case),
        cards=response_cards.cards(case),
        attention=remark_section.attention(case),
        sum_chart=Markup(sum_chart(case.course, case.assessments)),
        spider_chart=Markup(spider_chart(case.course)),
        matrix=response_cards.matrix(case),
        groups=lesion_table.lesion_groups(case),
        strips=strips.strips(case),
        projections=strips.projections(case),
        verdicts=response_cards.verdicts(case),
        links=lesion_table.link_rows(case),
        unsure=is_unsure,
        looks=[(look, day_name(case.course, look.day)) for look in case.looks],
        field_details=lambda finding: list(lesion_table.field_details(finding)),
        visits=[(visit, day_name(case.course, visit.day)) for visit in case.visits],
        sections=[(title, Markup(html)) for title, html in _sections(case)],
        settings=list(remark_section.settings_rows(case.settings)),
        svg=Markup,
    )


def _header(case: PatientResult) -> list[tuple[str, str]]:
    """What the page is about, in the order of a letter head."""
    course = case.course
    days = [day_name(course, timepoint.day) for timepoint in course.timepoints]
    spans = " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "none"
    criteria = dict.fromkeys(title_of(a.criteria) for a in case.assessments)
    sources = dict.fromkeys(visit.delineation for visit in case.visits if visit.delineation)
    rows = [
        ("Dates", f"{len(days)} ({spans})"),
        ("Criteria", ", ".join(criteria) or "none"),
        ("Protocol", _protocol(case)),
        ("Delineation", "; ".join(sources)),
        ("Model", _model(case)),
        ("Reader", course.reader),
        ("Signed", _signed(case) or _superseded(case)),
    ]
    return [(name, value) for name, value in rows if value]


def _signed(case: PatientResult) -> str:
    """Who signed, what that means and when; what no reader signed says nothing."""
    signed = case.signed
    if signed is None:
        return ""
    return f"{_signature(signed)}: {signed.meaning}"


def _signature(signed: SignedBy) -> str:
    return ", ".join(filter(None, [signed.who, signed.organisation, signed.time[:19]]))


def _superseded(case: PatientResult) -> str:
    """That what a reader signed was changed since."""
    before = case.superseded
    if before is None:
        return ""
    return (
        f"by nobody: signed by {_signature(before.signed)}, and changed since by {before.by}, "
        f"{before.time[:19]}: {before.reason}"
    )


def _protocol(case: PatientResult) -> str:
    named = case.settings.get("protocol")
    if isinstance(named, dict):
        return str(named.get("name", ""))
    return "" if named is None else str(named)


def _model(case: PatientResult) -> str:
    """Name, version and the beginning of the hash of the network, where one was used."""
    model = case.settings.get("model")
    if not isinstance(model, dict):
        return "" if model is None else str(model)
    hashed = str(model.get("sha256", ""))[:HASH_DIGITS]
    words = [model.get("name"), model.get("version"), f"sha256 {hashed}" if hashed else None]
    return " ".join(str(word) for word in words if word)


def _sections(case: PatientResult) -> tuple[tuple[str, str], ...]:
    """Title and HTML of the sections that only some patients have."""
    return (
        *((abscopal_section(case.abscopal, case.course),) if case.abscopal else ()),
        *metabolic_sections(case.metabolic, case.course),
        *totals_sections(case.pet_totals, case.course),
    )
