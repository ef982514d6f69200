"""Readings in the database: opened, added to, taken back, and read again.

Every function works in the caller's transaction and for one person; whether that person may is
asked first (:mod:`recist.review.trial.permissions`), and what may not be seen is not found.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from imaging.errors import InputError
from imaging.volume import Grid
from recist.course import Course, Status, Timepoint
from recist.review.database.tables import (
    Entry,
    EntryKind,
    ReadingRow,
    ReadingState,
    Signature,
    SubjectRow,
)
from recist.review.reading.assessed import AssessedReading, assess_reading
from recist.review.reading.entries import (
    OF_A_DATE,
    Content,
    EntryError,
    Said,
    corrected,
    in_force,
    seen_at,
)
from recist.review.reading.packed_outlines import PackedMask, kept, on_grid
from recist.review.reading.proposals import Proposals, read_proposals
from recist.review.room import Desk, Person, Room


class ConflictError(InputError):
    """Somebody else was faster, or the reading is locked."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenReading:
    """A reading with all that was said in it.

    Attributes:
        proposals: what the run measured, of the dates that the reader may see.
        dates: that the reader may see, the first first.
        has_more_dates: others come when these are signed.
    """

    row: ReadingRow
    subject: str
    reader: str
    proposals: Proposals
    dates: tuple[str, ...]
    has_more_dates: bool
    entries: tuple[Said, ...]
    signatures: tuple[Signature, ...]

    @property
    def course(self) -> Course:
        return corrected(self.proposals.course, self.entries)

    @property
    def is_open(self) -> bool:
        return self.row.state == ReadingState.OPEN

    @property
    def signed_dates(self) -> frozenset[str]:
        return frozenset(each.date for each in self.signatures if each.date)


def subject_row(session: Session, subject: str) -> SubjectRow:
    """The subject of that name.

    Raises:
        LookupError: there is none.
    """
    found = session.scalar(select(SubjectRow).where(SubjectRow.name == subject))
    if found is None:
        raise LookupError(subject)
    return found


def latest(session: Session, subject: SubjectRow, account_id: int) -> ReadingRow | None:
    """The newest version of a reader's reading of a subject."""
    return session.scalar(
        select(ReadingRow)
        .where(ReadingRow.subject_id == subject.id, ReadingRow.account_id == account_id)
        .order_by(ReadingRow.version.desc())
        .limit(1)
    )


def looked_at(session: Session, room: Room, person: Person, subject: str) -> OpenReading:
    """The newest version of a person's reading; nothing is written where there is none yet."""
    row = subject_row(session, subject)
    reading = latest(session, row, person.account_id) or _first(row, person)
    return of_row(session, room, reading, subject, person.name)


def _first(subject: SubjectRow, person: Person) -> ReadingRow:
    return ReadingRow(
        subject_id=subject.id,
        account_id=person.account_id,
        version=1,
        revision=0,
        state=ReadingState.OPEN.value,
        reason="",
    )


def of_row(
    session: Session, room: Room, reading: ReadingRow, subject: str, reader: str
) -> OpenReading:
    """A stored reading with all that belongs to it."""
    is_stored = reading.id is not None
    entries = said_in(session, reading.id) if is_stored else ()
    signatures = tuple(
        session.scalars(
            select(Signature).where(Signature.reading_id == reading.id).order_by(Signature.id)
        )
        if is_stored
        else ()
    )
    every = _all_dates(room, subject)
    dates = _unlocked(session, room, every, reading.subject_id, reading.account_id)
    proposals = _proposals(room, subject, reader, dates)
    more = len(dates) < len(every)
    return OpenReading(reading, subject, reader, proposals, dates, more, entries, signatures)


def dates_for(session: Session, room: Room, person: Person, subject: str) -> tuple[str, ...]:
    """The dates that a reader may see.

    Raises:
        LookupError: there is no such subject.
    """
    row = subject_row(session, subject)
    return _unlocked(session, room, _all_dates(room, subject), row.id, person.account_id)


def _unlocked(
    session: Session, room: Room, every: tuple[str, ...], subject_id: int, account_id: int
) -> tuple[str, ...]:
    """All dates, or one more than was signed in any version: a new one sees what the old saw."""
    if not room.one_by_one:
        return every
    signed = session.scalars(
        select(Signature.date)
        .join(ReadingRow, ReadingRow.id == Signature.reading_id)
        .where(
            ReadingRow.subject_id == subject_id,
            ReadingRow.account_id == account_id,
            Signature.date != "",
        )
    )
    return every[: len(set(signed)) + 1]


def said_in(session: Session, reading_id: int) -> tuple[Said, ...]:
    """The entries of a reading in their order."""
    rows = session.scalars(
        select(Entry).where(Entry.reading_id == reading_id).order_by(Entry.number)
    )
    return tuple(
        Said(row.number, EntryKind(row.kind), json.loads(row.content), row.made_at) for row in rows
    )


def _all_dates(room: Room, subject: str) -> tuple[str, ...]:
    visits = room.archive.visits(subject)
    if visits:
        return tuple(date.isoformat() for date in sorted(visits))
    if subject not in room.folders:
        return ()
    course = read_proposals(subject, room.folders[subject], room.protocol).course
    found = (course.date_of(timepoint.day) for timepoint in course.timepoints)
    return tuple(date.isoformat() for date in found if date is not None)


def _proposals(room: Room, subject: str, reader: str, dates: Sequence[str]) -> Proposals:
    if not room.shows_proposals or subject not in room.folders:
        return Proposals(_empty(subject, reader, dates), {})
    found = read_proposals(subject, room.folders[subject], room.protocol)
    course = replace(found.course, reader=reader)
    allowed = set(dates)

    def is_seen(timepoint: Timepoint) -> bool:
        date = course.date_of(timepoint.day)
        return date is not None and date.isoformat() in allowed

    timepoints = tuple(
        replace(
            timepoint,
            measurements=tuple(replace(each, source=reader) for each in timepoint.measurements),
        )
        for timepoint in course.timepoints
        if is_seen(timepoint)
    )
    seen = {each.lesion_id for timepoint in timepoints for each in timepoint.measurements}
    course = replace(
        course,
        lesions=tuple(lesion for lesion in course.lesions if lesion.id in seen),
        timepoints=timepoints,
    )
    masks = {key: mask for key, mask in found.masks.items() if key[0] in allowed}
    return Proposals(course, masks, found.remarks)


def _empty(subject: str, reader: str, dates: Sequence[str]) -> Course:
    """The course of a reader who starts from nothing."""
    days = [dt.date.fromisoformat(date) for date in dates]
    zero = days[0] if days else None
    timepoints = tuple(Timepoint((day - days[0]).days, ()) for day in days)
    return Course(subject, (), timepoints, (), zero, reader)


def say(
    desk: Desk,
    subject: str,
    revision: int,
    kind: EntryKind,
    content: Content,
) -> OpenReading:
    """Add an entry.

    Args:
        revision: that the reader last saw.

    Raises:
        ConflictError: there is a newer revision, or what it changes is signed.
        EntryError: it cannot be said of this course.
    """
    reading = opened_to_write(desk, subject, revision)
    _check_unlocked(desk.room, reading, kind, content)
    said = Said(len(reading.entries) + 1, kind, content)
    corrected(reading.proposals.course, (*reading.entries, said))  # refuses what cannot be said
    date = str(content.get("date", ""))
    if date and date not in reading.dates:
        raise EntryError(f"no examination on {date}", where=subject)
    reason = str(content.get("reason", "") or content.get("text", ""))
    desk.act(f"say {kind}", subject=subject, reason=reason)
    return _added(desk, reading, said)


def undo(desk: Desk, subject: str, revision: int) -> OpenReading:
    """Take the newest entry back that is in force.

    Raises:
        ConflictError: there is a newer revision, nothing to take back, or it is signed.
    """
    reading = opened_to_write(desk, subject, revision)
    known = in_force(reading.entries)
    if not known:
        raise ConflictError("nothing to undo")
    last = known[-1]
    _check_unlocked(desk.room, reading, last.kind, last.content)
    said = Said(len(reading.entries) + 1, EntryKind.UNDO, {"number": last.number})
    desk.act("undo", subject=subject)
    return _added(desk, reading, said)


def opened_to_write(desk: Desk, subject: str, revision: int) -> OpenReading:
    """The newest version of a reading, locked in the database until this transaction ends.

    Raises:
        ConflictError: there is a newer revision, or the reading is signed.
    """
    known = subject_row(desk.session, subject)
    row = latest(desk.session, known, desk.person.account_id)
    if row is None:
        row = _first(known, desk.person)
        desk.act("open reading", subject=subject)
        desk.session.add(row)
        desk.session.flush()
    # Whoever comes second waits here, and then sees the newer revision.
    desk.session.refresh(row, with_for_update=True)
    reading = of_row(desk.session, desk.room, row, subject, desk.person.name)
    if not reading.is_open:
        raise ConflictError(
            "the reading is signed and locked", remedy="begin a new version, with its reason"
        )
    if row.revision != revision:
        raise ConflictError(
            f"the reading was changed meanwhile (revision {row.revision}, yours {revision})",
            remedy="load it again: nothing was overwritten",
        )
    return reading


def _check_unlocked(room: Room, reading: OpenReading, kind: EntryKind, content: Content) -> None:
    """A date that is signed stays as it is; so do the lesions that were there."""
    signed = reading.signed_dates
    if not room.one_by_one or not signed:
        return
    remedy = "begin a new version, with its reason"
    date = str(content.get("date", ""))
    if date in signed and kind in (*OF_A_DATE, EntryKind.CONFIRM):
        raise ConflictError(f"{date} is signed", remedy=remedy)
    if kind is not EntryKind.LESION:
        return
    course = reading.course
    for timepoint in course.timepoints:
        day = course.date_of(timepoint.day)
        seen = seen_at(course, timepoint.day, str(content.get("lesion")))
        if seen is not None and day is not None and day.isoformat() in signed:
            raise ConflictError(f"{content['lesion']} was signed on {day}", remedy=remedy)


def _added(desk: Desk, reading: OpenReading, said: Said) -> OpenReading:
    desk.session.add(
        Entry(
            reading_id=reading.row.id,
            number=said.number,
            kind=said.kind.value,
            content=json.dumps(dict(said.content), sort_keys=True),
        )
    )
    reading.row.revision += 1
    desk.session.flush()
    return of_row(desk.session, desk.room, reading.row, reading.subject, reading.reader)


def assessed(room: Room, reading: OpenReading) -> AssessedReading:
    """The answer of a reading as it stands."""
    return assess_reading(reading.course, room.criteria, room.protocol)


def whole_course(reading: OpenReading) -> Course:
    """The course with what is no lesion left in: its names are not given again."""
    return corrected(reading.proposals.course, reading.entries, keep_rejected=True)


def outlines_at(
    session: Session, reading: OpenReading, date: str, grid: Grid
) -> dict[str, PackedMask]:
    """The outlines of a date by lesion: the run's, and in their place what the reader drew.

    Args:
        grid: of the CT of that date.
    """
    found = {
        lesion: PackedMask.of(on_grid(mask, grid))
        for (when, lesion), mask in reading.proposals.masks.items()
        if when == date and mask.voxels
    }
    for each in in_force(reading.entries):
        if each.content.get("date") != date:
            continue
        lesion = str(each.content.get("lesion", ""))
        if each.content.get("outline"):
            found[lesion] = kept(session, str(each.content["outline"]))
        elif each.kind is EntryKind.LINK and lesion in found:
            found[str(each.content["to"])] = found.pop(lesion)
        elif each.kind is EntryKind.STATUS and each.content["status"] == Status.ABSENT:
            found.pop(lesion, None)
    return found
