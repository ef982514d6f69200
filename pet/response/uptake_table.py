"""``recist assess-pet TABLE``: metabolic response from a table of measured uptake.

The table's columns: :mod:`pet.response.measurements`. Written are ``pet_timepoints.csv``
(``subject, date|day, criteria, value, baseline, change_percent, response, score, reason,
warnings``) and, where that is asked for, the same as JSON with every reason, number, margin and
gate. A long table is assessed in a process for each core, some subjects at a time.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from imaging.collector import without_collector
from imaging.errors import InputError, without_frames
from imaging.parallel import in_order, workers_for
from imaging.tables import cells
from imaging.tables.chunk import Chunk
from imaging.tables.rows import csv_text
from imaging.tables.source import chunks, opened
from imaging.writing import SCHEMA_VERSION, written_whole
from pet.response.eortc import eortc
from pet.response.immune import ipercist, pecrit, percimt
from pet.response.lymphoma import LymphomaCourse, deauville, lugano
from pet.response.measurements import (
    COLUMNS,
    DatedScan,
    PetCourse,
    UptakeForm,
    courses_in,
    no_rows,
    number,
    remarks_on,
)
from pet.response.percist import percist
from pet.response.pet_assessment import PetAssessment, PetReason, change_percent
from pet.response.protocol import PetProtocol
from pet.response.scan import PetScan

TABLE_COLUMNS = (
    "criteria",
    "value",
    "baseline",
    "change_percent",
    "response",
    "score",
    "reason",
    "warnings",
)


AS_CSV, AS_JSON = "pet_timepoints.csv", "pet_timepoints.json"


def assess_pet_table(
    table: Path,
    out: Path,
    *,
    criteria: Sequence[str] | None = None,
    settings: PetProtocol | None = None,
    failures: dict[str, InputError] | None = None,
    date_order: str = "iso",
    with_json: bool = False,
    jobs: int | None = None,
    on_remark: Callable[[str], None] = lambda _: None,
) -> tuple[Path, ...]:
    """Assess every subject of a table and write ``pet_timepoints.csv`` into ``out``.

    Args:
        criteria: names out of :data:`CRITERIA`; None takes all. Deauville, Lugano and PECRIT
            appear only at dates that hold their facts.
        settings: what the papers leave open; the defaults unless given.
        failures: receives the subjects that could not be assessed, and why; the others are
            complete. Without it the first of them is raised.
        date_order: in which dates are written.
        with_json: write ``pet_timepoints.json`` too, seven times the bytes of the table. Without,
            one that an earlier table left there is taken away: it would tell another answer.
        jobs: processes; one per core unless given, and one for a small table.
        on_remark: told what may be wrong with a subject although it is assessed.

    Returns:
        The files; each is written whole or not at all.

    Raises:
        InputError: table or criteria cannot be used; row and column are named.
    """
    chosen = chosen_criteria(criteria)
    places = tuple(out / name for name in ((AS_CSV, AS_JSON) if with_json else (AS_CSV,)))
    with without_collector(), opened(table, COLUMNS) as source:
        form = UptakeForm.of(source, date_order)
        task = _PetTask(form, chosen, settings or PetProtocol(), with_json=with_json)
        workers = workers_for(source.stamp.size_bytes, jobs)
        parts = in_order(_answer_chunk, task, chunks(source), workers)
        account = _PetAccount(
            table, {} if failures is None else failures, on_remark, failures is None
        )
        early = list(account.until_read(parts))  # a table that cannot be read leaves no folder
        with ExitStack() as stack:
            files = [stack.enter_context(written_whole(place)) for place in places]
            header = csv_text((), ("subject", form.time, *TABLE_COLUMNS))
            files[0].write(header.encode())
            if with_json:
                files[1].write(f'{{"schema_version": {SCHEMA_VERSION}, "assessments": ['.encode())
            between = b"\n"
            for part in itertools.chain(early, account.all(parts)):
                files[0].write(part.rows)
                if part.as_json:
                    files[1].write(between + part.as_json)
                    between = b",\n"
            account.check_some()
            if with_json:
                files[1].write(b"\n]}\n")
    if not with_json:
        (out / AS_JSON).unlink(missing_ok=True)
    return places


class _PetTask(NamedTuple):
    """All that a process needs to assess some subjects."""

    form: UptakeForm
    criteria: tuple[str, ...]
    protocol: PetProtocol
    with_json: bool


class _PetSubject(NamedTuple):
    """A subject on the way: the dates of its scans, and why there is no answer.

    Attributes:
        dates: as written; None where the subject could not be read.
    """

    subject: str
    dates: tuple[str, ...] | None
    error: InputError | None = None


class _PetPart(NamedTuple):
    """What came of some subjects, ready to be written."""

    rows: bytes
    as_json: bytes
    subjects: tuple[_PetSubject, ...]


def _answer_chunk(task: _PetTask, chunk: Chunk) -> _PetPart:
    """Assess the subjects of a chunk; one that fails stops no other."""
    subjects: list[_PetSubject] = []
    rows: list[dict[str, Any]] = []
    records: list[str] = []
    time = task.form.time
    for course in courses_in(chunk, task.form):
        if not isinstance(course, PetCourse):
            subjects.append(_PetSubject(course.subject, None, course.error))
            continue
        dates = tuple([dated.when for dated in course.scans])
        try:
            found = assess_course(course, task.criteria, task.protocol)
        except InputError as error:
            subjects.append(_PetSubject(course.subject, dates, without_frames(error)))
            continue
        subjects.append(_PetSubject(course.subject, dates))
        rows += [_flat(course, when, assessment) for when, assessment in found]
        if task.with_json:
            records += [
                json.dumps({"subject": course.subject, time: when, **assessment.as_dict()})
                for when, assessment in found
            ]
    columns = ("subject", time, *TABLE_COLUMNS)
    lines = csv_text(rows, columns)[len(csv_text((), columns)) :]
    return _PetPart(lines.encode(), ",\n".join(records).encode(), tuple(subjects))


class _PetAccount:
    """Tells of the subjects in the order of the table.

    Args:
        failures: receives those that could not be assessed.
        raises: the first of them is raised.
    """

    def __init__(
        self,
        table: Path,
        failures: dict[str, InputError],
        on_remark: Callable[[str], None],
        raises: bool,
    ) -> None:
        self._table, self._failures, self._on_remark = table, failures, on_remark
        self._raises = raises
        self._known: dict[str, str] = {}
        self._has_answer = False

    def all(self, parts: Iterable[_PetPart]) -> Iterator[_PetPart]:
        """Each part, its subjects told of."""
        for part in parts:
            for subject, dates, error in part.subjects:
                if dates is not None:
                    for remark in remarks_on(subject, dates, self._known):
                        self._on_remark(remark)
                if error is None:
                    self._has_answer = True
                elif self._raises:
                    raise error
                else:
                    self._failures[subject] = error
            yield part

    def until_read(self, parts: Iterator[_PetPart]) -> Iterator[_PetPart]:
        """The parts up to the first with a subject that could be read.

        Raises:
            InputError: there is none.
        """
        for part in self.all(parts):
            yield part
            if any(told.dates is not None for told in part.subjects):
                return
        raise self._nothing()

    def check_some(self) -> None:
        """
        Raises:
            InputError: no subject has an answer.
        """
        if not self._has_answer:
            raise self._nothing()

    def _nothing(self) -> InputError:
        return next(iter(self._failures.values()), None) or no_rows(self._table)


def _flat(course: PetCourse, when: str, found: PetAssessment) -> dict[str, Any]:
    return {
        "subject": cells.inert(course.subject),
        course.time: when,
        "criteria": found.criteria,
        "value": _short(found.value),
        "baseline": _short(found.baseline),
        "change_percent": _short(found.change_percent),
        "response": found.response.value,
        "score": "" if found.score is None else found.score,
        "reason": found.reasons[0].sentence,
        "warnings": "; ".join(found.warnings),
    }


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


# --- Criteria by name -----------------------------------------------------------------------

AssessScans = Callable[[Sequence[DatedScan], PetProtocol], Iterable[tuple[str, PetAssessment]]]


def _pairwise(
    one: Callable[[PetScan, PetScan, PetProtocol], PetAssessment],
) -> AssessScans:
    def assess(
        scans: Sequence[DatedScan], protocol: PetProtocol
    ) -> Iterable[tuple[str, PetAssessment]]:
        return [(dated.when, one(scans[0].scan, dated.scan, protocol)) for dated in scans[1:]]

    return assess


def _ipercist(
    scans: Sequence[DatedScan], protocol: PetProtocol
) -> Iterable[tuple[str, PetAssessment]]:
    found = ipercist([dated.scan for dated in scans], protocol.ipercist)
    return zip([dated.when for dated in scans[1:]], found, strict=True)


def _pecrit(
    scans: Sequence[DatedScan], protocol: PetProtocol
) -> Iterable[tuple[str, PetAssessment]]:
    first = scans[0].scan.hottest
    for dated in scans[1:]:
        now = dated.scan.hottest
        change = None
        if first is not None and first.peak and now is not None and now.peak is not None:
            change = change_percent(first.peak, now.peak)
        recist11 = dated.facts.get("recist11", "")
        if recist11:
            settings = protocol.pecrit
            yield dated.when, pecrit(recist11, change, day=dated.scan.day, settings=settings)


def _lugano(
    scans: Sequence[DatedScan], protocol: PetProtocol
) -> Iterable[tuple[str, PetAssessment]]:
    for dated in scans[1:]:
        facts, scan = dated.facts, dated.scan
        blood, liver = (number(facts, name) for name in ("blood_max", "liver_max"))
        if blood is None or liver is None:
            continue
        left = [one for one in scan.lesions if not one.resolved]
        hottest = max((one.suv_max or 0.0 for one in left), default=0.0)
        new = bool(scan.new_since(scans[0].scan))
        score, reason = deauville(
            hottest,
            blood,
            liver,
            above_background=bool(left),
            new_lesion=new,
            settings=protocol.deauville,
        )
        course = _course(facts.get("uptake_vs_baseline", ""), dated.when)
        found = lugano(score, course, new_lesion=new, day=scan.day)
        yield dated.when, _with_score_reason(found, reason)


def _with_score_reason(found: PetAssessment, reason: PetReason) -> PetAssessment:
    return PetAssessment(
        found.criteria, found.day, found.response, (*found.reasons, reason), score=found.score
    )


def _course(text: str, when: str) -> LymphomaCourse:
    try:
        return LymphomaCourse(text or LymphomaCourse.NO_CHANGE)
    except ValueError as error:
        raise InputError(f"uptake_vs_baseline: {error}", where=f"PET of {when}") from error


#: Criteria by the name that the command takes.
CRITERIA: dict[str, AssessScans] = {
    "percist": _pairwise(lambda a, b, settings: percist(a, b, settings.percist)),
    "percist5": _pairwise(lambda a, b, settings: percist(a, b, settings.percist5)),
    "impercist5": _pairwise(lambda a, b, settings: percist(a, b, settings.impercist5)),
    "ipercist": _ipercist,
    "eortc": _pairwise(lambda a, b, settings: eortc(a, b, settings.eortc)),
    "percimt": _pairwise(lambda a, b, settings: percimt(a, b, settings.percimt)),
    "pecrit": _pecrit,
    "lugano": _lugano,
}


def chosen_criteria(criteria: Sequence[str] | None) -> tuple[str, ...]:
    """The names in lower case, all of them for None.

    Raises:
        InputError: a name is not known.
    """
    names = tuple(CRITERIA) if criteria is None else tuple(name.lower() for name in criteria)
    unknown = [name for name in names if name not in CRITERIA]
    if unknown:
        raise InputError(
            f"unknown criteria: {', '.join(unknown)}", remedy=f"known: {', '.join(CRITERIA)}"
        )
    return names


def assess_course(
    course: PetCourse, criteria: Sequence[str], protocol: PetProtocol
) -> list[tuple[str, PetAssessment]]:
    """The date as written and the assessment, for each follow-up and each set of criteria."""
    return [found for name in criteria for found in CRITERIA[name](course.scans, protocol)]
