"""Responses and outcomes as rows of a table and as JSON, in the form of the contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from recist.course import Course
from recist.protocol import Protocol, effective
from recist.response import Assessment, EventTime, Outcome, Reason

Row = list[str]

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


def timepoint_row(course: Course, assessment: Assessment) -> Row:
    """One time point as a row."""
    return [
        course.subject,
        when(course, assessment.day),
        assessment.criteria,
        assessment.scope.value,
        length(assessment.sum_mm),
        length(assessment.baseline_mm),
        length(assessment.nadir_mm),
        assessment.target.value,
        assessment.non_target.value,
        yes_no(assessment.new_lesion),
        assessment.overall.value,
        " ".join([reason.sentence for reason in assessment.reasons]),
        course.reader,
        " ".join(assessment.warnings),
    ]


def outcome_row(course: Course, outcome: Outcome, policy: str) -> Row:
    """One outcome as a row.

    Args:
        policy: of the main progression-free survival, which dates the end of the response too.
    """
    times = {(time.endpoint.removeprefix("i"), time.policy): time for time in outcome.times}
    lasted, reached = times.get(("DoR", policy)), times.get(("TTR", ""))
    return [
        course.subject,
        outcome.criteria,
        outcome.scope.value,
        outcome.best_overall.value,
        when(course, outcome.best_overall_day),
        outcome.confirmed_best_overall.value,
        when(course, outcome.progression_day),
        whole(outcome.pfs_days),
        yes_no(outcome.pfs_event),
        course.reader,
        yes_no(outcome.response_day is not None),
        when(course, outcome.response_day),
        yes_no(outcome.control_day is not None),
        yes_no(outcome.benefit_day is not None),
        *duration(reached)[:1],
        *duration(lasted),
        *(cell for name in POLICY_COLUMNS for cell in duration(times.get(("PFS", name)))),
        *duration(times.get(("OS", ""))),
        " ".join([reason.sentence for reason in outcome.reasons]),
        " ".join(outcome.warnings),
    ]


def timepoint_json(course: Course, assessment: Assessment) -> str:
    """One time point with every reason, as a JSON object."""
    return _dumps(
        {
            "subject": course.subject,
            _time_key(course): _when_json(course, assessment.day),
            "criteria": assessment.criteria,
            "lesions": assessment.scope.value,
            "sum_mm": _number(assessment.sum_mm),
            "baseline_mm": _number(assessment.baseline_mm),
            "nadir_mm": _number(assessment.nadir_mm),
            "target": assessment.target.value,
            "non_target": assessment.non_target.value,
            "new_lesion": assessment.new_lesion,
            "overall": assessment.overall.value,
            "reasons": [_reason(reason) for reason in assessment.reasons],
            "reader": course.reader,
            "warnings": assessment.warnings,
        }
    )


def outcome_json(course: Course, outcome: Outcome) -> str:
    """One outcome with every reason and every time, as a JSON object."""
    time = _time_key(course)
    return _dumps(
        {
            "subject": course.subject,
            "criteria": outcome.criteria,
            "lesions": outcome.scope.value,
            "best_overall": outcome.best_overall.value,
            f"best_overall_{time}": _when_json(course, outcome.best_overall_day),
            "confirmed_best_overall": outcome.confirmed_best_overall.value,
            f"progression_{time}": _when_json(course, outcome.progression_day),
            "pfs_days": outcome.pfs_days,
            "pfs_event": outcome.pfs_event,
            f"response_{time}": _when_json(course, outcome.response_day),
            "reasons": [_reason(reason) for reason in outcome.reasons],
            "times": [_event_time(course, event_time) for event_time in outcome.times],
            "reader": course.reader,
            "warnings": outcome.warnings,
        }
    )


def protocol_json(protocol: Protocol) -> str:
    """The settings in force, as a JSON object."""
    return _dumps(effective(protocol))


def when(course: Course, day: int | None) -> str:
    """A day as the date it is, or as the day where the course has no dates."""
    if day is None:
        return ""
    date = course.date_of(day)
    return str(day) if date is None else date.isoformat()


def length(value_mm: Decimal | None) -> str:
    """A length as it was recorded; empty when there is none."""
    return "" if value_mm is None else format(value_mm, "f")


def whole(value: int | None) -> str:
    """A whole number; empty when there is none."""
    return "" if value is None else str(value)


def yes_no(value: bool) -> str:
    """A truth as a word."""
    return "yes" if value else "no"


def duration(time: EventTime | None) -> tuple[str, str]:
    """The cells of a time to an event: days, and whether the event came."""
    return ("", "") if time is None else (str(time.days), yes_no(time.event))


def _time_key(course: Course) -> str:
    return "day" if course.day_zero is None else "date"


def _when_json(course: Course, day: int | None) -> str | int | None:
    date = None if day is None else course.date_of(day)
    return day if date is None else date.isoformat()


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _reason(reason: Reason) -> dict[str, object]:
    written = reason.written()
    return {
        "rule": written.rule,
        "source": written.source,
        "sentence": written.sentence,
        "numbers": dict(written.numbers),
        "margin_mm": _number(written.margin_mm),
    }


def _event_time(course: Course, time: EventTime) -> dict[str, object]:
    return {
        "endpoint": time.endpoint,
        "policy": time.policy,
        "from": _when_json(course, time.start_day),
        "to": _when_json(course, time.day),
        "days": time.days,
        "event": time.event,
        "why": time.reason.sentence,
        "source": time.reason.source,
    }


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def csv_line(cells: Sequence[str]) -> str:
    """Cells as a line of CSV (RFC 4180), without its end."""
    return ",".join(
        [
            '"' + cell.replace('"', '""') + '"'
            if "," in cell or '"' in cell or "\n" in cell or "\r" in cell
            else cell
            for cell in cells
        ]
    )
