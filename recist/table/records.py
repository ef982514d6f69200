"""One row of the measurement table, read: its cells as values, its slips as findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache, partial
from operator import itemgetter
from typing import TypeAlias, TypeVar

from imaging.tables.cells import without_apostrophe
from imaging.tables.chunk import Chunk
from recist.course import CourseError, Field, Lesion, Measurement, Role, Status
from recist.table import clinical_cells
from recist.table.entry import VISIT_ALONE, LesionEntry, Record, Row
from recist.table.finding import Finding, Severity
from recist.table.layout import Layout

Value = TypeVar("Value")
#: What a row says of a lesion: its cells, or their text as it stands in the table.
_Said: TypeAlias = tuple[str, ...] | str

#: Columns that hold further measurements of the lesion.
MEASURES = ("volume_ml", "suv_max", "suv_mean", "suv_peak")
#: Columns that say something of the lesion, beside the subject and the time of the row.
_REQUIRED = ("lesion", "role", "organ", "nodal", "status", "diameter_mm")
_OPTIONAL = (
    "merged_into", "field", "reader", "drawn_by", "visit", "tracking_uid", "sum_mm",
    "slice_thickness_mm", *MEASURES,
)  # fmt: skip
#: Different cells kept for reuse; most rows of a long table say what an earlier one said.
REMEMBERED = 50_000


class Slips:
    """Collects what is wrong with one row.

    Attributes:
        failed: there is an error; ``speaks_of_row``: or a warning.
    """

    def __init__(self, subject: str, row: int, findings: list[Finding]) -> None:
        self._subject = subject
        self.row = row
        self._findings = findings
        self.failed = self.speaks_of_row = False

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
        self.speaks_of_row = True
        self._findings.append(Finding(level, code, self._subject, self.row, what, remedy))


class RecordReader:
    """Reads rows of one layout into records.

    Cells that were read without a remark on their row are remembered: the next row that holds
    them says the same.

    Args:
        date_order: in which dates are written, see :func:`imaging.tables.cells.ordinal`.

    Attributes:
        names_readers: there is a column of readers.
    """

    def __init__(self, layout: Layout, date_order: str = "iso") -> None:
        at = layout.position
        self.layout = layout
        self._at = {name: at[name] for name in (*_REQUIRED, *_OPTIONAL) if name in at}
        self._cells: Callable[[list[str]], _Said] = itemgetter(*self._at.values())
        self._unread = [
            k for k in range(layout.width) if k not in at.values() or k == at.get("part")
        ]
        self._subject, self._when = at["subject"], at[layout.time_column]
        # Whether all that follows subject and time says something of the lesion.
        self._reads_the_rest = (self._subject, self._when) == (0, 1) and not self._unread
        self.names_readers = "reader" in at
        self._parse_when = when_reader(layout, date_order)
        self._entries: dict[_Said, LesionEntry] = {}
        self._times: dict[str, int] = {}

    def records(
        self, chunk: Chunk, delimiter: str, findings: list[Finding]
    ) -> tuple[dict[str, list[Row]], set[str]]:
        """The readable rows by subject, in order of the first, and subjects with another row.

        A row without a subject may be one of the subject above it, whose answer would then be
        wrong.

        Args:
            findings: receives what is wrong with rows.
        """
        records: dict[str, list[Row]] = {}
        broken: set[str] = set()
        is_odd = chunk.is_odd  # control characters, or cells over several lines
        remembered, times, unread = self._entries, self._times, self._unread
        entries = {} if is_odd else remembered
        subject_at, when_at = self._subject, self._when
        width, cells_of, joined_by = self.layout.width, self._cells, ""
        rows: Iterable[tuple[int, str | list[str]]]
        lines = chunk.plain_lines() if self._reads_the_rest and not is_odd else None
        if lines is None:
            rows = chunk.rows(delimiter)
        else:
            rows, width, joined_by = zip(chunk.numbers, lines, strict=True), 3, delimiter
        subject = ""
        above: str | None = None
        own: list[Row] = []
        for number, given in rows:
            row = given.split(delimiter, 2) if isinstance(given, str) else given
            is_whole = len(row) == width
            cell = row[subject_at] if is_whole or len(row) > subject_at else ""
            if cell != above:
                named = _subject(cell)
                if not named:
                    if any(cell.strip() for cell in _cells(row, joined_by)):
                        findings.append(_no_subject(subject, number))
                        broken.add(subject)
                    continue
                is_heading = named in _HEADINGS
                if is_heading and self.is_header(_cells(row, joined_by)):
                    findings.append(_header_again(number))
                    continue
                subject, above = named, None if is_heading else cell
                own = records.setdefault(subject, [])
            if is_whole:
                said = row[2] if joined_by else cells_of(row)
                entry, when = entries.get(said), times.get(row[when_at])
                if entry is not None and when is not None:
                    others = tuple([row[k] for k in unread]) if unread else ()
                    own.append((when, entry.name, number, entry, others))
                    continue
            slips = Slips(subject, number, findings)
            record = self._read(_cells(row, joined_by), slips, looks_for_controls=is_odd)
            if record is None:
                broken.add(subject)
                continue
            own.append(record)
            if is_whole and not slips.speaks_of_row and len(remembered) < REMEMBERED:
                remembered[said] = record.entry
        return {subject: rows for subject, rows in records.items() if rows}, broken - {""}

    def is_header(self, row: Sequence[str]) -> bool:
        """Whether a row names its columns instead of filling them."""
        names = self.layout.position
        return all(
            row[at].strip().lower().endswith(name) for name, at in names.items() if at < len(row)
        )

    def _read(self, row: list[str], slips: Slips, *, looks_for_controls: bool) -> Record | None:
        """One record; None, with findings, when a cell cannot be read."""
        width = self.layout.width
        if not self._is_whole(row, slips, looks_for_controls=looks_for_controls):
            return None
        if len(row) != width:
            row = [*row, *[""] * width][:width]
        when = slips.value("unknown-time", self._parse_when, row[self._when])
        if when is not None and len(self._times) < REMEMBERED:
            self._times[row[self._when]] = when
        entry = self._entry({name: row[at] for name, at in self._at.items()}, slips)
        if entry is None or when is None:
            return None
        return Record(when, entry.name, slips.row, entry, tuple(row[k] for k in self._unread))

    def _entry(self, cells: dict[str, str], slips: Slips) -> LesionEntry | None:
        """What the cells of a row say; None, with findings, when one cannot be read."""
        merged_into, field_text, reader, drawn_by = (
            without_apostrophe(cells.get(name, "").strip())
            for name in ("merged_into", "field", "reader", "drawn_by")
        )
        if not cells["lesion"].strip():
            if any(cells[name].strip() for name in _REQUIRED):
                slips.error("no-lesion", "no lesion, but other cells are filled", "name the lesion")
                return None
            return replace(VISIT_ALONE, reader=reader)
        role = slips.value("unknown-role", clinical_cells.role, cells["role"])
        is_node = slips.value("unknown-nodal", clinical_cells.yes, cells["nodal"])
        field = slips.value("unknown-field", clinical_cells.field, field_text)
        status, diameter_mm = _status(role, cells["status"], cells["diameter_mm"].strip(), slips)
        if status is not None and (status is Status.MERGED) != bool(merged_into):
            slips.error("merged-into", f"status {status}, merged_into {merged_into!r}", MERGE)
        sum_mm, slice_thickness_mm = (
            slips.value(f"unknown-{name}", clinical_cells.diameter, cells[name])
            if cells.get(name, "").strip()
            else None
            for name in ("sum_mm", "slice_thickness_mm")
        )
        volume_ml, suv_max, suv_mean, suv_peak = (
            slips.value(f"unknown-{name}", clinical_cells.number, cells.get(name, ""))
            for name in MEASURES
        )
        if role is None or is_node is None or field is None or status is None or slips.failed:
            return None
        name = without_apostrophe(cells["lesion"].strip())
        uid = cells.get("tracking_uid", "").strip()
        try:
            lesion = _lesion(name, cells["organ"].strip(), role, field, uid, is_node=is_node)
            seen = Measurement(
                lesion.id,
                status,
                () if diameter_mm is None else (diameter_mm,),
                merged_into or None,
                volume_ml=volume_ml,
                suv_max=suv_max,
                suv_mean=suv_mean,
                suv_peak=suv_peak,
                source=drawn_by or reader,
            )
        except CourseError as error:
            slips.error("measurement", error.what, error.remedy)
            return None
        _say_word(slips, Role, cells["role"], role)
        _say_word(slips, Field, field_text, field)
        visit = cells.get("visit", "").strip()
        return LesionEntry(lesion.id, lesion, seen, reader, visit, sum_mm, slice_thickness_mm)

    def _is_whole(self, row: Sequence[str], slips: Slips, *, looks_for_controls: bool) -> bool:
        """Whether the cells are those of one row: none too many, none with a control character."""
        width = self.layout.width
        if any(cell.strip() for cell in row[width:]):
            slips.error("row-length", f"{len(row)} cells under {width} columns", QUOTE)
            return False
        if not looks_for_controls:
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


@lru_cache(maxsize=REMEMBERED)
def _lesion(name: str, organ: str, role: Role, field: Field, uid: str, *, is_node: bool) -> Lesion:
    """One lesion for all subjects in whom it reads the same."""
    return Lesion(name, organ, is_node, role, field, uid)


#: What stands in the column of subjects where the header is repeated.
_HEADINGS = frozenset({"subject", "Subject", "SUBJECT", "\ufeffsubject"})


def _subject(cell: str) -> str:
    subject = cell.strip()
    return without_apostrophe(subject) if subject[:1] == "'" else subject


def _cells(row: list[str], joined_by: str) -> list[str]:
    """All cells of a row, the last of which may hold the rest of it, joined by a delimiter."""
    return [*row[:-1], *row[-1].split(joined_by)] if joined_by else row


def _header_again(number: int) -> Finding:
    what, remedy = "the header again", "the row is left out: were two tables joined?"
    return Finding(Severity.WARNING, "header-again", "", number, what, remedy)


def _no_subject(above: str, number: int) -> Finding:
    what = "a row without subject" + (f" below one of {above}" if above else "")
    return Finding(Severity.ERROR, "no-subject", above, number, what, "name its subject in the row")


_SEEN = (Status.PRESENT, Status.INCREASED, Status.PROGRESSION, Status.DECREASED)

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
