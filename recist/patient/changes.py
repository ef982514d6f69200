"""What differs between two answers for one patient, and what it comes to for the response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recist.course import Lesion, Measurement, Status
from recist.criteria.criterion import title_of
from recist.patient.result import PatientResult
from recist.response import Assessment, Response, Scope


@dataclass(frozen=True, slots=True)
class LesionDifference:
    """One thing that is said otherwise of a lesion.

    Attributes:
        day: None for what holds at every date: its role, organ or field.
        what: size, role, organ, field, kind, or lesion where it came or went.
        before, after: in words; empty where there was nothing.
    """

    lesion_id: str
    day: int | None
    what: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.what} {self.after}".strip()
        named = "" if self.what == "size" else f"{self.what} "
        return f"{named}{self.before} -> {self.after or 'none'}"


@dataclass(frozen=True, slots=True)
class ResponseDifference:
    """Another response at a date, by one set of criteria on one set of lesions."""

    criteria: str
    scope: Scope
    day: int
    before: Response | None
    after: Response | None

    def __str__(self) -> str:
        words = f"{self.before or 'none'} -> {self.after or 'none'}"
        named = [] if self.criteria == "recist11" else [title_of(self.criteria)]
        named += [] if self.scope is Scope.ALL else [self.scope.value.replace("-", " ")]
        return f"{words} ({', '.join(named)})" if named else words


@dataclass(frozen=True, slots=True)
class AnswerDifference:
    """Everything that differs.

    Attributes:
        best: of each criteria and set of lesions whose best response differs: before, after.
        progression: the same of the day of progression.
        dates: ISO date (or day) of each day named.
    """

    lesions: tuple[LesionDifference, ...] = ()
    responses: tuple[ResponseDifference, ...] = ()
    best: tuple[tuple[str, Scope, Response | None, Response | None], ...] = ()
    dates: tuple[tuple[int, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lesions or self.responses or self.best)

    def lines(self) -> tuple[str, ...]:
        """A line for each lesion and date: ``L3 2024-05-06: 17.1 -> 14.0 mm; SD -> PR``.

        What changed at a date is followed by what it changed of the response there; responses of
        other dates follow in lines of their own.
        """
        found = []
        told: set[ResponseDifference] = set()
        for lesion, day in dict.fromkeys((each.lesion_id, each.day) for each in self.lesions):
            own = [str(x) for x in self.lesions if (x.lesion_id, x.day) == (lesion, day)]
            here = [x for x in self.responses if x.day == day]
            told.update(here)
            place = lesion if day is None else f"{lesion} {self._name(day)}"
            found.append(f"{place}: {'; '.join([*own, *map(str, here)])}")
        for day in dict.fromkeys(each.day for each in self.responses):
            here = [x for x in self.responses if x.day == day and x not in told]
            if here:
                found.append(f"{self._name(day)}: {'; '.join(map(str, here))}")
        for criteria, scope, before, after in self.best:
            named = title_of(criteria) + ("" if scope is Scope.ALL else f", {scope.value}")
            found.append(f"best response ({named}): {before or 'none'} -> {after or 'none'}")
        return tuple(found)

    def _name(self, day: int) -> str:
        return dict(self.dates).get(day, f"day {day}")


def changes_between(before: PatientResult, after: PatientResult) -> AnswerDifference:
    """What an answer says otherwise than one before it."""
    days = {t.day: None for result in (before, after) for t in result.course.timepoints}
    return AnswerDifference(
        tuple(_lesion_changes(before, after)),
        tuple(_response_changes(before, after)),
        tuple(_best_changes(before, after)),
        tuple((day, str(after.course.date_of(day) or f"day {day}")) for day in days),
    )


def _lesion_changes(before: PatientResult, after: PatientResult) -> Iterator[LesionDifference]:
    was = {lesion.id: lesion for lesion in before.course.lesions}
    now = {lesion.id: lesion for lesion in after.course.lesions}
    for name in dict.fromkeys((*was, *now)):
        if name not in now:
            yield LesionDifference(name, None, "lesion", "recorded", "not recorded")
        elif name not in was:
            yield LesionDifference(name, None, "lesion", "not recorded", "recorded")
        else:
            yield from _of_kind(was[name], now[name])
    seen_before, seen_now = _seen(before), _seen(after)
    for place in dict.fromkeys((*seen_before, *seen_now)):
        name, day = place
        if name not in was or name not in now:
            continue
        old, new = _words(seen_before.get(place)), _words(seen_now.get(place))
        if old != new:
            unit = " mm"
            if old.endswith(unit) and new.endswith(unit):
                old = old.removesuffix(unit)
            yield LesionDifference(name, day, "size", old, new)


def _of_kind(was: Lesion, now: Lesion) -> Iterator[LesionDifference]:
    for what, old, new in (
        ("role", was.role.value, now.role.value),
        ("organ", was.organ, now.organ),
        ("field", was.field.value, now.field.value),
        ("kind", _kind(was), _kind(now)),
    ):
        if old != new:
            yield LesionDifference(now.id, None, what, old, new)


def _kind(lesion: Lesion) -> str:
    return "node" if lesion.is_node else "no node"


def _seen(result: PatientResult) -> dict[tuple[str, int], Measurement]:
    return {
        (measurement.lesion_id, timepoint.day): measurement
        for timepoint in result.course.timepoints
        for measurement in timepoint.measurements
    }


def _words(measurement: Measurement | None) -> str:
    if measurement is None:
        return "not seen"
    if measurement.status is Status.MEASURED:
        return f"{measurement.diameter_mm} mm"
    if measurement.status is Status.MERGED:
        return f"merged into {measurement.merged_into}"
    return measurement.status.value.replace("-", " ")


def _response_changes(before: PatientResult, after: PatientResult) -> Iterator[ResponseDifference]:
    def by_place(result: PatientResult) -> dict[tuple[str, Scope, int], Assessment]:
        return {(a.criteria, a.scope, a.day): a for a in result.assessments}

    was, now = by_place(before), by_place(after)
    for place in dict.fromkeys((*was, *now)):
        old = was[place].overall if place in was else None
        new = now[place].overall if place in now else None
        if old is not new:
            yield ResponseDifference(*place, old, new)


def _best_changes(
    before: PatientResult, after: PatientResult
) -> Iterator[tuple[str, Scope, Response | None, Response | None]]:
    was = {(o.criteria, o.scope): o.best_overall for o in before.outcomes}
    now = {(o.criteria, o.scope): o.best_overall for o in after.outcomes}
    for criteria, scope in dict.fromkeys((*was, *now)):
        old, new = was.get((criteria, scope)), now.get((criteria, scope))
        if old is not new:
            yield criteria, scope, old, new
