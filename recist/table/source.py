"""Reading tables of any size: files, DataFrames and records as a stream of whole subjects.

Every kind of table is read as lines of CSV. A table whose subjects lie together is streamed; one
whose subjects are scattered is read in a second pass through an index, in the order of the first
row of each subject. Memory holds one chunk of subjects, and a few bytes per subject or row.
"""

from __future__ import annotations

import csv
import io
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

from imaging.errors import InputError, UnsupportedError
from recist.table.frames import Frame, is_missing, rows_of
from recist.table.layout import Layout

#: How a table is given: a file, a DataFrame of pandas or polars, or one mapping per row.
Source: TypeAlias = str | Path | Frame | Iterable[Mapping[str, object]]

#: Rows after which a chunk is closed at the end of its subject.
CHUNK_ROWS = 5_000

_BOM = b"\xef\xbb\xbf"
_DELIMITERS = (",", ";", "\t")


class Chunk(NamedTuple):
    """Some subjects, whole: the lines as they stand in the file, and their row numbers."""

    numbers: list[int]
    text: bytes

    def rows(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """The rows with their numbers.

        Raises:
            InputError: text that is not UTF-8.
        """
        try:
            text = self.text.decode("utf-8")
        except UnicodeDecodeError as error:
            where = f"rows {self.numbers[0]} to {self.numbers[-1]}"
            raise InputError(
                "not UTF-8 text", where=where, remedy="save the table as UTF-8"
            ) from error
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return zip(self.numbers, reader, strict=False)


class Table(NamedTuple):
    """A table opened for reading.

    Attributes:
        path: of the CSV file that is read: the table itself, or its copy as CSV.
        name: of the file the user gave.
        body: where the rows start, in bytes.
    """

    path: Path
    name: str
    header: list[str]
    delimiter: str
    body: int


@contextmanager
def opened(source: Source) -> Iterator[Table]:
    """Open a table of any kind.

    Raises:
        InputError: the file is missing, empty or not a table.
        UnsupportedError: a kind of file, or of object, that is not read.
    """
    if not isinstance(source, str | Path):
        with tempfile.TemporaryDirectory(prefix="recist-table-") as folder:
            copy = Path(folder) / "table.csv"
            _copy_rows(source, copy)
            yield _table(copy, "the table")
        return
    path = Path(source)
    if not path.is_file():
        raise InputError("no such file", where=path)
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv", ".txt"):
        yield _table(path, path.name)
        return
    if kind not in (".xlsx", ".parquet"):
        raise UnsupportedError(
            f"a {kind or 'nameless'} file", where=path, remedy="give CSV, xlsx or parquet"
        )
    with tempfile.TemporaryDirectory(prefix="recist-table-") as folder:
        copy = Path(folder) / "table.csv"
        (_copy_xlsx if kind == ".xlsx" else _copy_parquet)(path, copy)
        yield _table(copy, path.name)


def chunks(table: Table, layout: Layout, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """The table as chunks of whole subjects; see :func:`is_gathered` for scattered ones."""
    column = layout.position["subject"]
    if is_gathered(table, column):
        return _streamed(table, column, rows)
    return _gathered(table, column, rows)


def is_gathered(table: Table, column: int) -> bool:
    """Whether the rows of each subject lie together."""
    seen: set[int] = set()
    delimiter = table.delimiter.encode()
    previous = same = b""
    for _, line in _lines(table):
        if same and line.startswith(same):
            continue
        subject = _cell(line, column, table.delimiter)
        if subject != previous:
            key = hash(subject)
            if key in seen:
                return False
            seen.add(key)
            previous = subject
            # A row that starts with the same plain cell is of the same subject, without splitting.
            plain = column == 0 and subject and b'"' not in subject and delimiter not in subject
            same = subject + delimiter if plain else b""
    return True


def _streamed(table: Table, column: int, rows: int) -> Iterator[Chunk]:
    numbers: list[int] = []
    lines: list[bytes] = []
    previous = b""
    for number, line in _lines(table):
        if len(numbers) >= rows:
            subject = _cell(line, column, table.delimiter)
            previous = previous or _cell(lines[-1], column, table.delimiter)
            if subject != previous:
                yield Chunk(numbers, b"".join(lines))
                numbers, lines, previous = [], [], b""
        numbers.append(number)
        lines.append(line)
    if numbers:
        yield Chunk(numbers, b"".join(lines))


def _gathered(table: Table, column: int, rows: int) -> Iterator[Chunk]:
    """Chunks through an index of the lines, subjects in the order of their first row."""
    starts, sizes, numbers, owners = (array("q") for _ in range(4))
    order: dict[bytes, int] = {}
    offset = table.body
    for number, line in _lines(table, blank=True):
        if line.strip():
            starts.append(offset)
            sizes.append(len(line))
            numbers.append(number)
            subject = _cell(line, column, table.delimiter)
            owners.append(order.setdefault(subject, len(order)))
        offset += len(line)
    by_owner = sorted(range(len(owners)), key=owners.__getitem__)
    with table.path.open("rb") as file:
        picked: list[int] = []
        for position, k in enumerate(by_owner):
            last = position + 1 == len(by_owner)
            picked.append(k)
            ends = last or owners[by_owner[position + 1]] != owners[k]
            if last or (ends and len(picked) >= rows):
                lines = [_line_at(file, starts[p], sizes[p]) for p in picked]
                yield Chunk([numbers[p] for p in picked], b"".join(lines))
                picked = []


def _line_at(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    line = file.read(size)
    return line if line.endswith(b"\n") else line + b"\n"


def _lines(table: Table, *, blank: bool = False) -> Iterator[tuple[int, bytes]]:
    """The rows of the body as bytes, with their row numbers; a quoted cell may span lines."""
    with table.path.open("rb") as file:
        header_lines = file.read(table.body).count(b"\n")
        number = header_lines + 1
        for line in file:
            first = number
            number += 1
            whole = line
            if b'"' in whole:
                while whole.count(b'"') % 2:
                    more = file.readline()
                    if not more:
                        break
                    whole += more
                    number += 1
            if blank or whole.strip():
                yield first, whole


def _cell(line: bytes, column: int, delimiter: str) -> bytes:
    if b'"' in line:
        cells = next(csv.reader([line.decode("utf-8", "replace")], delimiter=delimiter))
        return cells[column].strip().encode() if len(cells) > column else b""
    cells_ = line.split(delimiter.encode(), column + 1)
    return cells_[column].strip() if len(cells_) > column else b""


def _table(path: Path, name: str) -> Table:
    with path.open("rb") as file:
        first = file.readline()
        while first and not first.removeprefix(_BOM).strip():
            first = file.readline()
        if b"\r" in first.rstrip(b"\r\n"):
            remedy = "save it as CSV with line feeds"
            raise InputError("lines end in carriage returns alone", where=name, remedy=remedy)
        body = file.tell()
    if not first.strip():
        raise InputError("the table is empty", where=name, remedy="the first row names the columns")
    try:
        text = first.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", where=name, remedy="save the table as UTF-8") from error
    delimiter = max(_DELIMITERS, key=text.count)
    header = next(csv.reader([text], delimiter=delimiter))
    return Table(path, name, header, delimiter, body)


def _copy_xlsx(path: Path, copy: Path) -> None:
    try:
        import openpyxl  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise _missing("openpyxl", path) from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        raise InputError("not an xlsx workbook", where=path) from error
    with copy.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for row in book.worksheets[0].iter_rows(values_only=True):
            writer.writerow([_text(value) for value in row])
    book.close()


def _copy_parquet(path: Path, copy: Path) -> None:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an optional dependency
        from pyarrow import csv as arrow_csv  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise _missing("pyarrow", path) from error
    try:
        file = parquet.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError("not a parquet file", where=path) from error
    schema = pa.schema([(name, pa.string()) for name in file.schema_arrow.names])
    options = arrow_csv.WriteOptions(quoting_style="needed")
    with arrow_csv.CSVWriter(copy, schema, write_options=options) as writer:
        for batch in file.iter_batches():
            columns = [_as_text(column) for column in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def _copy_rows(source: Frame | Iterable[Mapping[str, object]], copy: Path) -> None:
    columns, rows = rows_of(source)
    with copy.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_text(value) for value in row] for row in rows)


def _as_text(column: object) -> object:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import compute  # noqa: PLC0415

    text = compute.cast(column, pa.string())
    return compute.fill_null(text, "")


def _text(value: object) -> str:
    """A cell of a workbook or a DataFrame as text; a date keeps its day only."""
    if value is None or is_missing(value):
        return ""
    if isinstance(value, bool) or type(value).__name__ == "bool":  # NumPy's is no bool
        return "yes" if value else "no"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:10]
    return str(value)


def _missing(package: str, path: Path) -> InputError:
    remedy = f"install it with: pip install 'recist[tables]', or save the table as CSV ({package})"
    return InputError(f"{package} is not installed", where=path, remedy=remedy)
