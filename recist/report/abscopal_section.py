"""The abscopal finding as a section of the page."""

from __future__ import annotations

from recist.abscopal import AbscopalFinding
from recist.abscopal.finding_words import definition_rows, headline, summary
from recist.course import Course
from recist.report.environment import templates

TITLE = "Abscopal response: lesions that were not irradiated"


def abscopal_section(finding: AbscopalFinding, course: Course) -> tuple[str, str]:
    """Title and HTML of the section.

    Args:
        course: that the finding is about, for its dates.
    """
    html = (
        templates()
        .get_template("abscopal.html")
        .render(
            headline=headline(finding),
            lines=summary(finding, course),
            definitions=definition_rows(finding, course) if finding.evaluable else (),
        )
    )
    return TITLE, html
