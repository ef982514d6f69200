"""Adverse events by CTCAE: the worst grade of each patient, by arm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from imaging.tables.source import Source
from recist.cohort.arms import Arms
from recist.cohort.enrolment import Enrolled, table_rows
from recist.cohort.proportion import Proportion, contrast
from recist.cohort.quality_of_life import holm
from recist.cohort.sheet import Sheet, SheetRow, p_value, percent, span
from recist.table import clinical_cells
from recist.table.finding import Finding, Severity

#: Grades of CTCAE v5 (5: death); severe from 3 on.
GRADES, SEVERE = range(1, 6), 3
ANY = "any term"


def toxicity_sheet(
    source: Source, patients: Mapping[str, Enrolled], arms: Arms, findings: list[Finding]
) -> Sheet:
    """Patients by term and worst grade, of all treated, with the difference of severe ones.

    Args:
        source: ``subject, term, grade``; several rows of a term count with the worst.
    """
    worst: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for number, row in table_rows(source, ("subject", "term", "grade")):
        subject, term = row["subject"], row["term"].casefold()
        if subject not in patients:
            what, remedy = "not among the patients", "left out; is the name spelt as there?"
            code = "unknown-subject"
            findings.append(Finding(Severity.WARNING, code, subject, number, what, remedy))
            continue
        try:
            grade = clinical_cells.day(row["grade"])
        except clinical_cells.CellError:
            grade = 0
        if grade not in GRADES or not term:
            what = f"term {row['term']!r} of grade {row['grade']!r}"
            remedy = "left out: grades are 1 to 5, and every event has a term"
            findings.append(Finding(Severity.WARNING, "grade", subject, number, what, remedy))
            continue
        for name in (term, ANY):
            worst[name][subject] = max(grade, worst[name].get(subject, 0))
    rows: list[SheetRow] = []
    tests: list[float | None] = []
    for term in sorted(worst, key=lambda name: (name != ANY, -len(worst[name]), name)):
        row = {"term": term}
        severe = {}
        for arm in arms.names:
            members = [each.subject for each in patients.values() if each.treated == arm]
            grades = [worst[term].get(subject, 0) for subject in members]
            severe[arm] = Proportion(sum(grade >= SEVERE for grade in grades), len(grades))
            row |= {f"{arm}: grade {g}": str(grades.count(g)) for g in GRADES}
            row[f"{arm}: grade 3 or more"] = f"{severe[arm].x}/{severe[arm].n}"
        found = contrast(severe[arms.names[0]], severe[arms.control])
        several = len(arms.names) > 1 and found is not None
        row["difference_percent"] = percent(found.difference) if several and found else ""
        row["newcombe"] = span(found.newcombe, 100) if several and found else ""
        tests.append(found.fisher_p if several and found else None)
        row["fisher_p"] = p_value(tests[-1])
        rows.append(row)
    for row, p in zip(rows, holm(tests), strict=True):
        row["p_holm"] = p_value(p)
    return Sheet(
        "toxicity",
        "Adverse events, worst grade of each patient",
        tuple(rows),
        "CTCAE; all patients of the arm in fact received. Grade 3 or more compared by Fisher's "
        "exact test, Holm's correction over the terms beside it.",
    )
