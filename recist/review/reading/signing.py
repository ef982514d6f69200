"""A reading signed date by date or as a whole, and begun anew after it was signed."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io

from sqlalchemy import select
from sqlalchemy.orm import Session

from imaging.errors import InputError
from recist.course import Course
from recist.export.written_tables import measurement_lines
from recist.review.database.tables import (
    ReadingRow,
    ReadingState,
    Signature,
)
from recist.review.reading.entries import (
    EntryError,
)
from recist.review.reading.readings import (
    ConflictError,
    OpenReading,
    assessed,
    latest,
    of_row,
    said_in,
    subject_row,
)
from recist.review.reading.saying import entry_row, opened_to_write
from recist.review.room import Desk, Room
from recist.table.course_tables import read_courses
from recist.table.finding import Finding, Severity


class IncompleteError(InputError):
    """Not all is said yet that a signature needs."""


def table_of(course: Course) -> str:
    """The measurement table of a reading."""
    return "".join(f"{line}\r\n" for line in measurement_lines((course,)))


def sign(
    desk: Desk,
    subject: str,
    revision: int,
    *,
    name: str,
    meaning: str,
    date: str = "",
) -> OpenReading:
    """Sign a date, or without one the whole reading, which locks it.

    Raises:
        ConflictError: there is a newer revision, or it is signed already.
        IncompleteError: something is not said yet.
    """
    reading = opened_to_write(desk, subject, revision)
    if date:
        if date not in reading.dates:
            raise EntryError(f"no examination on {date}", where=subject)
        if date in reading.signed_dates:
            raise ConflictError(f"{date} is signed")
    missing = tuple(_missing(desk.room, reading, date))
    if missing:
        raise IncompleteError("; ".join(missing), where=subject, remedy="say what is missing")
    course = reading.course
    table = table_of(course)
    _check_table(desk.room, table)
    what = f"sign {date}" if date else "sign"
    desk.act(what, subject=subject, reason=meaning)
    desk.session.add(
        Signature(
            reading_id=reading.row.id,
            date=date,
            signed_name=name,
            meaning=meaning,
            table_csv=table,
            content_sha256=hashlib.sha256(table.encode()).hexdigest(),
            response=assessed(desk.room, reading).response(desk.room.criteria[0]),
        )
    )
    reading.row.revision += 1
    if not date:
        _supersede(desk.session, reading.row)
        reading.row.state = ReadingState.SIGNED.value
    desk.session.flush()
    return of_row(desk.session, desk.room, reading.row, subject, desk.person.name)


def _supersede(session: Session, row: ReadingRow) -> None:
    for other in session.scalars(
        select(ReadingRow).where(
            ReadingRow.subject_id == row.subject_id,
            ReadingRow.account_id == row.account_id,
            ReadingRow.version < row.version,
            ReadingRow.state == ReadingState.SIGNED.value,
        )
    ):
        other.state = ReadingState.SUPERSEDED.value


def _missing(room: Room, reading: OpenReading, date: str) -> list[str]:
    """What a signature waits for."""
    course = reading.course
    if room.one_by_one:
        unsigned = [each for each in reading.dates if each not in reading.signed_dates]
        if not date:
            return [f"{each} is not signed" for each in unsigned]
        if date != unsigned[0]:
            return [f"{unsigned[0]} comes first"]
        return _unsaid(course, date)
    if date:
        return []
    confirmed = reading.confirmed
    return [f"{each} is not confirmed" for each in reading.dates if each not in confirmed]


def _unsaid(course: Course, date: str) -> list[str]:
    """The lesions of which nothing is said at a date."""
    day = (dt.date.fromisoformat(date) - course.day_zero).days if course.day_zero else 0
    first: dict[str, int] = {}
    for timepoint in course.timepoints:
        for each in timepoint.measurements:
            first.setdefault(each.lesion_id, timepoint.day)
    here = {
        each.lesion_id
        for timepoint in course.timepoints
        if timepoint.day == day
        for each in timepoint.measurements
    }
    return [
        f"nothing is said of {lesion.id} on {date}"
        for lesion in course.lesions
        if lesion.id not in here and first.get(lesion.id, day) <= day
    ]


def _check_table(room: Room, table: str) -> None:
    """What is signed can be read back as it is."""
    rows = list(csv.DictReader(io.StringIO(table)))
    if not rows:
        return
    findings: list[Finding] = []
    read_courses(rows, findings=findings, protocol=room.protocol)
    errors = [each for each in findings if each.level is Severity.ERROR]
    if errors:
        raise IncompleteError(errors[0].what, remedy=errors[0].remedy)


def next_version(desk: Desk, before: ReadingRow, reason: str) -> ReadingRow:
    """The row of a version after a signed one, in which nothing is said yet."""
    made = ReadingRow(
        subject_id=before.subject_id,
        account_id=before.account_id,
        version=before.version + 1,
        revision=before.revision + 1,
        state=ReadingState.OPEN.value,
        reason=reason,
    )
    desk.session.add(made)
    desk.session.flush()
    return made


def reopen(desk: Desk, subject: str, revision: int, reason: str) -> OpenReading:
    """A new version of a signed reading; the signed one stays as it is.

    Raises:
        ConflictError: the newest version is open.
    """
    row = subject_row(desk.session, subject)
    before = latest(desk.session, row, desk.person.account_id)
    if before is None or before.state != ReadingState.SIGNED:
        raise ConflictError("the reading is open already")
    if before.revision != revision:
        raise ConflictError("the reading was changed meanwhile", remedy="load it again")
    desk.act("new version", subject=subject, reason=reason)
    made = next_version(desk, before, reason)
    for said in said_in(desk.session, before.id):
        desk.session.add(entry_row(made.id, said))
    desk.session.flush()
    return of_row(desk.session, desk.room, made, subject, desk.person.name)
