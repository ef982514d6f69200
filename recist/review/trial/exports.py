"""The trial's results as files: both reads and the accepted one, in the tables of the toolkit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from imaging.tables.rows import csv_text
from imaging.writing import SCHEMA_VERSION, write_text
from recist.patient.result_folder import folder_name
from recist.response import RESEARCH_USE
from recist.review.database.tables import Account, AuditRow, Query, SubjectRow
from recist.review.reading.from_images import write_reading_from_images
from recist.review.reading.given_back import outlines_of, said_in, signed_by, write_answers
from recist.review.room import Room
from recist.review.trial.analytics import analytics
from recist.review.trial.reads import (
    READ_NUMBERS,
    Read,
    SubjectReads,
    assessed_read,
    reads_of,
    signed_reading,
)

ACCEPTED = "accepted"
_READ_COLUMNS = (
    "subject", "read", "reader", "version", "signed_at", "signed_name", "meaning", "sha256",
    "accepted", "why",
)  # fmt: skip
_AUDIT_COLUMNS = tuple(column.key for column in AuditRow.__table__.columns)


def write_export(session: Session, room: Room, folder: Path) -> None:
    """Write ``read-1``, ``read-2`` and ``accepted`` with the tables of each, and what was decided.

    Args:
        folder: made where it is missing.
    """
    subjects = session.scalars(select(SubjectRow).order_by(SubjectRow.name)).all()
    every = [reads_of(session, room, subject) for subject in subjects]
    for number in READ_NUMBERS:
        signed = [each for reads in every for each in reads.reads if each.number == number]
        write_reads(room, [each for each in signed if each.signature], folder / f"read-{number}")
    _write_results(session, room, every, folder)
    chosen = [each for reads in every for each in reads.reads if each.number == reads.accepted.read]
    write_reads(room, chosen, folder / ACCEPTED)
    rows = [_row(reads, each) for reads in every for each in reads.reads if each.signature]
    write_text(folder / "reads.csv", csv_text(rows, _READ_COLUMNS))
    write_text(folder / "adjudications.csv", csv_text(_adjudications(session, every), _CHOICE))
    write_text(folder / "queries.csv", csv_text(_queries(session), _QUERY))
    trail = session.execute(select(AuditRow.__table__).order_by(AuditRow.number)).mappings()
    write_text(folder / "audit.csv", csv_text([dict(row) for row in trail], _AUDIT_COLUMNS))
    about = {"schema_version": SCHEMA_VERSION, "notice": RESEARCH_USE}
    figures = about | analytics(session, room)
    write_text(folder / "analytics.json", json.dumps(figures, indent=1) + "\n")


def _write_results(
    session: Session, room: Room, every: Sequence[SubjectReads], folder: Path
) -> None:
    """Page, tables, delineations and objects of each signed read.

    Through the work that the run kept where readers start from it, else from what they drew on the
    images.
    """
    for reads in every:
        name = folder_name(reads.subject.name)
        for read in reads.reads:
            place = folder / f"read-{read.number}" / name
            if not _write_read(session, room, reads.subject.name, read, place):
                continue
            if reads.accepted.read == read.number:
                shutil.copytree(place, folder / ACCEPTED / name)


def _write_read(session: Session, room: Room, subject: str, read: Read, place: Path) -> bool:
    """The results of one read; whether there are any."""
    answer = assessed_read(room, read)
    if read.signature is None or answer is None:
        return False
    signed = signed_by(room, read.signature, read.reader)
    reading = signed_reading(session, room, subject, read)
    if reading.concluded is not None:
        room.works.write(subject, said_in(reading), signed, place)
        return True
    images = room.archive.subject(subject)
    if images is None:
        return False
    # As it was signed, with the lines that the table does not hold.
    course = replace(reading.course, reader=read.reader)
    write_reading_from_images(
        images,
        replace(answer, course=course),
        outlines_of(session, room, reading),
        signed,
        place,
        criteria=room.criteria,
        protocol=room.protocol,
    )
    return True


def write_reads(room: Room, reads: Sequence[Read], folder: Path) -> None:
    """The tables of some reads, as ``recist assess`` takes and gives them."""
    found = [answer for each in reads if (answer := assessed_read(room, each)) is not None]
    folder.mkdir(parents=True, exist_ok=True)
    write_answers(room, found, folder)


def _row(reads: SubjectReads, read: Read) -> dict[str, object]:
    signature, signed = read.signature, read.signed
    assert signature is not None and signed is not None
    return {
        "subject": reads.subject.name,
        "read": read.number,
        "reader": read.reader,
        "version": signed.version,
        "signed_at": signature.signed_at,
        "signed_name": signature.signed_name,
        "meaning": signature.meaning,
        "sha256": signature.content_sha256,
        "accepted": "yes" if reads.accepted.read == read.number else "no",
        "why": reads.accepted.why,
    }


_CHOICE = ("subject", "chosen", "triggers", "reason", "adjudicator", "signed_name", "made_at")
_QUERY = ("subject", "asked_by", "asked_at", "date", "text", "answer", "answered_by", "answered_at")


def _adjudications(session: Session, every: Sequence[SubjectReads]) -> list[dict[str, object]]:
    names = dict(session.execute(select(Account.id, Account.name)).all())
    return [
        {
            "subject": reads.subject.name,
            "chosen": reads.accepted.read,
            "triggers": reads.adjudication.triggers,
            "reason": reads.adjudication.reason,
            "adjudicator": names[reads.adjudication.account_id],
            "signed_name": reads.adjudication.signed_name,
            "made_at": reads.adjudication.made_at,
        }
        for reads in every
        if reads.adjudication is not None
    ]


def _queries(session: Session) -> list[dict[str, object]]:
    names = dict(session.execute(select(Account.id, Account.name)).all())
    rows = session.execute(
        select(Query, SubjectRow.name)
        .join(SubjectRow, SubjectRow.id == Query.subject_id)
        .order_by(Query.id)
    )
    return [
        {
            "subject": subject,
            "asked_by": names[query.account_id],
            "asked_at": query.asked_at,
            "date": query.date,
            "text": query.text,
            "answer": query.answer,
            "answered_by": names.get(query.answered_by or 0, ""),
            "answered_at": query.answered_at,
        }
        for query, subject in rows
    ]
