"""Checks on a course and its responses: what a data manager would ask about.

Levels: see :class:`recist.table.finding.Severity`. A check never changes an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import starmap

from recist.assessment import by_either_set
from recist.course import Course, Field, Lesion, Measurement, Role, Status
from recist.criteria.diameter import has_grown
from recist.criteria.selection import least_measurable_mm
from recist.criteria.target_limits import MOST_PER_ORGAN, MOST_TARGETS, organ_of
from recist.criteria.thresholds import GUIDE_VOLUME_FACTOR, MEASURABLE_MM
from recist.protocol import DEFAULT, Protocol
from recist.response import Assessment, Response
from recist.table.date_checks import (
    against_events,
    dates_out_of_order,
    doubtful_start,
    long_gaps,
)
from recist.table.entry import Record, Row
from recist.table.finding import Finding, Severity

#: A lesion that changes by this factor between two visits is more often a typing error.
IMPLAUSIBLE_FACTOR = 8
#: By how much a recorded sum may differ from ours: it was rounded.
SUM_TOLERANCE_MM = Decimal("0.1")

#: Looked up once: Python finds a member of an enumeration slowly.
_TARGET, _NON_TARGET = Role.TARGET, Role.NON_TARGET
_PARTIAL, _UNKNOWN = Field.PARTIAL, Field.UNKNOWN
_CR = Response.CR
_DISEASE = (Response.PR, Response.SD, Response.NON_CR_NON_PD, Response.PD)


def check_course(
    course: Course,
    records: Sequence[Row],
    protocol: Protocol = DEFAULT,
    *,
    has_events: bool = True,
) -> list[Finding]:
    """All checks on what was recorded of one subject by one reader.

    Args:
        records: of this reader, in the order of the file.
        has_events: whether there is a table of events at all.
    """
    place = _Place(course, records)
    found: list[Finding] = []
    rows = _Rows(records)
    if not rows.are_in_order:
        found += dates_out_of_order(course, records)
    long_gaps(course, found)
    if _varies(course):
        found += _jumps(course, place)
    found += doubtful_start(course, protocol, has_events=has_events)
    targets, others, have_field = _lesions(course)
    if others:
        found += _non_target_growth(course, others, place)
    if have_field:
        found += _neither_side(course, protocol)
    if course.events:
        follow_up = [timepoint.day for timepoint in course.timepoints[1:]]
        found += against_events(course, follow_up, protocol)
    if targets:
        unit = _unit(course, targets, place)
        if unit is None:
            _measurability(targets, rows.thickness_mm, place, protocol, found)
        else:
            found.append(unit)
        if len(targets) > MOST_PER_ORGAN:
            found += _selection(targets, place)
        _baseline_parts(targets, place, found)
    if rows.have_sums:
        found += _sums(course, records)
    return found


Targets = list[tuple[Lesion, Measurement]]


class _Rows:
    """What is seen of the rows of a course in one pass.

    Attributes:
        are_in_order: none is earlier than the one above it.
        thickness_mm: of the slices by lesion, as its first row says; empty where no row says it.
        have_sums: a row holds a recorded sum.
    """

    __slots__ = ("are_in_order", "have_sums", "thickness_mm")

    def __init__(self, records: Sequence[Row]) -> None:
        self.are_in_order, self.have_sums = True, False
        self.thickness_mm: dict[str, Decimal | None] = {}
        has_thickness = False
        above = records[0][0] if records else 0
        for when, _, _, entry, _ in records:
            if when < above:
                self.are_in_order = False
            above = when
            if entry.sum_mm is not None:
                self.have_sums = True
            if entry.slice_thickness_mm is not None:
                has_thickness = True
        if has_thickness:
            self.thickness_mm = {
                name: entry.slice_thickness_mm for _, name, _, entry, _ in reversed(records)
            }


class _Place:
    """Finds the row of a lesion, for the findings that need it."""

    def __init__(self, course: Course, records: Sequence[Row]) -> None:
        self._course = course
        self._records = records
        self.baseline = course.timepoints[0].day if course.timepoints else 0

    def finding(
        self, level: Severity, code: str, place: tuple[int, str], what: str, remedy: str
    ) -> Finding:
        day, lesion = place
        zero = self._course.day_zero
        when = day if zero is None else day + zero.toordinal()
        own = starmap(Record, self._records)
        rows = (r.row for r in own if r.when == when and r.lesion == lesion)
        return Finding(level, code, self._course.subject, next(rows, None), what, remedy)


def _lesions(course: Course) -> tuple[Targets, set[str], bool]:
    """The targets seen at the baseline, the names of non-targets, and if a field is known."""
    targets: Targets = []
    others: set[str] = set()
    have_field = False
    at_baseline = course.timepoints[0].measurements if course.timepoints else ()
    seen = {each.lesion_id: each for each in at_baseline}
    for lesion in course.lesions:
        name, role = lesion.id, lesion.role
        if role is _TARGET:
            if name in seen:
                targets.append((lesion, seen[name]))
        elif role is _NON_TARGET:
            others.add(name)
        if lesion.field is not _UNKNOWN:
            have_field = True
    return targets, others, have_field


def _selection(targets: Targets, at: _Place) -> Iterable[Finding]:
    most, per_organ = MOST_TARGETS, MOST_PER_ORGAN
    remedy = "all are summed; make the others non-target"
    if len(targets) > most:
        what = f"{len(targets)} target lesions, {most} at most"
        place = (at.baseline, targets[most][0].id)
        yield at.finding(Severity.WARNING, "too-many-targets", place, what, remedy)
    organs = [organ_of(lesion.organ, is_node=lesion.is_node) for lesion, _ in targets]
    for organ in dict.fromkeys(organs):
        count = organs.count(organ)
        if count > per_organ:
            there = [each for each, of in zip(targets, organs, strict=True) if of == organ]
            last = there[per_organ][0].id
            what = f"{count} targets in {organ or 'an unnamed organ'}, {per_organ} at most"
            place = (at.baseline, last)
            yield at.finding(Severity.WARNING, "too-many-in-organ", place, what, remedy)


def _measurability(
    targets: Targets,
    thickness_mm: Mapping[str, Decimal | None],
    at: _Place,
    protocol: Protocol,
    found: list[Finding],
) -> None:
    for lesion, measurement in targets:
        diameter = measurement.diameter_mm
        thickness = thickness_mm.get(lesion.id) if thickness_mm else None
        least = least_measurable_mm(thickness, protocol, is_node=lesion.is_node)
        if diameter is not None and diameter >= least:
            continue
        if diameter is None:
            code = "unmeasured-target"
            what = f"target {lesion.id} is {measurement.status} at the baseline"
            remedy = "a target is measured at the baseline: give its diameter or make it non-target"
        elif lesion.is_node:
            code = "small-node"
            what = f"node {lesion.id} of {diameter} mm is a target"
            remedy = f"a target node has a short axis of {least} mm or more: make it non-target"
        else:
            code = "not-measurable"
            what = f"target {lesion.id} of {diameter} mm is under the limit of {least} mm"
            remedy = "make it non-target"
        place = (at.baseline, lesion.id)
        found.append(at.finding(Severity.WARNING, code, place, what, remedy))


def _unit(course: Course, targets: Targets, at: _Place) -> Finding | None:
    largest = Decimal(0)
    for _, seen in targets:
        size = seen.diameter_mm or largest
        if size >= MEASURABLE_MM:
            return None
        largest = max(largest, size)
    if not largest:
        return None
    ever = max(
        measurement.diameter_mm or Decimal(0)
        for timepoint in course.timepoints
        for measurement in timepoint.measurements
    )
    if ever >= 3 * MEASURABLE_MM:
        return None
    what = f"all targets are under {MEASURABLE_MM} mm at the baseline (up to {largest})"
    remedy = "this looks like cm: give diameters in mm"
    place = (at.baseline, targets[0][0].id)
    return at.finding(Severity.WARNING, "looks-like-cm", place, what, remedy)


def _baseline_parts(targets: Targets, at: _Place, found: list[Finding]) -> None:
    for lesion, measurement in targets:
        if len(measurement.parts_mm) > 1:
            what = f"target {lesion.id} has {len(measurement.parts_mm)} diameters at the baseline"
            remedy = "summed as fragments; are these two lesions, or one row too many?"
            place = (at.baseline, lesion.id)
            found.append(at.finding(Severity.WARNING, "parts-at-baseline", place, what, remedy))


def _non_target_growth(course: Course, names: set[str], at: _Place) -> Iterable[Finding]:
    """Non-targets that grew as much as targets in progression, and are not called progression."""
    least: dict[str, Decimal] = {}
    told: set[str] = set()
    for timepoint in course.timepoints:
        for seen in timepoint.measurements:
            size = seen.diameter_mm
            if seen.lesion_id not in names or not size:
                continue
            smallest = least.setdefault(seen.lesion_id, size)
            least[seen.lesion_id] = min(size, smallest)
            if seen.lesion_id in told or not has_grown(size, smallest):
                continue
            told.add(seen.lesion_id)
            factor = (size / smallest) ** 3
            what = (
                f"non-target {seen.lesion_id} grew from {smallest} to {size} mm (volume x"
                f"{factor:.3g}; x{GUIDE_VOLUME_FACTOR} is the guide)"
            )
            remedy = "unequivocal progression? if so, write the status progression"
            place = (timepoint.day, seen.lesion_id)
            yield at.finding(Severity.CHECK, "non-target-growth", place, what, remedy)


def _neither_side(course: Course, protocol: Protocol) -> Iterable[Finding]:
    """Lesions that count neither in the field nor outside of it."""
    low = by_either_set(course, protocol)
    partial = [lesion.field for lesion in course.lesions].count(_PARTIAL)
    if low:
        remedy = "out_of_field_set = strict counts them on neither side, pragmatic outside"
        yield Finding(Severity.CHECK, "low-dose-lesions", course.subject, None, low, remedy)
    if partial:
        what = f"{partial} partly irradiated lesion(s) count neither in the field nor outside of it"
        remedy = "they are in the answers on all lesions only"
        yield Finding(Severity.CHECK, "partial-lesions", course.subject, None, what, remedy)


def _varies(course: Course) -> bool:
    """Whether the largest of all diameters is as much larger than the smallest as one lesion's may
    not become: without, no lesion has changed as much as :func:`_jumps` asks about.
    """
    sizes = [
        seen.diameter_mm
        for timepoint in course.timepoints
        for seen in timepoint.measurements
        if seen.diameter_mm
    ]
    return bool(sizes) and max(sizes) >= IMPLAUSIBLE_FACTOR * min(sizes)


def _jumps(course: Course, at: _Place) -> Iterable[Finding]:
    """A lesion that changes tenfold between visits: a slipped decimal point, or cm."""
    last: dict[str, tuple[Decimal, Decimal]] = {}
    for timepoint in course.timepoints:
        for measurement in timepoint.measurements:
            diameter = measurement.diameter_mm
            if not diameter:
                continue
            lesion, implausible = measurement.lesion_id, IMPLAUSIBLE_FACTOR * diameter
            before = last.get(lesion)
            last[lesion] = diameter, implausible
            if before is None:
                continue
            previous, most = before
            if diameter < most and previous < implausible:
                continue
            what = f"lesion {lesion}: {previous} mm, then {diameter} mm"
            remedy = "is the decimal point right, and the unit mm?"
            yield at.finding(Severity.CHECK, "jump", (timepoint.day, lesion), what, remedy)


def _sums(course: Course, records: Sequence[Row]) -> Iterable[Finding]:
    """Recorded sums that are not the sums of the recorded target diameters."""
    recorded = {
        record.when: (record.row, sum_mm)
        for record in starmap(Record, records)
        if (sum_mm := record.entry.sum_mm) is not None
    }
    if not recorded:
        return
    zero = 0 if course.day_zero is None else course.day_zero.toordinal()
    targets = {lesion.id for lesion in course.lesions if lesion.role is Role.TARGET}
    for timepoint in course.timepoints:
        if timepoint.day + zero not in recorded:
            continue
        row, sum_mm = recorded[timepoint.day + zero]
        seen = [m for m in timepoint.measurements if m.lesion_id in targets]
        plain = all(m.status in (Status.MEASURED, Status.ABSENT) for m in seen)
        if not plain or len(seen) < len(targets):
            continue
        total = sum((m.diameter_mm or Decimal(0) for m in seen), Decimal(0))
        if abs(total - sum_mm) > SUM_TOLERANCE_MM:
            what = f"sum recorded as {sum_mm} mm, the targets add up to {total} mm"
            remedy = "the diameters are used; correct them or the sum"
            yield Finding(Severity.WARNING, "sum", course.subject, row, what, remedy)


def check_responses(subject: str, assessments: Sequence[Assessment]) -> list[Finding]:
    """Checks on the answers: disease after a complete response."""
    complete: Assessment | None = None
    for assessment in assessments:
        if assessment.overall is _CR:
            complete = complete or assessment
        elif complete is not None and assessment.overall in _DISEASE:
            what = (
                f"complete response on day {complete.day}, {assessment.overall} on day "
                f"{assessment.day}"
            )
            remedy = "was the complete response right? look at both visits again"
            return [Finding(Severity.CHECK, "less-after-cr", subject, None, what, remedy)]
    return []
