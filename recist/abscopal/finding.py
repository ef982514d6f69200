"""One patient: could an abscopal response be seen, was there one, and what else explains it."""

from __future__ import annotations

from dataclasses import dataclass

from recist.abscopal.attribution import Attribution, attribution_of
from recist.abscopal.baseline import rebased
from recist.abscopal.calls import Call, call
from recist.abscopal.chance import NO_CHANCE, Chance, chance_of_response
from recist.abscopal.definitions import Definition, Measure, Time, chosen
from recist.abscopal.evaluability import Evaluability, evaluability_of
from recist.abscopal.lesions import LesionChange, lesion_changes
from recist.abscopal.pattern import FirstFailure, first_failure
from recist.abscopal.responses import SetResponse, response_of
from recist.abscopal.timeline import Timeline, timeline_of
from recist.course import Course, Field, Role
from recist.criteria.diameter import exactly
from recist.protocol import Protocol
from recist.response import Scope
from recist.scope import fields_of


@dataclass(frozen=True, slots=True)
class AbscopalFinding:
    """What can be said of an abscopal response in one patient.

    Attributes:
        lesion_set: strict or pragmatic, see ``Protocol.out_of_field_set``.
        lesions: of every field class, that are large enough to be followed singly.
        whole, in_field, out_of_field: responses of the sets; None where a set has no lesion.
        calls: every definition that the protocol asks for.
        chance: of a response by measurement error alone, with this patient's lesions and scans.
        remarks: what was assumed, and what the reader should know.
    """

    subject: str
    reader: str
    lesion_set: str
    timeline: Timeline
    evaluability: Evaluability
    lesions: tuple[LesionChange, ...]
    whole: SetResponse | None
    in_field: SetResponse | None
    out_of_field: SetResponse | None
    calls: tuple[Call, ...]
    failure: FirstFailure
    attribution: Attribution
    chance: Chance
    remarks: tuple[str, ...]

    @property
    def evaluable(self) -> bool:
        return self.evaluability.evaluable

    def call_of(self, name: str) -> Call:
        """The call of a definition by its name."""
        return next(each for each in self.calls if each.definition.name == name)


@exactly
def assess(
    course: Course,
    protocol: Protocol,
    *,
    systemic: bool | None = None,
    with_chance: bool = True,
) -> AbscopalFinding:
    """The abscopal finding of a patient whose lesions have a field class.

    Args:
        systemic: whether ``treatment-start`` is of a systemic therapy; None: taken as one.
        with_chance: simulate what measurement error alone would give.
    """
    timeline = timeline_of(course, protocol, systemic=systemic)
    start = timeline.baseline_day
    seen = course if start is None else rebased(course, start, protocol)
    evaluability = evaluability_of(seen, timeline, protocol)
    lesions = lesion_changes(seen, timeline, protocol)
    fields = fields_of(Scope.OUT_OF_FIELD, protocol)
    outside = tuple(each for each in lesions if each.field in fields)
    whole, in_field, out_of_field = (
        response_of(seen, timeline, protocol, scope)
        for scope in (Scope.ALL, Scope.IN_FIELD, Scope.OUT_OF_FIELD)
    )
    return AbscopalFinding(
        course.subject,
        course.reader,
        protocol.out_of_field_set,
        timeline,
        evaluability,
        lesions,
        whole,
        in_field,
        out_of_field,
        tuple(
            call(
                each,
                evaluability=evaluability,
                timeline=timeline,
                lesions=outside,
                out_of_field=out_of_field,
                protocol=protocol,
            )
            for each in chosen(protocol)
        ),
        first_failure(seen, timeline, protocol),
        attribution_of(course, timeline, out_of_field, protocol),
        _chance(outside, timeline) if with_chance and evaluability.evaluable else NO_CHANCE,
        (*timeline.remarks, *_remarks(course, seen, protocol)),
    )


def chance_for(definition: Definition, chance: Chance, *, confirmed: bool) -> float | None:
    """The share of patients that would meet a definition by measurement error alone.

    None for disease control, which an unchanged lesion is.
    """
    if definition.asks_for_control:
        return None
    if definition.measure is Measure.SINGLE:
        return chance.single_confirmed if confirmed else chance.single
    if definition.time is Time.LANDMARK and not confirmed:
        return chance.aggregate_once
    return chance.aggregate_confirmed if confirmed else chance.aggregate


def _chance(outside: tuple[LesionChange, ...], timeline: Timeline) -> Chance:
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
