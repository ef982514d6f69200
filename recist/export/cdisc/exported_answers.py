"""What is exported: a measurement table, or the results of ``recist run``, assessed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.tables.rows import written_rows
from recist.answers import AssessedCourse
from recist.assessment import assess_course
from recist.criteria.criterion import names_of_criteria
from recist.export.cdisc.responses import MetabolicResponse
from recist.patient.result_folder import EVENTS, MEASUREMENTS, METABOLIC, RUN
from recist.protocol import Protocol, load
from recist.protocol.files import from_effective
from recist.table.course_tables import read_courses
from recist.table.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Answers:
    """All subjects that could be assessed.

    Attributes:
        errors: why subjects were left out.
        metabolic: responses of PET.
    """

    courses: tuple[AssessedCourse, ...]
    errors: tuple[Finding, ...]
    metabolic: tuple[MetabolicResponse, ...] = ()


def answers_of(
    source: Path,
    *,
    events: Path | None = None,
    criteria: Sequence[str] | None = None,
    protocol: str | Path | None = None,
    only: Collection[str] = (),
) -> Answers:
    """Assess a table or the folder of a run, by the settings of the run unless others are given.

    Args:
        source: measurement table, or the folder that ``recist run`` wrote.
        events: in place of those of the run.
        only: subjects that are wanted; all where there are none.

    Raises:
        InputError: neither a table nor results, a setting that does not exist, or a subject that
            is not there.
    """
    table = source
    metabolic: tuple[MetabolicResponse, ...] = ()
    told = None if protocol is None else load(protocol)
    named = None if criteria is None else names_of_criteria(criteria)
    if source.is_dir():
        table = source / MEASUREMENTS
        if not table.is_file():
            raise InputError(
                f"no {MEASUREMENTS}", where=source, remedy="give a table, or results of recist run"
            )
        ran_by, ran_criteria = _settings(source / RUN)
        told, named = told or ran_by, named or ran_criteria
        if events is None and (source / EVENTS).is_file():
            events = source / EVENTS
        metabolic = _metabolic(source)
    settings = told or load("recist11-eortc")
    names = named or names_of_criteria(("recist11", "irecist"))
    findings: list[Finding] = []
    courses = read_courses(table, events, findings=findings, protocol=settings)
    errors = tuple(each for each in findings if each.level is Severity.ERROR)
    known = {course.subject for course in courses} | {each.subject for each in errors}
    if unknown := sorted(set(only) - known):
        raise InputError(f"no subject {', '.join(unknown)}", where=table)
    answers = tuple(
        AssessedCourse(course, settings, *assess_course(course, names, settings))
        for course in courses
        if not only or course.subject in only
    )
    errors = tuple(each for each in errors if not only or each.subject in only)
    return Answers(answers, errors, metabolic)


def _settings(run: Path) -> tuple[Protocol | None, tuple[str, ...] | None]:
    """Protocol and criteria of a run; nothing where it left no record."""
    try:
        options = read_json(run)["options"]
        return from_effective(options["protocol"]), names_of_criteria(options["criteria"])
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"no record of a run: {error}", where=run) from error


def _metabolic(folder: Path) -> tuple[MetabolicResponse, ...]:
    return tuple(
        MetabolicResponse(row["subject"], row["date"], row["criteria"], row["response"])
        for path in sorted(folder.glob(f"*/{METABOLIC}"))
        for row in written_rows(path).rows
    )
