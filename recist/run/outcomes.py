"""From responses alone to outcomes: ``subject, date|day, overall``.

Optional columns: criteria, lesions, reader, and ``first_sign``, the date or day on which a
progression first showed where that is earlier.

For trials whose time-point responses come from elsewhere. Durations run from the day that
:mod:`recist.endpoints.origin` finds among the events; days run from the start by themselves.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from imaging.errors import InputError
from imaging.tables.cells import without_apostrophe
from imaging.tables.chunk import Chunk
from imaging.tables.columns import Columns
from imaging.tables.source import chunks, opened
from recist import endpoints
from recist.course import Course, Event, EventKind
from recist.criteria.criterion import CRITERIA, criterion_of, names_of_criteria
from recist.criteria.family import IMMUNE, RECIST, family_of
from recist.endpoints.origin import recorded_start
from recist.endpoints.sequence import RespondedVisit
from recist.protocol import Protocol, load
from recist.response import Response, Scope
from recist.table import clinical_cells, results
from recist.table.account import TableResult
from recist.table.date_checks import against_events
from recist.table.dated_event import DatedEvent
from recist.table.events import read_events, refused
from recist.table.finding import Finding, Severity, about_table
from recist.table.layout import Layout, nearest
from recist.table.output import Rendered, pack, write
from recist.table.records import QUOTE, Slips, when_reader

_OPTIONAL = ("criteria", "lesions", "reader")
#: When a progression first showed (a PET finding that CT confirmed later), which dates it.
_SIGN = "first_sign"
_COLUMNS = Columns(("subject", "overall"), (*_OPTIONAL, _SIGN))


class _Key(NamedTuple):
    """One sequence of responses of a subject."""

    criteria: str
    lesions: str
    reader: str


class _Task(NamedTuple):
    """All that is needed to conclude a chunk."""

    layout: Layout
    delimiter: str
    criteria: tuple[str, ...]
    protocol: Protocol
    events: dict[str, tuple[DatedEvent, ...]]
    refused: frozenset[str]
    with_json: bool


class _ResponseRow(NamedTuple):
    row: int
    when: int
    response: Response
    first_sign: int | None


def outcomes_file(
    responses: Path,
    out: Path,
    *,
    events: Path | None = None,
    criteria: Sequence[str] = (),
    protocol: Protocol | str | Path = "recist11-eortc",
    with_json: bool = False,
) -> TableResult:
    """Compute the outcomes of every subject of a table of responses, and write them.

    Args:
        criteria: by which the responses are, where the table has no column ``criteria`` and the
            words do not tell.
        with_json: write the outcomes as JSON too, with every reason.

    Raises:
        InputError: the table cannot be read at all, or a setting does not exist.
    """
    settings = protocol if isinstance(protocol, Protocol) else load(protocol)
    findings: list[Finding] = []
    with opened(Path(responses), _COLUMNS) as table:
        layout = table.layout
        findings.extend(about_table(table))
        known = {}
        if events is not None:
            known = read_events(
                Path(events),
                has_dates=layout.has_dates,
                findings=findings,
                date_order=settings.date_order,
            )
        task = _Task(
            layout,
            table.delimiter,
            names_of_criteria(criteria, of_responses=True),
            settings,
            known,
            refused(findings),
            with_json,
        )
        parts = (pack(_conclude_chunk(task, chunk)) for chunk in chunks(table))
        return write(
            Path(out),
            parts,
            settings,
            findings,
            layout.has_dates,
            events=known,
            with_timepoints=False,
            with_json=with_json,
        )


def _conclude_chunk(task: _Task, chunk: Chunk) -> Rendered:
    done = Rendered()
    subjects = _read(task, chunk, done.findings)
    broken = task.refused | refused(done.findings)
    done.subjects = len(subjects)
    done.names = list(subjects)
    done.with_events = [subject for subject in subjects if subject in task.events]
    for subject, sequences in subjects.items():
        if subject in broken:
            done.failed.append(subject)
            continue
        part = Rendered()
        try:
            for key in sorted(sequences):
                _conclude(task, subject, key, sequences[key], part)
        except InputError as error:
            done.failed.append(subject)
            done.findings.append(
                Finding(Severity.ERROR, "not-assessed", subject, None, error.what, error.remedy)
            )
            continue
        done.findings.extend(part.findings)
        done.outcomes.extend(part.outcomes)
        done.outcomes_json.extend(part.outcomes_json)
    return done


def _read(
    task: _Task, chunk: Chunk, findings: list[Finding]
) -> dict[str, dict[_Key, list[_ResponseRow]]]:
    """The responses of each subject; rows that cannot be read are among the findings.

    A row with neither time nor response names a subject of whom nothing was assessed.
    """
    at, width = task.layout.position, task.layout.width
    parse = when_reader(task.layout, task.protocol.date_order)
    subjects: defaultdict[str, dict[_Key, list[_ResponseRow]]] = defaultdict(dict)
    above = ""
    for number, short in chunk.rows(task.delimiter):
        row = [*short, *[""] * width][:width]
        if not any(cell.strip() for cell in short):
            continue
        subject = without_apostrophe(row[at["subject"]].strip())
        slips = Slips(subject or above, number, findings)
        if not subject:
            below = f" below one of {above}" if above else ""
            slips.error("no-subject", f"a row without subject{below}", "name its subject")
            continue
        above = subject
        if any(cell.strip() for cell in short[width:]):
            slips.error("row-length", f"{len(short)} cells under {width} columns", QUOTE)
        criteria, lesions, reader = (
            row[at[name]].strip() if name in at else "" for name in _OPTIONAL
        )
        if lesions not in ("", *Scope):
            slips.error("unknown-lesions", f"lesions {lesions!r}", nearest(lesions, list(Scope)))
        sequence = subjects[subject].setdefault(_Key(criteria, lesions or Scope.ALL, reader), [])
        when_text, word = row[at[task.layout.time_column]], row[at["overall"]]
        if not when_text.strip() and not word.strip():
            continue  # a subject, and nothing of it was assessed
        when = slips.value("unknown-time", parse, when_text)
        response = slips.value("unknown-response", clinical_cells.response, word)
        sign_text = row[at[_SIGN]] if _SIGN in at else ""
        sign = slips.value("unknown-time", parse, sign_text) if sign_text.strip() else None
        if when is not None and response is not None:
            sequence.append(_ResponseRow(number, when, response, sign))
    return dict(subjects)


def _conclude(
    task: _Task, subject: str, key: _Key, seen: Sequence[_ResponseRow], part: Rendered
) -> None:
    """The outcome of one sequence.

    Raises:
        InputError: two responses on one day, words of several criteria, or nothing at all.
    """
    events = task.events.get(subject, ())
    zero = _day_zero(task, subject, seen, events, part.findings)
    visits = [
        RespondedVisit(
            one.when - zero,
            one.response,
            None if one.first_sign is None else one.first_sign - zero,
        )
        for one in _once_a_day(subject, seen, part)
    ]
    course = Course(
        subject,
        (),
        (),
        tuple(Event(event.when - zero, event.kind) for event in events),
        dt.date.fromordinal(zero) if task.layout.has_dates else None,
        key.reader,
    )
    part.findings.extend(against_events(course, [visit.day for visit in visits], task.protocol))
    outcome = endpoints.outcome_of_responses(
        visits,
        task.protocol,
        endpoints.background(course, task.protocol, has_baseline=True),
        criteria=_criteria_of(task, subject, key.criteria, visits),
        scope=Scope(key.lesions),
    )
    part.findings.extend(
        Finding(
            Severity.CHECK, "less-after-cr", subject, None, warning, "look at both visits again"
        )
        for warning in outcome.warnings
    )
    texts = results.CourseTexts(course, with_json=task.with_json)
    line, as_json = texts.outcome(outcome, task.protocol.pfs_policy)
    part.outcomes.append(line)
    if task.with_json:
        part.outcomes_json.append(as_json)


def _criteria_of(task: _Task, subject: str, named: str, visits: Sequence[RespondedVisit]) -> str:
    """The criteria by name: as the row says, as the words tell, as was asked for.

    Raises:
        InputError: words that are not of the named criteria.
    """
    family = family_of(visit.response for visit in visits)
    if not any(visit.response in family.adequate for visit in visits):
        return named or next(iter(task.criteria), "recist11")  # words that all criteria share
    told = "" if family is RECIST else criterion_of(family).name
    if named and told and named != told:
        raise InputError(
            f"words of {told} under {named}", where=subject, remedy="correct the column criteria"
        )
    plain = (name for name in task.criteria if CRITERIA[name].family is not IMMUNE)
    asked = next(plain, criterion_of(RECIST).name)
    return named or told or asked


def _day_zero(
    task: _Task,
    subject: str,
    seen: Sequence[_ResponseRow],
    events: Sequence[DatedEvent],
    findings: list[Finding],
) -> int:
    if not task.layout.has_dates:
        return 0
    scans = [event.when for event in events if event.kind is EventKind.BASELINE_SCAN]
    first_scan = min(scans, default=None)
    start = recorded_start(events, first_scan, task.protocol)
    found = first_scan if start is None else start
    if found is not None:
        return found
    if not seen:
        raise InputError(
            "no visit and no start of treatment",
            remedy="give a start of treatment among the events",
        )
    what = "no start of treatment, randomisation or baseline-scan among the events"
    remedy = "durations run from the first row: give a table of events"
    first = min(one.when for one in seen)
    findings.append(Finding(Severity.WARNING, "no-start", subject, None, what, remedy))
    return first


def _once_a_day(
    subject: str, seen: Sequence[_ResponseRow], part: Rendered
) -> Iterator[_ResponseRow]:
    by_day: dict[int, _ResponseRow] = {}
    for one in sorted(seen, key=lambda one: (one.when, one.row)):
        known = by_day.setdefault(one.when, one)
        if known.response is not one.response:
            raise InputError(
                f"rows {known.row} and {one.row} give {known.response} and {one.response} on "
                "one day",
                where=subject,
                remedy="keep the right one",
            )
        if known is not one:
            what, remedy = f"rows {known.row} and {one.row} say the same", "keep one row"
            part.findings.append(
                Finding(Severity.CHECK, "same-rows", subject, one.row, what, remedy)
            )
    yield from by_day.values()
