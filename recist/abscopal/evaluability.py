"""Whether an abscopal response could have been seen at all.

Where all lesions are irradiated there is none: that is a result, not a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recist.abscopal.baseline import measurable_mm, minimum_mm
from recist.abscopal.timeline import Timeline
from recist.course import Course, Field, Lesion, Measurement, Role
from recist.criteria.diameter import in_mm
from recist.field.scope import fields_of
from recist.protocol import Protocol
from recist.response import Reason, Scope

SOURCE = "see recist.abscopal; PEMBRO-RT asked for an unirradiated lesion to follow (Theelen 2019)"


class EvaluabilityVerdict(StrEnum):
    EVALUABLE = "evaluable"
    NO_BASELINE = "no scan before radiotherapy"
    OLD_BASELINE = "baseline too long before radiotherapy"
    FIELD_UNKNOWN = "field of the lesions unknown"
    NO_LESION = "no out-of-field lesion"
    NOT_MEASURABLE = "no measurable out-of-field lesion"
    NO_SCAN = "no scan after radiotherapy"
    CENSORED = "censored before the first scan"


@dataclass(frozen=True, slots=True)
class Evaluability:
    """The verdict with its reason; ``scanned``: a scan after radiotherapy counts."""

    verdict: EvaluabilityVerdict
    reason: Reason
    scanned: bool

    @property
    def evaluable(self) -> bool:
        return self.verdict is EvaluabilityVerdict.EVALUABLE


def evaluability_of(course: Course, timeline: Timeline, protocol: Protocol) -> Evaluability:
    """Whether the out-of-field set can show a response.

    Args:
        course: with the baseline before radiotherapy as its first time point.
    """
    verdict, sentence, numbers = _judge(course, timeline, protocol)
    rule = f"abscopal-{verdict.name.lower().replace('_', '-')}"
    reason = Reason(rule, SOURCE, sentence, numbers)
    return Evaluability(verdict, reason, bool(timeline.follow_up_days))


_Judged = tuple[EvaluabilityVerdict, str, tuple[tuple[str, str], ...]]


def _judge(course: Course, timeline: Timeline, protocol: Protocol) -> _Judged:
    return (
        _without_baseline(timeline, protocol)
        or _without_lesion(course, protocol)
        or _without_scan(course, timeline)
        or _evaluable(course, timeline, protocol)
    )


def _without_baseline(timeline: Timeline, protocol: Protocol) -> _Judged | None:
    if timeline.baseline_day is None:
        sentence = f"Not evaluable: no scan on or before day {timeline.start_day}, the start of "
        return EvaluabilityVerdict.NO_BASELINE, f"{sentence}radiotherapy.", ()
    age, limit = timeline.baseline_age_days, protocol.abscopal_baseline_days
    if age <= limit:
        return None
    sentence = (
        f"Not evaluable: the last scan before radiotherapy is {age} days older, {age - limit} "
        f"more than the {limit} allowed."
    )
    numbers = (("baseline_age_days", str(age)), ("allowed_days", str(limit)))
    return EvaluabilityVerdict.OLD_BASELINE, sentence, numbers


def _without_lesion(course: Course, protocol: Protocol) -> _Judged | None:
    known = [lesion for lesion in course.lesions if lesion.role is not Role.NEW]
    if known and all(lesion.field is Field.UNKNOWN for lesion in known):
        return EvaluabilityVerdict.FIELD_UNKNOWN, "Not evaluable: no lesion has a known field.", ()
    outside = _outside(course, protocol)
    if not outside:
        return EvaluabilityVerdict.NO_LESION, f"Not evaluable: {_where(known)}.", ()
    if not _measurable(course, protocol):
        sentence = f"Not evaluable: {_sizes(course, outside, protocol)}."
        return EvaluabilityVerdict.NOT_MEASURABLE, sentence, ()
    return None


def _outside(course: Course, protocol: Protocol) -> list[Lesion]:
    fields = fields_of(Scope.OUT_OF_FIELD, protocol)
    return [each for each in course.lesions if each.role is not Role.NEW and each.field in fields]


def _measurable(course: Course, protocol: Protocol) -> list[Lesion]:
    return [
        lesion
        for lesion in _outside(course, protocol)
        if measurable_mm(lesion, _first(course, lesion), protocol)
    ]


def _evaluable(course: Course, timeline: Timeline, protocol: Protocol) -> _Judged:
    age, scans = timeline.baseline_age_days, len(timeline.follow_up_days)
    measurable = len(_measurable(course, protocol))
    sentence = (
        f"Evaluable: {measurable} measurable out-of-field lesion(s), baseline {age} days before "
        f"radiotherapy, {scans} scan(s) after it."
    )
    numbers = (
        ("measurable_out_of_field", str(measurable)),
        ("baseline_age_days", str(age)),
        ("scans_after", str(scans)),
    )
    return EvaluabilityVerdict.EVALUABLE, sentence, numbers


def _without_scan(course: Course, timeline: Timeline) -> _Judged | None:
    if timeline.follow_up_days:
        return None
    later = next((each.day for each in course.timepoints if each.day > timeline.end_day), None)
    if later is None:
        sentence = f"Not evaluable: no scan after day {timeline.end_day}, the end of radiotherapy."
        return EvaluabilityVerdict.NO_SCAN, sentence, ()
    if timeline.censor_day is not None and timeline.censor_day < later:
        sentence = (
            f"Not evaluable: {timeline.censored_by} on day {timeline.censor_day} comes before the "
            f"first scan after radiotherapy, on day {later}."
        )
        return EvaluabilityVerdict.CENSORED, sentence, ()
    sentence = (
        f"Not evaluable: the first scan after radiotherapy is {later - timeline.start_day} days "
        "after its start, later than a response counts."
    )
    return EvaluabilityVerdict.NO_SCAN, sentence, ()


def _where(lesions: list[Lesion]) -> str:
    if not lesions:
        return "no lesion at baseline"
    counts = {
        field: sum(lesion.field is field for lesion in lesions)
        for field in Field
        if any(lesion.field is field for lesion in lesions)
    }
    listed = ", ".join(f"{count} {field}" for field, count in counts.items())
    return f"none of {len(lesions)} lesion(s) at baseline lies out of the field ({listed})"


def _sizes(course: Course, lesions: list[Lesion], protocol: Protocol) -> str:
    said = []
    for lesion in lesions:
        found = _first(course, lesion)
        size = None if found is None else found.diameter_mm
        shown = "without a diameter" if size is None else f"{in_mm(size)} mm"
        needed = in_mm(minimum_mm(lesion, protocol))
        said.append(f"{lesion.id} {shown}, {needed} mm needed")
    return f"no out-of-field lesion is measurable at baseline ({', '.join(said)})"


def _first(course: Course, lesion: Lesion) -> Measurement | None:
    return next(
        (each for each in course.timepoints[0].measurements if each.lesion_id == lesion.id), None
    )
