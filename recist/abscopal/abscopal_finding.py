"""One patient: could an abscopal response be seen, was there one, and what else explains it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from recist.abscopal.attribution import Attribution, attribution_of
from recist.abscopal.baseline import rebased
from recist.abscopal.chance import NO_CHANCE, Chance, chance_of_response
from recist.abscopal.definition_results import DefinitionResult, call
from recist.abscopal.definitions import Definition, Measure, ResponseTime, chosen
from recist.abscopal.evaluability import Evaluability, evaluability_of
from recist.abscopal.lesion_changes import SizesOfLesion, lesion_changes
from recist.abscopal.pattern import FirstFailure, first_failure
from recist.abscopal.response_by_side import SetResponse, response_of
from recist.abscopal.timeline import Timeline, timeline_of
from recist.course import Course, Field, Role
from recist.criteria.diameter import exactly
from recist.field.scope import fields_of, lesions_within
from recist.protocol import Protocol
from recist.response import Scope


@dataclass(frozen=True, slots=True)
class OutOfFieldAnswer:
    """What the definitions say of a patient.

    Attributes:
        lesion_set: strict or pragmatic, see ``Protocol.out_of_field_set``.
        lesions: of every field class, that are large enough to be followed singly.
        out_of_field: response of the set; None where it has no lesion.
        calls: every definition that the protocol asks for.
    """

    subject: str
    reader: str
    lesion_set: str
    timeline: Timeline
    evaluability: Evaluability
    lesions: tuple[SizesOfLesion, ...]
    out_of_field: SetResponse | None
    calls: tuple[DefinitionResult, ...]

    @property
    def evaluable(self) -> bool:
        return self.evaluability.evaluable


@dataclass(frozen=True, slots=True)
class AbscopalFinding(OutOfFieldAnswer):
    """What can be said of an abscopal response in one patient.

    Attributes:
        whole, in_field: responses of the other sets; None where a set has no lesion.
        chance: of a response by measurement error alone, with this patient's lesions and scans.
        remarks: what was assumed, and what the reader should know.
    """

    whole: SetResponse | None
    in_field: SetResponse | None
    failure: FirstFailure
    attribution: Attribution
    chance: Chance
    remarks: tuple[str, ...]


@exactly
def answers(
    course: Course, protocols: Iterable[Protocol], *, systemic: bool | None = None
) -> tuple[OutOfFieldAnswer, ...]:
    """The definitions alone, as :func:`assess` gives them, by several protocols.

    They differ in nothing but :class:`AbscopalSettings`: what a setting does not touch is worked
    out once for all of them.
    """
    parts = _SharedParts(course, systemic)
    return tuple([parts.answer(protocol) for protocol in protocols])


@exactly
def assess(course: Course, protocol: Protocol, *, systemic: bool | None = None) -> AbscopalFinding:
    """The abscopal finding of a patient whose lesions have a field class.

    Args:
        systemic: whether ``treatment-start`` is of a systemic therapy; None: taken as one.
    """
    timeline = timeline_of(course, protocol, systemic=systemic)
    seen = _from_baseline(course, timeline, protocol)
    found = _SharedParts(course, systemic).answer(protocol)
    return AbscopalFinding(
        found.subject,
        found.reader,
        found.lesion_set,
        timeline,
        found.evaluability,
        found.lesions,
        found.out_of_field,
        found.calls,
        response_of(seen, timeline, protocol, Scope.ALL),
        response_of(seen, timeline, protocol, Scope.IN_FIELD),
        first_failure(seen, timeline, protocol),
        attribution_of(course, timeline, found.out_of_field, protocol),
        _chance(_outside(found.lesions, protocol), timeline) if found.evaluable else NO_CHANCE,
        (*timeline.remarks, *_remarks(course, seen, protocol)),
    )


def _from_baseline(course: Course, timeline: Timeline, protocol: Protocol) -> Course:
    start = timeline.baseline_day
    return course if start is None else rebased(course, start, protocol)


class _SharedParts:
    """What the answers of one course by several protocols have in common, by what it depends on.

    The protocols differ in :class:`AbscopalSettings` alone, which neither criteria nor end points
    read: a set of the same lesions on the same scans has the same response by all of them.
    """

    def __init__(self, course: Course, systemic: bool | None) -> None:
        self._course, self._systemic = course, systemic
        self._seen: list[Course] = []
        self._responses: dict[Hashable, SetResponse | None] = {}
        self._calls: dict[Hashable, tuple[DefinitionResult, ...]] = {}

    def answer(self, protocol: Protocol) -> OutOfFieldAnswer:
        timeline = timeline_of(self._course, protocol, systemic=self._systemic)
        course, number = self._from_baseline(timeline, protocol)
        evaluability = evaluability_of(course, timeline, protocol)
        lesions = lesion_changes(course, timeline, protocol)
        ids = lesions_within(course, Scope.OUT_OF_FIELD, protocol)
        of_set = (number, timeline, ids)
        if of_set not in self._responses:
            self._responses[of_set] = response_of(course, timeline, protocol, Scope.OUT_OF_FIELD)
        out_of_field = self._responses[of_set]
        outside = _outside(lesions, protocol)
        refused = "" if evaluability.evaluable else evaluability.reason.sentence
        landmark = protocol.abscopal_landmark_days, protocol.abscopal_landmark_window_days
        called = (*of_set, outside, refused, protocol.abscopal_definition, landmark)
        if called not in self._calls:
            self._calls[called] = tuple(
                call(
                    each,
                    evaluability=evaluability,
                    timeline=timeline,
                    lesions=outside,
                    out_of_field=out_of_field,
                    protocol=protocol,
                )
                for each in chosen(protocol)
            )
        return OutOfFieldAnswer(
            course.subject,
            course.reader,
            protocol.out_of_field_set,
            timeline,
            evaluability,
            lesions,
            out_of_field,
            self._calls[called],
        )

    def _from_baseline(self, timeline: Timeline, protocol: Protocol) -> tuple[Course, int]:
        """The course from its baseline on, and a number that equal ones share."""
        course = _from_baseline(self._course, timeline, protocol)
        for number, known in enumerate(self._seen):
            if known is course or known == course:
                return known, number
        self._seen.append(course)
        return course, len(self._seen) - 1


def _outside(lesions: tuple[SizesOfLesion, ...], protocol: Protocol) -> tuple[SizesOfLesion, ...]:
    fields = fields_of(Scope.OUT_OF_FIELD, protocol)
    return tuple(each for each in lesions if each.field in fields)


def chance_for(definition: Definition, chance: Chance, *, confirmed: bool) -> float | None:
    """The share of patients that would meet a definition by measurement error alone.

    None for disease control, which an unchanged lesion is.
    """
    if definition.asks_for_control:
        return None
    if definition.measure is Measure.SINGLE:
        return chance.single_confirmed if confirmed else chance.single
    if definition.time is ResponseTime.LANDMARK and not confirmed:
        return chance.aggregate_once
    return chance.aggregate_confirmed if confirmed else chance.aggregate


def _chance(outside: tuple[SizesOfLesion, ...], timeline: Timeline) -> Chance:
    sizes = tuple(float(each.baseline_mm) for each in outside)
    return chance_of_response(sizes, len(timeline.follow_up_days))


def _remarks(course: Course, seen: Course, protocol: Protocol) -> tuple[str, ...]:
    remarks = []
    if seen is not course:
        remarks.append(
            f"baseline is the scan of day {seen.timepoints[0].day}, the last before radiotherapy"
        )
    roles = {lesion.id: lesion.role for lesion in course.lesions}
    known = [each for each in seen.lesions if each.role is not roles[each.id]]
    remarks += [f"{each.id}, found before radiotherapy, counts as {each.role}" for each in known]
    unclear = [
        each.id for each in seen.lesions if each.role is Role.NEW and each.field is Field.UNKNOWN
    ]
    if unclear and protocol.new_lesion_position == "split":
        listed = ", ".join(unclear)
        remarks.append(f"new lesion {listed} of unknown field: on neither side of the field")
    aside = [each.id for each in seen.lesions if each.field is Field.PARTIAL]
    if aside:
        remarks.append(f"partly irradiated, on neither side of the field: {', '.join(aside)}")
    low = [each.id for each in seen.lesions if each.field is Field.LOW_DOSE]
    if low:
        counts = "out of the field" if protocol.out_of_field_set == "pragmatic" else "on no side"
        remarks.append(f"in the low-dose bath, counted {counts}: {', '.join(low)}")
    return tuple(remarks)
