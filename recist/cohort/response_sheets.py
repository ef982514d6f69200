"""Response rates, growth modulation, agreement of readers, eligibility and treatment, as tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from imaging.fractionation import eqd2
from recist.cohort.agreement import intraclass_correlation, kappa
from recist.cohort.arms import ALL_ARMS, Arms, by_arm
from recist.cohort.growth_modulation import (
    SARCOMA,
    VON_HOFF,
    GrowthModulation,
    Ratio,
    growth_modulation,
)
from recist.cohort.proportion import Proportion, contrast
from recist.cohort.sheet import Sheet, SheetRow, days, figure, p_value, percent, span
from recist.cohort.times import FollowedPatient
from recist.course import Course, EventKind, Role
from recist.endpoints.summary import OBJECTIVE
from recist.protocol import Protocol
from recist.response import Outcome, Scope
from recist.table import clinical_cells
from recist.table.results import yes_no

#: The trial NCT03548428: one to five lesions, diameters together up to 6 cm, three or five
#: fractions within three weeks.
MOST_LESIONS, MOST_CUMULATIVE_MM = 5, 60
FRACTIONS, LONGEST_COURSE_DAYS = (3, 5), 21

RATES = {
    "objective response": lambda outcome: outcome.best_overall in OBJECTIVE,
    "confirmed objective response": lambda outcome: outcome.confirmed_best_overall in OBJECTIVE,
    "disease control": lambda outcome: outcome.control_day is not None,
    "clinical benefit": lambda outcome: outcome.benefit_day is not None,
}


def rate_of(members: Sequence[FollowedPatient], kind: str, scope: Scope = Scope.ALL) -> Proportion:
    """The rate out of all enrolled; who was not evaluated did not respond (intention to treat)."""
    outcomes = [each.outcome(scope=scope) for each in members]
    return Proportion(sum(o is not None and RATES[kind](o) for o in outcomes), len(outcomes))


def rate_sheet(patients: Sequence[FollowedPatient], arms: Arms, strata: Sequence[str]) -> Sheet:
    """Rates by arm and stratum, on all lesions and, with a field, on each side of it."""
    rows = []
    for scope in Scope:
        if scope is not Scope.ALL and not any(each.has_lesions(scope) for each in patients):
            continue
        for kind in RATES:
            for label, members in groups(patients, arms, strata):
                own = members
                if scope is not Scope.ALL:  # only who has lesions on that side can respond there
                    own = [each for each in members if each.has_lesions(scope)]
                found = rate_of(own, kind, scope)
                rows.append(
                    {
                        "lesions": str(scope),
                        "rate": kind,
                        "group": label,
                        "responders": str(found.x),
                        "n": str(found.n),
                        "percent": percent(found.rate),
                        "exact": span(found.clopper_pearson, 100),
                        "wilson": span(found.wilson, 100),
                    }
                )
    return Sheet(
        "response_rates",
        "Response rates",
        tuple(rows),
        "RECIST 1.1. All enrolled patients count; who was not evaluated did not respond. In and "
        "out of the field: those with lesions there. Exact: Clopper-Pearson.",
    )


def groups(
    patients: Sequence[FollowedPatient], arms: Arms, strata: Sequence[str]
) -> Iterator[tuple[str, list[FollowedPatient]]]:
    """All, each arm, each level of each stratum, and each level in each arm."""
    yield from by_arm(patients, arms)
    for column in strata:
        levels = sorted({each.patient.columns[column] for each in patients} - {""})
        for level in levels:
            inside = [each for each in patients if each.patient.columns[column] == level]
            for arm, members in by_arm(inside, arms):
                suffix = "" if arm == ALL_ARMS else f", {arm}"
                yield f"{column} {level}{suffix}", members


def rate_contrast_sheet(patients: Sequence[FollowedPatient], arms: Arms) -> Sheet:
    """Differences of response rates between arms."""
    rows = []
    for first, control in arms.pairs:
        for kind in RATES:
            one, other = (
                rate_of([each for each in patients if each.patient.arm == arm], kind)
                for arm in (first, control)
            )
            found = contrast(one, other)
            if found is not None:
                rows.append(
                    {
                        "arms": f"{first} less {control}",
                        "rate": kind,
                        "first": f"{one.x}/{one.n}",
                        "second": f"{other.x}/{other.n}",
                        "difference_percent": percent(found.difference),
                        "newcombe": span(found.newcombe, 100),
                        "miettinen_nurminen": span(found.miettinen_nurminen, 100),
                        "fisher_p": p_value(found.fisher_p),
                    }
                )
    return Sheet("rate_contrasts", "Differences of response rates", tuple(rows))


def ratios_of(
    patients: Sequence[FollowedPatient], policy: str
) -> tuple[list[Ratio], dict[str, str]]:
    """The growth modulation index of each patient, and why the others have none."""
    found, without = [], {}
    for each in patients:
        start = each.patient.when.get(EventKind.PREVIOUS_LINE_START)
        end = each.patient.when.get(EventKind.PREVIOUS_LINE_PROGRESSION)
        time = each.time("PFS", policy)
        if start is None:
            without[each.subject] = "start of the previous line not known"
        elif end is None:
            without[each.subject] = "the previous line did not end in progression"
        elif time is None or each.course is None:
            without[each.subject] = "never measured in this line"
        else:
            found.append(Ratio(each.subject, time.days, end - start, time.event))
    return found, without


def modulation_of(
    patients: Sequence[FollowedPatient], policy: str, threshold: float
) -> GrowthModulation | None:
    return growth_modulation(ratios_of(patients, policy)[0], threshold)


def modulation_sheet(patients: Sequence[FollowedPatient], arms: Arms, policy: str) -> Sheet:
    """The share above both thresholds, by three estimates."""
    rows = []
    for arm, members in by_arm(patients, arms):
        without = Counter(ratios_of(members, policy)[1].values())
        for threshold in (VON_HOFF, SARCOMA):
            found = modulation_of(members, policy, threshold)
            if found is None:
                continue
            share, interval = found.by_curve
            rows.append(
                {
                    "arm": arm,
                    "threshold": f"{threshold:g}",
                    "evaluable": str(len(found.ratios)),
                    "not_evaluable": "; ".join(f"{n} {why}" for why, n in without.items()),
                    "median_index": figure(found.curve.median, 2) or "not reached",
                    "observed": f"{found.observed.x}/{found.observed.n}",
                    "observed_percent": percent(found.observed.rate),
                    "observed_exact": span(found.observed.clopper_pearson, 100),
                    "midrank_percent": percent(found.midrank.share),
                    "midrank_wilson": span(found.midrank.wilson, 100),
                    "midrank_wald": span(found.midrank.interval, 100),
                    "curve_percent": percent(share),
                    "curve_interval": span(interval, 100),
                }
            )
    return Sheet(
        "growth_modulation",
        "Growth modulation index: PFS over the time to progression of the previous line",
        tuple(rows),
        "Above 1.3 (Von Hoff 1998) and 1.33 (sarcoma trials). Observed: censored ratios below the "
        "threshold count as failures. Midranks: Texier 2018. Curve: Kaplan-Meier of the ratios, "
        "log-log interval.",
    )


def modulation_rows(patients: Sequence[FollowedPatient], policy: str) -> Sheet:
    """Each patient's index, or why there is none."""
    found, without = ratios_of(patients, policy)
    rows: list[SheetRow] = [
        {
            "subject": each.subject,
            "pfs_days": days(each.days),
            "previous_days": days(each.previous_days),
            "index": f"{each.index:.3f}",
            "event": yes_no(each.event),
            "why_not": "",
        }
        for each in found
    ]
    rows += [
        {"subject": subject, "pfs_days": "", "previous_days": "", "index": "", "event": "",
         "why_not": why}
        for subject, why in without.items()
    ]  # fmt: skip
    return Sheet("growth_modulation_patients", "Growth modulation by patient", tuple(rows))


def eligibility_sheet(patients: Sequence[FollowedPatient], findings: list[str]) -> Sheet:
    """The criteria of the trial on each patient, and the treatment delivered.

    Args:
        findings: receives the sentence of the rate of PET-CT at inclusion, where it is known.
    """
    rows = []
    pet: list[bool] = []
    for each in patients:
        columns = each.patient.columns
        row = {"subject": each.subject, "arm": each.patient.arm, **_lesions(each.course)}
        fractions = columns.get("fractions", "")
        dose = columns.get("dose_gy", "")
        row |= _treatment(fractions, dose)
        start = each.patient.when.get(EventKind.RADIOTHERAPY_START)
        end = each.patient.when.get(EventKind.RADIOTHERAPY_END)
        span_days = None if start is None or end is None else end - start + 1
        row["radiotherapy_days"] = "" if span_days is None else str(span_days)
        if span_days is not None:
            row["within_3_weeks"] = yes_no(span_days <= LONGEST_COURSE_DAYS)
        else:
            row["within_3_weeks"] = ""
        text = columns.get("pet_ct_at_inclusion", "")
        row["pet_ct_at_inclusion"] = text
        if text:
            try:
                pet.append(clinical_cells.yes(text))
            except clinical_cells.CellError:
                row["pet_ct_at_inclusion"] = f"{text}: neither yes nor no"
        row["previous_line_progressed"] = yes_no(
            EventKind.PREVIOUS_LINE_PROGRESSION in each.patient.when
        )
        rows.append(row)
    if pet:
        found = Proportion(sum(pet), len(pet))
        findings.append(
            f"PET-CT at inclusion: {found.x} of {found.n} ({percent(found.rate)} %, exact 95 % "
            f"{span(found.clopper_pearson, 100)})"
        )
    return Sheet(
        "eligibility",
        "Eligibility and treatment delivered",
        tuple(rows),
        f"NCT03548428: 1 to {MOST_LESIONS} lesions, diameters together up to "
        f"{MOST_CUMULATIVE_MM} mm, 3 or 5 fractions within {LONGEST_COURSE_DAYS} days. EQD2 by the "
        "linear-quadratic model with alpha/beta 4 Gy for sarcoma (a choice), 3 and 10 beside it; "
        "above 10 Gy per fraction the model is weak.",
    )


def _lesions(course: Course | None) -> SheetRow:
    names = ("lesions", "lesions_1_to_5", "cumulative_mm", "up_to_60_mm")
    if course is None or not course.timepoints:
        return dict.fromkeys(names, "not known")
    known = {lesion.id for lesion in course.lesions if lesion.role is not Role.NEW}
    first = [m for m in course.timepoints[0].measurements if m.lesion_id in known]
    total = sum((m.diameter_mm for m in first if m.diameter_mm is not None), Decimal(0))
    unmeasured = any(m.diameter_mm is None for m in first)
    return {
        "lesions": str(len(first)),
        "lesions_1_to_5": yes_no(1 <= len(first) <= MOST_LESIONS),
        "cumulative_mm": f"{'at least ' if unmeasured else ''}{total:f}",
        "up_to_60_mm": "no" if total > MOST_CUMULATIVE_MM
        else "not known" if unmeasured else "yes",
    }  # fmt: skip


def _treatment(fractions: str, dose: str) -> SheetRow:
    names = ("fractions", "dose_gy", "3_or_5_fractions", "eqd2_ab4_gy", "eqd2_ab3_gy",
             "eqd2_ab10_gy")  # fmt: skip
    row = dict.fromkeys(names, "")
    row["fractions"], row["dose_gy"] = fractions, dose
    try:
        count = clinical_cells.number(fractions)
        total = clinical_cells.number(dose)
    except clinical_cells.CellError as error:
        row["3_or_5_fractions"] = error.what
        return row
    if count is not None:
        row["3_or_5_fractions"] = yes_no(count in FRACTIONS)
    if count is not None and count >= 1 and count == int(count) and total is not None:
        for ab in (4, 3, 10):
            row[f"eqd2_ab{ab}_gy"] = f"{float(eqd2(total, int(count), ab)):.2f}"
    return row


def reader_sheet(courses: Sequence[Course], protocol: Protocol) -> Sheet:
    """Agreement on best response (kappa) and on baseline sums, where several readers measured."""
    from recist.assessment import assess_course  # noqa: PLC0415 - only with several readers

    readers = sorted({course.reader for course in courses})
    by_subject: defaultdict[str, dict[str, Outcome]] = defaultdict(dict)
    sums: defaultdict[str, dict[str, float]] = defaultdict(dict)
    if len(readers) < 2:
        return Sheet("readers", "Agreement of readers", ())
    for course in courses:
        seen, outcomes = assess_course(course, ("recist11",), protocol)
        by_subject[course.subject][course.reader] = outcomes[0]
        if seen and seen[0].baseline_mm is not None:
            sums[course.subject][course.reader] = float(seen[0].baseline_mm)
    complete = [each for each in by_subject.values() if len(each) == len(readers)]
    answers = [[str(each[reader].best_overall) for reader in readers] for each in complete]
    measured = [
        [each[reader] for reader in readers] for each in sums.values() if len(each) == len(readers)
    ]
    agreed = kappa(answers) if answers else None
    correlation = intraclass_correlation(measured) if len(measured) > 1 else None
    row = {
        "readers": ", ".join(readers),
        "patients": str(len(complete)),
        "same_best_response": str(sum(len(set(each)) == 1 for each in answers)),
        "kappa": figure(agreed),
        "baseline_sum_icc_agreement": figure(correlation.agreement if correlation else None),
        "baseline_sum_icc_consistency": figure(correlation.consistency if correlation else None),
    }
    return Sheet(
        "readers",
        "Agreement of readers",
        (row,),
        "Kappa of the best response (Cohen for two readers, Fleiss for more); intraclass "
        "correlation ICC(2,1) and ICC(3,1) of Shrout and Fleiss. The first reader by name is "
        "analysed.",
    )
