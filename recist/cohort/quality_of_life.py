"""EORTC QLQ-C30: from the answers to the scores (Fayers et al., EORTC QLQ-C30 Scoring Manual 2001).

Functions and global health: more is better; symptoms: more is worse. A scale is scored where at
least half of its items were answered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from imaging.tables.source import Source
from recist.cohort.arms import Arms
from recist.cohort.enrolment import Enrolled, table_rows
from recist.cohort.sheet import Sheet, SheetRow, figure, p_value
from recist.table import clinical_cells
from recist.table.finding import Finding, Severity


class Scale(NamedTuple):
    """Items of a scale, the range of an answer, and whether more is better."""

    items: tuple[int, ...]
    answer_range: int
    functional: bool


SCALES = {
    "global health": Scale((29, 30), 6, False),
    "physical": Scale((1, 2, 3, 4, 5), 3, True),
    "role": Scale((6, 7), 3, True),
    "emotional": Scale((21, 22, 23, 24), 3, True),
    "cognitive": Scale((20, 25), 3, True),
    "social": Scale((26, 27), 3, True),
    "fatigue": Scale((10, 12, 18), 3, False),
    "nausea and vomiting": Scale((14, 15), 3, False),
    "pain": Scale((9, 19), 3, False),
    "dyspnoea": Scale((8,), 3, False),
    "insomnia": Scale((11,), 3, False),
    "appetite loss": Scale((13,), 3, False),
    "constipation": Scale((16,), 3, False),
    "diarrhoea": Scale((17,), 3, False),
    "financial difficulties": Scale((28,), 3, False),
}
ITEMS = 30

#: Points of change that patients notice (Osoba et al., J Clin Oncol 1998;16:139).
NOTICED_POINTS = 10


def scores(answers: Mapping[int, int | None]) -> dict[str, float | None]:
    """Every scale from 0 to 100; None where fewer than half of its items were answered."""
    found: dict[str, float | None] = {}
    for name, scale in SCALES.items():
        given = [value for item in scale.items if (value := answers.get(item)) is not None]
        if 2 * len(given) < len(scale.items):
            found[name] = None
            continue
        raw = (sum(given) / len(given) - 1) / scale.answer_range
        found[name] = 100 * (1 - raw if scale.functional else raw)
    return found


def quality_sheets(
    source: Source,
    patients: Mapping[str, Enrolled],
    arms: Arms,
    *,
    has_dates: bool,
    findings: list[Finding],
) -> tuple[Sheet, Sheet]:
    """The scores of every questionnaire, and the change from baseline by arm.

    Args:
        source: ``subject, date|day, q1 .. q30``; the first questionnaire of a patient is the
            baseline.
    """
    time = "date" if has_dates else "day"
    needed = ("subject", time, *(f"q{k}" for k in range(1, ITEMS + 1)))
    parse = clinical_cells.ordinal if has_dates else clinical_cells.day
    visits: defaultdict[str, dict[int, dict[str, float | None]]] = defaultdict(dict)
    rows: list[SheetRow] = []
    for number, row in table_rows(source, needed):
        subject = row["subject"]
        if subject not in patients:
            findings.append(_left_out(subject, number, "not among the patients"))
            continue
        try:
            when = parse(row[time])
            answers = {k: _answer(row[f"q{k}"], k) for k in range(1, ITEMS + 1)}
        except clinical_cells.CellError as error:
            findings.append(_left_out(subject, number, error.what, error.remedy))
            continue
        found = scores(answers)
        visits[subject][when] = found
        rows.append(
            {"subject": subject, "arm": patients[subject].arm, time: row[time],
             **{name: figure(value, 1) for name, value in found.items()}}
        )  # fmt: skip
    return (
        Sheet("quality_of_life_scores", "QLQ-C30 scores", tuple(rows)),
        Sheet(
            "quality_of_life",
            "Quality of life: change from baseline (QLQ-C30)",
            tuple(_changes(visits, patients, arms)),
            "Mean change from the first questionnaire to the last of each patient; "
            f"a change of {NOTICED_POINTS} points is noticed (Osoba 1998). Difference of "
            "arms by Welch's t test on the last change; P not corrected for 15 scales, "
            "Holm's beside it.",
        ),
    )


def _changes(
    visits: Mapping[str, Mapping[int, Mapping[str, float | None]]],
    patients: Mapping[str, Enrolled],
    arms: Arms,
) -> list[SheetRow]:
    rows: list[SheetRow] = []
    raw: list[float | None] = []
    for name in SCALES:
        changes: dict[str, list[float]] = {arm: [] for arm in arms.names}
        for subject, by_day in visits.items():
            series = [v for day in sorted(by_day) if (v := by_day[day][name]) is not None]
            if len(series) > 1 and patients[subject].arm in changes:
                changes[patients[subject].arm].append(series[-1] - series[0])
        row = {"scale": name, "more_is": "better" if _more_is_better(name) else "worse"}
        for arm, values in changes.items():
            row[f"n {arm}"] = str(len(values))
            row[f"change {arm}"] = figure(float(np.mean(values)), 1) if values else ""
            worse = [-v if _more_is_better(name) else v for v in values]
            row[f"worse by 10 {arm}"] = str(sum(v >= NOTICED_POINTS for v in worse))
        p = _welch(changes, arms)
        raw.append(p)
        row["p"] = p_value(p)
        rows.append(row)
    for row, p in zip(rows, holm(raw), strict=True):
        row["p_holm"] = p_value(p)
    return rows


def _more_is_better(name: str) -> bool:
    return SCALES[name].functional or name == "global health"


def _welch(changes: Mapping[str, Sequence[float]], arms: Arms) -> float | None:
    if len(arms.names) < 2:
        return None
    first, second = changes[arms.names[0]], changes[arms.control]
    if min(len(first), len(second)) < 2 or len({*first, *second}) < 2:
        return None
    if len(set(first)) == 1 and len(set(second)) == 1:
        return None
    return float(stats.ttest_ind(first, second, equal_var=False).pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction; what was not tested is not counted."""
    known = sorted((p, k) for k, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    worst = 0.0
    for rank, (p, k) in enumerate(known):
        worst = max(worst, min(1.0, p * (len(known) - rank)))
        corrected[k] = worst
    return corrected


def _answer(text: str, item: int) -> int | None:
    if not text:
        return None
    most = 7 if item in SCALES["global health"].items else 4
    value = clinical_cells.day(text)
    if not 1 <= value <= most:
        raise clinical_cells.CellError(f"q{item} is {value}", f"answers are 1 to {most}")
    return value


def _left_out(
    subject: str, row: int, what: str, remedy: str = "is the name spelt as there?"
) -> Finding:
    return Finding(Severity.WARNING, "questionnaire", subject, row, what, f"left out; {remedy}")
