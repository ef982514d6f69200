"""The files that a table is turned into, and the account of what was done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from imaging.errors import InputError
from imaging.writing import SCHEMA_VERSION
from recist.protocol import Protocol, effective
from recist.table import results
from recist.table.account import KEPT_FINDINGS, TableAccount, TableResult
from recist.table.alike import AlikeSubjects
from recist.table.events import without_rows
from recist.table.finding import Finding, Severity
from recist.table.result_columns import outcome_columns, timepoint_columns
from recist.table.streams import JsonArray, all_written, write_line

TIMEPOINTS, OUTCOMES, CHECKS = "timepoints.csv", "outcomes.csv", "checks.csv"
TIMEPOINTS_JSON, OUTCOMES_JSON, PROTOCOL = "timepoints.json", "outcomes.json", "protocol.json"
#: What a table is turned into: always, and where JSON was asked for.
FILES, JSON_FILES = (TIMEPOINTS, OUTCOMES, CHECKS, PROTOCOL), (TIMEPOINTS_JSON, OUTCOMES_JSON)
OUTCOME_FILES, OUTCOME_JSON_FILES = (OUTCOMES, CHECKS, PROTOCOL), (OUTCOMES_JSON,)
CHECK_COLUMNS = ("level", "check", "subject", "row", "what", "remedy")


@dataclass(slots=True)
class Rendered:
    """What came of some subjects: lines ready to be written, and what was found."""

    timepoints: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    timepoints_json: list[str] = field(default_factory=list)
    outcomes_json: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    subjects: int = 0
    failed: list[str] = field(default_factory=list)
    with_events: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


class Packed(NamedTuple):
    """The same as bytes, which travel between processes and into files without ado."""

    timepoints: bytes
    outcomes: bytes
    timepoints_json: bytes
    outcomes_json: bytes
    findings: tuple[Finding, ...]
    subjects: int
    failed: tuple[str, ...]
    with_events: tuple[str, ...]
    names: tuple[str, ...]


def pack(part: Rendered) -> Packed:
    """What came of some subjects, ready to be written."""
    return Packed(
        _joined(part.timepoints, "\n"),
        _joined(part.outcomes, "\n"),
        _joined(part.timepoints_json, ",\n"),
        _joined(part.outcomes_json, ",\n"),
        tuple(part.findings),
        part.subjects,
        tuple(part.failed),
        tuple(part.with_events),
        tuple(part.names),
    )


def _joined(texts: Sequence[str], between: str) -> bytes:
    return between.join(texts).encode("utf-8")


def write(
    out: Path,
    parts: Iterable[Packed],
    protocol: Protocol,
    findings: Sequence[Finding],
    has_dates: bool,
    *,
    events: Iterable[str] = (),
    with_timepoints: bool = True,
    with_json: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> TableResult:
    """Write all parts into a folder, whole or not at all.

    Args:
        findings: on the table itself, before any subject.
        events: subjects of the table of events.
        with_timepoints: False where the parts hold outcomes only.
        with_json: the parts hold JSON too. Without, JSON that an earlier table left in the folder
            is taken away: it would tell another answer than the tables beside it.
        on_progress: called with the number of subjects done so far.

    Raises:
        InputError: no subject at all, or a folder that cannot be written into.
    """
    names = FILES if with_timepoints else OUTCOME_FILES
    as_json = JSON_FILES if with_timepoints else OUTCOME_JSON_FILES
    with all_written(out, (*names, *as_json) if with_json else names) as files:
        _write_protocol(files[PROTOCOL], protocol)
        account = fill(
            files, parts, protocol, findings, has_dates, events=events, on_progress=on_progress
        )
    if not with_json:
        for name in as_json:
            (out / name).unlink(missing_ok=True)
    return account.in_folder(out)


def fill(
    files: Mapping[str, BinaryIO],
    parts: Iterable[Packed],
    protocol: Protocol,
    findings: Sequence[Finding],
    has_dates: bool,
    *,
    events: Iterable[str] = (),
    on_progress: Callable[[int], None] | None = None,
) -> TableAccount:
    """Write all parts into open files, which may be in memory.

    Args:
        files: by name, those of :data:`FILES` and :data:`JSON_FILES` that are wanted; outcomes and
            checks always are.
        findings, events, on_progress: as in :func:`write`.

    Raises:
        InputError: no subject at all.
    """
    head = results.protocol_json(protocol)
    outcomes = _Results(files[OUTCOMES], files.get(OUTCOMES_JSON), "outcomes", head)
    outcomes.header(outcome_columns(has_dates=has_dates))
    timepoints = None
    if TIMEPOINTS in files:
        timepoints = _Results(files[TIMEPOINTS], files.get(TIMEPOINTS_JSON), "timepoints", head)
        timepoints.header(timepoint_columns(has_dates=has_dates))
    account = _Account(files[CHECKS])
    account.add(findings)
    with_events: set[str] = set()
    alike = AlikeSubjects()
    for part in parts:
        outcomes.add(part.outcomes, part.outcomes_json)
        if timepoints is not None:
            timepoints.add(part.timepoints, part.timepoints_json)
        account.add(part.findings)
        account.subjects += part.subjects
        account.failed.extend(part.failed)
        if on_progress is not None:
            on_progress(account.subjects)
        with_events.update(part.with_events)
        account.add(alike.add(part.names))
    if not account.subjects:
        raise InputError("no rows below the header", remedy="give one row per date and lesion")
    account.add(without_rows(events, with_events))
    outcomes.close()
    if timepoints is not None:
        timepoints.close()
    return account.so_far()


class _Results:
    """The same results as lines of CSV and, where that was asked for, as a JSON array."""

    def __init__(self, file: BinaryIO, json_file: BinaryIO | None, name: str, head: str) -> None:
        self._file = file
        self._array = None if json_file is None else JsonArray(json_file, name, head)

    def header(self, columns: Sequence[str]) -> None:
        write_line(self._file, results.csv_line(columns))

    def add(self, lines: bytes, elements: bytes) -> None:
        if lines:
            self._file.write(lines)
            self._file.write(b"\n")
        if self._array is not None:
            self._array.add(elements)

    def close(self) -> None:
        if self._array is not None:
            self._array.close()


class _Account:
    """Counts what is written; keeps the first findings of each level."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        write_line(file, results.csv_line(CHECK_COLUMNS))
        self._kept: dict[Severity, list[Finding]] = {level: [] for level in Severity}
        self._counts: Counter[Severity] = Counter()
        self._said: set[Finding] = set()
        self.subjects = 0
        self.failed: list[str] = []

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if finding.row is None and not finding.subject:  # on the whole table, by each part
                if finding in self._said:
                    continue
                self._said.add(finding)
            if finding.level is Severity.ERROR and not finding.subject:
                self.subjects += 1  # whoever it belongs to is not among the results
                self.failed.append(f"row {finding.row}")
            self._counts[finding.level] += 1
            kept = self._kept[finding.level]
            if len(kept) < KEPT_FINDINGS:
                kept.append(finding)
            row = "" if finding.row is None else str(finding.row)
            cells = (finding.level.value, finding.code, finding.subject, row)
            write_line(self._file, results.csv_line((*cells, finding.what, finding.remedy)))

    def so_far(self) -> TableAccount:
        kept = tuple(finding for level in Severity for finding in self._kept[level])
        counts = {level: self._counts[level] for level in Severity}
        return TableAccount(self.subjects, tuple(self.failed), kept, counts)


def write_checks(file: BinaryIO, findings: Iterable[Finding]) -> None:
    """``checks.csv``: what was found in the tables, a finding a line."""
    write_line(file, results.csv_line(CHECK_COLUMNS))
    for each in findings:
        row = "" if each.row is None else str(each.row)
        cells = (each.level.value, each.code, each.subject, row, each.what, each.remedy)
        write_line(file, results.csv_line(cells))


def _write_protocol(file: BinaryIO, protocol: Protocol) -> None:
    content = {"schema_version": SCHEMA_VERSION, **effective(protocol)}
    text = json.dumps(content, ensure_ascii=False, indent=2)
    write_line(file, text)
