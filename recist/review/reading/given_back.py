"""A signed reading as files: its tables, and what was said as the tables that ``recist correct``
takes.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from imaging.errors import InputError
from imaging.nifti import write_label_map
from imaging.tables.rows import written_rows
from imaging.volume import Grid, Mask
from imaging.writing import write_text
from recist.course import Course, Field, Role, Status
from recist.export.contract_tables import (
    write_events,
    write_measurements,
    write_outcomes,
    write_outcomes_json,
    write_timepoints,
    write_timepoints_json,
)
from recist.export.patient_files import DELINEATIONS
from recist.patient.corrections import (
    CheckedDate,
    CorrectedMeasurement,
    Corrections,
    DrawnLesion,
    write_corrections,
)
from recist.patient.overrides import Override
from recist.patient.result_folder import (
    EVENTS,
    LINKS,
    MEASUREMENTS,
    folder_name,
    written_whole,
)
from recist.response import RESEARCH_USE
from recist.review.database.tables import EntryKind, ReadingState, Signature
from recist.review.images.image_archive import Modality, NoImageError
from recist.review.reading import readings
from recist.review.reading.assessed import AssessedReading
from recist.review.reading.entries import (
    Said,
    caliper_of,
    confirmed_dates,
    in_force,
    switched_on,
)
from recist.review.reading.packed_outlines import kept
from recist.review.room import Person, Room
from recist.table.output import OUTCOMES, OUTCOMES_JSON, TIMEPOINTS, TIMEPOINTS_JSON
from recist.tracking import Link

#: Folder of the corrections beside the tables of a reading.
CORRECTIONS = "corrections"
SIGNATURE = "signature.json"


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
    numbers = {lesion.id: n for n, lesion in enumerate(answer.course.lesions, start=1)}
    with written_whole(folder) as part:
        write_answers(room, [answer], part)
        write_corrections(part / CORRECTIONS, subject, corrections)
        for date, masks in outlines.items():
            _write_outlines(masks, numbers, part / DELINEATIONS, date)
        said = {
            "notice": RESEARCH_USE,
            "subject": subject,
            "reader": answer.course.reader,
            "name": signature.signed_name,
            "meaning": signature.meaning,
            "time": signature.signed_at,
            "sha256": signature.content_sha256,
        }
        (part / SIGNATURE).write_text(json.dumps(said, indent=1) + "\n", "utf-8")


def _write_outlines(
    masks: Mapping[str, Mask], numbers: Mapping[str, int], folder: Path, date: str
) -> None:
    """Every lesion has the same label at every date."""
    known = {name: mask for name, mask in masks.items() if name in numbers}
    if not known:
        return
    folder.mkdir(exist_ok=True)
    path = folder / f"{date}-lesions.nii.gz"
    grid = next(iter(known.values())).grid
    write_label_map(path, {numbers[name]: mask for name, mask in known.items()}, grid)
    names = {str(numbers[name]): name for name in known}
    write_text(folder / f"{date}-lesions.json", json.dumps(names) + "\n")


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
    return bool(json.loads(path.read_text("utf-8")).get("time") == signature.signed_at)


def give_back(room: Room, person: Person, subject: str, folder: Path) -> Path:
    """Write the newest signed reading of a person into a folder named after the subject.

    Raises:
        InputError: it cannot be written; the signature stands all the same.
    """
    with room.database.looking() as session:
        reading = readings.looked_at(session, room, person, subject)
        outlines = {
            (str(each.content["date"]), str(each.content["lesion"])): kept(
                session, str(each.content["outline"])
            )
            for each in in_force(reading.entries)
            if each.content.get("outline")
        }
        grids = _grids(room, subject, reading.dates)
        in_place = {
            date: {
                lesion: packed.mask(grid)
                for lesion, packed in readings.outlines_at(session, reading, date, grid).items()
            }
            for date, grid in grids.items()
        }
    masks = {place: packed.mask(grids[place[0]]) for place, packed in outlines.items()}
    run = room.folders.get(subject)
    said = corrections_of(
        reading.proposals.course,
        reading.entries,
        masks,
        candidates_in(run) if run is not None else {},
        person.name,
    )
    place = folder / folder_name(subject)
    place.parent.mkdir(parents=True, exist_ok=True)
    signature = next(each for each in reversed(reading.signatures) if not each.date)
    answer = readings.assessed(room, reading)
    write_reading(room, answer, said, signature, outlines=in_place, folder=place)
    return place


def _grids(room: Room, subject: str, dates: Sequence[str]) -> dict[str, Grid]:
    """Of the CT of each date whose images are at hand."""
    found = {}
    for date in dates:
        try:
            grid, _ = room.archive.grid(subject, dt.date.fromisoformat(date), Modality.CT)
        except NoImageError:
            continue
        found[date] = grid
    return found


def corrections_of(
    course: Course,
    entries: Sequence[Said],
    outlines: Mapping[tuple[str, str], Mask],
    candidates: Mapping[tuple[str, str], str],
    reader: str,
) -> Corrections:
    """What a reader said, as the correction types of the toolkit.

    Args:
        course: as the run measured it.
        outlines: drawn by the reader, by date and lesion.
        candidates: the run's delineation of a lesion at a date, by date and lesion.
    """
    known = in_force(entries)
    drawn: dict[tuple[str, str], DrawnLesion] = {}
    sizes: dict[tuple[str, str], CorrectedMeasurement] = {}
    links = []
    for each in known:
        place = (str(each.content.get("date", "")), str(each.content.get("lesion", "")))
        if each.kind in (EntryKind.NEW, EntryKind.OUTLINE):
            drawn[place] = _drawn(each, outlines.get(place), reader)
            sizes.pop(place, None)
        elif each.kind in (EntryKind.CALIPER, EntryKind.STATUS):
            sizes[place] = _measured(each, course, reader)
        elif each.kind is EntryKind.LINK:
            name = candidates.get(place, place[1])
            said = (str(each.content.get("reason", "")), reader, each.made_at)
            links.append(Link(place[0], name, str(each.content["to"]), *said))
    dates = tuple(
        CheckedDate(dt.date.fromisoformat(date), "", reader, at)
        for date, at in sorted(confirmed_dates(entries).items())
    )
    return Corrections(
        _overrides(entries, course, reader),
        tuple(links),
        tuple(sizes.values()),
        dates,
        tuple(drawn.values()),
    )


def _overrides(entries: Sequence[Said], course: Course, reader: str) -> tuple[Override, ...]:
    rejected, confirmed = (switched_on(entries, name) for name in ("rejected", "confirmed"))
    new = {lesion.id for lesion in course.lesions if lesion.role is Role.NEW}
    found: dict[str, Override] = {}
    for each in in_force(entries):
        if each.kind not in (EntryKind.LESION, EntryKind.NEW):
            continue
        content, name = each.content, str(each.content["lesion"])
        before = found.get(name, Override(name))
        role = content.get("role")
        found[name] = replace(
            before,
            role=Role(role) if role and role != Role.NEW else before.role,
            organ=content.get("organ") or before.organ,
            is_node=before.is_node if content.get("is_node") is None else content["is_node"],
            field=_field(content.get("field")) or before.field,
            dropped=name in rejected,
            confirmed=True if name in confirmed and name in new else None,
            reason=str(content.get("reason") or before.reason),
            reader=reader,
            recorded_at=each.made_at,
        )
    return tuple(found.values())


def _field(name: object) -> Field | None:
    return None if name in (None, "", Field.UNKNOWN.value) else Field(str(name))


def _drawn(said: Said, outline: Mask | None, reader: str) -> DrawnLesion:
    content = said.content
    caliper = caliper_of(content)
    is_line = caliper is not None and outline is None
    return DrawnLesion(
        str(content["lesion"]),
        dt.date.fromisoformat(str(content["date"])),
        (caliper.long_axis.start_mm, caliper.long_axis.end_mm) if caliper and is_line else (),
        outline,
        content.get("organ"),
        content.get("is_node"),
        str(content.get("reason", "")),
        reader,
        said.made_at,
    )


def _measured(said: Said, course: Course, reader: str) -> CorrectedMeasurement:
    content = said.content
    caliper = caliper_of(content)
    status = Status(content["status"]) if content.get("status") else None
    size = content.get("diameter_mm")
    parts: tuple[Decimal, ...] = () if size is None else (Decimal(str(size)),)
    if status is Status.MEASURED and not parts:
        parts = _recorded(course, content)
    return CorrectedMeasurement(
        str(content["lesion"]),
        dt.date.fromisoformat(str(content["date"])),
        status,
        parts,
        long_axis=None if caliper is None else caliper.long_axis,
        short_axis=caliper.short_axis if caliper is not None and caliper.short_axis_mm else None,
        merged_into=content.get("merged_into"),
        reason=str(content.get("reason", "")),
        reader=reader,
        recorded_at=said.made_at,
    )


def _recorded(course: Course, content: Mapping[str, object]) -> tuple[Decimal, ...]:
    """The diameter of a lesion that the reader called measured as it stands."""
    for timepoint in course.timepoints:
        date = course.date_of(timepoint.day)
        for each in timepoint.measurements:
            if each.lesion_id == content["lesion"] and str(date) == content["date"]:
                return each.parts_mm
    return ()


def candidates_in(folder: Path) -> dict[tuple[str, str], str]:
    """The delineation of each lesion at each date, from the links that the run wrote.

    Raises:
        InputError: the table cannot be read.
    """
    path = folder / LINKS
    try:
        rows = written_rows(path).rows
        return {(row["date"], row["lesion"]): row["candidate"] for row in rows}
    except (InputError, OSError, KeyError) as error:
        raise InputError("the links of the run cannot be read", where=path) from error
