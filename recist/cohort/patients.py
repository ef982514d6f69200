"""The patients of a cohort: what was measured, in which arm, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imaging.errors import InputError
from imaging.tables.columns import Columns
from imaging.tables.source import Source, small_rows
from recist import abscopal
from recist.abscopal import AbscopalFinding, OutOfFieldAnswer
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
    courses: Sequence[Course],
    arms: Mapping[str, Arm],
    protocol: Protocol,
    findings: list[Finding],
) -> tuple[Patient, ...]:
    """Every patient with a finding, by reader, then those of whom there is none.

    These are the patients of the arms without measurements, and those who could not be read: they
    were enrolled all the same, and a rate out of all enrolled counts them. One patient who cannot
    be assessed never stops the others: it is named among the findings.
    """
    patients: list[Patient] = []
    unread = {each.subject for each in findings if each.level is Severity.ERROR}
    for course in courses:
        if course.subject in unread:
            continue  # an event or a row of it could not be read: the answer might be wrong
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
        patients.append(
            Patient(course.subject, arm.name, course.reader, course, arm.systemic, found)
        )
    failed = dict.fromkeys(
        each.subject for each in findings if each.level is Severity.ERROR and each.subject
    )
    readers = list(dict.fromkeys(each.reader for each in patients)) or [""]
    for reader in readers:
        seen = {each.subject for each in patients if each.reader == reader}
        patients += [
            Patient(subject, arm.name, reader, systemic=arm.systemic, unreadable=subject in failed)
            for subject, arm in (dict.fromkeys(failed, Arm("")) | dict(arms)).items()
            if subject not in seen
        ]
    return tuple(patients)


def answers(patients: Iterable[Patient], protocol: Protocol) -> Iterator[OutOfFieldAnswer | None]:
    """What the definitions say of the same patients by another protocol, one after the other."""
    for each in patients:
        if each.course is None:
            yield None
        else:
            yield abscopal.answer(each.course, protocol, systemic=each.systemic)


def by_dose(
    patients: Iterable[Patient], doses: Mapping[tuple[str, str], float], limit_gy: float
) -> Iterator[Patient]:
    """The patients with every lesion below a dose out of the field, and no other.

    Targeted and partly irradiated lesions stay what they are, as do lesions without a dose.

    Args:
        doses: near-maximum in Gy, or its upper bound, by subject and lesion.
    """
    for each in patients:
        if each.course is None:
            yield each
        else:
            yield replace(each, course=_by_dose(each.course, doses, limit_gy))


def _by_dose(course: Course, doses: Mapping[tuple[str, str], float], limit_gy: float) -> Course:
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
