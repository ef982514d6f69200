"""From a measurement table to responses and outcomes, subject by subject, on all cores.

The table is read as a stream of chunks of whole subjects; each chunk is assessed in one go, in a
process of its own where the table is long, and comes back as text that is ready to be written. So
memory does not grow with the number of subjects, and a subject that cannot be assessed is named
without stopping the others.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from imaging.collector import without_collector
from imaging.errors import InputError
from imaging.parallel import in_order, workers_for
from imaging.tables.chunk import Chunk
from imaging.tables.source import Source
from recist.assessment import assessed, outcome_of
from recist.course import Course
from recist.criteria.criterion import DEFAULT_CRITERIA, names_of_criteria
from recist.field.scope import parts_of
from recist.protocol import Protocol, load
from recist.response import Assessment, Outcome, Scope
from recist.table import results
from recist.table.account import TableAccount, TableResult
from recist.table.checks import check_course, check_responses
from recist.table.course_tables import CourseReader, reading
from recist.table.dated_event import DatedEvent
from recist.table.entry import Row
from recist.table.finding import Finding, Severity
from recist.table.output import (
    CHECKS,
    OUTCOMES,
    TIMEPOINTS,
    Packed,
    Rendered,
    fill,
    pack,
    write,
)

if TYPE_CHECKING:
    from recist.criteria.robustness import CategoryProbability


@dataclass(frozen=True, slots=True)
class Task:
    """All that a process needs to assess a chunk.

    Attributes:
        with_json: put the answers into JSON too.
    """

    reader: CourseReader
    criteria: tuple[str, ...]
    robustness: bool = False
    with_json: bool = False

    @property
    def protocol(self) -> Protocol:
        return self.reader.protocol


class TableSettings(TypedDict, total=False):
    """How a table is assessed.

    Attributes:
        events: the table of events beside it.
        criteria: their names; those of :data:`recist.assessment.DEFAULT_CRITERIA` unless given.
        protocol: or its name or file; ``recist11-eortc`` unless given.
        jobs: processes; one per core unless given, and one for a small table.
        robustness: simulate how sure each RECIST 1.1 category is (see
            :mod:`recist.criteria.robustness`).
    """

    events: Source | None
    criteria: Sequence[str]
    protocol: Protocol | str | Path
    jobs: int | None
    robustness: bool


def assess_file(
    measurements: Source,
    out: Path,
    *,
    with_json: bool = False,
    on_progress: Callable[[int], None] | None = None,
    **settings: Unpack[TableSettings],
) -> TableResult:
    """Assess every subject of a measurement table, and write the results into a folder.

    Args:
        with_json: write the answers as JSON too, with the numbers and the margin of every reason:
            about ten times the bytes of the tables.
        on_progress: called with the number of subjects done so far.
        settings: see :class:`TableSettings`.

    Raises:
        InputError: the table cannot be read at all, or a setting does not exist.
    """
    with _assessing(measurements, with_json=with_json, **settings) as found:
        return write(
            Path(out),
            found.parts,
            found.protocol,
            found.findings,
            found.has_dates,
            events=found.events,
            with_json=with_json,
            on_progress=on_progress,
        )


def assess_in_memory(
    measurements: Source, **settings: Unpack[TableSettings]
) -> tuple[TableAccount, dict[str, str]]:
    """The tables that :func:`assess_file` would write, by name, as text; no file is written.

    Raises:
        InputError: the table cannot be read at all, or a setting does not exist.
    """
    files = {name: io.BytesIO() for name in (TIMEPOINTS, OUTCOMES, CHECKS)}
    with _assessing(measurements, **settings) as found:
        account = fill(
            files,
            found.parts,
            found.protocol,
            found.findings,
            found.has_dates,
            events=found.events,
        )
    return account, {name: file.getvalue().decode("utf-8") for name, file in files.items()}


@dataclass(frozen=True, slots=True)
class _Answers:
    """What a table comes to, chunk by chunk as it is asked for."""

    parts: Iterator[Packed]
    protocol: Protocol
    findings: list[Finding]
    has_dates: bool
    events: dict[str, tuple[DatedEvent, ...]]


@contextmanager
def _assessing(
    measurements: Source,
    *,
    events: Source | None = None,
    criteria: Sequence[str] = DEFAULT_CRITERIA,
    protocol: Protocol | str | Path = "recist11-eortc",
    jobs: int | None = None,
    robustness: bool = False,
    with_json: bool = False,
) -> Iterator[_Answers]:
    settings = protocol if isinstance(protocol, Protocol) else load(protocol)
    names = names_of_criteria(criteria)
    findings: list[Finding] = []
    with (
        without_collector(),
        reading(measurements, events, findings=findings, protocol=settings) as table,
    ):
        reader = table.reader
        task = Task(reader, names, robustness, with_json)
        workers = workers_for(table.size_bytes, jobs)
        parts = in_order(assess_chunk, task, table.chunks, workers)
        yield _Answers(parts, settings, findings, reader.layout.has_dates, reader.events)


def assess_chunk(task: Task, chunk: Chunk) -> Packed:
    """Assess all subjects of a chunk."""
    return pack(_assess_chunk(task, chunk))


@dataclass(slots=True)
class _Case:
    """One course on its way to its rows.

    Attributes:
        findings: on the subject; shared by the courses of all its readers.
        done: where its rows go.
        failed: a stage could not be gone through.
    """

    course: Course
    records: Sequence[Row]
    findings: list[Finding]
    done: Rendered
    assessments: Sequence[tuple[Course, str, Scope, Sequence[Assessment]]] = ()
    outcomes: Sequence[Outcome] = ()
    failed: bool = False


def _assess_chunk(task: Task, chunk: Chunk) -> Rendered:
    """All subjects of a chunk, stage by stage, so that the processor keeps the code at hand."""
    done = Rendered()
    records, broken = task.reader.records(chunk, done.findings)
    cases: list[_Case] = []
    found: dict[str, list[Finding]] = {subject: [] for subject in (*records, *sorted(broken))}
    for subject, rows in records.items():
        if subject not in broken:
            cases += _cases(task, subject, rows, found[subject], done)
    for stage in (_assess, _conclude, _render):
        _through(stage, task, cases)
    for subject, findings in found.items():
        done.findings.extend(findings)
        is_wrong = bool(findings) and any(each.level is Severity.ERROR for each in findings)
        if is_wrong or subject in broken:
            done.failed.append(subject)
    done.subjects = len(found)
    done.names = list(found)
    events = task.reader.events
    done.with_events = [subject for subject in found if subject in events] if events else []
    return done


def _cases(
    task: Task, subject: str, records: Sequence[Row], findings: list[Finding], done: Rendered
) -> list[_Case]:
    """The courses of a subject, checked while its rows are at hand."""
    rows = task.reader.by_reader(records)
    courses = task.reader.courses(subject, rows, findings)
    cases = [_Case(course, rows[course.reader], findings, done) for course in courses]
    _through(_check, task, cases)
    return cases


def _through(stage: Callable[[Task, _Case], None], task: Task, cases: Iterable[_Case]) -> None:
    """Take cases through a stage; one that fails is named and stops no other."""
    for case in cases:
        if case.failed:
            continue
        try:
            stage(task, case)
        except Exception as error:  # whatever it is
            what, remedy = f"{type(error).__name__}: {error}", "report this with the rows"
            if isinstance(error, InputError):
                what, remedy = error.what, error.remedy
            name = case.course.subject
            case.findings.append(Finding(Severity.ERROR, "not-assessed", name, None, what, remedy))
            case.failed = True


def _check(task: Task, case: _Case) -> None:
    known = bool(task.reader.events)
    case.findings.extend(check_course(case.course, case.records, task.protocol, has_events=known))


def _assess(task: Task, case: _Case) -> None:
    case.assessments = list(assessed(case.course, task.criteria, task.protocol))


def _conclude(task: Task, case: _Case) -> None:
    outcomes = []
    for course, name, scope, seen in case.assessments:
        outcomes.append(outcome_of(course, seen, task.protocol, name, scope))
        if name == "recist11" and scope is Scope.ALL:
            case.findings.extend(check_responses(course.subject, seen))
    case.outcomes = outcomes


def _render(task: Task, case: _Case) -> None:
    course, done, policy = case.course, case.done, task.protocol.pfs_policy
    certainties = _certainties(course, task.protocol) if task.robustness else {}
    texts = results.CourseTexts(course, with_json=task.with_json)
    seen = [each for *_, assessments in case.assessments for each in assessments]
    lines, objects = texts.timepoints(seen, certainties)
    concluded = [texts.outcome(outcome, policy) for outcome in case.outcomes]
    # Only now: of a case that fails no row is written.
    done.timepoints += lines
    done.timepoints_json += objects
    for line, as_json in concluded:
        done.outcomes.append(line)
        if as_json:
            done.outcomes_json.append(as_json)
    case.assessments = case.outcomes = ()  # the next case finds their memory, still at hand


def _certainties(
    course: Course, protocol: Protocol
) -> dict[tuple[str, Scope, int], CategoryProbability]:
    from recist.criteria.robustness import category_probabilities  # noqa: PLC0415 - numpy, seldom asked for

    return {
        ("recist11", scope, point.day): point
        for scope, part in parts_of(course, protocol)
        for point in category_probabilities(part, protocol, scope=scope)
    }
