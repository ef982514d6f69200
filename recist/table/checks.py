"""Checks on a course and its responses: what a data manager would ask about.

Levels: see :class:`recist.table.finding.Severity`. A check never changes an answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

from recist.assessment import by_either_set
from recist.course import Course, EventKind, Field, Lesion, Measurement, Role, Status
from recist.criteria.diameter import has_grown
from recist.criteria.selection import least_measurable_mm
from recist.criteria.target_limits import MOST_PER_ORGAN, MOST_TARGETS, organ_of
from recist.criteria.thresholds import GUIDE_VOLUME_FACTOR, MEASURABLE_MM
from recist.endpoints.origin import recorded_start, remarks_on_start
from recist.protocol import DEFAULT, Protocol
from recist.response import Assessment, Response
from recist.table.entry import Record
from recist.table.finding import Finding, Severity

#: A lesion that changes by this factor between two visits is more often a typing error.
IMPLAUSIBLE_FACTOR = 8
#: A gap between visits that is more often a wrong year.
IMPLAUSIBLE_GAP_DAYS = 3 * 365
#: What happens once.
ONCE = (EventKind.DEATH, EventKind.RANDOMISATION, EventKind.TREATMENT_START)
#: By how much a recorded sum may differ from ours: it was rounded.
SUM_TOLERANCE_MM = Decimal("0.1")

#: Looked up once: Python finds a member of an enumeration slowly.
_TARGET, _NON_TARGET, _PARTIAL = Role.TARGET, Role.NON_TARGET, Field.PARTIAL
_DISEASE = (Response.PR, Response.SD, Response.NON_CR_NON_PD, Response.PD)


def check_course(
    course: Course,
    records: Sequence[Record],
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
    targets = _targets_at_baseline(course)
    found = [*_order(course, records), *_gaps(course), *_jumps(course, place)]
    found += _start(course, protocol, has_events=has_events)
    found += _non_target_growth(course, place)
    found += _neither_side(course, protocol)
    if course.events:
        follow_up = [timepoint.day for timepoint in course.timepoints[1:]]
        found += against_events(course, follow_up, protocol)
    if targets:
        unit = list(_unit(course, targets, place))
        found += unit or _measurability(targets, records, place, protocol)
        found += _selection(targets, place)
        found += _baseline_parts(targets, place)
    found += _sums(course, records)
    return found


Targets = list[tuple[Lesion, Measurement]]


class _Place:
    """Finds the row of a lesion, for the findings that need it."""

    def __init__(self, course: Course, records: Sequence[Record]) -> None:
        self._course = course
        self._records = records
        self.baseline = course.timepoints[0].day if course.timepoints else 0

    def finding(
        self, level: Severity, code: str, place: tuple[int, str], what: str, remedy: str
    ) -> Finding:
        day, lesion = place
        zero = self._course.day_zero
        when = day if zero is None else day + zero.toordinal()
        rows = (r.row for r in self._records if r.when == when and r.lesion == lesion)
        return Finding(level, code, self._course.subject, next(rows, None), what, remedy)


def _targets_at_baseline(course: Course) -> Targets:
    if not course.timepoints:
        return []
    seen = {m.lesion_id: m for m in course.timepoints[0].measurements}
    return [
        (lesion, seen[lesion.id])
        for lesion in course.lesions
        if lesion.role is _TARGET and lesion.id in seen
    ]


def _selection(targets: Targets, at: _Place) -> Iterable[Finding]:
    most, per_organ = MOST_TARGETS, MOST_PER_ORGAN
    if len(targets) <= per_organ:
        return
    remedy = "all are summed; make the others non-target"
    if len(targets) > most:
        what = f"{len(targets)} target lesions, {most} at most"
        place = (at.baseline, targets[most][0].id)
        yield at.finding(Severity.WARNING, "too-many-targets", place, what, remedy)
    organs = [organ_of(lesion.organ, is_node=lesion.is_node) for lesion, _ in targets]
    counts = Counter(organs)
    for organ, count in counts.items():
        if count > per_organ:
            there = [each for each, of in zip(targets, organs, strict=True) if of == organ]
            last = there[per_organ][0].id
            what = f"{count} targets in {organ or 'an unnamed organ'}, {per_organ} at most"
            place = (at.baseline, last)
            yield at.finding(Severity.WARNING, "too-many-in-organ", place, what, remedy)


def _measurability(
    targets: Targets, records: Sequence[Record], at: _Place, protocol: Protocol
) -> Iterable[Finding]:
    thickness_mm = _thickness_mm(records)
    for lesion, measurement in targets:
        diameter = measurement.diameter_mm
        least = least_measurable_mm(thickness_mm.get(lesion.id), protocol, is_node=lesion.is_node)
        if diameter is not None and diameter >= least:
            continue
        place = (at.baseline, lesion.id)
        if diameter is None:
            what = f"target {lesion.id} is {measurement.status} at the baseline"
            remedy = "a target is measured at the baseline: give its diameter or make it non-target"
            yield at.finding(Severity.WARNING, "unmeasured-target", place, what, remedy)
        elif lesion.is_node:
            what = f"node {lesion.id} of {diameter} mm is a target"
            remedy = f"a target node has a short axis of {least} mm or more: make it non-target"
            yield at.finding(Severity.WARNING, "small-node", place, what, remedy)
        else:
            what = f"target {lesion.id} of {diameter} mm is under the limit of {least} mm"
            remedy = "make it non-target"
            yield at.finding(Severity.WARNING, "not-measurable", place, what, remedy)


def _thickness_mm(records: Sequence[Record]) -> dict[str, Decimal | None]:
    """The thickness of the slices by lesion, as its first row says."""
    if {record.entry.slice_thickness_mm for record in records} <= {None}:
        return {}
    return {record.lesion: record.entry.slice_thickness_mm for record in reversed(records)}


def _unit(course: Course, targets: Targets, at: _Place) -> Iterable[Finding]:
    at_baseline = [seen.diameter_mm for _, seen in targets if seen.diameter_mm]
    if not at_baseline or max(at_baseline) >= MEASURABLE_MM:
        return
    largest = max(
        measurement.diameter_mm or Decimal(0)
        for timepoint in course.timepoints
        for measurement in timepoint.measurements
    )
    if largest < 3 * MEASURABLE_MM:
        what = (
            f"all targets are under {MEASURABLE_MM} mm at the baseline (up to {max(at_baseline)})"
        )
        remedy = "this looks like cm: give diameters in mm"
        place = (at.baseline, targets[0][0].id)
        yield at.finding(Severity.WARNING, "looks-like-cm", place, what, remedy)


def _baseline_parts(targets: Targets, at: _Place) -> Iterable[Finding]:
    for lesion, measurement in targets:
        if len(measurement.parts_mm) > 1:
            what = f"target {lesion.id} has {len(measurement.parts_mm)} diameters at the baseline"
            remedy = "summed as fragments; are these two lesions, or one row too many?"
            place = (at.baseline, lesion.id)
            yield at.finding(Severity.WARNING, "parts-at-baseline", place, what, remedy)


def _order(course: Course, records: Sequence[Record]) -> Iterable[Finding]:
    """Rows of one lesion that go back in time."""
    days = [record.when for record in records]
    if days == sorted(days):
        return
    last: dict[str, Record] = {}
    for record in records:
        previous = last.get(record.lesion)
        if previous is not None and record.when < previous.when:
            what = f"lesion {record.lesion}: this row is earlier than row {previous.row}"
            remedy = "taken in the order of dates; is the date right?"
            yield Finding(
                Severity.WARNING, "dates-out-of-order", course.subject, record.row, what, remedy
            )
        last[record.lesion] = record


def against_events(
    course: Course, follow_up: Sequence[int], protocol: Protocol
) -> Iterable[Finding]:
    """A baseline after the start, follow-up before it or after death; follow-up in order."""

    def finding(code: str, what: str, remedy: str) -> Finding:
        return Finding(Severity.WARNING, code, course.subject, None, what, remedy)

    for remark in remarks_on_start(course, protocol):
        remedy = "is the date right? treatment of an earlier line is a previous-line-start"
        yield finding("baseline-after-start", remark, remedy)
    first_scan = course.timepoints[0].day if course.timepoints else None
    events = [(event.day, event.kind) for event in course.events]
    start = recorded_start(events, first_scan, protocol)
    if start is not None and follow_up and follow_up[0] < start:
        what = f"follow-up on day {follow_up[0]}, before the start on day {start}"
        remedy = "the first date is the baseline: leave out scans before the last one of screening"
        yield finding("before-start", what, remedy)
    for kind in ONCE:
        days = sorted({event.day for event in course.events if event.kind is kind})
        if len(days) > 1:
            what = f"{len(days)} dates of {kind}: days {', '.join(map(str, days))}"
            yield finding("event-again", what, "the first counts: leave out the others")
    death = course.first_day_of(EventKind.DEATH)
    if death is not None and follow_up and death < follow_up[-1]:
        what = f"death on day {death}, a visit on day {follow_up[-1]}"
        yield finding("after-death", what, "correct the one date or the other")


def _start(course: Course, protocol: Protocol, *, has_events: bool) -> Iterable[Finding]:
    """A baseline that is too old, or a start that is not known."""
    if protocol.origin == "baseline" or not course.timepoints:
        return
    baseline = course.timepoints[0].day
    start = None
    if course.events:
        start = course.first_day_of(EventKind.TREATMENT_START)
        if start is None:
            events = [(event.day, event.kind) for event in course.events]
            start = recorded_start(events, baseline, protocol)
    if start is None and course.day_zero is not None:
        what = "no start of treatment and no randomisation among the events"
        remedy = "durations run from the baseline scan: give a table of events"
        named = course.subject if has_events else ""  # of the whole table
        yield Finding(Severity.WARNING, "no-start", named, None, what, remedy)
        return
    age, most = (start or 0) - baseline, protocol.baseline_days
    if age > most:
        what = f"baseline {age} days before the start of treatment, {most} at most"
        remedy = "is there a later scan? the limit is the setting baseline_days"
        yield Finding(Severity.WARNING, "old-baseline", course.subject, None, what, remedy)


def _non_target_growth(course: Course, at: _Place) -> Iterable[Finding]:
    """Non-targets that grew as much as targets in progression, and are not called progression."""
    names = [lesion.id for lesion in course.lesions if lesion.role is _NON_TARGET]
    if not names:
        return
    least: dict[str, Decimal] = {}
    told: set[str] = set()
    for timepoint in course.timepoints:
        for seen in timepoint.measurements:
            size = seen.diameter_mm
            if not size or seen.lesion_id not in names:
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


def _gaps(course: Course) -> Iterable[Finding]:
    days = [timepoint.day for timepoint in course.timepoints]
    for earlier, later in pairwise(days):
        if later - earlier > IMPLAUSIBLE_GAP_DAYS:
            what = f"{later - earlier} days between two visits (to day {later})"
            remedy = "is the year right?"
            yield Finding(Severity.CHECK, "long-gap", course.subject, None, what, remedy)


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


def _sums(course: Course, records: Sequence[Record]) -> Iterable[Finding]:
    """Recorded sums that are not the sums of the recorded target diameters."""
    recorded = {
        record.when: (record.row, sum_mm)
        for record in records
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
        if assessment.overall is Response.CR:
            complete = complete or assessment
        elif complete is not None and assessment.overall in _DISEASE:
            what = (
                f"complete response on day {complete.day}, {assessment.overall} on day "
                f"{assessment.day}"
            )
            remedy = "was the complete response right? look at both visits again"
            return [Finding(Severity.CHECK, "less-after-cr", subject, None, what, remedy)]
    return []
