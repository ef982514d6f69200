"""Routes of reading: patients, images, what a reader says, signatures."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import FileResponse

from imaging.errors import InputError
from imaging.volume import Grid
from recist.report.palette import tone
from recist.response import Response as Category
from recist.review.database import audit_trail
from recist.review.database.tables import Account, AccountRole, EntryKind
from recist.review.images.image_archive import Archive, Modality
from recist.review.reading import readings, saying, signing
from recist.review.reading.assessed import date_on, to_look_at
from recist.review.reading.changed_results import take_note
from recist.review.reading.entries import EntryError, next_name
from recist.review.reading.given_back import give_back
from recist.review.reading.packed_outlines import PackedMask, keep, measured
from recist.review.reading.readings import OpenReading
from recist.review.reading.shown import changes as changes_between
from recist.review.reading.shown import shown
from recist.review.room import Desk, Room
from recist.review.trial.permissions import check_reads, check_role, subjects_of
from recist.review.trial.reads import to_adjudicate
from recist.review.web import forms, sessions
from recist.review.web.access import Changing, Looking, RoomOf, desk
from recist.review.web.forms import LARGEST_NUMBER, plain

router = APIRouter(prefix="/api", tags=["reading"])

#: Patients at the top of the list whose images are prepared before they are opened.
PREPARED_AHEAD = 3
#: Slices that are looked at come first; whole volumes are prepared after so many seconds.
FIRST_LOOK_S = 1.0

Subject = Annotated[str, Path(max_length=128)]
Plane = Annotated[str, Path(pattern="^(axial|coronal|sagittal)$")]
Number = Annotated[int, Path(ge=0, le=LARGEST_NUMBER)]


@router.get("/patients")
def patients(found: Looking, room: RoomOf) -> dict[str, Any]:
    """The patients to read, those first whose answer could change most."""
    rows = []
    with room.database.looking() as session:
        names = subjects_of(session, room, found.person)
    for name in names:
        take_note(room, found.person, name)
    with room.database.looking() as session:
        for name in names:
            reading = readings.looked_at(session, room, found.person, name, briefly=True)
            rows.append(_summary(room, reading))
    rows.sort(key=lambda row: (row["state"] == "signed", -row["weight"], row["subject"]))
    for row in rows[:PREPARED_AHEAD]:  # who reads takes the first, and does not wait for images
        room.archive.prepare(row["subject"], after_s=FIRST_LOOK_S)
    return {"patients": rows}


def _summary(room: Room, reading: OpenReading) -> dict[str, Any]:
    answer = readings.assessed(room, reading)
    look = to_look_at(answer.course, room.protocol) if reading.is_open else ()
    response = answer.response(room.criteria[0])
    state = "reading" if reading.entries else "proposed"
    return {
        "subject": reading.subject,
        "state": state if reading.is_open else "signed",
        "reading": reading.row.version,
        "dates": list(reading.dates),
        "dates_to_come": reading.has_more_dates,
        "answers": [
            {
                "date": date_on(answer.course, each.day),
                "response": str(each.overall),
                "tone": tone(each.overall),
            }
            for each in answer.overall(room.criteria[0])
        ],
        "signed": _signed(reading),
        "response": response,
        "tone": tone(Category(response)) if response else "none",
        "look": [
            {"date": each.date, "lesion": each.lesion, "what": each.what, "weight": each.weight}
            for each in look
        ],
        "weight": max((each.weight for each in look), default=0.0),
    }


def _signed(reading: OpenReading) -> dict[str, str] | None:
    """Who signed the reading as a whole, and when."""
    whole = [each for each in reading.signatures if not each.date]
    if reading.is_open or not whole:
        return None
    return {"name": whole[-1].signed_name, "time": whole[-1].signed_at}


@router.get("/patients/{subject}")
def patient(request: Request, subject: Subject, found: Looking, room: RoomOf) -> dict[str, Any]:
    """A patient as this reader sees it."""
    take_note(room, found.person, subject)
    with room.database.looking() as session:
        check_reads(session, room, found.person, subject)
        reading = readings.looked_at(session, room, found.person, subject)
        page = page_of(room, reading)
    room.archive.prepare(subject, after_s=FIRST_LOOK_S)
    if request.app.state.delineator is not None:
        request.app.state.delineator.warm_up()
    if room.is_trial:
        with room.database.session() as session:
            audit_trail.note(session, found.person.actor, "open patient", subject=subject)
    return page


def page_of(room: Room, reading: OpenReading) -> dict[str, Any]:
    """The page of a reading with the grids of its images."""
    images = {
        date: _images(room.archive, reading.subject, dt.date.fromisoformat(date))
        for date in reading.dates
    }
    return shown(room, reading, readings.assessed(room, reading), images)


def _images(archive: Archive, subject: str, date: dt.date) -> dict[str, Any]:
    visit = archive.visits(subject).get(date)
    if visit is None:
        return {"ct": None, "pet": None}
    found: dict[str, Any] = {"ct": _grid(archive.grid(subject, date, Modality.CT)[0]), "pet": None}
    found["ct_is_pet"] = visit.ct is None
    if visit.ct is not None and visit.pet is not None:
        try:
            found["pet"] = _grid(archive.grid(subject, date, Modality.PET)[0])
        except InputError as error:  # the CT can be read without it
            found["pet_refused"] = error.what
    return found


def _grid(grid: Grid) -> dict[str, Any]:
    return {"shape": list(grid.shape), "affine": grid.affine.tolist()}


def _reading(room: Room, found: Looking, subject: str, date: dt.date) -> OpenReading:
    """The reading of the person who asks, if the date may be seen.

    Raises:
        LookupError: another reader's subject, or a date that is not unlocked.
    """
    with room.database.looking() as session:
        check_reads(session, room, found.person, subject)
        reading = readings.looked_at(session, room, found.person, subject)
    if date.isoformat() not in reading.dates:
        raise LookupError(date)
    return reading


def _check_sees(room: Room, found: Looking, subject: str, date: dt.date) -> None:
    """Refuse images that a person may not see: a reader's own dates, or an adjudicator's reads.

    Raises:
        LookupError: there is nothing here for this person.
    """
    with room.database.looking() as session:
        if found.person.role is AccountRole.READER:
            check_reads(session, room, found.person, subject)
            if date.isoformat() not in readings.dates_for(session, room, found.person, subject):
                raise LookupError(date)
            return
        row = readings.subject_row(session, subject)
        if found.person.role is AccountRole.ADJUDICATOR:
            to_adjudicate(session, room, found.person.account_id, row)
        elif found.person.role is not AccountRole.MONITOR:
            raise LookupError(subject)


@router.get("/patients/{subject}/images/{date}/{modality}/{plane}/{n}")
def image(
    subject: Subject, date: dt.date, modality: Modality, plane: Plane, n: Number,
    found: Looking, room: RoomOf,
) -> Response:  # fmt: skip
    """One slice as it is stored: signed numbers of 16 bits, little endian, row by row.

    ``X-Scale`` is what one step of them is worth: HU of a CT, SUV by body weight of a PET.
    """
    _check_sees(room, found, subject, date)
    content, step = room.archive.slice_gzip(subject, date, modality, plane, n)
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "Content-Encoding": "gzip",
            "X-Scale": repr(step),
        },
    )


@router.get("/patients/{subject}/volumes/{date}/{modality}")
def volume(
    subject: Subject, date: dt.date, modality: Modality, found: Looking, room: RoomOf
) -> FileResponse:
    """A whole image as compressed NIfTI."""
    _check_sees(room, found, subject, date)
    packed = room.archive.packed(subject, date, modality)
    return FileResponse(packed.path, media_type="application/gzip", filename=f"{modality}.nii.gz")


@router.get("/patients/{subject}/masks/{date}")
def masks(subject: Subject, date: dt.date, found: Looking, room: RoomOf) -> dict[str, Any]:
    """The outlines of a date, as boxes of voxels of its CT."""
    reading = _reading(room, found, subject, date)
    with room.database.looking() as session:
        own = readings.outlines_at(
            session, reading, date.isoformat(), _ct_grid(room, subject, date)
        )
    return {"lesions": [{"id": lesion, **packed.sent()} for lesion, packed in own.items()]}


@router.get("/patients/{subject}/links/{date}")
def link(subject: Subject, date: dt.date, found: Looking, room: RoomOf) -> dict[str, Any] | None:
    """How points of the first date lie at this one, on a coarse lattice; null at the first."""
    _check_sees(room, found, subject, date)
    return room.archive.link(subject, date, room.works.registration(subject, date.isoformat()))


@router.get("/patients/{subject}/field/{date}/{n}")
def field(
    subject: Subject, date: dt.date, n: Number, found: Looking, room: RoomOf
) -> dict[str, Any]:
    """Isodoses and target volumes on an axial slice, in its pixels (column, row).

    They are carried to the frame of reference of every date by the run's registration.
    """
    _check_sees(room, found, subject, date)
    to_planning = partial(room.works.to_planning, subject, date.isoformat())
    lines = room.archive.field_lines(subject, date, n, to_planning)
    return {
        "overlays": [
            {"kind": each.kind, "label": each.label, "lines": [px.tolist() for px in each.lines_px]}
            for each in lines
        ]
    }


@router.post("/patients/{subject}/changes")
def change(subject: Subject, form: forms.Changes, found: Changing, room: RoomOf) -> dict[str, Any]:
    """Add what the reader says; all of it or none of it. The patient comes back, re-assessed."""

    def say_all(at: Desk) -> None:
        version = form.version
        for each in form.changes:
            kind, content = _entry(at, subject, each)
            if form.reason:
                content.setdefault("reason", form.reason)
            reading = saying.say(at, subject, version, kind, content)
            version = reading.row.revision

    return changed_by(room, found, subject, say_all)


def changed_by(room: Room, found: Changing, subject: str, do: Any) -> dict[str, Any]:
    """Do something in one transaction; the page afterwards, with what it changed."""
    take_note(room, found.person, subject)
    with desk(room, found) as at:
        check_reads(at.session, room, found.person, subject)
        check_role(found.person, AccountRole.READER)
        before = page_of(room, readings.looked_at(at.session, room, found.person, subject))
        do(at)
        after = page_of(room, readings.looked_at(at.session, room, found.person, subject))
    return after | {"changed": changes_between(before, after)}


def _entry(at: Desk, subject: str, form: Any) -> tuple[EntryKind, dict[str, Any]]:
    """A form as an entry: outlines are stored apart, and measured here."""
    content = plain(form)
    kind = EntryKind(content.pop("kind"))
    drawn = content.pop("caliper", None)
    if drawn is not None:
        content |= drawn
    if kind is EntryKind.NEW:
        if (drawn is None) is (form.outline is None):
            raise EntryError("a new lesion needs its caliper or its outline", where=subject)
        reading = readings.looked_at(at.session, at.room, at.person, subject)
        content.setdefault("lesion", next_name(reading.whole_course))
    box = form if kind is EntryKind.OUTLINE else getattr(form, "outline", None)
    if box is not None:
        content.pop("outline", None)
        for name in ("start", "shape", "bits"):
            content.pop(name, None)
        content["how"] = box.how
        packed = PackedMask.received(box.start, box.shape, box.bits)
        content |= measured(packed.mask(_ct_grid(at.room, subject, form.date)))
        at.act("store outline", subject=subject)
        content["outline"] = keep(at.session, packed)
    return kind, content


def _ct_grid(room: Room, subject: str, date: dt.date) -> Grid:
    return room.archive.grid(subject, date, Modality.CT)[0]


@router.post("/patients/{subject}/undo")
def undo(subject: Subject, form: forms.Undo, found: Changing, room: RoomOf) -> dict[str, Any]:
    """Take the newest change back."""
    return changed_by(room, found, subject, lambda at: saying.undo(at, subject, form.version))


@router.post("/patients/{subject}/sign")
def sign(subject: Subject, form: forms.Signing, found: Changing, room: RoomOf) -> dict[str, Any]:
    """Sign a date, or the whole reading, which locks it."""
    if room.needs_password:
        check_password(room, found, form.password)
    date = "" if form.date is None else form.date.isoformat()
    page = changed_by(
        room,
        found,
        subject,
        lambda at: signing.sign(
            at, subject, form.version, name=form.name, meaning=form.meaning, date=date
        ),
    )
    if not date and room.signed_folder is not None:
        try:
            give_back(room, found.person, subject, room.signed_folder)
        except (InputError, OSError) as error:  # the signature is kept, and says so
            page["warnings"].append(f"signed, but its results could not be written: {error}")
    return page


def check_password(room: Room, found: Changing, password: str | None) -> None:
    """A signature is of the person who knows the password (21 CFR 11.200).

    Raises:
        HTTPException: 403, it does not fit.
    """
    with room.database.looking() as session:
        account = session.get_one(Account, found.person.account_id)
        fits = password is not None and sessions.password_fits(account.password_hash, password)
    if not fits:
        with room.database.session() as session:
            audit_trail.note(session, found.person.actor, "signature refused")
        raise HTTPException(403, "the password does not fit: nothing was signed")


@router.post("/patients/{subject}/reopen")
def reopen(
    subject: Subject, form: forms.Reopening, found: Changing, room: RoomOf
) -> dict[str, Any]:
    """Begin a new version of a signed reading, with its reason."""
    return changed_by(
        room, found, subject, lambda at: signing.reopen(at, subject, form.version, form.reason)
    )


@router.post("/patients/{subject}/prompt")
def prompt(
    request: Request, subject: Subject, form: forms.Prompt, found: Changing, room: RoomOf
) -> dict[str, Any]:
    """Delineate one lesion from a click or a line; nothing is recorded until it is taken."""
    _reading(room, found, subject, form.date)
    check_role(found.person, AccountRole.READER)
    delineator = request.app.state.delineator
    if delineator is None:
        raise HTTPException(409, "no network is installed here")
    if (form.click is None) is (form.line is None):
        raise EntryError("give a click or a line")
    answer: dict[str, Any] = delineator.answer(
        room.archive, subject, form.date, click=form.click, line=form.line
    )
    return answer
