"""Responses and outcomes as rows of a table and as JSON, in the documented form."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring as _quote
from typing import TYPE_CHECKING

from imaging.tables.cells import inert
from recist.course import Course
from recist.criteria.diameter import exactly
from recist.criteria.sums import changes, figures_of
from recist.protocol import Protocol, effective
from recist.response import Assessment, EventTime, Outcome, Reason, Scope, Written, in_words
from recist.table.result_columns import POLICY_COLUMNS

if TYPE_CHECKING:
    from recist.criteria.robustness import CategoryProbability

#: Texts of each kind that are kept for the courses to come.
REMEMBERED = 8192

#: A truth as a word of CSV and of JSON.
_YES, _TRUE = ("no", "yes"), ("false", "true")


def timepoint_texts(
    course: Course, assessment: Assessment, certainty: CategoryProbability | None = None
) -> tuple[str, str]:
    """One time point as a line of CSV and as a JSON object; see :class:`CourseTexts`."""
    return CourseTexts(course).timepoint(assessment, certainty)


def outcome_texts(course: Course, outcome: Outcome, policy: str) -> tuple[str, str]:
    """One outcome as a line of CSV and as a JSON object; see :class:`CourseTexts`."""
    return CourseTexts(course).outcome(outcome, policy)


#: How sure categories are, by criteria, set of lesions and day.
Certainties = Mapping[tuple[str, Scope, int], "CategoryProbability"]

_Length = Decimal | None
#: What the criteria share at a time point. As the objects that they are: sum, baseline, nadir,
#: whether it is a lower bound, whether the method changed. What is written of them: subject and
#: day; the sums; their changes; all of that as JSON.
_Shared = tuple[_Length, _Length, _Length, bool, bool, str, str, str, str]


class CourseTexts:
    """Puts the results of one course into lines of CSV and into JSON.

    What the course has in common is written once, and so are the figures of a sum, which RECIST
    and iRECIST share as they share reasons.

    Args:
        with_json: False where nobody asked for JSON: an empty text takes its place, for it is a
            third of the work and nine tenths of the bytes.
    """

    __slots__ = (
        "_reader",
        "_reader_json",
        "_shared",
        "_subject",
        "_subject_json",
        "_with_json",
        "_zero",
    )

    def __init__(self, course: Course, *, with_json: bool = True) -> None:
        subject, reader = course.subject, course.reader
        self._with_json = with_json
        self._subject, self._reader = cell(subject), cell(reader) if reader else ""
        self._subject_json = _quote(subject) if with_json else ""
        self._reader_json = _quote(reader) if with_json else ""
        self._zero = None if course.day_zero is None else course.day_zero.toordinal()
        self._shared: dict[int, _Shared] = {}

    def timepoint(
        self, assessment: Assessment, certainty: CategoryProbability | None = None
    ) -> tuple[str, str]:
        """One time point as a line of CSV and as a JSON object; see :meth:`timepoints`."""
        about = (assessment.criteria, assessment.scope, assessment.day)
        lines, objects = self.timepoints(
            (assessment,), {} if certainty is None else {about: certainty}
        )
        return lines[0], objects[0] if objects else ""

    @exactly
    def timepoints(
        self, assessments: Iterable[Assessment], certainties: Certainties
    ) -> tuple[list[str], list[str]]:
        """Time points as lines of CSV and, where asked for, as JSON objects with every reason.

        Args:
            certainties: how sure the categories are, where that was simulated.
        """
        lines: list[str] = []
        objects: list[str] = []
        for assessment in assessments:
            (
                day,
                criteria,
                scope,
                total,
                baseline,
                nadir,
                target,
                non_target,
                new_lesion,
                overall,
                reasons,
                warnings,
                _,
                _,
                _,
                _,
                _,
                bound,
                changed,
            ) = assessment
            known = self._shared.get(day)
            if (
                known is None
                or known[0] is not total
                or known[1] is not baseline
                or known[2] is not nadir
                or known[3] is not bound
                or known[4] is not changed
            ):
                known = self._shared[day] = self._written_of(assessment)
            sure = certainties.get((criteria, scope, day)) if certainties else None
            cells = (
                known[5],
                criteria,
                scope,
                known[6],
                target,
                non_target,
                _YES[new_lesion],
                overall,
                cell(in_words(reasons)),
                self._reader,
                cell(" ".join(warnings)) if warnings else "",
                "" if sure is None else cell(sure.sentence),
                known[7],
            )
            lines.append(",".join(cells))  # to format a word of an enumeration is to copy it
            if self._with_json:
                objects.append(self._object(assessment, known[8], sure))
        return lines, objects

    def _object(
        self, assessment: Assessment, sums: str, certainty: CategoryProbability | None
    ) -> str:
        day, target, non_target = assessment.day, assessment.target, assessment.non_target
        return (
            f'{{"subject":{self._subject_json},{self._when_json("", day)},'
            f'"criteria":"{assessment.criteria}","lesions":"{assessment.scope}",{sums},'
            f'"target":"{target}","non_target":"{non_target}",'
            f'"new_lesion":{_TRUE[assessment.new_lesion]},"overall":"{assessment.overall}",'
            f'"reasons":[{",".join(map(_reason_json, assessment.reasons))}],'
            f'"reader":{self._reader_json},"warnings":{_strings(assessment.warnings)}'
            f"{_probabilities(certainty)}}}"
        )

    def _written_of(self, assessment: Assessment) -> _Shared:
        """What the criteria share at a time point."""
        total, baseline, nadir = assessment.sum_mm, assessment.baseline_mm, assessment.nadir_mm
        bound, changed = assessment.lower_bound, assessment.method_changed
        from_baseline, from_nadir = changes(None if bound else total, baseline, nadir)
        head = f"{self._subject},{self._when(assessment.day)}"
        start = length(baseline)
        lowest = start if nadir is baseline else length(nadir)
        sums = f"{length(total)},{start},{lowest}"
        by = length(from_baseline)
        since = by if from_nadir is from_baseline else length(from_nadir)
        marks = f"{_YES[bound]},{by},{since},{_YES[changed]}"
        as_json = _sum_members(assessment) if self._with_json else ""
        return (total, baseline, nadir, bound, changed, head, sums, marks, as_json)

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
        _, by_days, response, durations = _known_cells(outcome, policy)
        if self._zero is not None:
            by_days, response = _dated_cells(outcome, self._zero)
        return f"{self._subject},{by_days},{self._reader},{response},{durations}"

    def _event_time(self, time: EventTime) -> str:
        return (
            f'{{"endpoint":"{time.endpoint}","policy":"{time.policy}","days":{time.days},'
            f'"event":{_TRUE[time.event]},{self._when_json("", time.day)},'
            f'"why":{_quote(time.reason.written().sentence)}}}'
        )

    def _when(self, day: int | None) -> str:
        """A day as the date it is, or as the day where the course has no dates."""
        return _when(day, self._zero)

    def when_json(self, day: int) -> str:
        """A day as a member of a JSON object."""
        return self._when_json("", day)

    def _when_json(self, prefix: str, day: int | None) -> str:
        if self._zero is None:
            return f'"{prefix}day":{"null" if day is None else day}'
        return f'"{prefix}date":{"null" if day is None else _quote(_date(self._zero + day))}'


#: Times that have columns, by their names in RECIST 1.1 and in iRECIST.
_SHOWN = {"PFS": "PFS", "iPFS": "PFS", "DoR": "DoR", "iDoR": "DoR", "TTR": "TTR", "OS": "OS"}

#: An outcome and its cells: up to the reader and on the response, by days; and those that follow.
_Known = tuple[Outcome, str, str, str]
#: The latest ones: those of many courses are one object (see
#: :func:`recist.endpoints.outcome_of_responses`), and hashing one costs more than writing it.
_known: dict[tuple[int, str], _Known] = {}


def _known_cells(outcome: Outcome, policy: str) -> _Known:
    """An outcome with its cells, written once."""
    key = (id(outcome), policy)
    known = _known.get(key)
    if known is None:
        if len(_known) >= REMEMBERED:
            _known.clear()
        by_days, response = _dated_cells(outcome, None)
        # With the outcome itself, lest another gets its identity.
        known = _known[key] = (outcome, by_days, response, _undated_cells(outcome, policy))
    return known


def _dated_cells(outcome: Outcome, zero: int | None) -> tuple[str, str]:
    """The cells of an outcome up to the reader, and those on its response."""
    days, response_day = outcome.pfs_days, outcome.response_day
    until_reader = (
        outcome.criteria,
        outcome.scope,
        outcome.best_overall,
        _when(outcome.best_overall_day, zero),
        outcome.confirmed_best_overall,
        _when(outcome.progression_day, zero),
        "" if days is None else str(days),
        _YES[outcome.pfs_event],
    )
    return ",".join(until_reader), f"{_YES[response_day is not None]},{_when(response_day, zero)}"


def _undated_cells(outcome: Outcome, policy: str) -> str:
    """The cells of an outcome from disease control on, which hold durations and no dates."""
    to_response, overall, responding = "", ",", ","
    free = dict.fromkeys(POLICY_COLUMNS, ",")
    for endpoint, by, start, day, event, _ in outcome.times:
        what = _SHOWN.get(endpoint)
        if what == "PFS":
            free[by] = f"{day - start},{_YES[event]}"
        elif what == "DoR":
            if by == policy:
                responding = f"{day - start},{_YES[event]}"
        elif what == "TTR":
            to_response = str(day - start)
        elif what == "OS":
            overall = f"{day - start},{_YES[event]}"
    cells = (
        _YES[outcome.control_day is not None],
        _YES[outcome.benefit_day is not None],
        to_response,
        responding,
        *[free[name] for name in POLICY_COLUMNS],
        overall,
        cell(" ".join(dict.fromkeys([reason.sentence for reason in outcome.reasons]))),
        cell(" ".join(outcome.warnings)) if outcome.warnings else "",
    )
    return ",".join(cells)


def protocol_json(protocol: Protocol) -> str:
    """The settings in force, as a JSON object."""
    return json.dumps(effective(protocol), ensure_ascii=False, allow_nan=False)


def when(course: Course, day: int | None) -> str:
    """A day as the date it is, or as the day where the course has no dates."""
    return _when(day, None if course.day_zero is None else course.day_zero.toordinal())


def _when(day: int | None, zero: int | None) -> str:
    if day is None:
        return ""
    return str(day) if zero is None else _date(zero + day)


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


def _strings(texts: Sequence[str]) -> str:
    return f"[{','.join([_quote(text) for text in texts])}]" if texts else "[]"


def _sum_members(assessment: Assessment) -> str:
    """All that JSON says of the sum of a time point."""
    figures = figures_of(assessment)
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
