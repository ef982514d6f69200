"""From the images and objects of one patient to visits: one per date, each object where it belongs.

A CT or PET belongs to the date of its study; studies of one day are one visit. An object
(RTSTRUCT, RTPLAN, RTDOSE, SEG ...) belongs to the visit of (1) the images or objects that it
refers to, (2) its frame of reference, (3) its study, (4) the CT before it, whichever is known
first; where several visits qualify, to that of its own date, else the last one before it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imaging.choice import NEVER_A_SCAN, SeriesCandidate, choose, unusable
from imaging.header import Header, Tag
from imaging.series import Problem, ProblemLevel, Rejection, Series, Subject, Visit, visit_label
from imaging.stacks import split
from imaging.tree import DicomObject

_DATES = (Tag.STUDY_DATE, Tag.SERIES_DATE, Tag.ACQUISITION_DATE, Tag.CONTENT_DATE)
_FIELDS = {
    "RTSTRUCT": "rtstructs",
    "RTDOSE": "rtdoses",
    "RTPLAN": "rtplans",
    "SEG": "segs",
    "REG": "registrations",
    "RTRECORD": "rtrecords",
}
#: Objects are attached in this order, so that a dose finds its plan and a plan its contours.
_ORDER = ("RTSTRUCT", "SEG", "REG", "RTPLAN", "RTDOSE", "RTRECORD")


@dataclass(slots=True)
class _Day:
    """What belongs to one date, while it is gathered."""

    stacks: list[SeriesCandidate] = field(default_factory=list)
    objects: list[Series] = field(default_factory=list)
    uids: set[str] = field(default_factory=set)
    studies: set[str] = field(default_factory=set)
    frames: set[str] = field(default_factory=set)


def date_of(header: Header) -> dt.date | None:
    """Study date, else the first known of series, acquisition and content date."""
    return next((date for tag in _DATES if (date := header.date(tag))), None)


def build(
    subject: str, images: Sequence[Header], objects: Sequence[DicomObject]
) -> tuple[Subject, list[Problem]]:
    """The visits of one patient."""
    problems: list[Problem] = []
    rejected: list[Rejection] = []
    days = _days(subject, images, rejected, problems)
    problems.extend(_barren(subject, days, rejected))
    _attach(subject, objects, days, problems)
    visits = [
        _visit(date, visit_label(n), days[date], rejected) for n, date in enumerate(sorted(days))
    ]
    return Subject(subject, tuple(visits), tuple(rejected)), problems


def _days(
    subject: str, images: Sequence[Header], rejected: list[Rejection], problems: list[Problem]
) -> dict[dt.date, _Day]:
    """The dates that have a usable stack; what can never be used is rejected here."""
    series: dict[tuple[str, str], list[Header]] = defaultdict(list)
    for header in images:
        series[header.text(Tag.SERIES_UID), header.text(Tag.MODALITY)].append(header)
    days: dict[dt.date, _Day] = defaultdict(_Day)
    for headers in series.values():
        date = date_of(headers[0])
        if date is None:
            what = f"{len(headers)} images without a date (0008,0020)"
            folder = str(Path(headers[0].path).parent)
            problems.append(Problem(folder, what, "restore the dates, shifted ones do", subject))
            continue
        stacks = split(_series(headers[0], date), headers)
        usable = _usable(stacks, rejected)
        if not usable:
            continue
        day = days[date]
        day.stacks.extend(usable)
        day.uids.update(header.text(Tag.SOP_INSTANCE_UID) for header in headers)
        day.uids.add(headers[0].text(Tag.SERIES_UID))
        day.studies.add(headers[0].text(Tag.STUDY_UID))
        day.frames.update(header.text(Tag.FRAME_OF_REFERENCE_UID) for header in headers)
    for day in days.values():
        day.frames.discard("")
        day.studies.discard("")
    return dict(days)


def _usable(stacks: Iterable[SeriesCandidate], rejected: list[Rejection]) -> list[SeriesCandidate]:
    kept = []
    for stack in stacks:
        reason = unusable(stack)
        if reason:
            rejected.append(Rejection(stack.series, reason))
        else:
            kept.append(stack)
    return kept


def _barren(
    subject: str, days: Mapping[dt.date, _Day], rejected: Iterable[Rejection]
) -> Iterator[Problem]:
    """A line for each date that has images, but no CT or PET among them."""
    lost: dict[dt.date, list[Rejection]] = defaultdict(list)
    for rejection in rejected:
        if rejection.series.date is not None and rejection.series.date not in days:
            lost[rejection.series.date].append(rejection)
    for date, rejections in sorted(lost.items()):
        reasons = "; ".join(sorted({rejection.reason for rejection in rejections}))
        what = f"no usable CT or PET on {date.isoformat()}: {reasons}"
        never_a_scan = all(rejection.reason in NEVER_A_SCAN for rejection in rejections)
        level = ProblemLevel.NOTE if never_a_scan else ProblemLevel.ERROR
        yield Problem(str(rejections[0].series.folder), what, "", subject, level)


def _series(header: Header, date: dt.date | None) -> Series:
    return Series(
        uid=header.text(Tag.SERIES_UID),
        modality=header.text(Tag.MODALITY),
        files=(Path(header.path),),
        description=header.text(Tag.SERIES_DESCRIPTION),
        study_uid=header.text(Tag.STUDY_UID),
        frame_of_reference_uid=header.text(Tag.FRAME_OF_REFERENCE_UID) or None,
        date=date,
        sop_class_uid=header.text(Tag.SOP_CLASS_UID),
        sop_instance_uid=header.text(Tag.SOP_INSTANCE_UID),
    )


def _attach(
    subject: str,
    objects: Sequence[DicomObject],
    days: Mapping[dt.date, _Day],
    problems: list[Problem],
) -> None:
    for thing in sorted(objects, key=lambda thing: _ORDER.index(thing.modality)):
        date = date_of(thing.header)
        series = replace(
            _series(thing.header, date), modality=thing.modality, references=thing.references
        )
        belongs = _belongs(series, days)
        if belongs is None:
            what = f"{thing.modality} without a CT or PET that it could belong to"
            problems.append(Problem(str(series.files[0]), what, "add its images", subject))
            continue
        days[belongs].objects.append(series)
        days[belongs].uids.add(series.sop_instance_uid)


def _belongs(series: Series, days: Mapping[dt.date, _Day]) -> dt.date | None:
    """The date of the visit that an object belongs to."""
    matches = (
        [date for date, day in days.items() if day.uids & series.references],
        [date for date, day in days.items() if day.frames & series.references],
        [date for date, day in days.items() if series.study_uid in day.studies],
        [date for date, day in days.items() if any(s.series.modality == "CT" for s in day.stacks)],
        list(days),
    )
    for dates in matches:
        if dates:
            return _nearest(series.date, dates)
    return None


def _nearest(date: dt.date | None, dates: Iterable[dt.date]) -> dt.date:
    """The last of the dates that is not after ``date``, else the first of all."""
    ordered = sorted(dates)
    before = [other for other in ordered if date is not None and other <= date]
    return before[-1] if before else ordered[0]


def _visit(date: dt.date, label: str, day: _Day, rejected: list[Rejection]) -> Visit:
    referenced: frozenset[str] = frozenset().union(*(thing.references for thing in day.objects))
    usable: dict[str, list[SeriesCandidate]] = {"CT": [], "PT": []}
    for stack in day.stacks:
        known = stack.series.uid in referenced or stack.series.sop_instance_uid in referenced
        usable[stack.series.modality].append(replace(stack, referenced=known))
    pet, lost_pets = choose(usable["PT"])
    ct, lost_cts = choose(usable["CT"], pet.series.frame_of_reference_uid if pet else None)
    rejected.extend(Rejection(lost.series, reason) for lost, reason in lost_pets + lost_cts)
    by_field: dict[str, list[Series]] = defaultdict(list)
    for thing in day.objects:
        by_field[_FIELDS[thing.modality]].append(thing)
    visit = Visit(date, label, ct=ct.series if ct else None, pet=pet.series if pet else None)
    objects: dict[str, Any] = {name: tuple(things) for name, things in by_field.items()}
    return replace(visit, **objects)
