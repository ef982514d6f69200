"""What every dataset says of subject and time: identifiers, visits, ISO dates, study days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recist.course import Course
from recist.export.cdisc.trial_dataset import Cell

BASELINE = "BASELINE"


def usubjid(study: str, subject: str) -> str:
    """The identifier of a subject over all studies."""
    return subject if subject.startswith(f"{study}-") else f"{study}-{subject}"


def subject_of(study: str, identifier: str) -> str:
    """The subject of an identifier: without the study before it."""
    return identifier.removeprefix(f"{study}-") if study else identifier


def study_day(day: int) -> int:
    """A day of CDISC: the reference start is day 1, the day before it -1, and there is no day 0."""
    return day + 1 if day >= 0 else day


def day_of(study_day: int) -> int:
    """The day from the reference start that a day of CDISC stands for."""
    return study_day - 1 if study_day > 0 else study_day


@dataclass(frozen=True, slots=True)
class Visits:
    """The visits of a subject, whoever read them: each day has one number and one name."""

    number: Mapping[int, int]
    name: Mapping[int, str]

    @classmethod
    def of(cls, courses: Iterable[Course]) -> Visits:
        """The visits in all readers' courses of one subject; the first day is the baseline."""
        labels: dict[int, str] = {}
        for course in courses:
            for timepoint in course.timepoints:
                if not labels.get(timepoint.day):
                    labels[timepoint.day] = timepoint.label.upper()
        days = sorted(labels)
        number = {day: count for count, day in enumerate(days, start=1)}
        name = {day: labels[day] or (f"VISIT {number[day]}") for day in days}
        if days and not labels[days[0]]:
            name[days[0]] = BASELINE
        return cls(number, name)

    def cells(self, course: Course, day: int, prefix: str) -> dict[str, Cell]:
        """``VISITNUM``, ``VISIT``, ``--DTC`` and ``--DY``."""
        return {
            "VISITNUM": self.number.get(day),
            "VISIT": self.name.get(day, ""),
            f"{prefix}DTC": iso(course, day),
            f"{prefix}DY": study_day(day),
        }


def visits_by_subject(courses: Iterable[Course]) -> dict[str, Visits]:
    """The visits of each subject over all its readers: a date has one number in every dataset."""
    own: dict[str, list[Course]] = {}
    for course in courses:
        own.setdefault(course.subject, []).append(course)
    return {subject: Visits.of(found) for subject, found in own.items()}


def iso(course: Course, day: int) -> str:
    """A day as an ISO date; empty where the course has no dates."""
    date = course.date_of(day)
    return "" if date is None else date.isoformat()
