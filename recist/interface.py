"""The functions of ``import recist``: from a table, a course, a mask or a folder to an answer.

Tables may be paths (CSV, xlsx, parquet), DataFrames of pandas or polars, or records (one mapping
per row); their columns are those of the measurement table. What cannot be used is refused with an
:class:`imaging.errors.InputError`, or named in the findings where other patients can be used.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from imaging.errors import InputError
from imaging.tables.source import Source
from recist.answers import AbscopalCohort, AssessedCourse, AssessedTable
from recist.assessment import assess_course
from recist.course import Course
from recist.criteria.criterion import DEFAULT_CRITERIA, names_of_criteria
from recist.protocol import Protocol, load
from recist.run.table import assess_in_memory
from recist.table.course_tables import Courses, read_courses
from recist.table.finding import Finding
from recist.table.output import CHECKS, OUTCOMES, TIMEPOINTS
from recist.table.result_frames import csv_frame

if TYPE_CHECKING:
    from recist.abscopal import AbscopalFinding
    from recist.run.batch import Batch

DEFAULT_PROTOCOL = "recist11-eortc"


class SubjectsLeftOut(UserWarning):
    """Some subjects of a table could not be used; the result names them and says why."""


def read_table(
    table: Source,
    events: Source | None = None,
    *,
    reader: str | None = None,
    protocol: Protocol | str | Path = DEFAULT_PROTOCOL,
) -> Courses:
    """The courses of a measurement table by subject: ``read_table("m.csv")["P1"]``.

    Args:
        table: columns subject, date or day, lesion, role, organ, nodal, status, diameter_mm, and
            optionally merged_into, field, reader and others.
        events: columns subject, date or day, event.
        reader: only what this reader measured, where several did.
        protocol: how the scans of one visit on several days are joined.

    Returns:
        A mapping of the subjects that could be read; ``.findings`` and ``.failed`` tell of the
        others, and asking for one of them raises why.

    Warns:
        SubjectsLeftOut: when there are others.

    Raises:
        InputError: the table cannot be read at all, or has no such reader.
    """
    findings: list[Finding] = []
    found = read_courses(table, events, findings=findings, protocol=_protocol(protocol))
    readers = list(dict.fromkeys(course.reader for course in found))
    if reader is not None and reader not in readers:
        named = ", ".join(repr(name) for name in readers)
        raise InputError(f"no reader {reader!r}", remedy=f"the table has {named or 'none'}")
    courses = Courses(
        [course for course in found if reader is None or course.reader == reader], findings
    )
    _warn_of(courses.failed, len(courses))
    return courses


def assess(
    course: Course,
    criteria: Sequence[str] = DEFAULT_CRITERIA,
    protocol: Protocol | str | Path = DEFAULT_PROTOCOL,
) -> AssessedCourse:
    """The response at every follow-up, and what the course comes to.

    Args:
        criteria: some of recist11, irecist, irrecist, imrecist.
        protocol: name of a preset, path of a TOML file, or a protocol.

    Raises:
        InputError: an unknown criterion, preset or setting, with the nearest name; or diameters
            that cannot be added exactly.
    """
    settings = _protocol(protocol)
    return AssessedCourse(course, settings, *assess_course(course, _criteria(criteria), settings))


def assess_table(
    table: Source,
    events: Source | None = None,
    *,
    criteria: Sequence[str] = DEFAULT_CRITERIA,
    protocol: Protocol | str | Path = DEFAULT_PROTOCOL,
    robustness: bool = False,
    jobs: int = 1,
) -> AssessedTable:
    """Assess every subject of a measurement table: frames in, frames out.

    Args:
        table: as in :func:`read_table`.
        events: as in :func:`read_table`.
        robustness: add how sure each RECIST 1.1 category is under the error of reading.
        jobs: processes; worth more than one from some 100,000 rows on.

    Warns:
        SubjectsLeftOut: some subjects could not be assessed; ``.failed`` and ``.findings`` tell.

    Raises:
        InputError: the table cannot be read at all, or a setting does not exist.
    """
    account, tables = assess_in_memory(
        table,
        events=events,
        criteria=_criteria(criteria),
        protocol=protocol,
        robustness=robustness,
        jobs=jobs,
    )
    _warn_of(account.failed, account.subjects - len(account.failed))
    timepoints, outcomes, checks = (
        csv_frame(tables[name]) for name in (TIMEPOINTS, OUTCOMES, CHECKS)
    )
    return AssessedTable(timepoints, outcomes, checks, account.failed)


@overload
def assess_abscopal(
    source: Course, *, protocol: Protocol | str | Path = ..., systemic: bool | None = ...
) -> AbscopalFinding: ...


@overload
def assess_abscopal(
    source: Source,
    events: Source | None = ...,
    *,
    arms: Source | None = ...,
    doses: str | Path | None = ...,
    protocol: Protocol | str | Path = ...,
) -> AbscopalCohort: ...


def assess_abscopal(
    source: Course | Source,
    events: Source | None = None,
    *,
    arms: Source | None = None,
    doses: str | Path | None = None,
    protocol: Protocol | str | Path = DEFAULT_PROTOCOL,
    systemic: bool | None = None,
) -> AbscopalFinding | AbscopalCohort:
    """Did the lesions that were not irradiated respond: in one patient, or in a cohort.

    Args:
        source: a course whose lesions have a field class; or a measurement table with the column
            ``field``.
        events: of a table: radiotherapy and systemic therapy.
        arms: of a table: columns subject, arm and optionally systemic; its subjects are enrolled.
        doses: of a table: ``field.csv`` of the main job or a folder of them; varies the dose below
            which a lesion is outside the field.
        systemic: of a course: whether the patient had systemic treatment; None: as events say.

    Raises:
        InputError: a table that cannot be read, a setting that does not exist, or arguments that
            belong to a table given with a course.
    """
    if isinstance(source, Course):
        if events is not None or arms is not None or doses is not None:
            raise InputError(
                "events, arms and doses belong to a table",
                remedy="a course holds its events; give the table to assess a cohort",
            )
        from recist import abscopal  # noqa: PLC0415 - keeps the way from tables short

        return abscopal.assess(source, _protocol(protocol), systemic=systemic)
    if systemic is not None:
        raise InputError(
            "systemic belongs to one course", remedy="give arms with a column systemic"
        )
    from recist.cohort import abscopal_files  # noqa: PLC0415 - charts, which only a cohort needs

    account, tables = abscopal_files.abscopal_in_memory(
        source,
        events=events,
        arms=arms,
        doses=None if doses is None else Path(doses),
        protocol=protocol,
    )
    _warn_of(account.failed, account.subjects - len(account.failed))
    patients, rates, contrasts, lesions, sensitivity, checks = (
        csv_frame(tables[name]) for name in abscopal_files.TABLES
    )
    return AbscopalCohort(patients, rates, contrasts, lesions, sensitivity, checks, account.failed)


def assess_studies(
    studies: str | Path,
    out: str | Path,
    *,
    lesions: str = "auto",
    criteria: Sequence[str] = DEFAULT_CRITERIA,
    protocol: str | Path = DEFAULT_PROTOCOL,
    events: str | Path | None = None,
    roi_pattern: str | None = None,
    overrides: str | Path | None = None,
    links: str | Path | None = None,
    model: str | Path | None = None,
    device: str = "auto",
    quality: str = "fast",
    organs: str | Path | None = None,
    series: str | Path | None = None,
    dates: str | Path | None = None,
    uneven_slices: bool = False,
    subjects: Sequence[str] = (),
    jobs: int = 1,
    resume: bool = False,
) -> Batch:
    """Images in, response out, as ``recist run`` does: delineate, measure, track, classify.

    Args:
        studies: a folder tree of DICOM, or of NIfTI with a ``manifest.csv``.
        out: the folder that receives a folder per patient and the tables of all.
        lesions: ``auto`` (the network), ``dicom`` (RTSTRUCT and SEG beside the images) or a folder
            of NIfTI label maps.
        series: a table of which series serves what.
        dates: a table of the dates of studies whose headers have none.
        uneven_slices: interpolate slices at uneven distances; else they are refused.
        subjects: only these; all where there are none.
        jobs: patients at a time.
        resume: skip what is complete and unchanged.

    Returns:
        How each patient went: ``.subjects``, ``.failures``, ``.exit_code``.

    Raises:
        InputError: nothing can be assessed, or an option cannot be used.
    """
    from imaging.sorting import Sorting  # noqa: PLC0415 - loads what reads images
    from recist.patient.options import Options  # noqa: PLC0415 - loads torch
    from recist.run import batch  # noqa: PLC0415

    options = Options.create(
        lesions=lesions,
        criteria=_criteria(criteria),
        protocol=str(protocol),
        roi_pattern=roi_pattern,
        device=device,
        quality=quality,
        model=_path(model),
        events=_path(events),
        overrides=_path(overrides),
        links=_path(links),
        organs=_path(organs),
    )
    return batch.run(
        Path(studies), Path(out), options, resume=resume, jobs=jobs, only=tuple(subjects),
        sorting=Sorting.read(_path(series), _path(dates), uneven_slices=uneven_slices),
    )  # fmt: skip


def _criteria(criteria: Sequence[str] | str) -> tuple[str, ...]:
    return names_of_criteria([criteria] if isinstance(criteria, str) else criteria)


def _protocol(protocol: Protocol | str | Path) -> Protocol:
    return protocol if isinstance(protocol, Protocol) else load(protocol)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _warn_of(failed: Sequence[str], done: int) -> None:
    if failed:
        named = ", ".join(failed[:5]) + (", ..." if len(failed) > 5 else "")
        warnings.warn(
            f"{len(failed)} of {len(failed) + done} subjects could not be used: {named}; "
            "see .findings",
            SubjectsLeftOut,
            stacklevel=3,
        )
