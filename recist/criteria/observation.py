"""What was seen at each time point, before any history: the part that all criteria share."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from recist.course import Course, EventKind, Lesion, Measurement, Role, Status, Timepoint
from recist.criteria.diameter import ZERO, diameter_of, is_diseased
from recist.criteria.new_lesions import COUNTS, NewLesionSight, new_lesions
from recist.protocol import Protocol
from recist.response import Response


class Observation(NamedTuple):
    """One time point.

    Attributes:
        sizes_mm: the evaluable targets and what each contributes, in the order of the record.
        total_mm: what they add up to; a lower bound when not complete.
        sum_mm: the same; None where no target was evaluable, for nothing has no size.
        complete: all targets were evaluable.
        diseased: a target that is neither gone nor a normal node.
        placeholders_mm: the part of the sum that is nominal sizes of targets too small to measure.
        missing: the targets that were not evaluable.
        non_target: the response of the non-target lesions and markers.
        deciding: the non-targets that make that response, and a marker that is still raised.
        new: the new lesions noted so far; ``new_seen``: one of them counts.
        remarks: what could not be used as recorded.
        method_changed: targets were delineated in another way at an earlier date.
    """

    day: int
    timepoint: Timepoint
    sizes_mm: tuple[tuple[str, Decimal], ...]
    total_mm: Decimal
    sum_mm: Decimal | None
    complete: bool
    diseased: bool
    placeholders_mm: Decimal
    missing: tuple[str, ...]
    non_target: Response
    deciding: tuple[str, ...]
    new: tuple[NewLesionSight, ...]
    new_seen: bool
    remarks: tuple[str, ...]
    method_changed: bool = False


class ObservedCourse(NamedTuple):
    """A course made ready for the criteria.

    Attributes:
        target_nodes: target -> is it a node.
        non_target_nodes: non-target -> is it a node.
        seen: all time points, the baseline first.
    """

    course: Course
    target_nodes: dict[str, bool]
    non_target_nodes: dict[str, bool]
    seen: tuple[Observation, ...]


# Members by a name of the module: to ask an enumeration for one takes longer than to add two sizes.
_MEASURED, _ABSENT, _TOO_SMALL = Status.MEASURED, Status.ABSENT, Status.TOO_SMALL
_PRESENT, _PROGRESSION, _MERGED = Status.PRESENT, Status.PROGRESSION, Status.MERGED
_NOT_EVALUABLE = Status.NOT_EVALUABLE
#: What can be said of a target, beside that it merged.
_OF_A_TARGET = (_MEASURED, _ABSENT, _TOO_SMALL, _NOT_EVALUABLE)
_TARGET, _NON_TARGET = Role.TARGET, Role.NON_TARGET
_CR, _NON_CR_NON_PD, _PD, _NE = Response.CR, Response.NON_CR_NON_PD, Response.PD, Response.NE

#: A named tuple from all of its values: to name them first, as its own constructor does, takes as
#: long again.
with_values = tuple.__new__

_NO_NEW: tuple[NewLesionSight, ...] = ()
_NO_REMARKS: tuple[str, ...] = ()
_NO_NAMES: tuple[str, ...] = ()
_NO_NON_TARGETS = Response.NA, _NO_NAMES

#: How a marker is named among the non-targets that decide.
RAISED_MARKER = "a raised marker"


#: The criteria are asked one after the other about the same course, which is read once. Courses
#: and protocols never change, so the same ones have the same reading.
_latest: tuple[Course, Protocol, ObservedCourse] | None = None


def read(course: Course, protocol: Protocol) -> ObservedCourse:
    """Each time point of a course, by itself."""
    global _latest  # noqa: PLW0603 - one course is held, and replaced as a whole
    latest = _latest
    if latest is None or latest[0] is not course or latest[1] is not protocol:
        latest = _latest = (course, protocol, _read(course, protocol))
    return latest[2]


def read_to_judge(course: Course, protocol: Protocol) -> ObservedCourse | None:
    """A course that the criteria have something to say of.

    None without a follow-up, and without disease at baseline where the protocol excludes it.
    """
    if len(course.timepoints) < 2:
        return None
    found = read(course, protocol)
    if protocol.no_disease == "exclude" and not (found.target_nodes or found.non_target_nodes):
        return None
    return found


def _read(course: Course, protocol: Protocol) -> ObservedCourse:
    targets, non_targets, appeared = _by_role(course)
    new = new_lesions(course, appeared, protocol) if appeared else None
    raised = _raised_markers(course) if course.events and (targets or non_targets) else None
    parts_taken = 1 if protocol.diameter_rounding == "as_recorded" else -1
    count = len(targets)
    latest_source: str | None = None
    sources = 0  # one, and one more at each change of it
    seen = []
    for k, timepoint in enumerate(course.timepoints):
        sizes: list[tuple[str, Decimal]] = []
        others = []
        total = placeholders = ZERO
        diseased = False
        remarks = _NO_REMARKS
        for measurement in timepoint.measurements:
            name = measurement.lesion_id
            if name not in targets:
                others.append(measurement)
                continue
            if measurement.source != latest_source:
                latest_source = measurement.source
                sources += 1
            parts_mm = measurement.parts_mm
            if len(parts_mm) == parts_taken:  # nearly all: spared the call
                size = parts_mm[0]
            else:
                unusual, remark = _unusual_target(measurement, timepoint, targets, protocol)
                remarks += remark
                if unusual is None:
                    continue
                size = unusual
                if measurement.status is _TOO_SMALL:
                    placeholders += size
            sizes.append((name, size))
            total += size
            if not diseased:
                diseased = is_diseased(size, is_node=targets[name])
        non_target, deciding = _NO_NON_TARGETS
        is_raised = raised is not None and raised[k]
        if non_targets or is_raised:
            non_target, deciding = _non_targets_at(
                others, non_targets, protocol, is_raised=is_raised
            )
        complete = len(sizes) == count
        news, new_seen = _NO_NEW, False
        if new is not None and new[k]:
            news = new[k]
            new_seen = not COUNTS.isdisjoint([lesion.sight for lesion in news])
        seen.append(
            with_values(
                Observation,
                (
                    timepoint.day,
                    timepoint,
                    tuple(sizes),
                    total,
                    total if sizes else None,
                    complete,
                    diseased,
                    placeholders,
                    _NO_NAMES if complete else _without(targets, dict(sizes)),
                    non_target,
                    deciding,
                    news,
                    new_seen,
                    remarks,
                    False,
                ),
            )
        )
    if sources > 1:
        seen = _with_method_changes(seen, course, targets)
    return ObservedCourse(course, targets, non_targets, tuple(seen))


def _with_method_changes(
    seen: Sequence[Observation], course: Course, targets: Container[str]
) -> list[Observation]:
    """What was seen, and where targets were delineated otherwise than before."""
    changed = _method_changes(course, targets)
    return [
        each._replace(remarks=(*each.remarks, changed[k]), method_changed=True)
        if k in changed
        else each
        for k, each in enumerate(seen)
    ]


def _method_changes(course: Course, targets: Container[str]) -> dict[int, str]:
    """A remark for each time point whose targets were delineated otherwise than before.

    A network and a reader draw the same lesion differently, so a change between their contours may
    be one of the method and not of the disease.
    """
    by_day: dict[int, frozenset[str]] = {}
    found = {}
    for k, timepoint in enumerate(course.timepoints):
        sources = frozenset(
            each.source
            for each in timepoint.measurements
            if each.status is _MEASURED and each.lesion_id in targets
        )
        others = {day: known - sources for day, known in by_day.items() if known - sources}
        if sources and others:
            days = ", ".join(str(day) for day in others)
            names = ", ".join(
                sorted({name or "not named" for each in others.values() for name in each})
            )
            here = ", ".join(sorted(name or "not named" for name in sources))
            found[k] = (
                f"method of delineation changed: {here} here, {names} on day {days}; changes "
                "between these dates are unreliable"
            )
        if sources:
            by_day[timepoint.day] = sources
    return found


def _by_role(course: Course) -> tuple[dict[str, bool], dict[str, bool], list[Lesion]]:
    """Targets and non-targets, each with whether it is a node, and the new lesions."""
    targets: dict[str, bool] = {}
    non_targets: dict[str, bool] = {}
    appeared = []
    for lesion in course.lesions:
        if lesion.role is _TARGET:
            targets[lesion.id] = lesion.is_node
        elif lesion.role is _NON_TARGET:
            non_targets[lesion.id] = lesion.is_node
        else:
            appeared.append(lesion)
    return targets, non_targets, appeared


def _non_targets_at(
    measurements: Iterable[Measurement],
    non_targets: dict[str, bool],
    protocol: Protocol,
    *,
    is_raised: bool,
) -> tuple[Response, tuple[str, ...]]:
    """Eisenhauer 2009, section 4.3.3, with markers only against a complete response.

    Returns:
        The response of the non-targets, and what makes it, by name.
    """
    present: list[str] = []
    progressed: list[str] = []
    gone: list[str] = []
    for measurement in measurements:
        name = measurement.lesion_id
        if name not in non_targets:
            continue
        status = measurement.status
        if status is _PRESENT:
            present.append(name)
        elif status is _PROGRESSION:
            progressed.append(name)
        elif status is not _NOT_EVALUABLE:
            is_present = _is_present(measurement, protocol, is_node=non_targets[name])
            (present if is_present else gone).append(name)
    if progressed:
        return _PD, tuple(progressed)
    if len(present) + len(gone) < len(non_targets):
        return _NE, _without(non_targets, {*present, *gone})
    if is_raised:
        return _NON_CR_NON_PD, (*present, RAISED_MARKER)
    if present:
        return _NON_CR_NON_PD, tuple(present)
    return _CR, ()


def _without(lesions: Iterable[str], known: Container[str]) -> tuple[str, ...]:
    return tuple(name for name in lesions if name not in known)


def _is_present(measurement: Measurement, protocol: Protocol, *, is_node: bool) -> bool:
    """Whether a non-target that was examined is still there."""
    if measurement.status is _MERGED:
        return False  # it lives on in the lesion it merged into, which is judged itself
    size_mm = diameter_of(measurement, protocol, is_node=is_node)
    return size_mm is None or is_diseased(size_mm, is_node=is_node)


def _unusual_target(
    measurement: Measurement,
    timepoint: Timepoint,
    targets: dict[str, bool],
    protocol: Protocol,
) -> tuple[Decimal | None, tuple[str, ...]]:
    """Fragments, rounding, merged lesions, and statuses that give a target no size."""
    name, status = measurement.lesion_id, measurement.status
    is_node = targets[name]
    if status is _MERGED:
        host = _host(measurement, timepoint)
        if host in targets:
            return ZERO, ()
        what = "in a circle" if host is None else f"into {host}, which is no target"
        return None, (f"target {name} merged {what}: not evaluable",)
    remark: tuple[str, ...] = ()
    if is_node and len(measurement.parts_mm) > 1:
        remark = (
            f"node {name} in {len(measurement.parts_mm)} fragments: the paper covers only "
            f"fragments of other lesions (node_fragments = {protocol.node_fragments})",
        )
    elif status not in _OF_A_TARGET:
        remark = (f"target {name} is {status} without a diameter: not evaluable",)
    return diameter_of(measurement, protocol, is_node=is_node), remark


def _host(measurement: Measurement, timepoint: Timepoint) -> str | None:
    """The lesion that a chain of merged lesions ends in; None for a circle."""
    into = {m.lesion_id: m.merged_into for m in timepoint.measurements}
    passed: set[str] = set()
    name: str = measurement.lesion_id
    while (following := into.get(name)) is not None:
        passed.add(name)
        if following in passed:
            return None
        name = following
    return name


def _raised_markers(course: Course) -> list[bool] | None:
    """For each time point, whether markers raised at baseline are still raised.

    Markers count only against a complete response and only when raised at baseline (Eisenhauer
    2009, section 4.3.3).
    """
    marked = sorted(
        (event.day, event.kind is EventKind.MARKERS_RAISED)
        for event in course.events
        if event.kind in (EventKind.MARKERS_RAISED, EventKind.MARKERS_NORMAL)
    )
    if not marked or not course.timepoints:
        return None

    def raised_on(day: int) -> bool:
        return next((raised for when, raised in reversed(marked) if when <= day), False)

    if not raised_on(course.timepoints[0].day):
        return None
    return [raised_on(timepoint.day) for timepoint in course.timepoints]
