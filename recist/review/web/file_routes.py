"""Routes of a reading as files: the tables and outlines that ``recist correct`` takes."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import APIRouter, Response

from recist.review.database.tables import EntryKind
from recist.review.reading import readings, saying
from recist.review.reading.entries import EntryError
from recist.review.reading.given_back import said_in
from recist.review.reading.imported import content_of, read_files
from recist.review.reading.packed_outlines import keep
from recist.review.reading.reading_files import packed_files, unpacked
from recist.review.room import Desk
from recist.review.trial.permissions import ForbiddenError, check_reads
from recist.review.web import forms
from recist.review.web.access import Changing, Looking, RoomOf
from recist.review.web.reading_routes import Subject, changed_by

router = APIRouter(prefix="/api", tags=["reading"])


@router.get("/patients/{subject}/reading")
def export_reading(subject: Subject, found: Looking, room: RoomOf) -> Response:
    """What was said, as a zip of the tables and outlines that ``recist correct`` takes."""
    with room.database.looking() as session:
        check_reads(session, room, found.person, subject)
        reading = readings.looked_at(session, room, found.person, subject)
    return Response(
        packed_files(subject, said_in(reading)),
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="reading.zip"'},
    )


@router.post("/patients/{subject}/reading")
def import_reading(
    subject: Subject, form: forms.Import, found: Changing, room: RoomOf
) -> dict[str, Any]:
    """Take over a reading from files; a table takes the place of what was said of its kind."""
    if room.is_trial:
        raise ForbiddenError("an independent read is made here, and not taken over")
    files = {each.name: _content(each) for each in form.files}

    def take(at: Desk) -> None:
        if not room.works.has(subject):
            raise EntryError(room.works.why_none(subject), where=subject)
        with unpacked(files) as folder:
            said, kinds = read_files(folder, subject)
            content = content_of(
                said,
                subject,
                kinds,
                grid_at=lambda date: room.works.grid(subject, date),
                keep=lambda packed: keep(at.session, packed),
            )
        saying.say(at, subject, form.version, EntryKind.IMPORT, content)

    return changed_by(room, found, subject, take)


def _content(file: forms.ReadingFile) -> bytes:
    try:
        return base64.b64decode(file.content, validate=True)
    except ValueError as error:
        raise EntryError(f"{file.name} is not base64") from error
