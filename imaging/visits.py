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
from dataclasses import replace
from typing import Any

from imaging.choice import NEVER_A_SCAN, SeriesCandidate, choose, is_sharp
from imaging.header import Header, Tag
from imaging.ownership import DicomObject
from imaging.purpose import PREFERRED_PHASES, Phase, Purpose, phase_of, purpose_of
from imaging.regions import joined
from imaging.series import Problem, ProblemLevel, Rejection, Series, Subject, Visit, visit_label
from imaging.series_table import Use
from imaging.visit_days import VisitDay, attach, days_of, examination_dates, fill_dates, use_of

_FIELDS = {
    "RTSTRUCT": "rtstructs",
    "RTDOSE": "rtdoses",
    "RTPLAN": "rtplans",
    "SEG": "segs",
    "REG": "registrations",
    "RTRECORD": "rtrecords",
}


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
    dates = examination_dates(subject, images, problems)
    fill_dates(subject, images, dates, given_dates or {}, problems)
    days = days_of(subject, images, dates, uses, rejected=rejected, problems=problems)
    problems.extend(_barren(subject, days, rejected))
    attach(subject, objects, days, owner, problems)
    phases = _phases_in_order(days.values())
    found = [
        _visit(date, days[date], phases, rejected, problems=problems, subject=subject)
        for date in sorted(days)
    ]
    visits, treatment = _time_points(subject, found, days, uses, problems)
    problems.extend(_technique(subject, [(visit, ct) for visit, ct in visits if ct]))
    labelled = (replace(visit, label=visit_label(n)) for n, (visit, _) in enumerate(visits))
    return Subject(subject, tuple(labelled), tuple(rejected), treatment), problems


def _barren(
    subject: str, days: Mapping[dt.date, VisitDay], rejected: Iterable[Rejection]
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


def _phases_in_order(days: Iterable[VisitDay]) -> tuple[Phase, ...]:
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
    day: VisitDay,
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
        problems.extend(_other_studies(date, ct, [lost for lost, _ in lost_cts], subject))
    rejected.extend(Rejection(lost.series, reason) for lost, reason in lost_pets + lost_cts)
    by_field: dict[str, list[Series]] = defaultdict(list)
    for thing in day.objects:
        by_field[_FIELDS[thing.modality]].append(thing)
    visit = Visit(date, "", ct=ct.series if ct else None, pet=pet.series if pet else None)
    objects: dict[str, Any] = {name: tuple(things) for name, things in by_field.items()}
    return replace(visit, **objects), ct


def _other_studies(
    date: dt.date, ct: SeriesCandidate, lost: Sequence[SeriesCandidate], subject: str
) -> Iterator[Problem]:
    """A note on CTs of other studies of the same date: one visit, or dates that were made equal."""
    studies = {other.series.study_uid for other in lost} - {ct.series.study_uid, ""}
    if studies and ct.series.study_uid:
        what = f"{date}: CTs of {len(studies) + 1} studies on one date are taken as one visit"
        remedy = "restore the dates if an anonymiser made them equal"
        yield Problem(str(ct.series.folder), what, remedy, subject, ProblemLevel.NOTE)


def _place(visit: Visit) -> str:
    return "" if visit.ct is None else str(visit.ct.folder)


Dated = tuple[Visit, SeriesCandidate | None]


def _time_points(
    subject: str,
    found: Sequence[Dated],
    days: Mapping[dt.date, VisitDay],
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
        use = None if ct is None else use_of(ct.series, uses)
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
