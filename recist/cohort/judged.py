"""The patients of a table, judged some at a time: what is written of them, and what is kept.

Each chunk is judged in one go, in a process of its own where the table is long, and comes back as
text that is ready to be written beside what a cohort keeps of its members.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from imaging.tables.chunk import Chunk
from recist.cohort.members import Doses, Member, Variant, member_of
from recist.cohort.patients import Arm, Patient, assessed
from recist.cohort.record import patient_json
from recist.cohort.result_rows import patient_columns, patient_rows
from recist.table.course_tables import CourseReader
from recist.table.finding import Finding, Severity
from recist.table.results import csv_line


class CohortTask(NamedTuple):
    """All that a process needs to judge a chunk.

    Attributes:
        others: choices that each patient is asked about besides those of the protocol.
        with_json: put the answers into JSON too.
    """

    reader: CourseReader
    arms: dict[str, Arm]
    doses: Doses
    others: tuple[Variant, ...]
    with_json: bool


class PatientText(NamedTuple):
    """Patients as lines of ``abscopal.csv`` and as elements of ``abscopal.json``."""

    lines: bytes
    as_json: bytes


class JudgedChunk(NamedTuple):
    """What came of some subjects.

    Attributes:
        of_rows, of_courses, of_answers: what was found on rows, on courses, and in judging them.
        has_dates: a course of them is dated.
    """

    members: tuple[Member, ...]
    text: PatientText
    of_rows: tuple[Finding, ...]
    of_courses: tuple[Finding, ...]
    of_answers: tuple[Finding, ...]
    has_dates: bool


def judge_chunk(task: CohortTask, chunk: Chunk) -> JudgedChunk:
    """Judge all subjects of a chunk."""
    of_rows: list[Finding] = []
    of_courses: list[Finding] = []
    of_answers: list[Finding] = []
    records, broken = task.reader.records(chunk, of_rows)
    courses = [
        course
        for subject, rows in records.items()
        if subject not in broken
        for course in task.reader.courses(subject, task.reader.by_reader(rows), of_courses)
    ]
    # An event or a row of it could not be read: the answer might be wrong.
    unread = task.reader.refused.union(errors_of(chain(of_rows, of_courses)))
    readable = (course for course in courses if course.subject not in unread)
    protocol = task.reader.protocol
    patients = list(assessed(readable, task.arms, protocol, of_answers))
    return JudgedChunk(
        tuple([member_of(each, task.others, task.doses) for each in patients]),
        text_of(patients, task.reader.layout.time_column, with_json=task.with_json),
        tuple(of_rows),
        tuple(of_courses),
        tuple(of_answers),
        any(course.day_zero is not None for course in courses),
    )


def errors_of(findings: Iterable[Finding]) -> dict[str, None]:
    """The subjects that an error names, in order."""
    return {each.subject: None for each in findings if each.level is Severity.ERROR}


def text_of(patients: Iterable[Patient], time: str, *, with_json: bool) -> PatientText:
    """Patients as they are written."""
    columns, listed = patient_columns(time), list(patients)
    lines = [
        csv_line([row[column] for column in columns]) + "\n" for row in patient_rows(listed, time)
    ]
    records = [
        f"  {json.dumps(patient_json(each), ensure_ascii=False, allow_nan=False)}"
        for each in (listed if with_json else ())
    ]
    return PatientText("".join(lines).encode(), ",\n".join(records).encode())
