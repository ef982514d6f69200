"""What a reader can say of a patient, and what it does to the course.

An entry is plain data, stored as JSON. Where the run kept its work, entries become the corrections
of ``recist correct`` (:mod:`recist.review.reading.as_corrections`); where there is none, as for a
reader who starts from nothing, :func:`corrected` applies them to a table of measurements.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from imaging.errors import InputError
from recist.course import (
    Axis,
    Caliper,
    Course,
    Field,
    Lesion,
    Measurement,
    Role,
    Status,
    Timepoint,
)
from recist.measure.diameters import diameter_mm, recorded
from recist.review.database.tables import EntryKind

#: Entries that change what was seen at one date.
OF_A_DATE = (
    EntryKind.NEW,
    EntryKind.CALIPER,
    EntryKind.OUTLINE,
    EntryKind.STATUS,
    EntryKind.LINK,
)
#: Statuses that say that a lesion is there, and leave open how large it is.
_THERE = (Status.PRESENT, Status.EQUIVOCAL, Status.INCREASED, Status.DECREASED)

Content = Mapping[str, Any]


class EntryError(InputError):
    """Something that cannot be said of this course."""


@dataclass(frozen=True, slots=True)
class Said:
    """An entry as it was made.

    Attributes:
        number: within its reading, from 1.
    """

    number: int
    kind: EntryKind
    content: Content
    made_at: str = ""


def in_force(entries: Sequence[Said]) -> tuple[Said, ...]:
    """The entries without those that were taken back, and without the taking back."""
    undone = {int(each.content["number"]) for each in entries if each.kind is EntryKind.UNDO}
    return tuple(
        each for each in entries if each.number not in undone and each.kind is not EntryKind.UNDO
    )


def outline_names(said: Said) -> tuple[str, ...]:
    """The stored outlines that an entry names."""
    own = [said.content["outline"]] if said.content.get("outline") else []
    return (*map(str, own), *map(str, said.content.get("outlines", {}).values()))


def confirmed_dates(entries: Sequence[Said]) -> dict[str, str]:
    """Date -> when it was confirmed; a later change of what was seen there withdraws it."""
    found: dict[str, str] = {}
    for each in in_force(entries):
        date = str(each.content.get("date", ""))
        if each.kind is EntryKind.CONFIRM and each.content.get("value", True):
            found[date] = each.made_at
        elif each.kind in (*OF_A_DATE, EntryKind.CONFIRM):
            found.pop(date, None)
        elif each.kind is EntryKind.LESION and set(each.content) - {"lesion", "confirmed"}:
            found.clear()
    return found


def switched_on(entries: Sequence[Said], name: str) -> frozenset[str]:
    """The lesions that are ``rejected``, or ``confirmed``, as last said."""
    found: dict[str, bool] = {}
    for each in in_force(entries):
        if each.kind is EntryKind.LESION and each.content.get(name) is not None:
            found[str(each.content["lesion"])] = bool(each.content[name])
    return frozenset(lesion for lesion, is_on in found.items() if is_on)


def corrected(course: Course, entries: Sequence[Said], *, keep_rejected: bool = False) -> Course:
    """The course as the reader sees it; all of it is then the reader's.

    Args:
        keep_rejected: leave in what is no lesion, to be shown crossed out.

    Raises:
        EntryError: an entry names a lesion or a date that is not there, or contradicts itself.
    """
    for each in in_force(entries):
        apply = _APPLIED.get(each.kind)
        if apply is not None:
            course = apply(course, each.content)
    for name in sorted(switched_on(entries, "confirmed") & {each.id for each in course.lesions}):
        course = _each_measurement(course, name, _unequivocal(lesion_of(course, name)))
    rejected = switched_on(entries, "rejected")
    if keep_rejected or not rejected:
        return course
    return course.restricted_to(each.id for each in course.lesions if each.id not in rejected)


def day_of(course: Course, date: str) -> int:
    """The day of a date at which the subject was examined.

    Raises:
        EntryError: not such a date.
    """
    try:
        when = dt.date.fromisoformat(date)
    except ValueError as error:
        raise EntryError(f"{date!r} is not a date") from error
    zero = course.day_zero
    day = None if zero is None else (when - zero).days
    if day is None or all(timepoint.day != day for timepoint in course.timepoints):
        raise EntryError(f"no examination on {date}", where=course.subject)
    return day


def next_name(course: Course) -> str:
    """A name for a lesion that has none yet."""
    numbers = [int(each.id[1:]) for each in course.lesions if each.id[1:].isdigit()]
    return f"L{max(numbers, default=0) + 1}"


def lesion_of(course: Course, name: str) -> Lesion:
    """The lesion of that name.

    Raises:
        EntryError: there is none.
    """
    for lesion in course.lesions:
        if lesion.id == name:
            return lesion
    raise EntryError(f"no lesion {name}", where=course.subject)


def seen_at(course: Course, day: int, lesion: str) -> Measurement | None:
    """What is recorded of a lesion on a day."""
    for timepoint in course.timepoints:
        if timepoint.day == day:
            for each in timepoint.measurements:
                if each.lesion_id == lesion:
                    return each
    return None


# --- what each kind does -------------------------------------------------------------------------


def check_new(course: Course, content: Content) -> None:
    """Refuse a new lesion of a name that is taken, or of a role that its date does not allow.

    Raises:
        EntryError: why.
    """
    name = str(content["lesion"])
    if any(lesion.id == name for lesion in course.lesions):
        raise EntryError(f"lesion {name} is there already", where=course.subject)
    role = Role(content["role"])
    is_first = day_of(course, str(content["date"])) == course.timepoints[0].day
    if is_first and role is Role.NEW:
        raise EntryError("a lesion of the baseline is a target or a non-target")
    if role is Role.TARGET and not is_first:
        raise EntryError("targets are chosen at the baseline", remedy="later lesions are new")


def _new(course: Course, content: Content) -> Course:
    check_new(course, content)
    role = Role(content["role"])
    made = Lesion(
        str(content["lesion"]),
        str(content["organ"]),
        bool(content.get("is_node")),
        role,
        Field(content.get("field") or Field.UNKNOWN),
    )
    course = replace(course, lesions=(*course.lesions, made))
    return _drawn(course, content)


def _lesion(course: Course, content: Content) -> Course:
    before = lesion_of(course, str(content["lesion"]))
    kinds: Mapping[str, Callable[[Any], Any]] = {
        "role": Role, "organ": str, "is_node": bool, "field": Field,
    }  # fmt: skip
    changes = {
        name: kind(content[name]) for name, kind in kinds.items() if content.get(name) is not None
    }
    after = replace(before, **changes)
    check_role(course, after, before)
    course = replace(
        course, lesions=tuple(after if each is before else each for each in course.lesions)
    )
    return _each_measurement(course, after.id, lambda seen: _as_kind(seen, before, after))


def check_role(course: Course, lesion: Lesion, before: Lesion) -> None:
    """Refuse a role that the date of a lesion does not allow.

    Raises:
        EntryError: why.
    """
    if lesion.role is before.role:
        return
    first = next(
        (at.day for at in course.timepoints if seen_at(course, at.day, lesion.id) is not None), None
    )
    at_baseline = first is not None and first == course.timepoints[0].day
    if lesion.role is Role.NEW and at_baseline:
        raise EntryError(f"{lesion.id} was there at the baseline: it is not new")
    if lesion.role is Role.TARGET and not at_baseline:
        raise EntryError(
            f"{lesion.id} was not there at the baseline", remedy="targets are chosen there"
        )


def _as_kind(seen: Measurement, before: Lesion, after: Lesion) -> Measurement:
    """What was seen, for a lesion of another kind or role: its caliper tells the diameter."""
    if seen.status is Status.MEASURED:
        if after.role is Role.NON_TARGET is not before.role:
            return replace(seen, status=Status.PRESENT, parts_mm=())
        return seen if after.is_node is before.is_node else _sized(seen, after)
    becomes_target = after.role is Role.TARGET is not before.role
    return _sized(seen, after) if becomes_target and seen.status in _THERE else seen


def _unequivocal(lesion: Lesion) -> Callable[[Measurement], Measurement]:
    """A new lesion that a reader confirmed is there beyond doubt."""

    def certain(seen: Measurement) -> Measurement:
        if seen.status is not Status.EQUIVOCAL:
            return seen
        sized = _sized(seen, lesion)
        return sized if sized.parts_mm else replace(seen, status=Status.PRESENT)

    return certain


def _sized(seen: Measurement, lesion: Lesion) -> Measurement:
    """Measured by the caliper as its kind of lesion is; not evaluable without one."""
    size = None if seen.caliper is None else diameter_mm(seen.caliper, lesion.is_node)
    if not size:
        return replace(seen, status=Status.NOT_EVALUABLE, parts_mm=())
    return replace(seen, status=Status.MEASURED, parts_mm=(size,))


def _drawn(course: Course, content: Content) -> Course:
    """A caliper or an outline, whose caliper was measured when it was stored."""
    lesion = lesion_of(course, str(content["lesion"]))
    day = day_of(course, str(content["date"]))
    drawn = caliper_of(content)
    if drawn is None:
        raise EntryError(f"nothing is drawn of {lesion.id}")
    before = seen_at(course, day, lesion.id)
    volume_ml = content.get("volume_ml")
    made = Measurement(
        lesion.id,
        Status.PRESENT,
        caliper=drawn,
        source=course.reader,
        volume_ml=volume_ml,
    )
    if volume_ml is None:  # of a caliper alone the outline stays what it was
        made = _with_uptake(made, before)
    if lesion.role is not Role.NON_TARGET:
        return course.with_measurement(day, _sized(made, lesion))
    if before is not None and before.status in (*_THERE, Status.PROGRESSION):
        made = replace(made, status=before.status)
    return course.with_measurement(day, made)


def _status(course: Course, content: Content) -> Course:
    lesion = lesion_of(course, str(content["lesion"]))
    day = day_of(course, str(content["date"]))
    status = Status(content["status"])
    before = seen_at(course, day, lesion.id)
    size = content.get("diameter_mm")
    if status is Status.MEASURED and size is None:
        if before is None or not (sized := _sized(before, lesion)).parts_mm:
            raise EntryError(f"{lesion.id} is measured without a diameter", remedy="draw it")
        return course.with_measurement(day, sized)
    if size is not None and status is not Status.MEASURED:
        raise EntryError(f"{lesion.id} is {status} with a diameter", remedy="leave one out")
    into = content.get("merged_into") or None
    if into is not None:
        lesion_of(course, str(into))
    keeps = before is not None and status in (Status.MEASURED, *_THERE, Status.PROGRESSION)
    made = Measurement(
        lesion.id,
        status,
        () if size is None else (Decimal(str(size)),),
        merged_into=into,
        caliper=before.caliper if before is not None and keeps and size is None else None,
        source=course.reader,
    )
    return course.with_measurement(day, _with_uptake(made, before) if keeps else made)


def _link(course: Course, content: Content) -> Course:
    """What is recorded at a date under one lesion is another one there."""
    day = day_of(course, str(content["date"]))
    taken, given = (lesion_of(course, str(content[name])) for name in ("lesion", "to"))
    seen = seen_at(course, day, taken.id)
    if seen is None:
        raise EntryError(f"nothing is recorded of {taken.id} on {content['date']}")
    moved = _as_kind(replace(seen, lesion_id=given.id), taken, given)
    if given.role is not Role.NON_TARGET and not moved.parts_mm and moved.status in _THERE:
        moved = _sized(moved, given)
    kept = [each for each in _at(course, day) if each.lesion_id not in (taken.id, given.id)]
    return _replaced(course, day, (*kept, moved))


def _with_uptake(made: Measurement, before: Measurement | None) -> Measurement:
    """Volume and uptake of the outline that was there before."""
    if before is None:
        return made
    return replace(
        made,
        volume_ml=before.volume_ml,
        suv_max=before.suv_max,
        suv_mean=before.suv_mean,
        suv_peak=before.suv_peak,
    )


def caliper_of(content: Content) -> Caliper | None:
    """The caliper that an entry draws; lengths are those between its ends."""
    ends = content.get("long")
    if ends is None:
        return None
    long = _axis(ends)
    short = None if content.get("short") is None else _axis(content["short"])
    if short is None:  # not drawn: a point in the middle, of no length
        short = Axis(long.middle_mm, long.middle_mm)
    lengths_mm = recorded(long.length_mm), recorded(short.length_mm)
    return Caliper(long, short, *lengths_mm, int(content.get("slice") or 0))


def _axis(points: Any) -> Axis:
    start, end = (tuple(float(value) for value in point) for point in points)
    return Axis((start[0], start[1], start[2]), (end[0], end[1], end[2]))


def _at(course: Course, day: int) -> tuple[Measurement, ...]:
    return next((at.measurements for at in course.timepoints if at.day == day), ())


def _replaced(course: Course, day: int, seen: Sequence[Measurement]) -> Course:
    return replace(
        course,
        timepoints=tuple(
            replace(at, measurements=tuple(seen)) if at.day == day else at
            for at in course.timepoints
        ),
    )


def _each_measurement(
    course: Course, lesion: str, change: Callable[[Measurement], Measurement]
) -> Course:
    def at(timepoint: Timepoint) -> Timepoint:
        seen = tuple(
            change(each) if each.lesion_id == lesion else each for each in timepoint.measurements
        )
        return replace(timepoint, measurements=seen)

    return replace(course, timepoints=tuple(map(at, course.timepoints)))


_APPLIED: Mapping[EntryKind, Callable[[Course, Content], Course]] = {
    EntryKind.NEW: _new,
    EntryKind.LESION: _lesion,
    EntryKind.CALIPER: _drawn,
    EntryKind.OUTLINE: _drawn,
    EntryKind.STATUS: _status,
    EntryKind.LINK: _link,
}
