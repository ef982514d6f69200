"""The two reads of a subject: where each stands, what they answer, and which is accepted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from recist.course import Course
from recist.response import Scope
from recist.review.database.tables import (
    Account,
    AccountRole,
    Adjudication,
    Assignment,
    ReadingRow,
    ReadingState,
    Signature,
    SubjectRow,
)
from recist.review.reading.assessed import AssessedReading, assess_reading
from recist.review.reading.readings import OpenReading, latest, of_row
from recist.review.room import Desk, Room
from recist.review.trial.acceptance import (
    Accepted,
    ReadAnswer,
    ReadNumber,
    Trigger,
    accepted,
    triggers,
)
from recist.review.trial.permissions import ADJUDICATOR_SLOT, READER_SLOTS
from recist.table.course_tables import read_courses
from recist.table.results import when

READ_NUMBERS: tuple[ReadNumber, ReadNumber] = (1, 2)


class NotReadyError(LookupError):
    """There is nothing to adjudicate, or not yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """The newest version of one reader's read.

    Attributes:
        signature: of the newest signed version; None before the first.
        signed: the row that it signs; an open newer version does not take it back.
    """

    number: ReadNumber
    reader: str
    newest: ReadingRow | None
    signed: ReadingRow | None
    signature: Signature | None

    @property
    def state(self) -> str:
        if self.newest is None:
            return "not begun"
        return "signed" if self.newest.state == ReadingState.SIGNED else "reading"


@dataclass(frozen=True, slots=True, eq=False)
class SubjectReads:
    """Both reads of a subject with what becomes of them."""

    subject: SubjectRow
    reads: tuple[Read, ...]
    found: tuple[Trigger, ...]
    adjudication: Adjudication | None
    accepted: Accepted

    @property
    def is_signed_twice(self) -> bool:
        return len(self.reads) == len(READ_NUMBERS) and all(each.signature for each in self.reads)

    @property
    def awaits_adjudication(self) -> bool:
        return self.is_signed_twice and bool(self.found) and self.accepted.read is None


def reads_of(session: Session, room: Room, subject: SubjectRow) -> SubjectReads:
    """Where the reads of a subject stand."""
    reads = tuple(_reads(session, subject))
    if len(reads) < len(READ_NUMBERS) or not all(each.signature for each in reads):
        return SubjectReads(subject, reads, (), None, Accepted(None, "not read by both yet"))
    answers = [answer_of(room, each) for each in reads]
    found = triggers(answers[0], answers[1], room.adjudicate_on)
    last = session.scalar(
        select(Adjudication)
        .where(Adjudication.subject_id == subject.id)
        .order_by(Adjudication.id.desc())
        .limit(1)
    )
    # A choice is between two versions: a newer version of one of them is chosen anew.
    ids = [each.signed.id for each in reads if each.signed is not None]
    if last is not None and [last.reading_1, last.reading_2] != ids:
        last = None
    chosen = None if last is None else READ_NUMBERS[ids.index(last.chosen)]
    return SubjectReads(subject, reads, found, last, accepted(found, chosen, room.protocol))


def _reads(session: Session, subject: SubjectRow) -> Iterator[Read]:
    for number, slot in zip(READ_NUMBERS, READER_SLOTS, strict=True):
        account = session.scalar(
            select(Account)
            .join(Assignment, Assignment.account_id == Account.id)
            .where(Assignment.subject_id == subject.id, Assignment.slot == slot)
        )
        if account is None:
            continue
        newest = latest(session, subject, account.id)
        signed = session.scalar(
            select(ReadingRow)
            .where(
                ReadingRow.subject_id == subject.id,
                ReadingRow.account_id == account.id,
                ReadingRow.state == ReadingState.SIGNED.value,
            )
            .order_by(ReadingRow.version.desc())
            .limit(1)
        )
        signature = None
        if signed is not None:
            signature = session.scalar(
                select(Signature).where(Signature.reading_id == signed.id, Signature.date == "")
            )
        yield Read(number, account.name, newest, signed, signature)


def course_of(room: Room, read: Read) -> Course | None:
    """The course that was signed, from the very table that was signed; None without a lesion."""
    if read.signature is None:
        return None
    rows = list(csv.DictReader(io.StringIO(read.signature.table_csv)))
    courses = read_courses(rows, protocol=room.protocol) if rows else ()
    return courses[0] if courses else None


def assessed_read(room: Room, read: Read) -> AssessedReading | None:
    """The answer of a signed read."""
    course = course_of(room, read)
    return None if course is None else assess_reading(course, room.criteria, room.protocol)


def answer_of(room: Room, read: Read) -> ReadAnswer:
    """What a signed read comes to by the leading criterion."""
    found = assessed_read(room, read)
    if found is None:
        return ReadAnswer("", "", {})
    lead = room.criteria[0]
    outcome = next(
        (each for each in found.outcomes if each.criteria == lead and each.scope is Scope.ALL), None
    )
    return ReadAnswer(
        "" if outcome is None else str(outcome.confirmed_best_overall or outcome.best_overall),
        "" if outcome is None else when(found.course, outcome.progression_day),
        {
            when(found.course, each.day): str(each.overall)
            for each in found.timepoints
            if each.criteria == lead and each.scope is Scope.ALL
        },
    )


def signed_reading(session: Session, room: Room, subject: str, read: Read) -> OpenReading:
    """A signed read as its page shows it, under its number and not its reader's name.

    Raises:
        NotReadyError: it is not signed.
    """
    if read.signed is None:
        raise NotReadyError(subject)
    return of_row(session, room, read.signed, subject, f"Read {read.number}")


def is_adjudicator_of(session: Session, account_id: int, subject: SubjectRow) -> bool:
    """Whether an account adjudicates a subject."""
    found = session.scalar(
        select(Assignment.id).where(
            Assignment.subject_id == subject.id,
            Assignment.account_id == account_id,
            Assignment.slot == ADJUDICATOR_SLOT,
        )
    )
    return found is not None


def to_adjudicate(
    session: Session, room: Room, account_id: int, subject: SubjectRow
) -> SubjectReads:
    """What an adjudicator may see: both signed reads, where they differ.

    Raises:
        NotReadyError: it is another's, or there is nothing to adjudicate.
    """
    if not is_adjudicator_of(session, account_id, subject):
        raise NotReadyError(subject.name)
    reads = reads_of(session, room, subject)
    if not reads.is_signed_twice or not reads.found:
        raise NotReadyError(subject.name)
    return reads


def adjudicate(desk: Desk, subject: SubjectRow, choice: ReadNumber, reason: str, name: str) -> None:
    """Choose one of the two reads.

    Raises:
        NotReadyError: there is nothing to choose between, or not for this person.
    """
    reads = to_adjudicate(desk.session, desk.room, desk.person.account_id, subject)
    if desk.room.protocol.reader_disagreement != "adjudicator":
        raise NotReadyError(subject.name)
    first, second = (each.signed.id for each in reads.reads if each.signed is not None)
    desk.act("adjudicate", subject=subject.name, reason=reason)
    desk.session.add(
        Adjudication(
            subject_id=subject.id,
            account_id=desk.person.account_id,
            reading_1=first,
            reading_2=second,
            chosen=(first, second)[choice - 1],
            triggers=",".join(reads.found),
            reason=reason,
            signed_name=name,
        )
    )
    desk.session.flush()


def assign(desk: Desk, subject: SubjectRow, slot: str, account: Account) -> None:
    """Give a subject to a reader or an adjudicator, before that place has begun to read.

    Raises:
        NotReadyError: the role does not fit, the person has another part in this subject, or the
            place was taken and has begun.
    """
    role = AccountRole.ADJUDICATOR if slot == ADJUDICATOR_SLOT else AccountRole.READER
    if account.role != role or account.disabled:
        raise NotReadyError(f"{account.name} is no {role}")
    others = desk.session.scalars(
        select(Assignment).where(
            Assignment.subject_id == subject.id, Assignment.account_id == account.id
        )
    )
    if any(each.slot != slot for each in others):
        raise NotReadyError(f"{account.name} has another part in {subject.name}")
    desk.act("assign", subject=subject.name)
    known = desk.session.scalar(
        select(Assignment).where(Assignment.subject_id == subject.id, Assignment.slot == slot)
    )
    if known is None:
        made = Assignment(subject_id=subject.id, account_id=account.id, slot=slot)
        desk.session.add(made)
    elif known.account_id != account.id:
        if latest(desk.session, subject, known.account_id) is not None:
            raise NotReadyError(f"{slot} of {subject.name} has begun to read")
        known.account_id = account.id
    desk.session.flush()
