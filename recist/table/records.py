"""One row of the measurement table, read: its cells as values, its slips as findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple, TypeVar

from imaging.tables.cells import without_apostrophe
from recist.course import Field, Role, Status
from recist.table import clinical_cells
from recist.table.finding import Finding, Severity
from recist.table.layout import Layout

Value = TypeVar("Value")

#: Columns that hold further measurements of the lesion.
MEASURES = ("volume_ml", "suv_max", "suv_mean", "suv_peak")
_EXTRA = ("sum_mm", "slice_thickness_mm", "tracking_uid", "visit", "drawn_by", *MEASURES)


class Extras(NamedTuple):
    """The optional measurements of a row; what a plain table does not have stays empty.

    Attributes:
        drawn_by: who drew the outline: a reader, or a network and its version. A table may be one
            reader's while single outlines are a network's.
    """

    sum_mm: Decimal | None = None
    slice_thickness_mm: Decimal | None = None
    tracking_uid: str = ""
    visit: str = ""
    drawn_by: str = ""
    measures: tuple[float | None, ...] = (None,) * len(MEASURES)


NO_EXTRAS = Extras()


class Record(NamedTuple):
    """One row. ``when`` is a day, or the ordinal of a date; a visit alone has no lesion.

    Attributes:
        unread: the cells of columns that are not read, and the number of a part; two rows of a
            lesion in several parts may differ in them alone.
    """

    row: int
    when: int
    lesion: str
    role: Role
    organ: str
    is_node: bool
    status: Status
    diameter_mm: Decimal | None
    merged_into: str = ""
    field: Field = Field.UNKNOWN
    reader: str = ""
    extras: Extras = NO_EXTRAS
    unread: tuple[str, ...] = ()


class Slips:
    """Collects what is wrong with one row."""

    def __init__(self, subject: str, row: int, findings: list[Finding]) -> None:
        self._subject = subject
        self._row = row
        self._findings = findings
        self.failed = False

    def error(self, code: str, what: str, remedy: str) -> None:
        self.failed = True
        self._add(Severity.ERROR, code, what, remedy)

    def warning(self, code: str, what: str, remedy: str) -> None:
        self._add(Severity.WARNING, code, what, remedy)

    def said(self, code: str, what: str, remedy: str = "it is read so") -> None:
        """How a cell was read, which is told once for the whole table."""
        self._findings.append(Finding(Severity.CHECK, code, "", None, what, remedy))

    def value(self, code: str, parse: Callable[[str], Value], text: str) -> Value | None:
        """The value of a cell; None, and an error noted, when it cannot be read."""
        try:
            return parse(text)
        except clinical_cells.CellError as error:
            self.error(code, error.what, error.remedy)
            return None

    def _add(self, level: Severity, code: str, what: str, remedy: str) -> None:
        self._findings.append(Finding(level, code, self._subject, self._row, what, remedy))


class RecordReader:
    """Reads rows of one layout into records.

    Args:
        date_order: in which dates are written, see :func:`imaging.tables.cells.ordinal`.
        looks_for_controls: the table holds control characters or cells over several lines.
    """

    def __init__(
        self, layout: Layout, date_order: str = "iso", *, looks_for_controls: bool = False
    ) -> None:
        at = layout.position
        self.layout = layout
        self._looks_for_controls = looks_for_controls
        self._unread = [
            k for k in range(layout.width) if k not in at.values() or k == at.get("part")
        ]
        self._subject = at["subject"]
        self._when = at[layout.time_column]
        self._parse_when = when_reader(layout, date_order)
        self._words = tuple(at[name] for name in ("lesion", "role", "organ", "nodal", "status"))
        self._diameter = at["diameter_mm"]
        self._optional = tuple(at.get(name) for name in ("merged_into", "field", "reader"))
        self._extra = {name: at[name] for name in _EXTRA if name in at}
        usual = (self._when, *self._words, self._diameter)
        self._usual = itemgetter(*usual)
        few = self._optional == (None, None, None) and not self._unread
        self._is_plain = few and not self._extra and not looks_for_controls

    def subject_of(self, row: Sequence[str]) -> str:
        """The subject of a row; empty when the row is shorter than that column."""
        if len(row) <= self._subject:
            return ""
        subject = row[self._subject].strip()
        return without_apostrophe(subject) if subject[:1] == "'" else subject

    def is_header(self, row: Sequence[str]) -> bool:
        """Whether a row names its columns instead of filling them."""
        names = self.layout.position
        return all(
            row[at].strip().lower().endswith(name) for name, at in names.items() if at < len(row)
        )

    def read(self, number: int, row: Sequence[str], findings: list[Finding]) -> Record | None:
        """One record; None, with findings, when a cell cannot be read."""
        if self._is_plain and len(row) == self.layout.width:
            when, lesion, role, organ, nodal, status, diameter = self._usual(row)
            try:
                plain = _plain_words(lesion, role, organ, nodal, status)
                size_mm = _plain_diameter(diameter)
                if plain is not None and (plain[4] is Status.MEASURED) is (size_mm is not None):
                    return Record(number, self._parse_when(when), *plain, size_mm)
            except clinical_cells.CellError:
                pass  # read again, cell by cell, to tell all that is wrong
        slips = Slips(self.subject_of(row), number, findings)
        width = self.layout.width
        if not self._is_whole(row, slips):
            return None
        if len(row) != width:
            row = [*row, *[""] * width][:width]
        unread = tuple(row[k] for k in self._unread)
        lesion, role_text, organ, nodal_text, status_text = (row[at] for at in self._words)
        merged_into, field_text, reader = (
            "" if at is None else without_apostrophe(row[at].strip()) for at in self._optional
        )
        when = slips.value("unknown-time", self._parse_when, row[self._when])
        if not lesion.strip():
            return self._visit_alone(number, row, when, reader, slips)
        role = slips.value("unknown-role", clinical_cells.role, role_text)
        is_node = slips.value("unknown-nodal", clinical_cells.yes, nodal_text)
        field = slips.value("unknown-field", clinical_cells.field, field_text)
        status, diameter_mm = _status(role, status_text, row[self._diameter].strip(), slips)
        if status is not None and (status is Status.MERGED) != bool(merged_into):
            slips.error("merged-into", f"status {status}, merged_into {merged_into!r}", MERGE)
        extras = self._extras(row, slips) if self._extra else NO_EXTRAS
        if when is None or role is None or is_node is None or field is None or status is None:
            return None
        if slips.failed:  # an optional measurement
            return None
        name = without_apostrophe(lesion.strip())
        _say_word(slips, Role, role_text, role)
        _say_word(slips, Field, field_text, field)
        return Record(
            number, when, name, role, organ.strip(), is_node, status, diameter_mm,
            merged_into, field, reader, extras, unread,
        )  # fmt: skip

    def _is_whole(self, row: Sequence[str], slips: Slips) -> bool:
        """Whether the cells are those of one row: none too many, none with a control character."""
        width = self.layout.width
        if any(cell.strip() for cell in row[width:]):
            slips.error("row-length", f"{len(row)} cells under {width} columns", QUOTE)
            return False
        if not self._looks_for_controls:
            return True
        for name, at in self.layout.position.items():
            cell = row[at] if at < len(row) else ""
            free = "\r\n\t" if name == "organ" else ""
            bad = next((c for c in cell if (c < " " and c not in free) or c == "\x7f"), None)
            if bad is not None:
                what = f"{name} holds the control character {bad!r}"
                slips.error("control-character", what, "delete it: is a quotation mark missing?")
                return False
        if any("\n" in cell for cell in row):
            slips.warning(
                "cell-over-lines", "a quoted cell goes over several lines", "is it one row?"
            )
        return True

    def _visit_alone(
        self, number: int, row: Sequence[str], when: int | None, reader: str, slips: Slips
    ) -> Record | None:
        """A row without a lesion says that the visit took place."""
        if any(row[at].strip() for at in (*self._words, self._diameter)):
            slips.error("no-lesion", "no lesion, but other cells are filled", "name the lesion")
        if when is None or slips.failed:
            return None
        return Record(
            number, when, "", Role.NON_TARGET, "", False, Status.NOT_EVALUABLE, None, reader=reader
        )

    def _extras(self, row: Sequence[str], slips: Slips) -> Extras:
        at = self._extra

        def length(name: str) -> Decimal | None:
            text = row[at[name]].strip() if name in at else ""
            return slips.value(f"unknown-{name}", clinical_cells.diameter, text) if text else None

        return Extras(
            length("sum_mm"),
            length("slice_thickness_mm"),
            row[at["tracking_uid"]].strip() if "tracking_uid" in at else "",
            row[at["visit"]].strip() if "visit" in at else "",
            without_apostrophe(row[at["drawn_by"]].strip()) if "drawn_by" in at else "",
            tuple(
                slips.value(f"unknown-{name}", clinical_cells.number, row[at[name]])
                if name in at
                else None
                for name in MEASURES
            ),
        )


#: What stands in the column of subjects where the header is repeated.
_HEADINGS = frozenset({"subject", "Subject", "SUBJECT", "\ufeffsubject"})


def read_records(
    reader: RecordReader, rows: Iterable[tuple[int, Sequence[str]]], findings: list[Finding]
) -> tuple[dict[str, list[Record]], set[str]]:
    """The readable records by subject, in order of the first, and subjects with another row.

    A row without a subject may be one of the subject above it, whose answer would then be wrong.

    Args:
        rows: each with its number in the table.
        findings: receives what is wrong with rows.
    """
    records: dict[str, list[Record]] = {}
    broken: set[str] = set()
    above = ""
    for number, row in rows:
        subject = reader.subject_of(row)
        if not subject:
            if any(cell.strip() for cell in row):
                findings.append(_no_subject(above, number))
                broken.add(above)
            continue
        if subject in _HEADINGS and reader.is_header(row):
            findings.append(_header_again(number))
            continue
        above = subject
        record = reader.read(number, row, findings)
        if record is None:
            broken.add(subject)
        elif subject in records:
            records[subject].append(record)
        else:
            records[subject] = [record]
    return records, broken - {""}


def _header_again(number: int) -> Finding:
    what, remedy = "the header again", "the row is left out: were two tables joined?"
    return Finding(Severity.WARNING, "header-again", "", number, what, remedy)


def _no_subject(above: str, number: int) -> Finding:
    what = "a row without subject" + (f" below one of {above}" if above else "")
    return Finding(Severity.ERROR, "no-subject", above, number, what, "name its subject in the row")


_SEEN = (Status.PRESENT, Status.INCREASED, Status.PROGRESSION, Status.DECREASED)

_USUAL_ROLE = {role.value: role for role in Role}
_USUAL_STATUS = {status.value: status for status in Status if status is not Status.MERGED}


@lru_cache(maxsize=8192)
def _plain_words(
    lesion: str, role: str, organ: str, nodal: str, status: str
) -> tuple[str, Role, str, bool, Status] | None:
    """The words of a row of the usual kind; None for every other row, odd or merely unusual."""
    seen_as, usual_role = _USUAL_STATUS.get(status), _USUAL_ROLE.get(role)
    if seen_as is None or usual_role is None:
        return None
    if not lesion or lesion[0] in " '" or lesion[-1] == " ":
        return None
    return lesion, usual_role, organ.strip(), clinical_cells.yes(nodal), seen_as


@lru_cache(maxsize=8192)
def _plain_diameter(text: str) -> Decimal | None:
    """A diameter; None where there is none.

    Raises:
        CellError: none that can be read, or one with a decimal comma, which has to be told.
    """
    if clinical_cells.has_decimal_comma(text):
        raise clinical_cells.CellError("a decimal comma", "")
    return clinical_cells.diameter(text) if text else None


QUOTE = "put cells that hold a comma in quotes"
MERGE = "a merged lesion names the lesion it merged into, no other does"


def when_reader(layout: Layout, date_order: str) -> Callable[[str], int]:
    """How the times of a table are read."""
    if not layout.has_dates:
        return clinical_cells.day
    return partial(clinical_cells.ordinal, order=date_order)


def _say_word(
    slips: Slips, kind: type[Role] | type[Field] | type[Status], text: str, read: str
) -> None:
    if text.strip() and not clinical_cells.is_plain_word(kind, text):
        name = kind.__name__.lower()
        slips.said(f"{name}-word", f"{name} {text.strip()!r} is read as {read}")


def _status(
    role: Role | None, text: str, diameter_text: str, slips: Slips
) -> tuple[Status | None, Decimal | None]:
    """Status and diameter of a row, which have to agree."""
    meant = clinical_cells.diameter_word(diameter_text) if diameter_text else None
    if meant is not None:
        return _by_word(meant, text, diameter_text, slips), None
    diameter_mm = None
    if diameter_text:
        diameter_mm = slips.value("unknown-diameter", clinical_cells.diameter, diameter_text)
        if diameter_mm is not None and clinical_cells.has_decimal_comma(diameter_text):
            slips.said("decimal-comma", "diameters are written with a decimal comma")
    if not text.strip() and diameter_mm is not None:
        what = f"no status, and a diameter of {diameter_mm} mm"
        slips.warning("no-status", what, "taken as measured; write the status")
        return Status.MEASURED, diameter_mm
    status = slips.value("unknown-status", clinical_cells.status, text)
    if status is not None:
        _say_word(slips, Status, text, status)
    if status is Status.MEASURED:
        if not diameter_text:
            slips.error("no-diameter", "measured without diameter", "give it, or another status")
        return status, diameter_mm
    if diameter_mm is None or status is None:
        return status, None
    return _with_diameter(role, status, diameter_mm, slips)


def _by_word(meant: Status, text: str, word: str, slips: Slips) -> Status | None:
    """The status where a word stands in place of the diameter."""
    status = slips.value("unknown-status", clinical_cells.status, text) if text.strip() else meant
    if status in (None, meant):
        if status is not None:
            slips.said("diameter-word", f"diameter {word!r} is read as {meant}")
        return status
    if status is Status.MEASURED:
        what = f"measured with {word!r} for a diameter"
        slips.warning("diameter-word", what, f"taken as {meant}: write that as the status")
        return meant
    slips.error("diameter-word", f"{status} with {word!r} for a diameter", "empty that cell")
    return None


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
