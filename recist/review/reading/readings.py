"""Readings in the database, as they were said so far and as they come out.

Every function works in the caller's transaction and for one person; whether that person may is
asked first (:mod:`recist.review.trial.permissions`), and what may not be seen is not found.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from imaging.errors import InputError
from imaging.volume import Grid
from recist.course import Course, Status, Timepoint
from recist.patient.work.observed import Later
from recist.review.database.tables import (
    Entry,
    EntryKind,
    ReadingRow,
    ReadingState,
    Signature,
    SubjectRow,
)
from recist.review.reading.assessed import AssessedReading, assess_reading
from recist.review.reading.concluding import concluding
from recist.review.reading.entries import (
    Said,
    confirmed_dates,
    corrected,
    in_force,
    switched_on,
)
from recist.review.reading.packed_outlines import PackedMask, kept, on_grid
from recist.review.reading.proposals import Proposals, read_proposals
from recist.review.reading.works import Concluded, dates_of
from recist.review.room import Person, Room


class ConflictError(InputError):
    """Somebody else was faster, or the reading is locked."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenReading:
    """A reading with all that was said in it.

    Attributes:
        proposals: what the run measured, of the dates that the reader may see; the outlines are
            left out where ``concluded`` has them.
        concluded: what it comes to through the work that the run kept; None without such work:
            then the reading is a table, and what is said is applied to what was proposed.
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
    concluded: Later[Concluded] | None = None

    @property
    def course(self) -> Course:
        """The course as it is assessed."""
        if self.concluded is not None:
            return self.concluded().answer(self.reader).course
        return corrected(self.proposals.course, self.entries)

    @property
    def whole_course(self) -> Course:
        """The course with what is no lesion left in: its names are not given again."""
        if self.concluded is not None:
            return replace(self.concluded().whole, reader=self.reader)
        return corrected(self.proposals.course, self.entries, keep_rejected=True)

    @property
    def confirmed(self) -> Mapping[str, str]:
        """Date -> when it was confirmed; a later change of what was seen there withdraws it."""
        if self.concluded is not None:
            return {each.date.isoformat(): each.recorded_at for each in self.concluded().said.dates}
        return confirmed_dates(self.entries)

    @property
    def rejected(self) -> frozenset[str]:
        """What is no lesion."""
        if self.concluded is not None:
            said = self.concluded().said
            return frozenset(each.lesion for each in said.overrides if each.dropped)
        return switched_on(self.entries, "rejected")

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


def looked_at(
    session: Session, room: Room, person: Person, subject: str, *, briefly: bool = False
) -> OpenReading:
    """The newest version of a person's reading; nothing is written where there is none yet.

    Args:
        briefly: for a list of many: of a patient about whom nothing is said yet neither the work
            of the run nor outlines are read; the tables of the run hold the same answer.
    """
    row = subject_row(session, subject)
    reading = latest(session, row, person.account_id) or first_version(row, person)
    return of_row(session, room, reading, subject, person.name, briefly=briefly)


def first_version(subject: SubjectRow, person: Person) -> ReadingRow:
    """A reading that nothing is said in; not stored."""
    return ReadingRow(
        subject_id=subject.id,
        account_id=person.account_id,
        version=1,
        revision=0,
        state=ReadingState.OPEN.value,
        reason="",
    )


def of_row(
    session: Session,
    room: Room,
    reading: ReadingRow,
    subject: str,
    reader: str,
    *,
    briefly: bool = False,
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
    has_work = room.shows_proposals and not (briefly and not entries) and room.works.has(subject)
    every = _measured_dates(room, subject) if has_work else _all_dates(room, subject)
    dates = _unlocked(session, room, every, reading.subject_id, reading.account_id)
    more = len(dates) < len(every)
    concluded = None
    if has_work:
        concluded = Later(
            concluding(session, room, subject, reader=reader, dates=dates, entries=entries)
        )
        proposals = Proposals(_empty(subject, reader, dates), {})
    else:
        proposals = _proposals(room, subject, reader, dates, with_outlines=not briefly)
    return OpenReading(
        reading, subject, reader, proposals, dates, more, entries, signatures, concluded
    )


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


def _measured_dates(room: Room, subject: str) -> tuple[str, ...]:
    work = None if room.is_trial else room.works.of(subject)
    return _all_dates(room, subject) if work is None else dates_of(work)


def _all_dates(room: Room, subject: str) -> tuple[str, ...]:
    visits = room.archive.visits(subject)
    if visits:
        return tuple(date.isoformat() for date in sorted(visits))
    if subject not in room.folders:
        return ()
    folder = room.folders[subject]
    course = read_proposals(subject, folder, room.protocol, with_outlines=False).course
    found = (course.date_of(timepoint.day) for timepoint in course.timepoints)
    return tuple(date.isoformat() for date in found if date is not None)


def _proposals(
    room: Room, subject: str, reader: str, dates: Sequence[str], *, with_outlines: bool
) -> Proposals:
    if not room.shows_proposals or subject not in room.folders:
        return Proposals(_empty(subject, reader, dates), {})
    folder = room.folders[subject]
    found = read_proposals(subject, folder, room.protocol, with_outlines=with_outlines)
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


def assessed(room: Room, reading: OpenReading) -> AssessedReading:
    """The answer of a reading as it stands."""
    if reading.concluded is not None:
        return reading.concluded().answer(reading.reader)
    return assess_reading(reading.course, room.criteria, room.protocol)


def outlines_at(
    session: Session, reading: OpenReading, date: str, grid: Grid
) -> dict[str, PackedMask]:
    """The outlines of a date by lesion: the run's, and in their place what the reader drew.

    Args:
        grid: of the CT of that date.
    """
    masks = reading.proposals.masks if reading.concluded is None else reading.concluded().masks
    found = {
        lesion: PackedMask.of(on_grid(mask, grid))
        for (when, lesion), mask in masks.items()
        if when == date and mask.voxels
    }
    if reading.concluded is not None:
        return found
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
