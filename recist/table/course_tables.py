"""A measurement table as courses, for use from Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from imaging.errors import InputError
from imaging.tables.chunk import Chunk
from imaging.tables.source import Source, chunks, opened
from recist.course import Course
from recist.protocol import DEFAULT, Protocol
from recist.table.courses import by_reader, courses_of
from recist.table.dated_event import DatedEvent
from recist.table.entry import Row
from recist.table.events import read_events, refused
from recist.table.finding import Finding, Severity, about_table
from recist.table.layout import MEASUREMENTS, Layout
from recist.table.records import RecordReader


class NoCourseError(InputError, KeyError):
    """A subject of whom there is no course, or more than one."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # a KeyError would put its text in quotes


class Courses(Mapping[str, Course]):
    """The courses of a table by subject: ``courses["P1"]``.

    Iteration goes over the subjects that could be read; asking for another one says why not.

    Attributes:
        findings: what is wrong or odd with rows and subjects, as in ``checks.csv``.
        failed: the subjects that could not be read.
        all: every course; several of a subject that had several readers.
    """

    def __init__(self, courses: Sequence[Course], findings: Sequence[Finding]) -> None:
        self.all = tuple(courses)
        self.findings = tuple(findings)
        self._by_subject: dict[str, list[Course]] = {}
        for course in courses:
            self._by_subject.setdefault(course.subject, []).append(course)
        self.failed = tuple(
            dict.fromkeys(
                each.subject
                for each in findings
                if each.level is Severity.ERROR and each.subject and each.subject not in self
            )
        )

    def __getitem__(self, subject: str) -> Course:
        """The course of a subject.

        Raises:
            NoCourseError: unknown, unreadable, or read by several readers.
        """
        found = self._by_subject.get(subject, ())
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(repr(course.reader) for course in found)
            raise NoCourseError(
                f"readers {names}",
                where=subject,
                remedy="choose one: read_table(..., reader=...), or take them from .all",
            )
        for each in self.findings:
            if each.subject == subject and each.level is Severity.ERROR:
                row = "" if each.row is None else f"row {each.row}: "
                raise NoCourseError(f"{row}{each.what}", where=subject, remedy=each.remedy)
        known = ", ".join(list(self._by_subject)[:_NAMED])
        raise NoCourseError(f"no subject {subject!r}", remedy=f"the table has {known or 'none'}")

    def __contains__(self, subject: object) -> bool:
        return subject in self._by_subject

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_subject)

    def __len__(self) -> int:
        return len(self._by_subject)

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"<Courses of {len(self)} subjects{failed}>"


#: Subjects that an error about an unknown one names.
_NAMED = 10


def read_courses(
    source: Source,
    events: Source | None = None,
    *,
    findings: list[Finding] | None = None,
    protocol: Protocol = DEFAULT,
) -> tuple[Course, ...]:
    """All courses of a table that can be read, one per subject and reader.

    Args:
        findings: receives what is wrong with rows and subjects that were left out.
        protocol: how dates are written, from which event days count, how the scans of a visit
            are joined.

    Raises:
        InputError: the table cannot be read at all.
    """
    found: list[Finding] = [] if findings is None else findings
    records: dict[str, list[Row]] = {}
    broken: set[str] = set()
    with reading(source, events, findings=found, protocol=protocol) as opened_table:
        reader = opened_table.reader
        for chunk in opened_table.chunks:
            own, lost = reader.records(chunk, found)
            for subject, rows in own.items():
                records.setdefault(subject, []).extend(rows)
            broken |= lost
    courses: list[Course] = []
    for subject, rows in records.items():
        if subject not in broken:
            courses += reader.courses(subject, reader.by_reader(rows), found)
    return tuple(courses)


class CourseReader(NamedTuple):
    """How the subjects of a table are read, as it can be sent to another process.

    Attributes:
        events: of each subject.
        refused: subjects with an event that cannot be read.
    """

    rows: RecordReader
    delimiter: str
    protocol: Protocol
    events: dict[str, tuple[DatedEvent, ...]]
    refused: frozenset[str]

    @property
    def layout(self) -> Layout:
        return self.rows.layout

    def records(
        self, chunk: Chunk, findings: list[Finding]
    ) -> tuple[dict[str, list[Row]], set[str]]:
        """The readable records of each subject, and the subjects whose answer would be wrong."""
        records, broken = self.rows.records(chunk, self.delimiter, findings)
        return records, broken | (self.refused & records.keys())

    def by_reader(self, rows: Sequence[Row]) -> dict[str, Sequence[Row]]:
        """The rows of a subject that are of each reader, in the order of the table."""
        return by_reader(rows) if self.rows.names_readers else {"": rows}

    def courses(
        self, subject: str, rows: Mapping[str, Sequence[Row]], findings: list[Finding]
    ) -> list[Course]:
        """The courses of a subject, one per reader of its images; the rows are those of each."""
        return courses_of(
            subject,
            rows,
            self.events.get(subject, ()),
            has_dates=self.layout.has_dates,
            findings=findings,
            protocol=self.protocol,
        )


class OpenMeasurements(NamedTuple):
    """A table of measurements that is open.

    Attributes:
        size_bytes: of its text.
        chunks: its rows, some whole subjects at a time.
    """

    reader: CourseReader
    size_bytes: int
    chunks: Iterator[Chunk]


@contextmanager
def reading(
    source: Source, events: Source | None, *, findings: list[Finding], protocol: Protocol
) -> Iterator[OpenMeasurements]:
    """Open a table of measurements with its events: the one way in for every command.

    Args:
        findings: receives what is to be said of both tables as a whole, and of the events.

    Raises:
        InputError: a table that cannot be read at all.
    """
    own: list[Finding] = []
    with opened(source, MEASUREMENTS) as table:
        own.extend(about_table(table))
        known = {}
        if events is not None:
            known = read_events(
                events,
                has_dates=table.layout.has_dates,
                findings=own,
                date_order=protocol.date_order,
            )
        findings.extend(own)
        rows = RecordReader(table.layout, protocol.date_order)
        reader = CourseReader(rows, table.delimiter, protocol, known, refused(own))
        yield OpenMeasurements(reader, table.stamp.size_bytes, chunks(table))
