"""One patient of a cohort: what was measured, in which arm, and what came of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from imaging.errors import InputError
from imaging.tables.columns import Columns
from imaging.tables.source import Source, small_rows
from recist import abscopal
from recist.abscopal import AbscopalFinding
from recist.course import Course, Field
from recist.protocol import Protocol
from recist.table import clinical_cells
from recist.table.finding import Finding, Severity

#: The table of field classes and doses that the main job writes for each patient.
FIELD_TABLE = "field.csv"
DOSES = Columns(("subject", "lesion", "near_max_gy"), ("upper_bound_gy",), is_dated=False)
#: The table of arms.
ARMS = Columns(("subject", "arm"), ("systemic",), is_dated=False)


@dataclass(frozen=True, slots=True)
class Arm:
    """The arm of a subject; ``systemic``: whether its treatment is systemic, None: not said."""

    name: str
    systemic: bool | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient by one reader; without a course where nothing was measured or could be read."""

    subject: str
    arm: str
    reader: str
    course: Course | None = None
    systemic: bool | None = None
    finding: AbscopalFinding | None = None
    unreadable: bool = False

    @property
    def why_not(self) -> str:
        """Why there is no finding."""
        return "could not be read" if self.unreadable else "no measurements"

    @property
    def evaluable(self) -> bool:
        return self.finding is not None and self.finding.evaluable

    @property
    def scanned(self) -> bool:
        return self.finding is not None and self.finding.evaluability.scanned


def assessed(
    courses: Iterable[Course],
    arms: Mapping[str, Arm],
    protocol: Protocol,
    findings: list[Finding],
) -> Iterator[Patient]:
    """The patients with a finding.

    One patient who cannot be assessed never stops the others: it is named among the findings.
    """
    for course in courses:
        arm = arms.get(course.subject, Arm(""))
        if arms and course.subject not in arms:
            what, remedy = "the subject has no arm", "add it to the table of arms"
            findings.append(Finding(Severity.WARNING, "no-arm", course.subject, None, what, remedy))
        try:
            found = abscopal.assess(course, protocol, systemic=arm.systemic)
        except Exception as error:  # one patient never stops the others
            refused = isinstance(error, InputError)
            what = (
                error.what if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            )
            remedy = error.remedy if isinstance(error, InputError) else "report this with the rows"
            code = "not-assessed" if refused else "internal-error"
            findings.append(Finding(Severity.ERROR, code, course.subject, None, what, remedy))
            continue
        yield Patient(course.subject, arm.name, course.reader, course, arm.systemic, found)


def without_finding(
    seen: Mapping[str, Container[str]], arms: Mapping[str, Arm], failed: Iterable[str]
) -> Iterator[Patient]:
    """The patients of whom there is none, by reader: they were enrolled all the same.

    These are the patients of the arms without measurements, and those who could not be read; a
    rate out of all enrolled counts them.

    Args:
        seen: the subjects with a finding, by reader.
        failed: subjects that an error names.
    """
    unread = dict.fromkeys(failed)
    enrolled = dict.fromkeys(unread, Arm("")) | dict(arms)
    for reader, known in (seen or {"": ()}).items():
        for subject, arm in enrolled.items():
            if subject not in known:
                yield Patient(
                    subject, arm.name, reader, systemic=arm.systemic, unreadable=subject in unread
                )


def by_dose(course: Course, doses: Mapping[tuple[str, str], float], limit_gy: float) -> Course:
    """The course with every lesion below a dose out of the field, and no other.

    Targeted and partly irradiated lesions stay what they are, as do lesions without a dose.

    Args:
        doses: near-maximum in Gy, or its upper bound, by subject and lesion.
    """
    lesions = []
    for lesion in course.lesions:
        dose = doses.get((course.subject, lesion.id))
        if dose is None or lesion.field not in (Field.OUT, Field.LOW_DOSE):
            lesions.append(lesion)
        else:
            field = Field.OUT if dose < limit_gy else Field.LOW_DOSE
            lesions.append(replace(lesion, field=field))
    return replace(course, lesions=tuple(lesions))


def read_arms(source: Source) -> dict[str, Arm]:
    """The table of arms: ``subject, arm``, and optionally ``systemic`` (yes or no).

    Raises:
        InputError: a missing column, an empty cell, or a subject with two arms.
    """
    arms: dict[str, Arm] = {}
    named = f"{Path(source).name}, " if isinstance(source, str | Path) else "arms, "
    for number, row in small_rows(source, ARMS):
        where = f"{named}row {number}"
        subject, name = row["subject"], row["arm"]
        if not subject or not name:
            raise InputError("a subject or an arm is empty", where=where, remedy="fill the cell")
        try:
            systemic = clinical_cells.yes(row["systemic"]) if row.get("systemic") else None
        except clinical_cells.CellError as error:
            raise InputError("systemic is neither yes nor no", where=where) from error
        if arms.setdefault(subject, Arm(name, systemic)) != Arm(name, systemic):
            raise InputError(f"{subject} has two arms", where=where, remedy="keep one row")
    return arms


def read_doses(path: Path) -> dict[tuple[str, str], float]:
    """Doses by subject and lesion, from a ``field.csv`` or all of those below a folder.

    The upper bound counts where there is one: planning systems underestimate far dose.

    Raises:
        InputError: a missing column, or a dose that is no number.
    """
    doses: dict[tuple[str, str], float] = {}
    tables = sorted(path.rglob(FIELD_TABLE)) if path.is_dir() else [path]
    if not tables:
        raise InputError(f"no {FIELD_TABLE} below the folder", where=path)
    for table in tables:
        for number, row in small_rows(table, DOSES):
            where = f"{table.name}, row {number}"
            try:
                dose = clinical_cells.number(row.get("upper_bound_gy") or row["near_max_gy"])
            except clinical_cells.CellError as error:
                raise InputError(error.what, where=where, remedy="write doses in Gy") from error
            if dose is not None:
                doses[row["subject"], row["lesion"]] = dose
    return doses
