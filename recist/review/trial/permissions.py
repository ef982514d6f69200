"""Who may see and do what. What may not be seen is not found: to refuse it tells that it exists."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from recist.review.database.tables import AccountRole, Assignment, SubjectRow
from recist.review.room import Person, Room

READER_SLOTS = ("reader-1", "reader-2")
ADJUDICATOR_SLOT = "adjudicator"


class ForbiddenError(Exception):
    """The role does not allow it."""


def subjects_of(session: Session, room: Room, person: Person) -> tuple[str, ...]:
    """The subjects that a person reads: all, or in a trial those assigned as a reader."""
    names = select(SubjectRow.name).order_by(SubjectRow.name)
    if room.is_trial:
        if person.role is not AccountRole.READER:
            return ()
        names = names.join(Assignment, Assignment.subject_id == SubjectRow.id).where(
            Assignment.account_id == person.account_id, Assignment.slot.in_(READER_SLOTS)
        )
    return tuple(session.scalars(names))


def check_reads(session: Session, room: Room, person: Person, subject: str) -> None:
    """Refuse a subject that a person does not read.

    Raises:
        LookupError: it is not theirs.
    """
    if subject not in subjects_of(session, room, person):
        raise LookupError(subject)


def check_role(person: Person, *roles: AccountRole) -> None:
    """Refuse what a role does not allow.

    Raises:
        ForbiddenError: another role.
    """
    if person.role not in roles:
        raise ForbiddenError(f"not for the role {person.role}")
