"""Responses and outcomes as rows of a table and as JSON, in the form of the contract."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Hashable, Sequence
from decimal import Decimal
from json.encoder import encode_basestring as _quote

from recist.course import Course
from recist.protocol import Protocol, effective
from recist.response import Assessment, EventTime, Outcome, Reason, Written
from recist.robustness import CategoryProbability

#: Policies with a column of their own, in the order of the columns.
POLICY_COLUMNS = ("fda_a", "fda_b", "fda_c", "ema_itt")


def timepoint_columns(*, has_dates: bool) -> list[str]:
    """Columns of ``timepoints.csv``: those of the contract first."""
    return [
        "subject",
        "date" if has_dates else "day",
        "criteria",
        "lesions",
        "sum_mm",
        "baseline_mm",
        "nadir_mm",
        "target",
        "non_target",
        "new_lesion",
        "overall",
        "reason",
        "reader",
        "warnings",
        "certainty",
    ]


def outcome_columns(*, has_dates: bool) -> list[str]:
    """Columns of ``outcomes.csv``: those of the contract first."""
    time = "date" if has_dates else "day"
    return [
        "subject",
        "criteria",
        "lesions",
        "best_overall",
        f"best_overall_{time}",
        "confirmed_best_overall",
        f"progression_{time}",
        "pfs_days",
        "pfs_event",
        "reader",
        "objective_response",
        f"response_{time}",
        "disease_control",
        "clinical_benefit",
        "time_to_response_days",
        "response_days",
        "response_ended",
        *(f"pfs_{name}_{what}" for name in POLICY_COLUMNS for what in ("days", "event")),
        "os_days",
        "os_event",
        "reason",
        "warnings",
    ]


Said = dict[Hashable, tuple[str, str]]


def timepoint_texts(
    course: Course,
    assessment: Assessment,
    certainty: CategoryProbability | None = None,
    *,
    said: Said | None = None,
) -> tuple[str, str]:
    """One time point as a line of CSV and as a JSON object with every reason.

    Args:
        certainty: how sure the category is, where that was simulated.
        said: remembers the reasons of a course, many of which RECIST and iRECIST share.
    """
    memory = {} if said is None else said
    reasons = [_said(reason, memory) for reason in assessment.reasons]
    scope, day = assessment.scope, when(course, assessment.day)
    sums = (assessment.sum_mm, assessment.baseline_mm, assessment.nadir_mm)
    row = (
        cell(course.subject),
        day,
        assessment.criteria,
        scope,
        *[length(value) for value in sums],
        assessment.target,
        assessment.non_target,
        yes_no(assessment.new_lesion),
        assessment.overall,
        cell(" ".join([sentence for sentence, _ in reasons])),
        cell(course.reader),
        cell(" ".join(assessment.warnings)) if assessment.warnings else "",
        cell(certainty.sentence) if certainty is not None else "",
    )
    total, baseline, nadir = [_number(value) for value in sums]
    as_json = (
        f'{{"subject":{_quote(course.subject)},{_when_json(course, "", assessment.day)},'
        f'"criteria":"{assessment.criteria}","lesions":"{scope}",'
        f'"sum_mm":{total},"baseline_mm":{baseline},"nadir_mm":{nadir},'
        f'"target":"{assessment.target}","non_target":"{assessment.non_target}",'
        f'"new_lesion":{_truth(assessment.new_lesion)},"overall":"{assessment.overall}",'
        f'"reasons":[{",".join([as_json for _, as_json in reasons])}],'
        f'"reader":{_quote(course.reader)},"warnings":{_strings(assessment.warnings)}'
        f"{_probabilities(certainty)}}}"
    )
    return ",".join(row), as_json


def outcome_texts(course: Course, outcome: Outcome, policy: str) -> tuple[str, str]:
    """One outcome as a line of CSV and as a JSON object with every reason and every time.

    Args:
        policy: of the main progression-free survival, which dates the end of the response too.
    """
    written = [reason.written() for reason in outcome.reasons]
    row = _outcome_row(course, outcome, policy, [reason.sentence for reason in written])
    as_json = (
        f'{{"subject":{_quote(course.subject)},"criteria":"{outcome.criteria}",'
        f'"lesions":"{outcome.scope}","best_overall":"{outcome.best_overall}",'
        f"{_when_json(course, 'best_overall_', outcome.best_overall_day)},"
        f'"confirmed_best_overall":"{outcome.confirmed_best_overall}",'
        f"{_when_json(course, 'progression_', outcome.progression_day)},"
        f'"pfs_days":{_whole_json(outcome.pfs_days)},"pfs_event":{_truth(outcome.pfs_event)},'
        f"{_when_json(course, 'response_', outcome.response_day)},"
        f"{_when_json(course, 'disease_control_', outcome.control_day)},"
        f"{_when_json(course, 'clinical_benefit_', outcome.benefit_day)},"
        f'"reasons":[{",".join([_reason(reason) for reason in written])}],'
        f'"times":[{",".join([_event_time(course, time) for time in outcome.times])}],'
        f'"reader":{_quote(course.reader)},"warnings":{_strings(outcome.warnings)}}}'
    )
    return row, as_json


def _outcome_row(course: Course, outcome: Outcome, policy: str, sentences: Sequence[str]) -> str:
    times = {(time.endpoint.removeprefix("i"), time.policy): time for time in outcome.times}
    lasted, reached = times.get(("DoR", policy)), times.get(("TTR", ""))
    row = (
        cell(course.subject),
        outcome.criteria,
        outcome.scope,
        outcome.best_overall,
        when(course, outcome.best_overall_day),
        outcome.confirmed_best_overall,
        when(course, outcome.progression_day),
        "" if outcome.pfs_days is None else str(outcome.pfs_days),
        yes_no(outcome.pfs_event),
        cell(course.reader),
        yes_no(outcome.response_day is not None),
        when(course, outcome.response_day),
        yes_no(outcome.control_day is not None),
        yes_no(outcome.benefit_day is not None),
        duration(reached)[0],
        *duration(lasted),
        *[text for name in POLICY_COLUMNS for text in duration(times.get(("PFS", name)))],
        *duration(times.get(("OS", ""))),
        cell(" ".join(dict.fromkeys(sentences))),
        cell(" ".join(outcome.warnings)) if outcome.warnings else "",
    )
    return ",".join(row)


def protocol_json(protocol: Protocol) -> str:
    """The settings in force, as a JSON object."""
    return json.dumps(effective(protocol), ensure_ascii=False, allow_nan=False)


def when(course: Course, day: int | None) -> str:
    """A day as the date it is, or as the day where the course has no dates."""
    if day is None:
        return ""
    zero = course.day_zero
    return str(day) if zero is None else (zero + dt.timedelta(days=day)).isoformat()


def length(value_mm: Decimal | None) -> str:
    """A length as it was recorded; empty when there is none."""
    return "" if value_mm is None else _plain(value_mm)


def _plain(value: Decimal) -> str:
    """A number without exponent."""
    text = str(value)
    return format(value, "f") if "E" in text else text


def yes_no(value: bool) -> str:
    """A truth as a word."""
    return "yes" if value else "no"


def duration(time: EventTime | None) -> tuple[str, str]:
    """The cells of a time to an event: days, and whether the event came."""
    return ("", "") if time is None else (str(time.days), yes_no(time.event))


def cell(text: str) -> str:
    """A text as a cell of CSV (RFC 4180)."""
    if "," in text or '"' in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_line(cells: Sequence[str]) -> str:
    """Texts as a line of CSV, without its end."""
    return ",".join([cell(text) for text in cells])


def _when_json(course: Course, prefix: str, day: int | None) -> str:
    zero = course.day_zero
    if zero is None:
        return f'"{prefix}day":{_whole_json(day)}'
    return f'"{prefix}date":null' if day is None else f'"{prefix}date":"{when(course, day)}"'


def _whole_json(value: int | None) -> str:
    return "null" if value is None else str(value)


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _number(value: Decimal | None) -> str:
    return "null" if value is None else _plain(value)


def _strings(texts: Sequence[str]) -> str:
    return f"[{','.join([_quote(text) for text in texts])}]" if texts else "[]"


def _said(reason: Reason, memory: Said) -> tuple[str, str]:
    """A reason as a sentence and as a JSON object."""
    key = reason.key
    found = memory.get(key)
    if found is None:
        written = reason.written()
        found = memory[key] = (written.sentence, _reason(written))
    return found


def _reason(reason: Written) -> str:
    numbers = ",".join([f'"{name}":{_quote(value)}' for name, value in reason.numbers])
    return (
        f'{{"rule":"{reason.rule}","source":{_quote(reason.source)},'
        f'"sentence":{_quote(reason.sentence)},"numbers":{{{numbers}}},'
        f'"margin_mm":{_number(reason.margin_mm)}}}'
    )


def _probabilities(certainty: CategoryProbability | None) -> str:
    if certainty is None:
        return ""
    each = ",".join([f'"{response}":{value:.4f}' for response, value in certainty.probabilities])
    return f',"probabilities":{{{each}}}'


def _event_time(course: Course, time: EventTime) -> str:
    return (
        f'{{"endpoint":"{time.endpoint}","policy":"{time.policy}","days":{time.days},'
        f'"event":{_truth(time.event)},{_when_json(course, "", time.day)},'
        f'"why":{_quote(time.reason.sentence)}}}'
    )
