"""A signed reading as files: the results of the run written again, and the reading kept apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.volume import Grid, Mask
from imaging.writing import write_text
from recist.export.patient_files import DELINEATIONS, write_named_labels
from recist.export.written_tables import (
    write_events,
    write_measurements,
    write_outcomes,
    write_outcomes_json,
    write_timepoints,
    write_timepoints_json,
)
from recist.patient.corrections import NOTHING_SAID, Corrections, write_corrections
from recist.patient.corrections.correction_tables import FOLDER as CORRECTIONS
from recist.patient.result import SignedBy
from recist.patient.result_folder import (
    EVENTS,
    MEASUREMENTS,
    folder_name,
    written_whole,
)
from recist.patient.signatures import SIGNATURE, signature_text
from recist.review.database.tables import ReadingState, Signature
from recist.review.images.image_archive import Modality, NoImageError
from recist.review.reading import readings
from recist.review.reading.assessed import AssessedReading
from recist.review.reading.readings import OpenReading
from recist.review.room import Person, Room
from recist.table.output import OUTCOMES, OUTCOMES_JSON, TIMEPOINTS, TIMEPOINTS_JSON


def write_answers(room: Room, found: Sequence[AssessedReading], folder: Path) -> None:
    """Measurements, time points and outcomes of some readings."""
    assessed = [(each.course, each.timepoints) for each in found]
    concluded = [(each.course, each.outcomes) for each in found]
    courses = [each.course for each in found]
    write_measurements(folder / MEASUREMENTS, courses)
    write_events(folder / EVENTS, courses)
    write_timepoints(folder / TIMEPOINTS, assessed)
    write_timepoints_json(folder / TIMEPOINTS_JSON, assessed, room.protocol)
    write_outcomes(folder / OUTCOMES, concluded, room.protocol)
    write_outcomes_json(folder / OUTCOMES_JSON, concluded, room.protocol)


def write_reading(
    room: Room,
    answer: AssessedReading,
    corrections: Corrections,
    signature: Signature,
    *,
    outlines: Mapping[str, Mapping[str, Mask]],
    folder: Path,
) -> None:
    """The folder of a signed reading, whole or not at all, in the place of an earlier version.

    Args:
        outlines: by date, those in force of each lesion on the CT; dates without images are left
            out. They are written as label maps with names, which ``recist run --lesions`` takes.
    """
    subject = answer.course.subject
    signed = signed_by(room, signature, answer.course.reader)
    numbers = {lesion.id: n for n, lesion in enumerate(answer.course.lesions, start=1)}
    with written_whole(folder) as part:
        write_answers(room, [answer], part)
        write_corrections(part / CORRECTIONS, subject, corrections)
        for date, masks in outlines.items():
            known = {name: mask for name, mask in masks.items() if name in numbers}
            if known:
                (part / DELINEATIONS).mkdir(exist_ok=True)
                path = part / DELINEATIONS / f"{date}-lesions.nii.gz"
                grid = next(iter(known.values())).grid
                write_named_labels(path, known, numbers, grid)
        write_text(part / SIGNATURE, signature_text(subject, signed))


def signed_by(room: Room, signature: Signature, reader: str) -> SignedBy:
    """A signature as results carry it."""
    return SignedBy(
        signature.signed_name,
        reader,
        signature.meaning,
        signature.signed_at,
        signature.content_sha256,
        room.organisation,
    )


def is_given_back(room: Room, person: Person, subject: str, folder: Path) -> bool:
    """Whether nothing of a person is signed, or what is newest stands in the folder."""
    with room.database.looking() as session:
        row = readings.latest(session, readings.subject_row(session, subject), person.account_id)
        if row is None or row.state == ReadingState.OPEN:
            return True
        reading = readings.looked_at(session, room, person, subject)
        signature = next(each for each in reversed(reading.signatures) if not each.date)
    path = folder / folder_name(subject) / SIGNATURE
    if not path.is_file():
        return False
    return bool(read_json(path).get("time") == signature.signed_at)


def give_back(room: Room, person: Person, subject: str, folder: Path) -> Path:
    """Write the results of the run again from the newest signed reading of a person, and the
    reading as it was signed into a folder named after the subject.

    The signed reading is written last: where it stands, the results were written.

    Raises:
        InputError: they cannot be written; the signature stands all the same.
    """
    with room.database.looking() as session:
        reading = readings.looked_at(session, room, person, subject)
        outlines = outlines_of(session, room, reading)
    signature = next(each for each in reversed(reading.signatures) if not each.date)
    said = NOTHING_SAID
    if reading.concluded is not None:
        said = said_in(reading)
        room.works.sign(subject, said, signed_by(room, signature, person.name))
    place = folder / folder_name(subject)
    place.parent.mkdir(parents=True, exist_ok=True)
    answer = readings.assessed(room, reading)
    write_reading(room, answer, said, signature, outlines=outlines, folder=place)
    return place


def outlines_of(session: Session, room: Room, reading: OpenReading) -> dict[str, dict[str, Mask]]:
    """By date, the outlines in force of each lesion; dates without images are left out."""
    return {
        date: {
            lesion: packed.mask(grid)
            for lesion, packed in readings.outlines_at(session, reading, date, grid).items()
        }
        for date, grid in _grids(room, reading.subject, reading.dates).items()
    }


def said_in(reading: OpenReading) -> Corrections:
    """What was said in a reading, as the tables that ``recist correct`` takes.

    Raises:
        InputError: the run kept no work to which they could belong.
    """
    if reading.concluded is None:
        raise InputError(
            "the run kept no work of this patient: the reading is a table of measurements alone",
            where=reading.subject,
            remedy="run the patient again, without --no-cache",
        )
    found = reading.concluded()
    if found.trouble is not None:
        raise found.trouble
    return found.said


def _grids(room: Room, subject: str, dates: Sequence[str]) -> dict[str, Grid]:
    """The grid of the CT of each date whose images are at hand."""
    found = {}
    for date in dates:
        try:
            grid, _ = room.archive.grid(subject, dt.date.fromisoformat(date), Modality.CT)
        except NoImageError:
            continue
        found[date] = grid
    return found
