"""What a reader says, added to a reading or taken back; what cannot be so is refused.

Every function works in the caller's transaction and for one person, as in
:mod:`recist.review.reading.readings`.
"""

from __future__ import annotations

import json
from dataclasses import replace

from recist.course import Role, Status
from recist.patient.corrections import FILE_NAMES
from recist.review.database.tables import Entry, EntryKind, now
from recist.review.reading.entries import (
    OF_A_DATE,
    Content,
    EntryError,
    Said,
    check_new,
    check_role,
    corrected,
    day_of,
    in_force,
    lesion_of,
    seen_at,
)
from recist.review.reading.imported import content_of
from recist.review.reading.packed_outlines import keep
from recist.review.reading.readings import (
    ConflictError,
    OpenReading,
    first_version,
    latest,
    of_row,
    subject_row,
)
from recist.review.room import Desk, Room

#: A lesion of these statuses was not measured.
_WITHOUT_SIZE = (Status.ABSENT, Status.NOT_EVALUABLE, Status.MERGED)


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
    if not reading.entries:
        reading = _with_earlier_word(desk, reading)
    _check_unlocked(desk.room, reading, kind, content)
    said = Said(len(reading.entries) + 1, kind, content, now())
    date = str(content.get("date", ""))
    if date and date not in reading.dates:
        raise EntryError(f"no examination on {date}", where=subject)
    _check_named(reading, said)
    reason = str(content.get("reason", "") or content.get("text", ""))
    desk.act(f"say {kind}", subject=subject, reason=reason)
    after = _added(desk, reading, said)
    _check_said(after, said)
    return after


def _with_earlier_word(desk: Desk, reading: OpenReading) -> OpenReading:
    """A reading that begins: the corrections that lie with the results are its first word."""
    if reading.concluded is None or desk.room.is_trial:
        return reading
    found = desk.room.works.corrections(reading.subject)
    if not found:
        return reading
    content = content_of(
        found,
        reading.subject,
        tuple(FILE_NAMES),
        grid_at=lambda date: desk.room.works.grid(reading.subject, date),
        keep=lambda packed: keep(desk.session, packed),
    )
    desk.act("take over corrections", subject=reading.subject)
    said = Said(1, EntryKind.IMPORT, {**content, "of_results": True}, now())
    return _added(desk, reading, said, counts=False)


def _check_named(reading: OpenReading, said: Said) -> None:
    """Refuse to speak of a lesion that is not there, or to name a second one like the first.

    Raises:
        EntryError: no such lesion, or there is one already.
    """
    if reading.concluded is None:  # the entry itself is refused where it is applied
        corrected(reading.proposals.course, (*reading.entries, said))
        return
    course = reading.whole_course
    names = {each.id for each in course.lesions}
    if said.kind is EntryKind.NEW:
        check_new(course, said.content)
        return
    for word in ("lesion", "to", "merged_into"):
        name = said.content.get(word)
        if name and name not in names and said.kind is not EntryKind.COMMENT:
            raise EntryError(f"no lesion {name}", where=reading.subject)
    if said.kind is EntryKind.LESION and said.content.get("role"):
        lesion = lesion_of(course, str(said.content["lesion"]))
        check_role(course, replace(lesion, role=Role(said.content["role"])), lesion)


def _check_said(reading: OpenReading, said: Said) -> None:
    """Refuse what cannot be so, now that it is said: the transaction is given up.

    Raises:
        InputError: it contradicts something, or a lesion is called measured without a size.
    """
    if reading.concluded is None:
        return
    if (trouble := reading.concluded().trouble) is not None:
        raise EntryError(trouble.what, where=reading.subject, remedy=trouble.remedy)
    if said.kind is EntryKind.STATUS and said.content["status"] == Status.MEASURED:
        course = reading.whole_course
        name, date = str(said.content["lesion"]), str(said.content["date"])
        seen = seen_at(course, day_of(course, date), name)
        if seen is None or seen.status in _WITHOUT_SIZE:
            raise EntryError(f"{name} is measured without a diameter", remedy="draw it")


def undo(desk: Desk, subject: str, revision: int) -> OpenReading:
    """Take the newest entry back that is in force.

    Raises:
        ConflictError: there is a newer revision, nothing to take back, or it is signed.
    """
    reading = opened_to_write(desk, subject, revision)
    known = [each for each in in_force(reading.entries) if not each.content.get("of_results")]
    if not known:
        raise ConflictError("nothing to undo")
    last = known[-1]
    _check_unlocked(desk.room, reading, last.kind, last.content)
    content = {"number": last.number}
    said = Said(len(reading.entries) + 1, EntryKind.UNDO, content, now())
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
        row = first_version(known, desk.person)
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


def _added(desk: Desk, reading: OpenReading, said: Said, *, counts: bool = True) -> OpenReading:
    desk.session.add(entry_row(reading.row.id, said))
    reading.row.revision += int(counts)
    desk.session.flush()
    return of_row(desk.session, desk.room, reading.row, reading.subject, reading.reader)


def entry_row(reading_id: int, said: Said) -> Entry:
    """An entry as it is stored."""
    return Entry(
        reading_id=reading_id,
        number=said.number,
        kind=said.kind.value,
        content=json.dumps(dict(said.content), sort_keys=True),
        made_at=said.made_at,
    )
