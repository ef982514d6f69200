"""Survival, contrasts and rates at six months of a trial, as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy.typing as npt

from recist.cohort.arms import Arms, Population, by_arm, population, strata_of, with_strata
from recist.cohort.competing import CumulativeIncidence, cumulative_incidence
from recist.cohort.hazards import cox, log_rank, proportionality
from recist.cohort.interval_censoring import turnbull
from recist.cohort.proportion import Proportion, contrast
from recist.cohort.sheet import Sheet, SheetRow, days, figure, p_value, percent, span
from recist.cohort.survival import IntervalScale, KaplanMeier, kaplan_meier
from recist.cohort.times import OF_INTEREST, FollowedPatient, FollowedTime
from recist.endpoints.policy import FDA_APPENDIX, POLICIES
from recist.table.results import yes_no

DAYS_PER_MONTH = 30.4375

#: Six months, as trials define it; the first is the main one (half a year of 365.25 days).
SIX_MONTHS = {"6 months of 30.4375 days": 182.625, "183 days": 183.0, "26 weeks": 182.0}

#: The restricted mean survival is taken up to this many months.
RESTRICTED_MONTHS = 12

#: End points drawn and compared, with the policy that the protocol names where there are several.
COMPARED = ("PFS", "iPFS", "PFS out of field", "PFS in field", "OS")
COMPETING = ("poly-metastatic", "local progression")


def times_of(
    patients: Sequence[FollowedPatient], endpoint: str, policy: str = ""
) -> list[FollowedTime]:
    """The times of one end point; of iPFS the rule that counts a never confirmed progression."""
    return [
        time
        for each in patients
        for time in each.times
        if time.endpoint == endpoint and (not policy or time.policy in (policy, ""))
    ]


def policy_of(endpoint: str, main: str) -> str:
    """The policy that the main analysis of an end point follows."""
    if endpoint == "OS":
        return ""
    return f"{main}, unconfirmed counts" if endpoint in ("iPFS",) else main


def curve_of(patients: Sequence[FollowedPatient], endpoint: str, policy: str) -> KaplanMeier | None:
    times = times_of(patients, endpoint, policy)
    return kaplan_meier([t.days for t in times], [t.event for t in times]) if times else None


def survival_sheet(patients: Sequence[FollowedPatient], arms: Arms) -> Sheet:
    """Every end point by every policy and arm."""
    kinds = dict.fromkeys(
        (time.endpoint, time.policy)
        for each in patients
        for time in each.times
        if time.endpoint not in COMPETING
    )
    rows = []
    for endpoint, policy in sorted(kinds, key=lambda kind: (_rank(kind[0]), kind)):
        for arm, members in by_arm(patients, arms):
            curve = curve_of(members, endpoint, policy)
            if curve is not None:
                rows.append({"end_point": endpoint, "policy": policy, "arm": arm, **_curve(curve)})
    return Sheet(
        "survival",
        "Times to events",
        tuple(rows),
        "Kaplan-Meier; medians in days as R's survival gives them (the middle of a flat stretch), "
        "with intervals on three scales; mean restricted to "
        f"{RESTRICTED_MONTHS} months of {DAYS_PER_MONTH} days. From randomisation, "
        "duration of response from the first response.",
        ("end_point", "policy", "arm", "n", "events", "median_days", "median_log", "median_log_log",
         "restricted_mean_days"),
    )  # fmt: skip


def _rank(endpoint: str) -> int:
    order = (*COMPARED, "TTR", "DoR", "iDoR")
    return order.index(endpoint) if endpoint in order else len(order)


def _curve(curve: KaplanMeier) -> SheetRow:
    mean = curve.restricted_mean(RESTRICTED_MONTHS * DAYS_PER_MONTH)
    return {
        "n": str(curve.n),
        "events": str(curve.n_events),
        "median_days": days(curve.median) or "not reached",
        **{
            f"median_{kind.replace('-', '_')}": span(curve.quantile_interval(0.5, kind))
            for kind in IntervalScale
        },
        "restricted_mean_days": "" if mean is None else figure(mean[0], 1),
        "restricted_mean_error": "" if mean is None else figure(mean[1], 1),
    }


def six_month_sheet(
    patients: Sequence[FollowedPatient], arms: Arms, main: str, window: int
) -> Sheet:
    """The rate at six months: by the curve and by counting, by every definition of six months."""
    rows = []
    for endpoint in ("PFS", "iPFS"):
        policy = policy_of(endpoint, main)
        for arm, members in by_arm(patients, arms):
            times = times_of(members, endpoint, policy)
            curve = curve_of(members, endpoint, policy)
            if curve is None:
                continue
            for words, at in [
                *SIX_MONTHS.items(),
                (f"with the visit window of {window} days", 182.625 + window),
            ]:
                free = sum(t.days > at or (t.days == at and not t.event) for t in times)
                unknown = sum(t.days < at and not t.event for t in times)
                failures, known = Proportion(free, len(times)), len(times) - unknown
                rows.append(
                    {
                        "end_point": endpoint,
                        "arm": arm,
                        "six_months": words,
                        "days": f"{at:g}",
                        "curve_percent": percent(curve.at(at)),
                        **{
                            f"curve_{kind.replace('-', '_')}": span(curve.interval(at, kind), 100)
                            for kind in IntervalScale
                        },
                        "free": str(free),
                        "n": str(len(times)),
                        "not_known": str(unknown),
                        "not_known_as_failure_percent": percent(failures.rate),
                        "as_failure_exact": span(failures.clopper_pearson, 100),
                        "not_known_left_out_percent": percent(Proportion(free, known).rate),
                        "left_out_exact": span(Proportion(free, known).clopper_pearson, 100),
                        **_in_full(curve, at),
                    }
                )
    return Sheet(
        "six_months",
        "Free of progression at six months",
        tuple(rows),
        "Two estimands: Kaplan-Meier at six months, and the plain share of patients, those "
        "censored before counted as failures or left out (Clopper-Pearson). Six months is 182.625 "
        f"days; the other definitions stand beside it. Policy: {main}.",
        ("end_point", "arm", "six_months", "curve_percent", "curve_log_log", "free", "n",
         "not_known", "not_known_as_failure_percent", "as_failure_exact",
         "not_known_left_out_percent", "left_out_exact"),
    )  # fmt: skip


def _in_full(curve: KaplanMeier, at: float) -> SheetRow:
    """The curve at one day with the digits that another program is compared by."""
    row = {
        "survival": figure(curve.at(at), 6),
        "survival_error": figure(curve.standard_error(at), 6),
    }
    for kind in IntervalScale:
        low, high = curve.interval(at, kind) or (None, None)
        name = kind.replace("-", "_")
        row |= {f"{name}_low": figure(low, 6), f"{name}_high": figure(high, 6)}
    return row


def contrast_sheet(
    patients: Sequence[FollowedPatient], arms: Arms, main: str, strata: Sequence[str]
) -> Sheet:
    """Each experimental arm against the control, by intention to treat and per protocol."""
    rows = []
    for kind in Population:
        members = population(patients, kind)
        for first, control in arms.pairs:
            pair = [each for each in members if each.patient.arm in (first, control)]
            for endpoint in COMPARED:
                policy = policy_of(endpoint, main)
                row = _contrast(pair, (first, control), endpoint, policy, strata)
                if row:
                    rows.append({"population": str(kind), **row})
    layers = f"Strata: {', '.join(strata)}. " if strata else "No strata. "
    return Sheet(
        "contrasts",
        "Comparison of the arms",
        tuple(rows),
        f"{layers}Hazard ratio by Cox's model (ties by Efron; in strata too), below 1 in favour of "
        "the first arm. Proportionality: score test of Grambsch and Therneau, small P speaks "
        "against one ratio for all times. Difference at six months: patients free of the event "
        "less the same of the control, who is not known counted as failure.",
    )


def _contrast(
    pair: Sequence[FollowedPatient],
    arms: tuple[str, str],
    endpoint: str,
    policy: str,
    strata: Sequence[str],
) -> SheetRow:
    def data(members: Sequence[FollowedPatient]) -> tuple[list[int], list[bool], list[str]]:
        found = [
            (time, each.patient.arm)
            for each in members
            for time in times_of([each], endpoint, policy)
        ]
        return [t.days for t, _ in found], [t.event for t, _ in found], [arm for _, arm in found]

    lasted, events, members = data(pair)
    if len(set(members)) < 2:
        return {}
    layered = [each for each in with_strata(pair, strata) if times_of([each], endpoint, policy)]
    layers = strata_of(layered, strata)
    plain = log_rank(lasted, events, members)
    covariate: dict[str, npt.ArrayLike] = {"arm": [arm == arms[0] for arm in members]}
    effect = cox(lasted, events, covariate)
    check = proportionality(lasted, events, covariate)
    row = {
        "arms": f"{arms[0]} against {arms[1]}",
        "end_point": endpoint,
        "n": f"{members.count(arms[0])} + {members.count(arms[1])}",
        "events": f"{sum(e for e, m in zip(events, members, strict=True) if m == arms[0])} + "
        f"{sum(e for e, m in zip(events, members, strict=True) if m == arms[1])}",
        "log_rank_chi2": figure(plain.chi_squared if plain else None),
        "log_rank_p": p_value(plain.p if plain else None),
        "hazard_ratio": figure(effect[0].hazard_ratio if effect else None),
        "interval": span(effect[0].interval if effect else None, decimals=2),
        "proportionality_p": p_value(check[0].p if check else None),
    }
    if layers is not None:
        d, e, m = data(layered)
        stratified = log_rank(d, e, m, layers) if len(set(m)) > 1 else None
        inside = cox(d, e, {"arm": [arm == arms[0] for arm in m]}, layers) if m else None
        row |= {
            "stratified_p": p_value(stratified.p if stratified else None),
            "stratified_hazard_ratio": figure(inside[0].hazard_ratio if inside else None),
            "stratified_interval": span(inside[0].interval if inside else None, decimals=2),
        }
    at = 182.625
    shares = [
        Proportion(
            sum(d > at for d, m in zip(lasted, members, strict=True) if m == arm),
            members.count(arm),
        )
        for arm in arms
    ]
    difference = contrast(*shares)
    return row | {
        "six_months_difference_percent": percent(difference.difference if difference else None),
        "newcombe": span(difference.newcombe if difference else None, 100),
        "miettinen_nurminen": span(difference.miettinen_nurminen if difference else None, 100),
    }


def incidence_of(members: Sequence[FollowedPatient], endpoint: str) -> CumulativeIncidence | None:
    times = times_of(members, endpoint)
    if not times:
        return None
    return cumulative_incidence(
        [t.days for t in times], [t.cause for t in times], OF_INTEREST, [t.subject for t in times]
    )


def competing_sheet(patients: Sequence[FollowedPatient], arms: Arms) -> Sheet:
    """Cumulative incidence where death competes."""
    rows = []
    for endpoint in COMPETING:
        for arm, members in by_arm(patients, arms):
            found = incidence_of(members, endpoint)
            if found is None:
                continue
            times = times_of(members, endpoint)
            row = {
                "end_point": endpoint,
                "arm": arm,
                "of": "lesions" if endpoint == "local progression" else "patients",
                "n": str(len(times)),
                "patients": str(len({t.subject for t in times})),
                "events": str(sum(t.event for t in times)),
                "deaths_before": str(sum(t.cause > OF_INTEREST for t in times)),
            }
            for months in (6, 12, 24):
                at = months * DAYS_PER_MONTH
                row[f"at_{months}_months_percent"] = percent(found.at(at))
                row[f"at_{months}_months_interval"] = span(found.interval(at), 100)
            rows.append(row)
    return Sheet(
        "competing",
        "Local and poly-metastatic progression, death competing",
        tuple(rows),
        "Aalen and Johansen; interval on the scale log(-log), lesions of one patient together "
        "as one cluster. Poly-metastatic: more than 5 lesions in all since baseline. Local: an "
        "irradiated lesion grows by 20 % and 5 mm over its own nadir, from the start of "
        "radiotherapy.",
    )


def turnbull_sheet(patients: Sequence[FollowedPatient], arms: Arms) -> Sheet:
    """Progression-free survival from the bounds between scans, as a sensitivity."""
    rows = []
    for arm, members in by_arm(patients, arms):
        if not members:
            continue
        found = turnbull(
            [each.bounds.after for each in members],
            [math.inf if each.bounds.by is None else each.bounds.by for each in members],
        )
        low, high = found.at(182.625)
        rows.append(
            {
                "arm": arm,
                "n": str(len(members)),
                "at_six_months_percent": f"{percent(low)} to {percent(high)}",
                "median_days": span(found.median, decimals=0) or "not reached",
            }
        )
    return Sheet(
        "interval_censoring",
        "PFS with progression between two scans (sensitivity)",
        tuple(rows),
        "Turnbull's estimate by the EMA's policy: progression lies between the last scan without "
        "it and the first that shows it; deaths are exact. Within a stretch that no scan divides "
        "only bounds are known.",
    )


def policy_sheet(patients: Sequence[FollowedPatient]) -> Sheet:
    """The patients whom the agencies' policies date differently."""
    rows = []
    for each in patients:
        found = {name: each.time("PFS", name) for name in POLICIES}
        dated = {name: time for name, time in found.items() if time is not None}
        if len({(time.days, time.event) for time in dated.values()}) < 2:
            continue
        row = {"subject": each.subject, "arm": each.patient.arm}
        for name, time in dated.items():
            row[name] = f"{time.days} {'event' if time.event else 'censored'}"
        row["why"] = " | ".join(dict.fromkeys(time.sentence for time in dated.values()))
        rows.append(row)
    return Sheet(
        "policies",
        "PFS that the policies date differently",
        tuple(rows),
        f"{FDA_APPENDIX}, Tables A to C; EMA Appendix 1 (intention to treat).",
    )


def audit_sheet(patients: Sequence[FollowedPatient]) -> Sheet:
    """One row for every time: why this date."""
    rows = tuple(
        {
            "subject": each.subject,
            "arm": each.patient.arm,
            "end_point": time.endpoint,
            "policy": time.policy,
            "lesion": time.lesion,
            "days": str(time.days),
            "event": yes_no(time.event),
            "competing_death": yes_no(time.cause > OF_INTEREST),
            "rule": time.rule,
            "source": time.source,
            "why": time.sentence,
        }
        for each in patients
        for time in each.times
    )
    return Sheet("audit", "Why this date", rows)
