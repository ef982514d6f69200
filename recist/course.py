"""The course of a patient: lesions, and what was seen of each at every time point.

A :class:`Course` is valid once constructed: days rise, every measurement names a known lesion, and
diameters are exact decimals as recorded. Days are whole days from ``day_zero`` (treatment start
where it is known, otherwise the baseline); a course recorded in days only has no ``day_zero``.

Built by hand, each type takes what can mean one thing only and refuses the rest (see
:mod:`recist.recorded`): ``Lesion("L1", "liver", False, "target")``,
``Measurement("L1", "measured", 30.5)``.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from recist import recorded
from recist.recorded import Word

CourseError = recorded.CourseError

Point3 = tuple[float, float, float]

#: No lesion in a human is longer; a larger number is a wrong unit or a typing error.
LARGEST_DIAMETER_MM = Decimal(2000)


class Role(Word):
    TARGET = "target"
    NON_TARGET = "non-target"
    NEW = "new"


class Field(Word):
    """Where a lesion lies with respect to the irradiated field."""

    IN = "in"
    PARTIAL = "partial"
    LOW_DOSE = "low-dose"
    OUT = "out"
    UNKNOWN = "unknown"


class Status(Word):
    """What was seen of a lesion at a time point (column ``status`` of the tables)."""

    MEASURED = "measured"
    ABSENT = "absent"
    TOO_SMALL = "too-small"
    NOT_EVALUABLE = "not-evaluable"
    MERGED = "merged"
    PRESENT = "present"
    INCREASED = "increased"  # worse, but not unequivocally
    PROGRESSION = "progression"  # unequivocal
    DECREASED = "decreased"  # better than at the last time point, and still there
    EQUIVOCAL = "equivocal"  # a new lesion that may not be one


class EventKind(Word):
    TREATMENT_START = "treatment-start"
    RANDOMISATION = "randomisation"
    RADIOTHERAPY_START = "radiotherapy-start"
    RADIOTHERAPY_END = "radiotherapy-end"
    NEW_THERAPY = "new-therapy"
    DEATH = "death"
    LAST_ALIVE = "last-alive"
    MARKERS_RAISED = "markers-raised"
    MARKERS_NORMAL = "markers-normal"
    PREVIOUS_LINE_START = "previous-line-start"
    PREVIOUS_LINE_PROGRESSION = "previous-line-progression"
    PROGRESSION = "progression"  # called elsewhere: adjudicated, or claimed without images
    BASELINE_SCAN = "baseline-scan"  # beside a table of responses, which begins after it
    NEW_SYMPTOM = "new-symptom"  # the reason of an unscheduled scan


@dataclass(frozen=True, slots=True)
class Event:
    day: int
    kind: EventKind
    note: str = ""

    def __post_init__(self) -> None:
        if type(self.day) is not int:
            _set(self, "day", recorded.whole(self.day, "the day of an event"))
        if type(self.kind) is not EventKind:
            _set(self, "kind", EventKind(self.kind))


@dataclass(frozen=True, slots=True)
class Lesion:
    """One lesion of the patient, the same at every date.

    Attributes:
        id: identifier within the subject.
        organ: free text; all nodes count as one organ.
        is_node: measured by its short axis.
        tracking_uid: DICOM Tracking UID, one per lesion over SEG, SR and tables.
    """

    id: str
    organ: str
    is_node: bool
    role: Role
    field: Field = Field.UNKNOWN
    tracking_uid: str = ""

    def __post_init__(self) -> None:
        if type(self.id) is not str or not self.id:
            _set(self, "id", recorded.name(self.id, "the identifier of a lesion"))
        where = f"lesion {self.id}"
        if type(self.organ) is not str:
            _set(self, "organ", recorded.name(self.organ, f"{where}: organ"))
        _set(self, "is_node", recorded.truth(self.is_node, f"{where}: is_node"))
        if type(self.role) is not Role:
            _set(self, "role", Role(self.role))
        if type(self.field) is not Field:
            _set(self, "field", Field(self.field))


@dataclass(frozen=True, slots=True)
class Axis:
    """A straight line between two points in LPS mm."""

    start_mm: Point3
    end_mm: Point3

    @property
    def length_mm(self) -> float:
        return math.dist(self.start_mm, self.end_mm)

    @property
    def middle_mm(self) -> Point3:
        x, y, z = ((a + b) / 2 for a, b in zip(self.start_mm, self.end_mm, strict=True))
        return x, y, z


@dataclass(frozen=True, slots=True)
class Caliper:
    """The two diameters drawn on an image, with the slice that carries them."""

    long_axis: Axis
    short_axis: Axis
    long_axis_mm: Decimal
    short_axis_mm: Decimal
    slice_index: int
    sop_instance_uid: str = ""


class Review(Word):
    """Whether a person stands for a measurement."""

    REVIEWED = "reviewed"
    UNREVIEWED = "unreviewed"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was seen of one lesion at one time point.

    Attributes:
        parts_mm: the recorded diameter; several for a lesion that fell into fragments. Longest
            diameter, or short axis of a node. Empty unless the lesion was measured.
        merged_into: the lesion that this one merged into.
        source: who drew it: reader, file, or model and version.
        review: None where nothing is known of it.
        confidence: 0..1, of what was proposed without a reader; None where nothing was.
        doubts: what a reader should look at.
        interval_mm: the 95 % interval of the diameter, where the outline tells it.
        diameter_mm: the recorded diameter; the sum over the fragments; None when not measured.
    """

    lesion_id: str
    status: Status
    parts_mm: tuple[Decimal, ...] = ()
    merged_into: str | None = None
    caliper: Caliper | None = None
    volume_ml: float | None = None
    suv_max: float | None = None
    suv_mean: float | None = None
    suv_peak: float | None = None
    source: str = ""
    review: Review | None = None
    confidence: float | None = None
    doubts: tuple[str, ...] = ()
    interval_mm: tuple[Decimal, Decimal] | None = None
    diameter_mm: Decimal | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._convert()
        _set(self, "diameter_mm", sum(self.parts_mm, Decimal(0)) if self.parts_mm else None)
        if (self.status is _MEASURED) != bool(self.parts_mm):
            raise CourseError(
                f"lesion {self.lesion_id}: status {self.status} with diameters "
                f"{[str(part) for part in self.parts_mm]}",
                remedy="a measured lesion has a diameter, no other has",
            )
        for part in self.parts_mm:
            if not part.is_finite() or not 0 <= part <= LARGEST_DIAMETER_MM:
                raise CourseError(f"lesion {self.lesion_id}: a diameter of {part} mm")
        if (self.status is _MERGED) != (self.merged_into is not None):
            raise CourseError(
                f"lesion {self.lesion_id}: status {self.status}, merged into {self.merged_into}",
                remedy="a merged lesion names the lesion it merged into, no other does",
            )

    def _convert(self) -> None:
        """What can mean one thing only, to the types of this class."""
        if type(self.lesion_id) is not str or not self.lesion_id:
            _set(self, "lesion_id", recorded.name(self.lesion_id, "the lesion of a measurement"))
        if type(self.status) is not Status:
            _set(self, "status", Status(self.status))
        parts: Any = self.parts_mm
        if type(parts) is not tuple or (parts and {*map(type, parts)} != {Decimal}):
            if isinstance(parts, str) or not isinstance(parts, Iterable):
                parts = () if parts is None else (parts,)
            what = f"lesion {self.lesion_id}: a diameter"
            _set(self, "parts_mm", tuple(recorded.decimal(part, what) for part in parts))
        if self.merged_into is not None and type(self.merged_into) is not str:
            _set(self, "merged_into", recorded.name(self.merged_into, "merged_into"))
        if self.review is not None and type(self.review) is not Review:
            _set(self, "review", Review(self.review))
        if type(self.doubts) is not tuple:
            what = f"lesion {self.lesion_id}: a doubt"
            _set(self, "doubts", recorded.items(self.doubts, str, what))
        for measure in ("volume_ml", "suv_max", "suv_mean", "suv_peak", "confidence"):
            value = getattr(self, measure)
            if value is not None:
                what = f"lesion {self.lesion_id}: {measure}"
                _set(self, measure, recorded.amount(value, what))


@dataclass(frozen=True, slots=True)
class Timepoint:
    """One visit.

    Attributes:
        day: of a visit with scans on several days, the one that the protocol lets count.
        new_lesion_day: the day that dates a progression by a new lesion, where it is another one.
    """

    day: int
    measurements: tuple[Measurement, ...]
    label: str = ""
    studies: tuple[str, ...] = ()
    new_lesion_day: int | None = None

    def __post_init__(self) -> None:
        if type(self.day) is not int:
            _set(self, "day", recorded.whole(self.day, "the day of a time point"))
        if not _is_tuple_of(Measurement, self.measurements):
            what = f"day {self.day}: a measurement"
            _set(self, "measurements", recorded.items(self.measurements, Measurement, what))
        if type(self.studies) is not tuple:
            _set(self, "studies", recorded.items(self.studies, str, f"day {self.day}: a study"))
        if self.new_lesion_day is not None and type(self.new_lesion_day) is not int:
            _set(self, "new_lesion_day", recorded.whole(self.new_lesion_day, "new_lesion_day"))


@dataclass(frozen=True, slots=True)
class Course:
    """All that was seen of one subject, by one reader.

    The first time point is the baseline. Days rise strictly; each measurement names a lesion of the
    course, once per time point. A target without a measurement is not evaluable there.
    """

    subject: str
    lesions: tuple[Lesion, ...]
    timepoints: tuple[Timepoint, ...]
    events: tuple[Event, ...] = ()
    day_zero: dt.date | None = None
    reader: str = ""

    def __post_init__(self) -> None:
        self._convert()
        known = {lesion.id for lesion in self.lesions}
        if len(known) != len(self.lesions):
            raise CourseError("two lesions with the same identifier", where=self.subject)
        previous: int | None = None
        names: list[str] = []
        for timepoint in self.timepoints:
            day = timepoint.day
            if previous is not None and day <= previous:
                raise CourseError(f"day {day} follows day {previous}", where=self.subject)
            previous, above = day, names
            names, into = [], []
            for each in timepoint.measurements:
                names.append(each.lesion_id)
                if each.merged_into is not None:
                    into.append(each.merged_into)
            if names == above and not into:
                continue  # most visits show the lesions of the one before
            if len({*names}) != len(names):
                raise CourseError(f"a lesion is measured twice on day {day}", where=self.subject)
            if unknown := {*names, *into} - known:
                raise CourseError(f"unknown lesion {min(unknown)!r}", where=self.subject)

    def _convert(self) -> None:
        """What can mean one thing only, to the types of this class."""
        if type(self.subject) is not str or not self.subject:
            _set(self, "subject", recorded.name(self.subject, "the subject of a course"))
        for attribute, kind in _PARTS:
            given = getattr(self, attribute)
            if not _is_tuple_of(kind, given):
                what = f"{self.subject}: one of the {attribute}"
                _set(self, attribute, recorded.items(given, kind, what))
        if self.day_zero is not None and type(self.day_zero) is not dt.date:
            _set(self, "day_zero", recorded.date(self.day_zero, f"{self.subject}: day_zero"))

    def date_of(self, day: int) -> dt.date | None:
        """The calendar date of a day, where the course has dates."""
        return None if self.day_zero is None else self.day_zero + dt.timedelta(days=day)

    def with_measurement(self, day: int, made: Measurement) -> Course:
        """The same course with a measurement at a day, in the place of what stood there of it."""

        def at(timepoint: Timepoint) -> Timepoint:
            if timepoint.day != day:
                return timepoint
            seen = {each.lesion_id: each for each in timepoint.measurements}
            seen[made.lesion_id] = made
            return replace(timepoint, measurements=tuple(seen.values()))

        return replace(self, timepoints=tuple(map(at, self.timepoints)))

    def first_day_of(self, kind: EventKind) -> int | None:
        """The day of the earliest event of a kind."""
        return min((event.day for event in self.events if event.kind is kind), default=None)

    def restricted_to(self, lesion_ids: Iterable[str]) -> Course:
        """The same course seen through a subset of its lesions (time points all stay).

        A lesion of the subset that merged into one outside of it is not evaluable from then on.
        """
        kept = frozenset(lesion_ids)

        def seen(measurement: Measurement) -> Measurement:
            if measurement.merged_into is None or measurement.merged_into in kept:
                return measurement
            return replace(measurement, status=Status.NOT_EVALUABLE, merged_into=None)

        return replace(
            self,
            lesions=tuple(lesion for lesion in self.lesions if lesion.id in kept),
            timepoints=tuple(
                replace(
                    timepoint,
                    measurements=tuple(
                        seen(measurement)
                        for measurement in timepoint.measurements
                        if measurement.lesion_id in kept
                    ),
                )
                for timepoint in self.timepoints
            ),
        )


#: What the parts of a course consist of.
_PARTS: tuple[tuple[str, type], ...] = (
    ("lesions", Lesion),
    ("timepoints", Timepoint),
    ("events", Event),
)


def _is_tuple_of(kind: type, given: object) -> bool:
    if type(given) is not tuple:
        return False
    for each in given:  # noqa: SIM110 - short, and asked often: a generator takes longer
        if type(each) is not kind:
            return False
    return True


#: By a name of the module: to ask an enumeration for a member takes longer than the comparison.
_MEASURED, _MERGED = Status.MEASURED, Status.MERGED

#: A frozen type sets its own values while it is made, and never after.
_set = object.__setattr__
