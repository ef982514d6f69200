"""From entries to an answer through the work that the run kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from imaging.errors import InputError
from imaging.volume import Mask
from recist.patient.corrections import NOTHING_SAID, Corrections
from recist.review.reading.as_corrections import Ground, corrections_of
from recist.review.reading.entries import Content, Said, in_force, outline_names
from recist.review.reading.imported import corrections_held
from recist.review.reading.packed_outlines import kept
from recist.review.reading.works import Concluded
from recist.review.room import Room


def concluding(
    session: Session,
    room: Room,
    subject: str,
    *,
    reader: str,
    dates: Sequence[str],
    entries: Sequence[Said],
) -> Callable[[], Concluded]:
    """Works out what some entries come to; what it needs of the database is asked at once.

    Entries that do not fit together, or no longer fit the results, leave the answer as it was
    before them, which then says what is wrong.
    """
    known = in_force(entries)
    names = {name for each in known for name in outline_names(each)}
    outlines = {name: kept(session, name) for name in names}

    def outline(name: str, date: str) -> Mask:
        return outlines[name].mask(room.works.grid(subject, date))

    def outline_of(content: Content) -> Mask | None:
        name = content.get("outline")
        return outline(str(name), str(content["date"])) if name else None

    def said(ground: Ground) -> Corrections:
        return corrections_of(
            entries,
            ground,
            reader=reader,
            outline_of=outline_of,
            imported=lambda content: corrections_held(content, subject, outline),
        )

    def as_it_lies() -> Concluded:
        """What the results say: for a trial's readers without anybody's corrections."""
        lying = NOTHING_SAID if room.is_trial else room.works.corrections(subject)
        stamp = () if room.is_trial else room.works.stamp(subject)
        return room.works.concluded(subject, dates, stamp, lambda _: lying)

    def conclude() -> Concluded:
        if not entries:
            return as_it_lies()
        key = (reader, *map(repr, known))
        try:
            return room.works.concluded(subject, dates, key, said)
        except InputError as error:
            return replace(as_it_lies(), trouble=error)

    return conclude
