"""Routes of a trial: work list, reads side by side, adjudication, queries, accounts, figures."""

from __future__ import annotations

import datetime as dt
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from recist.review.database import audit_trail
from recist.review.database.tables import Account, AccountRole, AuditRow, SubjectRow, now
from recist.review.database.tables import Query as QueryRow
from recist.review.images.image_archive import Modality
from recist.review.reading import readings
from recist.review.reading.readings import ConflictError, subject_row
from recist.review.room import Person, Room
from recist.review.trial import reads as trial_reads
from recist.review.trial.analytics import analytics
from recist.review.trial.exports import write_export
from recist.review.trial.permissions import check_reads, check_role, subjects_of
from recist.review.trial.reads import NotReadyError, Read, SubjectReads, reads_of
from recist.review.web import forms, second_factor, sessions
from recist.review.web.access import Changing, Looking, RoomOf, desk
from recist.review.web.forms import LARGEST_NUMBER
from recist.review.web.reading_routes import Subject, check_password, page_of

router = APIRouter(prefix="/api/trial", tags=["trial"])
queries_router = APIRouter(prefix="/api", tags=["trial"])

Number = Annotated[int, Path(ge=1, le=2)]
_LOOKERS = (AccountRole.ADMINISTRATOR, AccountRole.MONITOR)


@router.get("/worklist")
def worklist(found: Looking, room: RoomOf) -> dict[str, Any]:
    """What there is to do for the person who asks."""
    with room.database.looking() as session:
        person = found.person
        if person.role is AccountRole.READER:
            rows = [
                _own(session, room, person, name) for name in subjects_of(session, room, person)
            ]
        elif person.role is AccountRole.ADJUDICATOR:
            rows = list(_differing(session, room, person))
        else:
            rows = [_standing(each) for each in _all(session, room)]
    return {"role": found.person.role.value, "subjects": rows}


def _own(session: Session, room: Room, person: Person, subject: str) -> dict[str, Any]:
    reading = readings.looked_at(session, room, person, subject)
    unsigned = [date for date in reading.dates if date not in reading.signed_dates]
    return {
        "subject": subject,
        "state": "signed" if not reading.is_open else "reading" if reading.entries else "to read",
        "version": reading.row.version,
        "next_date": unsigned[0] if unsigned and reading.is_open else "",
    }


def _differing(session: Session, room: Room, person: Person) -> Iterator[dict[str, Any]]:
    for subject in session.scalars(select(SubjectRow).order_by(SubjectRow.name)):
        try:
            reads = trial_reads.to_adjudicate(session, room, person.account_id, subject)
        except NotReadyError:
            continue
        state = "to adjudicate" if reads.awaits_adjudication else "adjudicated"
        yield {"subject": subject.name, "state": state, "triggers": list(reads.found)}


def _all(session: Session, room: Room) -> list[SubjectReads]:
    subjects = session.scalars(select(SubjectRow).order_by(SubjectRow.name))
    return [reads_of(session, room, subject) for subject in subjects]


def _standing(reads: SubjectReads) -> dict[str, Any]:
    return {
        "subject": reads.subject.name,
        "reads": [
            {"read": each.number, "reader": each.reader, "state": each.state}
            for each in reads.reads
        ],
        "triggers": list(reads.found),
        "accepted": reads.accepted.read,
        "why": reads.accepted.why,
    }


def _reads_for(session: Session, room: Room, person: Person, subject: str) -> SubjectReads:
    """Both reads for who may see them: the adjudicator where they differ, and who only looks.

    Raises:
        LookupError: everybody else, readers first of all.
    """
    row = subject_row(session, subject)
    if person.role is AccountRole.ADJUDICATOR:
        return trial_reads.to_adjudicate(session, room, person.account_id, row)
    if person.role is AccountRole.MONITOR:
        return reads_of(session, room, row)
    raise LookupError(subject)


def _read(reads: SubjectReads, number: int) -> Read:
    for each in reads.reads:
        if each.number == number:
            return each
    raise LookupError(number)


@router.get("/subjects/{subject}/adjudication")
def adjudication(subject: Subject, found: Looking, room: RoomOf) -> dict[str, Any]:
    """Two signed reads that differ, side by side and without their readers' names."""
    with room.database.looking() as session:
        reads = _reads_for(session, room, found.person, subject)
        pages = []
        for each in reads.reads:
            if each.signature is None:
                continue
            page = page_of(room, trial_reads.signed_reading(session, room, subject, each))
            pages.append({"read": each.number, **page})
        chosen = reads.adjudication
        return {
            "subject": subject,
            "triggers": list(reads.found),
            "reads": pages,
            "accepted": reads.accepted.read,
            "why": reads.accepted.why,
            "reason": "" if chosen is None else chosen.reason,
        }


@router.post("/subjects/{subject}/adjudication")
def adjudicate(
    subject: Subject, form: forms.Adjudicating, found: Changing, room: RoomOf
) -> dict[str, Any]:
    """Choose one read, with the reason, signed by the password."""
    check_role(found.person, AccountRole.ADJUDICATOR)
    check_password(room, found, form.password)
    with desk(room, found) as at:
        row = subject_row(at.session, subject)
        trial_reads.adjudicate(at, row, form.choice, form.reason, form.name)
        reads = reads_of(at.session, room, row)
    return {"subject": subject, "accepted": reads.accepted.read, "why": reads.accepted.why}


@router.get("/subjects/{subject}/reads/{number}/masks/{date}")
def masks_of_read(
    subject: Subject, number: Number, date: dt.date, found: Looking, room: RoomOf
) -> dict[str, Any]:
    """The outlines of a signed read at a date."""
    with room.database.looking() as session:
        reads = _reads_for(session, room, found.person, subject)
        reading = trial_reads.signed_reading(session, room, subject, _read(reads, number))
        grid = room.archive.grid(subject, date, Modality.CT)[0]
        own = readings.outlines_at(session, reading, date.isoformat(), grid)
    return {"lesions": [{"id": lesion, **packed.sent()} for lesion, packed in own.items()]}


# --- queries to the site ----------------------------------------------------------------------


@queries_router.post("/patients/{subject}/queries", status_code=201)
def ask(subject: Subject, form: forms.SiteQuery, found: Changing, room: RoomOf) -> dict[str, Any]:
    """Ask the site about a subject."""
    with desk(room, found) as at:
        check_reads(at.session, room, found.person, subject)
        row = subject_row(at.session, subject)
        query = QueryRow(
            subject_id=row.id,
            account_id=found.person.account_id,
            text=form.text,
            date="" if form.date is None else form.date.isoformat(),
        )
        at.act("ask the site", subject=subject)
        at.session.add(query)
        at.session.flush()
        return {"id": query.id}


@router.get("/queries")
def queries(found: Looking, room: RoomOf) -> dict[str, Any]:
    """A reader's own queries; all of them for administrators and monitors."""
    with room.database.looking() as session:
        wanted = (
            select(QueryRow, SubjectRow.name)
            .join(SubjectRow, SubjectRow.id == QueryRow.subject_id)
            .order_by(QueryRow.id)
        )
        if found.person.role not in _LOOKERS:
            wanted = wanted.where(QueryRow.account_id == found.person.account_id)
        rows = [
            {
                "id": query.id,
                "subject": subject,
                "date": query.date,
                "text": query.text,
                "asked_at": query.asked_at,
                "answer": query.answer,
                "answered_at": query.answered_at,
            }
            for query, subject in session.execute(wanted)
        ]
    return {"queries": rows}


@router.post("/queries/{number}/answer")
def answer(
    number: Annotated[int, Path(ge=1, le=LARGEST_NUMBER)],
    form: forms.Answer,
    found: Changing,
    room: RoomOf,
) -> dict[str, Any]:
    """Enter the site's answer, once."""
    check_role(found.person, AccountRole.ADMINISTRATOR)
    with desk(room, found) as at:
        query = at.session.get(QueryRow, number)
        if query is None:
            raise LookupError(number)
        if query.answer:
            raise ConflictError("the query is answered already", remedy="ask a new one")
        at.act("answer of the site")
        query.answer, query.answered_at = form.answer, now()
        query.answered_by = found.person.account_id
    return {"id": number}


# --- accounts and assignments -------------------------------------------------------------------


@router.get("/accounts")
def accounts(found: Looking, room: RoomOf) -> dict[str, Any]:
    """Who takes part."""
    check_role(found.person, *_LOOKERS)
    with room.database.looking() as session:
        rows = session.scalars(select(Account).order_by(Account.name))
        listed = [{"name": a.name, "role": a.role, "disabled": a.disabled} for a in rows]
    return {"accounts": listed}


@router.post("/accounts", status_code=201)
def add_account(form: forms.NewAccount, found: Changing, room: RoomOf) -> dict[str, Any]:
    """A new account."""
    check_role(found.person, AccountRole.ADMINISTRATOR)
    with desk(room, found) as at:
        if at.session.scalar(select(Account).where(Account.name == form.name)) is not None:
            raise ConflictError(f"there is an account {form.name}")
        at.act("create account")
        hashed = sessions.hashed_password(form.password)
        account = Account(name=form.name, role=form.role, password_hash=hashed)
        at.session.add(account)
        at.session.flush()
        address = second_factor.given(at.session, account) if room.needs_second_factor else ""
    return {"name": form.name, "role": form.role, "second_factor": address}


@router.post("/accounts/{name}/second-factor")
def renew_second_factor(
    name: Annotated[str, Path(max_length=64)], found: Changing, room: RoomOf
) -> dict[str, str]:
    """A new second factor, where the old one is lost; the sessions of the account end."""
    check_role(found.person, AccountRole.ADMINISTRATOR)
    if not room.needs_second_factor:
        raise ConflictError("no second factor is asked for in this trial")
    with desk(room, found) as at:
        account = at.session.scalar(select(Account).where(Account.name == name))
        if account is None:
            raise LookupError(name)
        at.act("renew second factor")
        address = second_factor.given(at.session, account)
        sessions.end_all(at.session, account.id)
    return {"name": name, "second_factor": address}


@router.post("/accounts/{name}")
def change_account(
    name: Annotated[str, Path(max_length=64)],
    form: forms.AccountChange,
    found: Changing,
    room: RoomOf,
) -> dict[str, Any]:
    """Another role, or the account is closed; its sessions end too. Nobody changes their own."""
    check_role(found.person, AccountRole.ADMINISTRATOR)
    if name == found.person.name:
        raise HTTPException(403, "nobody changes their own account")
    with desk(room, found) as at:
        account = at.session.scalar(select(Account).where(Account.name == name))
        if account is None:
            raise LookupError(name)
        at.act("change account")
        if form.role is not None:
            account.role = form.role
        if form.disabled is not None:
            account.disabled = form.disabled
        at.session.flush()
        sessions.end_all(at.session, account.id)
        return {"name": account.name, "role": account.role, "disabled": account.disabled}


@router.post("/subjects/{subject}/assignments")
def assign(
    subject: Subject, form: forms.Assigning, found: Changing, room: RoomOf
) -> dict[str, Any]:
    """Give a subject to a reader or to an adjudicator."""
    check_role(found.person, AccountRole.ADMINISTRATOR)
    with desk(room, found) as at:
        account = at.session.scalar(select(Account).where(Account.name == form.account))
        if account is None:
            raise LookupError(form.account)
        try:
            trial_reads.assign(at, subject_row(at.session, subject), form.slot, account)
        except NotReadyError as error:
            raise ConflictError(str(error)) from error
    return {"subject": subject, "slot": form.slot, "account": form.account}


# --- what the trial comes to ------------------------------------------------------------------


@router.get("/analytics")
def figures(found: Looking, room: RoomOf) -> dict[str, Any]:
    """Agreement of the readers, causes of discordance, times, rate of adjudication."""
    check_role(found.person, *_LOOKERS)
    with room.database.looking() as session:
        return analytics(session, room)


@router.get("/export")
def export(found: Looking, room: RoomOf) -> Response:
    """Both reads and the accepted one as tables, in a zip."""
    check_role(found.person, *_LOOKERS)
    with room.database.session() as session:
        audit_trail.note(session, found.person.actor, "export")
    with tempfile.TemporaryDirectory(prefix="recist-") as name:
        folder = FilePath(name) / "export"
        folder.mkdir()
        with room.database.looking() as session:
            write_export(session, room, folder)
        packed = FilePath(name) / "export.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    file.write(path, path.relative_to(folder).as_posix())
        content = packed.read_bytes()
    return Response(
        content,
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="trial.zip"'},
    )


@router.get("/audit")
def trail(
    found: Looking,
    room: RoomOf,
    after: Annotated[int, Query(ge=0, le=LARGEST_NUMBER)] = 0,
    subject: Annotated[str, Query(max_length=128)] = "",
) -> dict[str, Any]:
    """Rows of the audit after a number, a hundred at a time."""
    check_role(found.person, *_LOOKERS)
    wanted = select(AuditRow.__table__).where(AuditRow.number > after)
    if subject:
        wanted = wanted.where(AuditRow.subject == subject)
    with room.database.looking() as session:
        rows = session.execute(wanted.order_by(AuditRow.number).limit(100)).mappings()
        return {"rows": [dict(row) for row in rows]}
