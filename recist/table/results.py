"""Responses and outcomes as rows of a table and as JSON, in the documented form."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring as _quote
from typing import TYPE_CHECKING, NamedTuple

from imaging.tables.cells import inert
from recist.course import Course
from recist.criteria.sums import BaselineSum, SumFigures, figures_of, lesion_sizes
from recist.protocol import Protocol, effective
from recist.response import Assessment, EventTime, Outcome, Reason, Written

if TYPE_CHECKING:
    from recist.criteria.robustness import CategoryProbability

#: Texts of each kind that are kept for the courses to come.
REMEMBERED = 8192

#: A truth as a word of CSV and of JSON.
_YES, _TRUE = ("no", "yes"), ("false", "true")

#: Policies with a column of their own, in the order of the columns.
POLICY_COLUMNS = ("fda_a", "fda_b", "fda_c", "ema_itt")


def timepoint_columns(*, has_dates: bool) -> list[str]:
    """Columns of ``timepoints.csv``: those that never change first, new ones at the end."""
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
        "lower_bound",
        "change_from_baseline_percent",
        "change_from_nadir_percent",
        "method_changed",
    ]


def outcome_columns(*, has_dates: bool) -> list[str]:
    """Columns of ``outcomes.csv``: those that never change first, new ones at the end."""
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


def timepoint_texts(
    course: Course, assessment: Assessment, certainty: CategoryProbability | None = None
) -> tuple[str, str]:
    """One time point as a line of CSV and as a JSON object; see :class:`CourseTexts`."""
    return CourseTexts(course).timepoint(assessment, certainty)


def outcome_texts(course: Course, outcome: Outcome, policy: str) -> tuple[str, str]:
    """One outcome as a line of CSV and as a JSON object; see :class:`CourseTexts`."""
    return CourseTexts(course).outcome(outcome, policy)


class _SumTexts(NamedTuple):
    """The sums of a time point, written.

    Attributes:
        cells: sum, baseline and nadir.
        change_cells: whether it is a lower bound, change from the baseline and from the nadir.
        sums: the numbers themselves, kept lest others get their identity.
    """

    cells: str
    change_cells: str
    figures: SumFigures
    sums: tuple[Decimal | None, ...]


class CourseTexts:
    """Puts the results of one course into lines of CSV and into JSON.

    What the course has in common is written once, and the figures of a sum, which RECIST and
    iRECIST share as they share reasons, are worked out once.

    Args:
        with_json: False where nobody asked for JSON: an empty text takes its place, for it is a
            third of the work and nine tenths of the bytes.
    """

    __slots__ = (
        "_reader",
        "_reader_json",
        "_subject",
        "_subject_json",
        "_sums",
        "_with_json",
        "_zero",
    )

    def __init__(self, course: Course, *, with_json: bool = True) -> None:
        self._with_json = with_json
        self._subject, self._subject_json = cell(course.subject), _quote(course.subject)
        self._reader, self._reader_json = cell(course.reader), _quote(course.reader)
        self._zero = None if course.day_zero is None else course.day_zero.toordinal()
        self._sums: dict[tuple[int, int, int, bool], _SumTexts] = {}

    def timepoint(
        self, assessment: Assessment, certainty: CategoryProbability | None = None
    ) -> tuple[str, str]:
        """One time point as a line of CSV and as a JSON object with every reason.

        Args:
            certainty: how sure the category is, where that was simulated.
        """
        sums = self._sums_of(assessment)
        warnings = assessment.warnings
        sentences = " ".join([reason.sentence for reason in assessment.reasons])
        line = (
            f"{self._subject},{self._when(assessment.day)},"
            f"{assessment.criteria},{assessment.scope},{sums.cells},"
            f"{assessment.target},{assessment.non_target},{_YES[assessment.new_lesion]},"
            f"{assessment.overall},{cell(sentences)},{self._reader},"
            f"{cell(' '.join(warnings)) if warnings else ''},"
            f"{'' if certainty is None else cell(certainty.sentence)},"
            f"{sums.change_cells},{_YES[assessment.method_changed]}"
        )
        if not self._with_json:
            return line, ""
        as_json = (
            f'{{"subject":{self._subject_json},{self._when_json("", assessment.day)},'
            f'"criteria":"{assessment.criteria}","lesions":"{assessment.scope}",'
            f"{_sum_members(assessment, sums.figures)},"
            f'"target":"{assessment.target}","non_target":"{assessment.non_target}",'
            f'"new_lesion":{_TRUE[assessment.new_lesion]},"overall":"{assessment.overall}",'
            f'"reasons":[{",".join(map(_reason_json, assessment.reasons))}],'
            f'"reader":{self._reader_json},"warnings":{_strings(warnings)}'
            f"{_probabilities(certainty)}}}"
        )
        return line, as_json

    def _sums_of(self, assessment: Assessment) -> _SumTexts:
        """The sums of a time point as cells; criteria share them as objects."""
        sums = assessment.sum_mm, assessment.baseline_mm, assessment.nadir_mm
        key = (id(sums[0]), id(sums[1]), id(sums[2]), assessment.lower_bound)
        known = self._sums.get(key)
        if known is None:
            figures = figures_of(assessment)
            known = self._sums[key] = _SumTexts(
                f"{length(sums[0])},{length(sums[1])},{length(sums[2])}",
                f"{_YES[assessment.lower_bound]},{length(figures.change_from_baseline_percent)},"
                f"{length(figures.change_from_nadir_percent)}",
                figures,
                sums,
            )
        return known

    def outcome(self, outcome: Outcome, policy: str) -> tuple[str, str]:
        """One outcome as a line of CSV and as a JSON object with every reason and every time.

        Args:
            policy: of the main progression-free survival, which dates the end of the response too.
        """
        line = self._outcome_line(outcome, policy)
        if not self._with_json:
            return line, ""
        as_json = (
            f'{{"subject":{self._subject_json},"criteria":"{outcome.criteria}",'
            f'"lesions":"{outcome.scope}","best_overall":"{outcome.best_overall}",'
            f"{self._when_json('best_overall_', outcome.best_overall_day)},"
            f'"confirmed_best_overall":"{outcome.confirmed_best_overall}",'
            f"{self._when_json('progression_', outcome.progression_day)},"
            f'"pfs_days":{"null" if outcome.pfs_days is None else outcome.pfs_days},'
            f'"pfs_event":{_TRUE[outcome.pfs_event]},'
            f"{self._when_json('response_', outcome.response_day)},"
            f"{self._when_json('disease_control_', outcome.control_day)},"
            f"{self._when_json('clinical_benefit_', outcome.benefit_day)},"
            f'"reasons":[{",".join(map(_reason_json, outcome.reasons))}],'
            f'"times":[{",".join([self._event_time(time) for time in outcome.times])}],'
            f'"reader":{self._reader_json},"warnings":{_strings(outcome.warnings)}}}'
        )
        return line, as_json

    def _outcome_line(self, outcome: Outcome, policy: str) -> str:
        day = outcome.response_day
        return (
            f"{self._subject},{outcome.criteria},{outcome.scope},{outcome.best_overall},"
            f"{self._when(outcome.best_overall_day)},{outcome.confirmed_best_overall},"
            f"{self._when(outcome.progression_day)},"
            f"{'' if outcome.pfs_days is None else outcome.pfs_days},{_YES[outcome.pfs_event]},"
            f"{self._reader},{_YES[day is not None]},{self._when(day)},"
            f"{_undated_cells(outcome, policy)}"
        )

    def _event_time(self, time: EventTime) -> str:
        return (
            f'{{"endpoint":"{time.endpoint}","policy":"{time.policy}","days":{time.days},'
            f'"event":{_TRUE[time.event]},{self._when_json("", time.day)},'
            f'"why":{_quote(time.reason.written().sentence)}}}'
        )

    def _when(self, day: int | None) -> str:
        """A day as the date it is, or as the day where the course has no dates."""
        if day is None:
            return ""
        return str(day) if self._zero is None else _date(self._zero + day)

    def when_json(self, day: int) -> str:
        """A day as a member of a JSON object."""
        return self._when_json("", day)

    def _when_json(self, prefix: str, day: int | None) -> str:
        if self._zero is None:
            return f'"{prefix}day":{"null" if day is None else day}'
        return f'"{prefix}date":{"null" if day is None else _quote(_date(self._zero + day))}'


#: The latest outcomes and what was written of them: those of many courses are one object (see
#: :func:`recist.endpoints.outcome_of_responses`), and hashing one costs more than writing it.
_undated: dict[tuple[int, str], tuple[Outcome, str]] = {}


def _undated_cells(outcome: Outcome, policy: str) -> str:
    """The cells of an outcome from disease control on, which hold durations and no dates."""
    key = (id(outcome), policy)
    known = _undated.get(key)
    if known is not None:
        return known[1]
    times = {(time.endpoint.removeprefix("i"), time.policy): time for time in outcome.times}
    cells = (
        _YES[outcome.control_day is not None],
        _YES[outcome.benefit_day is not None],
        _duration(times.get(("TTR", ""))).partition(",")[0],
        _duration(times.get(("DoR", policy))),
        *[_duration(times.get(("PFS", name))) for name in POLICY_COLUMNS],
        _duration(times.get(("OS", ""))),
        cell(" ".join(dict.fromkeys([reason.sentence for reason in outcome.reasons]))),
        cell(" ".join(outcome.warnings)) if outcome.warnings else "",
    )
    if len(_undated) >= REMEMBERED:
        _undated.clear()
    text = ",".join(cells)
    _undated[key] = (outcome, text)  # kept, lest another gets its identity
    return text


def protocol_json(protocol: Protocol) -> str:
    """The settings in force, as a JSON object."""
    return json.dumps(effective(protocol), ensure_ascii=False, allow_nan=False)


def baselines_json(baselines: Iterable[BaselineSum]) -> str:
    """The sums at the baseline, as a JSON array."""
    each = [
        f'{{"lesions":"{b.scope}","targets":{b.targets},"sum_mm":{length(b.sum_mm) or "null"},'
        f'"lower_bound":{_TRUE[b.lower_bound]}}}'
        for b in baselines
    ]
    return f"[{','.join(each)}]"


def lesions_json(courses: Iterable[Course]) -> str:
    """The diameters of each lesion and their change from its first one, as a JSON array."""
    each = []
    for course in courses:
        texts = CourseTexts(course)
        for lesion, sizes in lesion_sizes(course).items():
            each += [
                f'{{"subject":{_quote(course.subject)},"lesion":{_quote(lesion)},'
                f"{texts.when_json(size.day)},"
                f'"diameter_mm":{length(size.diameter_mm)},'
                f'"change_percent":{length(size.change_percent) or "null"}}}'
                for size in sizes
            ]
    return f"[{','.join(each)}]"


def when(course: Course, day: int | None) -> str:
    """A day as the date it is, or as the day where the course has no dates."""
    if day is None:
        return ""
    zero = course.day_zero
    return str(day) if zero is None else _date(zero.toordinal() + day)


def yes_no(value: bool) -> str:
    """A truth as a word."""
    return _YES[value]


def length(value_mm: Decimal | None) -> str:
    """A length as it was recorded, without exponent; empty when there is none."""
    if value_mm is None:
        return ""
    text = str(value_mm)
    return format(value_mm, "f") if "E" in text else text


def cell(text: str) -> str:
    """A text as a cell of CSV (RFC 4180), and never as a formula."""
    text = inert(text)
    if "," in text or '"' in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_line(cells: Sequence[str]) -> str:
    """Texts as a line of CSV, without its end."""
    return ",".join([cell(text) for text in cells])


@lru_cache(maxsize=REMEMBERED)
def _date(ordinal: int) -> str:
    return dt.date.fromordinal(ordinal).isoformat()


def _duration(time: EventTime | None) -> str:
    """The cells of a time to an event: days, and whether the event came."""
    return "," if time is None else f"{time.days},{_YES[time.event]}"


def _strings(texts: Sequence[str]) -> str:
    return f"[{','.join([_quote(text) for text in texts])}]" if texts else "[]"


def _sum_members(assessment: Assessment, figures: SumFigures) -> str:
    """All that JSON says of the sum of a time point."""
    return (
        f'"sum_mm":{length(assessment.sum_mm) or "null"},'
        f'"baseline_mm":{length(assessment.baseline_mm) or "null"},'
        f'"nadir_mm":{length(assessment.nadir_mm) or "null"},'
        f'"lower_bound":{_TRUE[assessment.lower_bound]},'
        f'"method_changed":{_TRUE[assessment.method_changed]},'
        f'"change_from_baseline_percent":{length(figures.change_from_baseline_percent) or "null"},'
        f'"change_from_nadir_percent":{length(figures.change_from_nadir_percent) or "null"},'
        f'"partial_response_mm":{length(figures.partial_response_mm) or "null"},'
        f'"progression_mm":{length(figures.progression_mm) or "null"}'
    )


def _reason_json(reason: Reason) -> str:
    written = reason.written()
    # Margins that are equal may be written differently (5 and 5.0): those reasons are not shared.
    return _common_json(written) if written.margin_mm is None else _each_json(written)


def _each_json(reason: Written) -> str:
    numbers = ",".join([f"{_quote(name)}:{_quote(value)}" for name, value in reason.numbers])
    return (
        f'{{"rule":"{reason.rule}","source":{_quote(reason.source)},'
        f'"sentence":{_quote(reason.sentence)},"numbers":{{{numbers}}},'
        f'"margin_mm":{length(reason.margin_mm) or "null"}}}'
    )


_common_json = lru_cache(maxsize=REMEMBERED)(_each_json)


def _probabilities(certainty: CategoryProbability | None) -> str:
    if certainty is None:
        return ""
    each = ",".join([f'"{response}":{value:.4f}' for response, value in certainty.probabilities])
    return f',"probabilities":{{{each}}}'
