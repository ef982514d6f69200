"""A measurement table as courses, for use from Python."""

from __future__ import annotations

from pathlib import Path

from recist.course import Course
from recist.table.courses import by_subject, courses_of
from recist.table.events import read_events
from recist.table.finding import Finding
from recist.table.layout import match_header
from recist.table.records import Record, RecordReader
from recist.table.source import chunks, opened


def read_courses(
    path: Path, events: Path | None = None, *, findings: list[Finding] | None = None
) -> tuple[Course, ...]:
    """All courses of a table that can be read, one per subject and reader.

    Args:
        findings: receives what is wrong with rows and subjects that were left out.

    Raises:
        InputError: the table cannot be read at all.
    """
    found: list[Finding] = [] if findings is None else findings
    records: list[tuple[str, Record]] = []
    broken: set[str] = set()
    with opened(Path(path)) as table:
        layout = match_header(table.header, table.name)
        known = {}
        if events is not None:
            known = read_events(Path(events), has_dates=layout.has_dates, findings=found)
        reader = RecordReader(layout)
        for chunk in chunks(table, layout):
            for number, row in chunk.rows(table.delimiter):
                subject = reader.subject_of(row)
                record = reader.read(number, row, found) if subject else None
                if record is not None:
                    records.append((subject, record))
                elif subject:
                    broken.add(subject)
    courses: list[Course] = []
    for subject, rows in by_subject(records).items():
        if subject not in broken:
            own = known.get(subject, ())
            courses += courses_of(subject, rows, own, has_dates=layout.has_dates, findings=found)
    return tuple(courses)
