"""From the images and objects of one patient to visits: one per date, each object where it belongs.

A CT or PET belongs to the date of its study; studies of one day are one visit. An object
(RTSTRUCT, RTPLAN, RTDOSE, SEG ...) belongs to the visit of (1) the images or objects that it
refers to, (2) its frame of reference, (3) its study, (4) the CT before it, whichever is known
first; where several visits qualify, to that of its own date, else the last one before it.

A date whose CT was made to plan radiotherapy is no time point of response, unless it is the first:
it goes to :attr:`Subject.treatment`. Cone-beam CTs of the fractions are left out.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imaging.choice import NEVER_A_SCAN, SeriesCandidate, choose, is_sharp, unusable
from imaging.dates_table import date_given
from imaging.header import Header, Tag
from imaging.purpose import PREFERRED_PHASES, Phase, Purpose, phase_of, purpose_of
from imaging.regions import joined
from imaging.series import Problem, ProblemLevel, Rejection, Series, Subject, Visit, visit_label
from imaging.series_table import Use
from imaging.stacks import split
from imaging.tree import DicomObject

#: One examination, its reconstructions and the PET beside it, takes no longer.
SAME_EXAMINATION_DAYS = 3

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
    planned: bool = False


def date_of(header: Header) -> dt.date | None:
    """Study date, else the first known of series, acquisition and content date."""
    return next((date for tag in _DATES if (date := header.date(tag))), None)


def build(
    subject: str,
    images: Sequence[Header],
    objects: Sequence[DicomObject],
    *,
    uses: Mapping[str, Use] | None = None,
    owner: Callable[[frozenset[str]], str] = lambda _: "",
    given_dates: Mapping[str, dt.date] | None = None,
) -> tuple[Subject, list[Problem]]:
    """The visits of one patient.

    Args:
        uses: the user's table, by Series Instance UID or description in lower case.
        owner: the patient whose images UIDs belong to, "" when they are nobody's.
        given_dates: the user's dates of studies whose headers have none.
    """
    problems: list[Problem] = []
    rejected: list[Rejection] = []
    uses = uses or {}
    dates = _dates(subject, images, problems)
    _fill(subject, images, dates, given_dates or {}, problems)
    days = _days(subject, images, dates, uses, rejected=rejected, problems=problems)
    problems.extend(_barren(subject, days, rejected))
    _attach(subject, objects, days, owner, problems)
    phases = _phases_in_order(days.values())
    found = [
        _visit(date, days[date], phases, rejected, problems=problems, subject=subject)
        for date in sorted(days)
    ]
    visits, treatment = _time_points(subject, found, days, uses, problems)
    problems.extend(_technique(subject, [(visit, ct) for visit, ct in visits if ct]))
    labelled = (replace(visit, label=visit_label(n)) for n, (visit, _) in enumerate(visits))
    return Subject(subject, tuple(labelled), tuple(rejected), treatment), problems


def _dates(
    subject: str, images: Sequence[Header], problems: list[Problem]
) -> dict[str, dt.date | None]:
    """The date of the examination of each file.

    That of its study; where scans of one study date were acquired many days apart (a constant
    date, as some anonymisers write) that of the acquisition, with a remark.
    """
    studies: dict[dt.date | None, dict[str, dt.date | None]] = defaultdict(dict)
    known: dict[tuple[bytes | None, ...], tuple[dt.date | None, dt.date | None]] = {}
    for header in images:
        raw = tuple(map(header.elements.get, _DATES))
        if raw not in known:
            known[raw] = date_of(header), header.date(Tag.ACQUISITION_DATE)
        studied, acquired = known[raw]
        studies[studied][header.path] = acquired
    found: dict[str, dt.date | None] = {}
    for studied, acquisitions in studies.items():
        days = sorted({date for date in acquisitions.values() if date is not None})
        apart = bool(days) and (days[-1] - days[0]).days > SAME_EXAMINATION_DAYS
        for path, acquired in acquisitions.items():
            found[path] = acquired if apart and acquired is not None else studied
        if apart:
            what = (
                f"scans of one study date ({studied}) were acquired from {days[0]} to {days[-1]}: "
                "the dates of acquisition count"
            )
            problems.append(Problem(subject, what, "check the dates", subject, ProblemLevel.NOTE))
    return found


def _fill(
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


def _days(
    subject: str,
    images: Sequence[Header],
    dates: Mapping[str, dt.date | None],
    uses: Mapping[str, Use],
    *,
    rejected: list[Rejection],
    problems: list[Problem],
) -> dict[dt.date, _Day]:
    """The dates that have a usable stack; what can never be used is rejected here.

    A Series UID that occurs in two studies, or at two dates, is two series.
    """
    series: dict[tuple[object, ...], list[Header]] = defaultdict(list)
    for header in images:
        names = (Tag.SERIES_UID, Tag.MODALITY, Tag.STUDY_UID)
        series[(*map(header.elements.get, names), dates[header.path])].append(header)
    days: dict[dt.date, _Day] = defaultdict(_Day)
    for headers in series.values():
        date = dates[headers[0].path]
        if date is None:
            what = f"{len(headers)} images without a date (0008,0020)"
            folder = str(Path(headers[0].path).parent)
            remedy = "restore the dates, shifted ones do; or give a table with --dates"
            problems.append(Problem(folder, what, remedy, subject))
            continue
        stacks = [
            replace(stack, chosen=_use(stack.series, uses) is Use.RESPONSE)
            for stack in split(_series(headers[0], date), headers)
        ]
        usable = _usable(stacks, uses, rejected)
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


def _use(series: Series, uses: Mapping[str, Use]) -> Use | None:
    return uses.get(series.uid.lower()) or uses.get(series.description.lower())


def _usable(
    stacks: Iterable[SeriesCandidate], uses: Mapping[str, Use], rejected: list[Rejection]
) -> list[SeriesCandidate]:
    kept = []
    for stack in stacks:
        reason = unusable(stack)
        if not reason and _use(stack.series, uses) is Use.NO:
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
        never_a_scan = all(
            rejection.reason in NEVER_A_SCAN or rejection.reason.startswith(Purpose.VERIFICATION)
            for rejection in rejections
        )
        level = ProblemLevel.NOTE if never_a_scan else ProblemLevel.ERROR
        files = [file for rejection in rejections for file in rejection.series.files]
        place = files[0] if len(files) == 1 else rejections[0].series.folder
        yield Problem(str(place), what, "", subject, level)


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


def _belongs(series: Series, days: Mapping[dt.date, _Day]) -> tuple[dt.date | None, bool]:
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


def _phases_in_order(days: Iterable[_Day]) -> tuple[Phase, ...]:
    """All contrast phases: those that every date with a CT offers first, then by preference."""
    offered = [
        {phase_of(stack.first) for stack in day.stacks if stack.series.modality == "CT"}
        for day in days
    ]
    offered = [phases for phases in offered if phases]
    common = set.intersection(*offered) if offered else set()
    return tuple(sorted(PREFERRED_PHASES, key=lambda phase: phase not in common))


def _visit(
    date: dt.date,
    day: _Day,
    phases: Sequence[Phase],
    rejected: list[Rejection],
    *,
    problems: list[Problem],
    subject: str,
) -> tuple[Visit, SeriesCandidate | None]:
    """The visit of a date, and the CT that was chosen for it."""
    referenced: frozenset[str] = frozenset().union(*(thing.references for thing in day.objects))
    usable: dict[str, list[SeriesCandidate]] = {"CT": [], "PT": []}
    for stack in day.stacks:
        known = stack.series.uid in referenced or stack.series.sop_instance_uid in referenced
        usable[stack.series.modality].append(replace(stack, referenced=known))
    pet, lost_pets = choose(usable["PT"])
    frame = pet.series.frame_of_reference_uid if pet else None
    ct, lost_cts = choose(usable["CT"], frame, phases)
    if ct is not None:
        ct, added = joined(ct, [lost for lost, _ in lost_cts])
        lost_cts = [(lost, reason) for lost, reason in lost_cts if lost not in added]
        if added:
            names = ", ".join(f"'{each.series.description}'" for each in (ct, *added))
            what = f"{date}: CT joined from series that go on from one another: {names}"
            place = str(ct.series.folder)
            problems.append(Problem(place, what, "", subject, ProblemLevel.NOTE))
    rejected.extend(Rejection(lost.series, reason) for lost, reason in lost_pets + lost_cts)
    by_field: dict[str, list[Series]] = defaultdict(list)
    for thing in day.objects:
        by_field[_FIELDS[thing.modality]].append(thing)
    visit = Visit(date, "", ct=ct.series if ct else None, pet=pet.series if pet else None)
    objects: dict[str, Any] = {name: tuple(things) for name, things in by_field.items()}
    return replace(visit, **objects), ct


def _place(visit: Visit) -> str:
    return "" if visit.ct is None else str(visit.ct.folder)


Dated = tuple[Visit, SeriesCandidate | None]


def _time_points(
    subject: str,
    found: Sequence[Dated],
    days: Mapping[dt.date, _Day],
    uses: Mapping[str, Use],
    problems: list[Problem],
) -> tuple[list[Dated], tuple[Visit, ...]]:
    """The dates that are time points of response, and those of planning.

    A planning CT is kept as the first date: there is no other baseline.
    """
    points: list[Dated] = []
    treatment: list[Visit] = []
    for visit, ct in found:
        told = None if ct is None else purpose_of(ct.first, planned=days[visit.date].planned)
        use = None if ct is None else _use(ct.series, uses)
        planning = told is not None and told.purpose is Purpose.PLANNING
        if use is Use.FIELD or (planning and points and use is not Use.RESPONSE):
            named = "the table of series" if told is None or use else told.reason
            purpose = f"{Purpose.PLANNING} ({named})"
            treatment.append(replace(visit, label="planning", purpose=purpose))
            what = f"{visit.date}: {purpose}: used for the field, not as a time point of response"
            remedy = "name it in a table of series (--series) to use it as one"
            problems.append(Problem(_place(visit), what, remedy, subject, ProblemLevel.NOTE))
            continue
        if planning and told is not None and not points and len(found) > 1 and not use:
            what = f"{visit.date}: the baseline is a planning CT ({told.reason})"
            problems.append(Problem(_place(visit), what, "", subject, ProblemLevel.NOTE))
        points.append((visit, ct))
    return points, tuple(treatment)


def _technique(subject: str, chosen: Sequence[tuple[Visit, SeriesCandidate]]) -> Iterator[Problem]:
    """What changes from date to date; RECIST 1.1 (appendix II) asks for the same technique."""
    facts: tuple[tuple[str, Callable[[SeriesCandidate], str]], ...] = (
        ("contrast phase", lambda ct: phase_of(ct.first).value),
        ("slice thickness", lambda ct: f"{ct.thickness_mm:g} mm"),
        ("kernel", lambda ct: "sharp" if is_sharp(ct.first.text(Tag.KERNEL)) else "soft"),
    )
    for name, fact in facts:
        told = [(visit.date, fact(ct)) for visit, ct in chosen]
        if len({value for _, value in told}) > 1:
            listed = ", ".join(f"{value} on {date}" for date, value in told)
            yield Problem(subject, f"{name} changes: {listed}", "", subject, ProblemLevel.NOTE)
