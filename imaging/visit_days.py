"""The images and objects of one patient, gathered by the date of their examination."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from imaging.choice import SeriesCandidate, unusable
from imaging.dates_table import date_given
from imaging.dynamic import with_frames_told
from imaging.header import Header, Tag
from imaging.ownership import DicomObject
from imaging.purpose import Purpose, purpose_of
from imaging.series import Problem, ProblemLevel, Rejection, Series
from imaging.series_table import Use
from imaging.stacks import split

#: One examination, its reconstructions and the PET beside it, takes no longer.
SAME_EXAMINATION_DAYS = 3
#: Two studies of one course of disease further apart are more often a wrong year.
IMPLAUSIBLE_GAP_DAYS = 10 * 365
_DATES = (Tag.STUDY_DATE, Tag.SERIES_DATE, Tag.ACQUISITION_DATE, Tag.CONTENT_DATE)
#: Objects are attached in this order, so that a dose finds its plan and a plan its contours.
_ORDER = ("RTSTRUCT", "SEG", "REG", "RTPLAN", "RTDOSE", "RTRECORD")


@dataclass(slots=True)
class VisitDay:
    """What belongs to one date, while it is gathered."""

    stacks: list[SeriesCandidate] = field(default_factory=list)
    objects: list[Series] = field(default_factory=list)
    uids: set[str] = field(default_factory=set)
    studies: set[str] = field(default_factory=set)
    frames: set[str] = field(default_factory=set)
    planned: bool = False


def date_of(header: Header) -> dt.date | None:
    """Study date, else the first known of series, acquisition and content date."""
    return next((date for tag in _DATES if (date := header.date(tag))), None)


def examination_dates(
    subject: str, images: Sequence[Header], problems: list[Problem]
) -> dict[str, dt.date | None]:
    """The date of the examination of each file.

    That of its study; where scans of one study date were acquired many days apart (a constant
    date, as some anonymisers write) that of the acquisition, with a remark.
    """
    files: dict[tuple[bytes | None, ...], list[Header]] = defaultdict(list)
    for header in images:
        files[tuple(map(header.elements.get, _DATES))].append(header)
    studies: dict[dt.date | None, dict[dt.date | None, list[str]]] = defaultdict(dict)
    for headers in files.values():
        acquisitions = studies[date_of(headers[0])]
        paths = acquisitions.setdefault(headers[0].date(Tag.ACQUISITION_DATE), [])
        paths.extend(header.path for header in headers)
    found: dict[str, dt.date | None] = {}
    for studied, acquisitions in studies.items():
        days = sorted(date for date in acquisitions if date is not None)
        apart = bool(days) and (days[-1] - days[0]).days > SAME_EXAMINATION_DAYS
        for acquired, paths in acquisitions.items():
            date = acquired if apart and acquired is not None else studied
            found.update(dict.fromkeys(paths, date))
        if apart:
            what = (
                f"scans of one study date ({studied}) were acquired from {days[0]} to {days[-1]}: "
                "the dates of acquisition count"
            )
            problems.append(Problem(subject, what, "check the dates", subject, ProblemLevel.NOTE))
    problems.extend(_doubts(subject, studies))
    return found


def _doubts(
    subject: str, studies: Mapping[dt.date | None, Iterable[dt.date | None]]
) -> Iterator[Problem]:
    """Study dates that the dates of acquisition contradict, or that lie many years apart.

    An anonymiser may shift the one and leave the other, which says nothing; but where the two give
    another order, one of them makes another scan the baseline.
    """
    first = {
        studied: min(known)
        for studied, acquired in studies.items()
        if studied is not None and (known := [day for day in acquired if day is not None])
    }
    for studied, acquired in sorted(first.items()):
        if abs((acquired - studied).days) > SAME_EXAMINATION_DAYS:
            what = f"study date {studied}, but acquired on {acquired}: the study date counts"
            yield Problem(subject, what, "check the dates", subject, ProblemLevel.NOTE)
    dates = sorted(day for day in studies if day is not None)
    if sorted(first, key=lambda studied: first[studied]) != sorted(first):
        what = "the dates of acquisition give another order of the studies than the study dates"
        yield Problem(subject, what, "correct the dates: the first is the baseline", subject)
    for earlier, later in itertools.pairwise(dates):
        if (later - earlier).days > IMPLAUSIBLE_GAP_DAYS:
            what = f"no study between {earlier} and {later}: is one of the dates wrong?"
            yield Problem(subject, what, "check the dates", subject, ProblemLevel.NOTE)


def fill_dates(
    subject: str,
    images: Sequence[Header],
    dates: dict[str, dt.date | None],
    given: Mapping[str, dt.date],
    problems: list[Problem],
) -> None:
    """Dates of the user's table, where headers have none; a row that dates nothing is told."""
    used: set[str] = set()
    for header in images if given else ():
        name = date_given(given, header.text(Tag.STUDY_UID), header.path)
        if name and dates[header.path] is None:
            dates[header.path] = given[name]
            used.add(name)
    if used:
        what = f"{len(used)} studies without a date have that of the table"
        problems.append(Problem(subject, what, "", subject, ProblemLevel.NOTE))
    for name in sorted(given.keys() - used):
        what = f"the table of dates names {name}, where no study lacks a date"
        problems.append(Problem(subject, what, "correct the table", subject, ProblemLevel.NOTE))


def days_of(
    subject: str,
    images: Sequence[Header],
    dates: Mapping[str, dt.date | None],
    uses: Mapping[str, Use],
    *,
    rejected: list[Rejection],
    problems: list[Problem],
) -> dict[dt.date, VisitDay]:
    """The dates that have a usable stack; what can never be used is rejected here.

    A Series UID that occurs in two studies, or at two dates, is two series.
    """
    series: dict[tuple[object, ...], list[Header]] = defaultdict(list)
    for header in images:
        names = (Tag.SERIES_UID, Tag.MODALITY, Tag.STUDY_UID)
        series[(*map(header.elements.get, names), dates[header.path])].append(header)
    found: list[tuple[dt.date, list[Header], list[SeriesCandidate]]] = []
    for headers in series.values():
        date = dates[headers[0].path]
        if date is None:
            what = f"{len(headers)} images without a date (0008,0020)"
            folder = str(Path(headers[0].path).parent)
            remedy = "restore the dates, shifted ones do; or give a table with --dates"
            problems.append(Problem(folder, what, remedy, subject))
            continue
        stacks = [
            replace(stack, chosen=use_of(stack.series, uses) is Use.RESPONSE)
            for stack in split(_series(headers[0], date), headers)
        ]
        found.append((date, headers, stacks))
    days: dict[dt.date, VisitDay] = defaultdict(VisitDay)
    for date, headers, stacks in _frames_told(found):
        usable = _usable(stacks, uses, rejected)
        if not usable:
            continue
        day = days[date]
        day.stacks.extend(usable)
        day.uids.update(header.text(Tag.SOP_INSTANCE_UID) for header in headers)
        day.uids.add(headers[0].text(Tag.SERIES_UID))
        day.studies.add(headers[0].text(Tag.STUDY_UID))
        frames = {header.elements.get(Tag.FRAME_OF_REFERENCE_UID): header for header in headers}
        day.frames.update(header.text(Tag.FRAME_OF_REFERENCE_UID) for header in frames.values())
    for day in days.values():
        day.frames.discard("")
        day.studies.discard("")
    return dict(days)


def _frames_told(
    found: Sequence[tuple[dt.date, list[Header], list[SeriesCandidate]]],
) -> Iterator[tuple[dt.date, list[Header], list[SeriesCandidate]]]:
    """The series of every date, whose stacks know of the series that they are frames with."""
    of_date: dict[dt.date, list[SeriesCandidate]] = defaultdict(list)
    for date, _, stacks in found:
        of_date[date].extend(stacks)
    told = {date: iter(with_frames_told(stacks)) for date, stacks in of_date.items()}
    for date, headers, stacks in found:
        yield date, headers, list(itertools.islice(told[date], len(stacks)))


def use_of(series: Series, uses: Mapping[str, Use]) -> Use | None:
    return uses.get(series.uid.lower()) or uses.get(series.description.lower())


def _usable(
    stacks: Iterable[SeriesCandidate], uses: Mapping[str, Use], rejected: list[Rejection]
) -> list[SeriesCandidate]:
    kept = []
    for stack in stacks:
        reason = unusable(stack)
        if not reason and use_of(stack.series, uses) is Use.NO:
            reason = "left out by the table of series"
        if not reason and not stack.chosen and stack.series.modality == "CT":
            told = purpose_of(stack.first)
            if told.purpose is Purpose.VERIFICATION:
                reason = f"{told.purpose}: {told.reason}"
        if reason:
            rejected.append(Rejection(stack.series, reason))
        else:
            kept.append(stack)
    return kept


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


def attach(
    subject: str,
    objects: Sequence[DicomObject],
    days: Mapping[dt.date, VisitDay],
    owner: Callable[[frozenset[str]], str],
    problems: list[Problem],
) -> None:
    for thing in sorted(objects, key=lambda thing: _ORDER.index(thing.modality)):
        date = date_of(thing.header)
        series = replace(
            _series(thing.header, date), modality=thing.modality, references=thing.references
        )
        belongs, certain = _belongs(series, days)
        if belongs is None:
            what = f"{thing.modality} without a CT or PET that it could belong to"
            other, remedy = owner(thing.references), "add its images"
            if other and other != subject:
                what += f": it refers to images of patient {other}"
                remedy = "correct its Patient ID"
            problems.append(Problem(str(series.files[0]), what, remedy, subject))
            continue
        days[belongs].objects.append(series)
        days[belongs].uids.add(series.sop_instance_uid)
        days[belongs].planned |= certain and thing.modality in ("RTPLAN", "RTDOSE")


def _belongs(series: Series, days: Mapping[dt.date, VisitDay]) -> tuple[dt.date | None, bool]:
    """The date of the visit that an object belongs to, and whether its own references tell."""
    by_uid = [date for date, day in days.items() if day.uids & series.references]
    by_frame = [date for date, day in days.items() if day.frames & series.references]
    matches = (
        by_uid,
        by_frame,
        [date for date, day in days.items() if series.study_uid in day.studies],
        [date for date, day in days.items() if any(s.series.modality == "CT" for s in day.stacks)],
        list(days),
    )
    for dates in matches:
        if dates:
            certain = len(dates) == 1 and (dates is by_uid or dates is by_frame)
            return _nearest(series.date, dates), certain
    return None, False


def _nearest(date: dt.date | None, dates: Iterable[dt.date]) -> dt.date:
    """The last of the dates that is not after ``date``, else the first of all."""
    ordered = sorted(dates)
    before = [other for other in ordered if date is not None and other <= date]
    return before[-1] if before else ordered[0]
