"""Which lesion, at which date, a reported diameter is of; and what it changes.

A lesion is known by its Tracking UID, else by its name, else by the place of its line on the image,
since viewers give new identifiers when they save. What fits nothing is never guessed: it is kept in
a table, with the reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from imaging.volume import FloatArray
from recist.incoming.home import Home, HomeDate
from recist.incoming.report import DrawnLine, Report, ReportedLesion
from recist.patient.corrections import CorrectedMeasurement

#: A line is of the lesion whose own line it crosses: one passes the middle of the other within this
#: share of the length that was sent. Dragging an end far out moves the middle by more.
SAME_PLACE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was reported and is not taken, with all that is known of it."""

    report: str
    named: str
    sizes: str
    reason: str


@dataclass(slots=True)
class Taken:
    """What came of the reports.

    Attributes:
        corrections: by subject.
        left: what was not taken.
        unchanged: how many diameters came back as they had been sent.
    """

    corrections: dict[str, list[CorrectedMeasurement]] = field(default_factory=dict)
    left: list[LeftOut] = field(default_factory=list)
    unchanged: int = 0


def take(reports: Sequence[Report], homes: Sequence[Home], *, reader: str = "") -> Taken:
    """Turn the reports of others into corrections; the later report of a lesion wins.

    Args:
        reader: who stands for reports that name nobody.
    """
    taken = Taken()
    replaced = {uid for report in reports for uid in report.predecessors}
    said: dict[tuple[str, str, dt.date], tuple[Report, CorrectedMeasurement]] = {}
    for report in sorted(reports, key=lambda each: (each.written or dt.datetime.min, each.source)):
        if report.is_ours:
            continue
        owner = _owner(report, homes)
        if isinstance(owner, str):
            taken.left += [_left(report, each, owner) for each in report.lesions or (None,)]
            continue
        home, date = owner
        if report.sop_instance_uid in replaced:
            reason = "a later report takes its place"
            taken.left += [_left(report, each, reason) for each in report.lesions]
            continue
        own: set[str] = set()
        for each in report.lesions:
            lesion = _lesion_of(each, home, date)
            if lesion in own:
                taken.left.append(_left(report, each, f"{lesion} stands in the report twice"))
                continue
            if lesion not in {known.id for known in home.answer.course.lesions}:
                taken.left.append(_left(report, each, lesion))
                continue
            own.add(lesion)
            correction = _correction(each, lesion, date, report, reader)
            if correction is None:
                taken.left.append(_left(report, each, "no diameter in mm"))
                continue
            place = (home.folder.subject, lesion, date.date)
            if _is_unchanged(each, lesion, date):
                taken.unchanged += 1
                continue
            if place in said:
                earlier, was = said[place]
                taken.left.append(
                    LeftOut(
                        earlier.source,
                        lesion,
                        _sizes(was.long_axis_mm, was.short_axis_mm),
                        f"edited again in {report.source}",
                    )
                )
            said[place] = (report, correction)
    for (subject, _, _), (_, correction) in said.items():
        taken.corrections.setdefault(subject, []).append(correction)
    return taken


def _owner(report: Report, homes: Sequence[Home]) -> tuple[Home, HomeDate] | str:
    """The patient and the date of a report, or why there is none."""
    own = [home for home in homes if home.patient_id == report.patient_id]
    if not own:
        return "another patient, whose results are not here"
    for home in own:
        for date in home.dates:
            if date.study_uid == report.study_uid:
                return home, date
    return "a study that no date of the results is of"


def _lesion_of(lesion: ReportedLesion, home: Home, date: HomeDate) -> str:
    """The lesion that a group is of, or why it is of none."""
    line = lesion.line
    if line is not None and line.frame_uid and date.frame_uid not in ("", line.frame_uid):
        return "drawn in another frame of reference than the CT of the date"
    if line is not None and line.image_uid and line.image_uid not in date.images:
        return "drawn on an image that is none of the date's"
    lesions = home.answer.course.lesions
    known = {each.tracking_uid: each.id for each in lesions}
    known |= {each.id.casefold(): each.id for each in lesions}
    for name in (lesion.tracking_uid, *map(str.casefold, lesion.names)):
        if name in known:
            return known[name]
    near = [
        name
        for name, sent in date.sent.items()
        if line is not None and sent.long_axis is not None
        if _same_place(line, sent.long_axis, date)
    ]
    if len(near) > 1:
        return f"lies at {', '.join(near)}: which of them is not clear"
    return near[0] if near else "names no lesion of the patient, and lies at none"


def _same_place(line: DrawnLine, own: DrawnLine, date: HomeDate) -> bool:
    if line.points is None or own.points is None or line.image_uid != own.image_uid:
        return False
    if line.points.shape != own.points.shape or line.points.shape[1] != 2:
        return False
    between_rows, between_columns = date.pixel_mm
    back_mm, sent_mm = (
        each * (between_columns, between_rows) for each in (line.points, own.points)
    )
    apart_mm = min(
        _from_line(sent_mm.mean(axis=0), back_mm), _from_line(back_mm.mean(axis=0), sent_mm)
    )
    return apart_mm <= SAME_PLACE_SHARE * float(own.length_mm)


def _from_line(point: FloatArray, line: FloatArray) -> float:
    """How far a point lies from the nearest point between two ends."""
    along = line[1] - line[0]
    square = float(along @ along)
    share = 0.0 if square == 0 else float(np.clip((point - line[0]) @ along / square, 0, 1))
    return float(np.linalg.norm(point - line[0] - share * along))


def _correction(
    lesion: ReportedLesion, name: str, date: HomeDate, report: Report, reader: str
) -> CorrectedMeasurement | None:
    sizes = [line.length_mm for line in (lesion.long_axis, lesion.short_axis) if line is not None]
    if not sizes:
        return None
    # A reader may drag the short axis past the long one: the longer line is the long axis.
    long_mm, short_mm = (
        (max(sizes), min(sizes))
        if len(sizes) == 2
        else (sizes[0], None)
        if lesion.long_axis is not None
        else (None, sizes[0])
    )
    author = report.author or reader or "an unnamed reader"
    return CorrectedMeasurement(
        name,
        date.date,
        long_axis_mm=long_mm,
        short_axis_mm=short_mm,
        reason=f"structured report {report.source}",
        reader=author,
        recorded_at="" if report.written is None else report.written.isoformat(),
    )


def _is_unchanged(lesion: ReportedLesion, name: str, date: HomeDate) -> bool:
    """Whether both diameters came back as long as they had been sent."""
    sent = date.sent.get(name)
    return sent is not None and _lengths(lesion) == _lengths(sent)


def _lengths(lesion: ReportedLesion) -> list[Decimal | None]:
    axes = (lesion.long_axis, lesion.short_axis)
    return [None if line is None else line.length_mm for line in axes]


def _left(report: Report, lesion: ReportedLesion | None, reason: str) -> LeftOut:
    if lesion is None:
        return LeftOut(report.source, "", "", reason)
    return LeftOut(report.source, " / ".join(lesion.names), _sizes(*_lengths(lesion)), reason)


def _sizes(long_mm: Decimal | None, short_mm: Decimal | None) -> str:
    return " x ".join(str(each) for each in (long_mm, short_mm) if each is not None)
