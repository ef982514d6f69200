"""One row of the measurement table, read: its cells as values, its slips as findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple, TypeVar

from recist.course import Field, Role, Status
from recist.table import cells
from recist.table.finding import Finding, Level
from recist.table.layout import Layout

Value = TypeVar("Value")

#: Columns that hold further measurements of the lesion.
MEASURES = ("volume_ml", "suv_max", "suv_mean", "suv_peak")
_EXTRA = ("sum_mm", "slice_thickness_mm", "tracking_uid", "visit", *MEASURES)


class Extras(NamedTuple):
    """The optional measurements of a row; what a plain table does not have stays empty."""

    sum_mm: Decimal | None = None
    slice_thickness_mm: Decimal | None = None
    tracking_uid: str = ""
    visit: str = ""
    measures: tuple[float | None, ...] = (None,) * len(MEASURES)


NO_EXTRAS = Extras()


class Record(NamedTuple):
    """One row. ``when`` is a day, or the ordinal of a date; a visit alone has no lesion."""

    row: int
    when: int
    lesion: str
    role: Role
    organ: str
    is_node: bool
    status: Status
    diameter_mm: Decimal | None
    merged_into: str
    field: Field
    reader: str
    extras: Extras = NO_EXTRAS


class Slips:
    """Collects what is wrong with one row."""

    def __init__(self, subject: str, row: int, findings: list[Finding]) -> None:
        self._subject = subject
        self._row = row
        self._findings = findings
        self.failed = False

    def error(self, code: str, what: str, remedy: str) -> None:
        self.failed = True
        self._add(Level.ERROR, code, what, remedy)

    def warning(self, code: str, what: str, remedy: str) -> None:
        self._add(Level.WARNING, code, what, remedy)

    def value(self, code: str, parse: Callable[[str], Value], text: str) -> Value | None:
        """The value of a cell; None, and an error noted, when it cannot be read."""
        try:
            return parse(text)
        except cells.CellError as error:
            self.error(code, error.what, error.remedy)
            return None

    def _add(self, level: Level, code: str, what: str, remedy: str) -> None:
        self._findings.append(Finding(level, code, self._subject, self._row, what, remedy))


class RecordReader:
    """Reads rows of one layout into records."""

    def __init__(self, layout: Layout) -> None:
        at = layout.position
        self.layout = layout
        self._subject = at["subject"]
        self._when = at[layout.time_column]
        self._parse_when = cells.ordinal if layout.has_dates else cells.day
        self._words = tuple(at[name] for name in ("lesion", "role", "organ", "nodal", "status"))
        self._diameter = at["diameter_mm"]
        self._optional = tuple(at.get(name) for name in ("merged_into", "field", "reader"))
        self._extra = {name: at[name] for name in _EXTRA if name in at}
        usual = (self._when, *self._words, self._diameter)
        self._usual = itemgetter(*usual)
        self._is_plain = not self._extra and self._optional == (None, None, None)

    def subject_of(self, row: Sequence[str]) -> str:
        """The subject of a row; empty when the row is shorter than that column."""
        return row[self._subject].strip() if len(row) > self._subject else ""

    def is_header(self, row: Sequence[str]) -> bool:
        """Whether a row names its columns instead of filling them."""
        names = self.layout.position
        return all(
            row[at].strip().lower().endswith(name) for name, at in names.items() if at < len(row)
        )

    def read(self, number: int, row: Sequence[str], findings: list[Finding]) -> Record | None:
        """One record; None, with findings, when a cell cannot be read."""
        if len(row) == self.layout.width and self._is_plain:
            record = self._read_plain(number, row)
            if record is not None:
                return record
        slips = Slips(self.subject_of(row), number, findings)
        width = self.layout.width
        if len(row) != width:
            if len(row) > width and any(cell.strip() for cell in row[width:]):
                slips.error("row-length", f"{len(row)} cells under {width} columns", QUOTE)
                return None
            row = [*row, *[""] * width][:width]
        lesion, role_text, organ, nodal_text, status_text = (row[at] for at in self._words)
        merged_into, field_text, reader = (
            "" if at is None else row[at].strip() for at in self._optional
        )
        when = slips.value("unknown-time", self._parse_when, row[self._when])
        if not lesion.strip():
            return self._visit_alone(number, row, when, reader, slips)
        role = slips.value("unknown-role", cells.role, role_text)
        is_node = slips.value("unknown-nodal", cells.yes, nodal_text)
        field = slips.value("unknown-field", cells.field, field_text)
        status, diameter_mm = _status(role, status_text, row[self._diameter].strip(), slips)
        if status is not None and (status is Status.MERGED) != bool(merged_into):
            slips.error("merged-into", f"status {status}, merged_into {merged_into!r}", MERGE)
        extras = self._extras(row, slips) if self._extra else NO_EXTRAS
        if when is None or role is None or is_node is None or field is None or status is None:
            return None
        if slips.failed:
            return None
        return Record(
            number, when, lesion.strip(), role, organ.strip(), is_node, status, diameter_mm,
            merged_into, field, reader, extras,
        )  # fmt: skip

    def _read_plain(self, number: int, row: Sequence[str]) -> Record | None:
        """A row of the usual kind, quickly; None for every other row, odd or merely unusual."""
        when, lesion, role, organ, nodal, status, diameter = self._usual(row)
        seen_as = _USUAL_STATUS.get(status)
        try:
            diameter_mm = None if not diameter else cells.diameter(diameter)
            if seen_as is None or (seen_as is Status.MEASURED) != (diameter_mm is not None):
                return None
            if not lesion or lesion[0] == " " or lesion[-1] == " ":
                return None
            return Record(
                number, self._parse_when(when), lesion, cells.role(role), organ.strip(),
                cells.yes(nodal), seen_as, diameter_mm, "", Field.UNKNOWN, "",
            )  # fmt: skip
        except cells.CellError:
            return None

    def _visit_alone(
        self, number: int, row: Sequence[str], when: int | None, reader: str, slips: Slips
    ) -> Record | None:
        """A row without a lesion says that the visit took place."""
        if any(row[at].strip() for at in (*self._words, self._diameter)):
            slips.error("no-lesion", "no lesion, but other cells are filled", "name the lesion")
        if when is None or slips.failed:
            return None
        return Record(
            number, when, "", Role.NON_TARGET, "", False, Status.NOT_EVALUABLE, None, "",
            Field.UNKNOWN, reader,
        )  # fmt: skip

    def _extras(self, row: Sequence[str], slips: Slips) -> Extras:
        at = self._extra

        def length(name: str) -> Decimal | None:
            text = row[at[name]].strip() if name in at else ""
            return slips.value(f"unknown-{name}", cells.diameter, text) if text else None

        return Extras(
            length("sum_mm"),
            length("slice_thickness_mm"),
            row[at["tracking_uid"]].strip() if "tracking_uid" in at else "",
            row[at["visit"]].strip() if "visit" in at else "",
            tuple(
                slips.value(f"unknown-{name}", cells.number, row[at[name]]) if name in at else None
                for name in MEASURES
            ),
        )


#: What stands in the column of subjects where the header is repeated.
_HEADINGS = frozenset({"subject", "Subject", "SUBJECT", "\ufeffsubject"})


def read_records(
    reader: RecordReader, rows: Iterable[tuple[int, Sequence[str]]], findings: list[Finding]
) -> tuple[list[tuple[str, Record]], set[str]]:
    """The readable records with their subjects, and the subjects with a row that is not.

    Args:
        rows: each with its number in the table.
        findings: receives what is wrong with rows.
    """
    records: list[tuple[str, Record]] = []
    broken: dict[str, None] = {}
    for number, row in rows:
        subject = reader.subject_of(row)
        if not subject:
            if any(cell.strip() for cell in row):
                findings.append(_no_subject(number))
            continue
        if subject in _HEADINGS and reader.is_header(row):
            findings.append(_header_again(number))
            continue
        record = reader.read(number, row, findings)
        if record is None:
            broken[subject] = None
        else:
            records.append((subject, record))
    return records, set(broken)


def _header_again(number: int) -> Finding:
    what, remedy = "the header again", "the row is left out: were two tables joined?"
    return Finding(Level.WARNING, "header-again", "", number, what, remedy)


def _no_subject(number: int) -> Finding:
    what, remedy = "a row without subject", "the row is left out: name its subject"
    return Finding(Level.WARNING, "no-subject", "", number, what, remedy)


_SEEN = (Status.PRESENT, Status.INCREASED, Status.PROGRESSION, Status.DECREASED)

_USUAL_STATUS = {status.value: status for status in Status if status is not Status.MERGED}

QUOTE = "put cells that hold a comma in quotes"
MERGE = "a merged lesion names the lesion it merged into, no other does"


def _status(
    role: Role | None, text: str, diameter_text: str, slips: Slips
) -> tuple[Status | None, Decimal | None]:
    """Status and diameter of a row, which have to agree."""
    diameter_mm = None
    if diameter_text:
        diameter_mm = slips.value("unknown-diameter", cells.diameter, diameter_text)
    if not text.strip() and diameter_mm is not None:
        what = f"no status, and a diameter of {diameter_mm} mm"
        slips.warning("no-status", what, "taken as measured; write the status")
        return Status.MEASURED, diameter_mm
    status = slips.value("unknown-status", cells.status, text)
    if status is Status.MEASURED:
        if not diameter_text:
            slips.error("no-diameter", "measured without diameter", "give it, or another status")
        return status, diameter_mm
    if diameter_mm is None or status is None:
        return status, None
    return _with_diameter(role, status, diameter_mm, slips)


def _with_diameter(
    role: Role | None, status: Status, diameter_mm: Decimal, slips: Slips
) -> tuple[Status | None, Decimal | None]:
    """What a diameter next to a status other than measured means."""
    what = f"{status} with a diameter of {diameter_mm} mm"
    if status is Status.ABSENT:
        if diameter_mm != 0:
            slips.error("absent-diameter", what, "write measured, or take the diameter away")
        return status, None
    if role is Role.NEW and status in _SEEN:
        # A new lesion with a diameter is a measured new lesion.
        if status is not Status.PRESENT:
            slips.warning("new-measured", what, "taken as measured: its diameter tells the growth")
        return Status.MEASURED, diameter_mm
    if role is not Role.NON_TARGET:
        slips.warning("ignored-diameter", what, "it is not used; write measured to use it")
    return status, None
