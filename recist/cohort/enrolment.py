"""The table of patients: arm, strata, dates and whatever else is known of each, checked.

``subject, arm`` and any of the columns of :data:`DATES`, as dates or as days like the measurements;
``treated`` is the arm in fact received, ``per_protocol`` yes or no; every further column is kept
and can be a stratum or a biomarker. What is wrong costs the patient concerned, never the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from imaging.errors import InputError
from imaging.tables.columns import Columns, nearest
from imaging.tables.source import Source, opened, small_rows
from recist.course import EventKind
from recist.table import clinical_cells
from recist.table.finding import Finding, Severity

#: Columns with a time, and the event that each is; ``_date`` or ``_day`` may follow the name.
DATES = {
    "randomisation": EventKind.RANDOMISATION,
    "treatment_start": EventKind.TREATMENT_START,
    "radiotherapy_start": EventKind.RADIOTHERAPY_START,
    "radiotherapy_end": EventKind.RADIOTHERAPY_END,
    "new_therapy": EventKind.NEW_THERAPY,
    "death": EventKind.DEATH,
    "last_contact": EventKind.LAST_ALIVE,
    "previous_line_start": EventKind.PREVIOUS_LINE_START,
    "previous_line_progression": EventKind.PREVIOUS_LINE_PROGRESSION,
}
_SPELLINGS = {"randomization": "randomisation", "last_alive": "last_contact"}

#: Nothing of these may come before the patient was enrolled, nor after the patient's death.
_AFTER_ENROLMENT = (
    EventKind.RADIOTHERAPY_START,
    EventKind.RADIOTHERAPY_END,
    EventKind.NEW_THERAPY,
    EventKind.DEATH,
    EventKind.LAST_ALIVE,
)

#: The name of an arm that so few of so many patients have may be a typing error.
FEWEST_IN_ARM, MANY_PATIENTS = 1, 8


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A patient as enrolled.

    Attributes:
        treated: the arm in fact received.
        per_protocol: treated as the protocol says.
        when: the day of each event, or the ordinal of its date.
        columns: every cell of the row by column.
    """

    subject: str
    arm: str
    treated: str
    per_protocol: bool
    when: Mapping[EventKind, int]
    columns: Mapping[str, str]

    @property
    def origin(self) -> int | None:
        """Randomisation, else the start of treatment."""
        return self.when.get(EventKind.RANDOMISATION, self.when.get(EventKind.TREATMENT_START))


def read_enrolment(
    source: Source,
    *,
    has_dates: bool,
    findings: list[Finding],
    arms: Sequence[str] = (),
    strata: Sequence[str] = (),
    date_order: str = "iso",
) -> dict[str, Enrolled]:
    """The patients of a table by subject; those whose row contradicts itself are left out.

    Args:
        has_dates: of the measurements: dates here are ISO dates too, else whole days.
        arms: names that an arm may have; any unless given.
        date_order: in which dates are written.
        strata: columns that must be there.

    Raises:
        InputError: a column is missing, or no patient is left.
    """
    rows = table_rows(source, ("subject", "arm"))
    parse = partial(clinical_cells.ordinal, order=date_order) if has_dates else clinical_cells.day
    header = next(iter(rows))[1] if rows else {}
    for column in strata:
        if column not in header:
            raise InputError(
                f"no column {column!r} among the patients",
                remedy=nearest(column, [name for name in header if name not in ("subject", "arm")]),
            )
    known: dict[str, Enrolled] = {}
    first_row: dict[str, tuple[int, dict[str, str]]] = {}
    refused: set[str] = set()
    for number, row in rows:
        subject = row["subject"]
        if not subject:
            findings.append(_error("no-subject", "", number, "the subject is empty", "fill it"))
            continue
        if subject in first_row:
            earlier, before = first_row[subject]
            if before == row:
                what, remedy = f"the same row as row {earlier}", "read once; remove one"
                level = Severity.WARNING
                findings.append(Finding(level, "same-row", subject, number, what, remedy))
                continue
            arms_differ = before["arm"] != row["arm"]
            what = (
                f"in arm {before['arm']!r} in row {earlier} and in arm {row['arm']!r} here"
                if arms_differ
                else f"also in row {earlier}, with other values"
            )
            code = "two-arms" if arms_differ else "twice"
            findings.append(_error(code, subject, number, what, "keep the row that is right"))
            refused.add(subject)
            continue
        first_row[subject] = (number, row)
        found = _enrolled(row, number, parse=parse, findings=findings, arms=arms)
        if found is None:
            refused.add(subject)
            continue
        known[subject] = found
        for column in strata:
            if not row[column]:
                what = f"stratum {column!r} is empty"
                remedy = "left out of stratified analyses; fill the cell"
                level = Severity.WARNING
                findings.append(Finding(level, "no-stratum", subject, number, what, remedy))
    kept = {subject: each for subject, each in known.items() if subject not in refused}
    if not kept:
        raise InputError("no patient of the table can be used", remedy="see the lines above")
    _rare_arms(kept, findings)
    return kept


def event_rows(
    patients: Mapping[str, Enrolled], events: Source | None, *, has_dates: bool
) -> list[dict[str, str]]:
    """The events of the patients' table and of a table of events, as rows of one table."""
    import datetime as dt  # noqa: PLC0415 - only where dates are written

    time = "date" if has_dates else "day"

    def text(when: int) -> str:
        return dt.date.fromordinal(when).isoformat() if has_dates else str(when)

    rows = [
        {"subject": each.subject, time: text(when), "event": kind.value}
        for each in patients.values()
        for kind, when in each.when.items()
    ]
    if events is not None:
        rows += [
            {name: row[name] for name in ("subject", time, "event")}
            for _, row in table_rows(events, ("subject", time, "event"))
        ]
    return rows


def table_rows(source: Source, required: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """All rows of a small table with every column, by name in lower case with underscores.

    Raises:
        InputError: a column is missing or there twice.
    """
    with opened(source, Columns(tuple(required), is_dated=False)) as table:
        further = table.layout.unknown
    rows = small_rows(source, Columns(tuple(required), further, is_dated=False))
    return [(number, {_name(column): text for column, text in row.items()}) for number, row in rows]


def _enrolled(
    row: dict[str, str],
    number: int,
    *,
    parse: Callable[[str], int],
    findings: list[Finding],
    arms: Sequence[str],
) -> Enrolled | None:
    subject, arm = row["subject"], row["arm"]
    before = len(findings)
    if not arm:
        findings.append(_error("no-arm", subject, number, "the arm is empty", "fill the cell"))
    elif arms and arm not in arms:
        what, remedy = f"arm {arm!r} is unknown", nearest(arm, list(arms))
        findings.append(_error("unknown-arm", subject, number, what, remedy))
    when = {}
    for column, text in row.items():
        kind = DATES.get(_base(column))
        if kind is None or not text:
            continue
        try:
            when[kind] = parse(text)
        except clinical_cells.CellError as error:
            what = f"{column}: {error.what}"
            findings.append(_error("unknown-time", subject, number, what, error.remedy))
    _order(subject, number, when, findings)
    per_protocol = True
    if row.get("per_protocol"):
        try:
            per_protocol = clinical_cells.yes(row["per_protocol"])
        except clinical_cells.CellError:
            what = f"per_protocol is {row['per_protocol']!r}"
            findings.append(_error("per-protocol", subject, number, what, "write yes or no"))
    if any(each.level is Severity.ERROR for each in findings[before:]):
        return None
    treated = row.get("treated") or arm
    return Enrolled(subject, arm, treated, per_protocol and treated == arm, when, row)


def _order(subject: str, number: int, when: dict[EventKind, int], findings: list[Finding]) -> None:
    """Nothing after death, nothing of the trial before enrolment, lines one after the other."""
    death = when.get(EventKind.DEATH)
    start = when.get(EventKind.RANDOMISATION, when.get(EventKind.TREATMENT_START))
    if death is not None and (start is None or death >= start):
        for kind, day in when.items():
            if day > death:
                what = f"{kind} {day - death} days after death"
                findings.append(
                    _error("after-death", subject, number, what, "correct one of the dates")
                )
    if start is None:
        what = "neither randomisation nor start of treatment is known"
        findings.append(_error("no-start", subject, number, what, "give one of the dates"))
        return
    for kind in _AFTER_ENROLMENT:
        if kind in when and when[kind] < start:
            what = f"{kind} {start - when[kind]} days before the start: a negative time"
            findings.append(
                _error("before-start", subject, number, what, "correct one of the dates")
            )
    line = when.get(EventKind.PREVIOUS_LINE_START)
    ended = when.get(EventKind.PREVIOUS_LINE_PROGRESSION)
    if line is not None and ended is not None and ended <= line:
        what = f"the previous line progressed {line - ended} days before its start"
        findings.append(_error("previous-line", subject, number, what, "correct one of the dates"))


def _rare_arms(patients: Mapping[str, Enrolled], findings: list[Finding]) -> None:
    if len(patients) < MANY_PATIENTS:
        return
    names = [each.arm for each in patients.values()]
    for each in patients.values():
        if names.count(each.arm) <= FEWEST_IN_ARM:
            others = sorted({name for name in names if name != each.arm})
            what = f"the only patient of arm {each.arm!r}"
            remedy = f"is it a slip? {nearest(each.arm, others)}; --arms names the arms"
            findings.append(Finding(Severity.WARNING, "rare-arm", each.subject, None, what, remedy))


def _name(column: str) -> str:
    name = column.strip().lower().removeprefix("\ufeff").replace("-", "_").replace(" ", "_")
    return _SPELLINGS.get(name, name)


def _base(column: str) -> str:
    base = column.removesuffix("_date").removesuffix("_day")
    return _SPELLINGS.get(base, base)


def _error(code: str, subject: str, row: int, what: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, code, subject, row, what, remedy)
