"""Results that were changed outside of the room since their reader signed them.

``recist correct`` and a new run say so beside the results. The reading then is a new version as
after :func:`recist.review.reading.signing.reopen`, with the reason that was given there, and
begins with what is said in the results; the signed version stays in the database as it is.
"""

from __future__ import annotations

from recist.patient.corrections import FILE_NAMES
from recist.patient.signatures import SUPERSEDED, set_aside, superseded_in
from recist.review.database.tables import EntryKind, ReadingState, now
from recist.review.reading.entries import Said, in_force
from recist.review.reading.imported import content_of
from recist.review.reading.packed_outlines import keep
from recist.review.reading.readings import latest, of_row, subject_row
from recist.review.reading.saying import entry_row
from recist.review.reading.signing import next_version
from recist.review.room import Desk, Person, Room


def take_note(room: Room, person: Person, subject: str) -> bool:
    """Begin the new version of a person's signed reading whose results were changed since.

    Returns:
        Whether there was such a change.

    Raises:
        InputError: what lies beside the results cannot be read.
    """
    folder = room.folders.get(subject)
    if room.is_trial or folder is None or not (folder / SUPERSEDED).is_file():
        return False
    superseded = superseded_in(folder)
    if superseded is None:
        return False
    with room.database.session() as session:
        known = subject_row(session, subject)
        before = latest(session, known, person.account_id)
        if before is None or before.state != ReadingState.SIGNED:
            return False
        session.refresh(before, with_for_update=True)
        signed = of_row(session, room, before, subject, person.name)
        whole = [each.signed_at for each in signed.signatures if not each.date]
        if not whole or whole[-1] != superseded.signed.time:
            return False
        reason = f"{superseded.reason} (by {superseded.by}, outside of the reading room)"
        desk = Desk(session, room, person)
        desk.act("new version", subject=subject, reason=reason)
        made = next_version(desk, before, reason)
        comments = [each for each in in_force(signed.entries) if each.kind is EntryKind.COMMENT]
        said = [each.content for each in comments]
        for number, content in enumerate(said, start=1):
            session.add(entry_row(made.id, Said(number, EntryKind.COMMENT, content, now())))
        found = room.works.corrections(subject)
        if found:
            content = content_of(
                found,
                subject,
                tuple(FILE_NAMES),
                grid_at=lambda date: room.works.grid(subject, date),
                keep=lambda packed: keep(session, packed),
            )
            first = Said(len(said) + 1, EntryKind.IMPORT, {**content, "of_results": True}, now())
            session.add(entry_row(made.id, first))
    set_aside(folder.parent, folder.name)
    return True
