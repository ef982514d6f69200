"""Biomarkers and cost: numbers of a patient beside response, PFS and arm, multiplicity stated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from recist.cohort.arms import Arms, by_arm
from recist.cohort.end_points import times_of
from recist.cohort.hazards import concordance, cox
from recist.cohort.quality_of_life import holm
from recist.cohort.sheet import Sheet, SheetRow, figure, p_value, span
from recist.cohort.times import FollowedPatient
from recist.endpoints.summary import OBJECTIVE
from recist.table import clinical_cells
from recist.table.finding import Finding, Severity


def values_of(
    patients: Sequence[FollowedPatient], column: str, findings: list[Finding]
) -> list[tuple[FollowedPatient, float]]:
    """The patients of whom a number is known."""
    found = []
    for each in patients:
        try:
            value = clinical_cells.number(each.patient.columns.get(column, ""))
        except clinical_cells.CellError as error:
            remedy = f"left out of {column}: {error.remedy}"
            findings.append(
                Finding(Severity.WARNING, "biomarker", each.subject, None, error.what, remedy)
            )
            continue
        if value is not None:
            found.append((each, value))
    return found


def biomarker_sheet(
    patients: Sequence[FollowedPatient],
    columns: Sequence[str],
    policy: str,
    findings: list[Finding],
) -> Sheet:
    """Each biomarker against response (Mann-Whitney) and PFS (Cox, per standard deviation)."""
    rows: list[SheetRow] = []
    tests: list[float | None] = []
    for column in columns:
        known = values_of(patients, column, findings)
        numbers = np.array([value for _, value in known])
        responded = np.array(
            [
                (o := each.outcome()) is not None and o.best_overall in OBJECTIVE
                for each, _ in known
            ],
            dtype=bool,
        )
        row = {"biomarker": column, "n": str(len(known)), "responders": str(int(responded.sum()))}
        p_response = None
        if 0 < responded.sum() < len(known):
            p_response = float(stats.mannwhitneyu(numbers[responded], numbers[~responded]).pvalue)
            row["median_responders"] = figure(float(np.median(numbers[responded])), 2)
            row["median_others"] = figure(float(np.median(numbers[~responded])), 2)
        row["response_p"] = p_value(p_response)
        times = [(t, v) for each, v in known for t in times_of([each], "PFS", policy)]
        effect = None
        if len(times) > 2 and np.std([v for _, v in times]) > 0:
            days, events = [t.days for t, _ in times], [t.event for t, _ in times]
            scale = float(np.std([v for _, v in times], ddof=1))
            effect = cox(days, events, {column: [v / scale for _, v in times]})
            row["concordance"] = figure(concordance(days, events, [v for _, v in times]))
        row["hazard_ratio_per_sd"] = figure(effect[0].hazard_ratio if effect else None)
        row["interval"] = span(effect[0].interval if effect else None, decimals=2)
        row["pfs_p"] = p_value(effect[0].p if effect else None)
        tests += [p_response, effect[0].p if effect else None]
        rows.append(row)
    for k, p in enumerate(holm(tests)):
        rows[k // 2][("response_p_holm", "pfs_p_holm")[k % 2]] = p_value(p)
    count = sum(p is not None for p in tests)
    return Sheet(
        "biomarkers",
        "Biomarkers against response and PFS",
        tuple(rows),
        f"{count} tests; Holm's correction beside each P. Response: Mann-Whitney. PFS ({policy}): "
        "Cox per standard deviation; concordance above one half: a higher value, an earlier event. "
        "Exploratory: association, no prediction.",
    )


def cost_sheet(patients: Sequence[FollowedPatient], arms: Arms, findings: list[Finding]) -> Sheet:
    """Cost by arm: mean, its bootstrap interval, median."""
    rows = []
    for arm, members in by_arm(patients, arms):
        costs = np.array([value for _, value in values_of(members, "cost", findings)])
        findings = []  # named once
        if not len(costs):
            continue
        row = {
            "arm": arm,
            "n": str(len(costs)),
            "mean": figure(float(costs.mean()), 0),
            "median": figure(float(np.median(costs)), 0),
        }
        if len(costs) > 1:
            random = np.random.default_rng(1)
            means = random.choice(costs, (2000, len(costs))).mean(axis=1)
            low, high = np.quantile(means, [0.025, 0.975])
            row["interval_of_mean"] = span((float(low), float(high)), decimals=0)
        rows.append(row)
    return Sheet(
        "cost",
        "Cost",
        tuple(rows),
        "As in the column cost; interval of the mean by the bootstrap (2000 samples).",
    )
