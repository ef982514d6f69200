"""Workbooks and parquet files: the table they show is the table that is read."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from imaging.errors import InputError
from imaging.tables.columns import Columns
from imaging.tables.source import chunks, opened

COLUMNS = Columns(("subject", "size"), ("note",))
HEAD = ["subject", "date", "size"]
ROWS = [["A", "2024-01-01", 30], ["A", "2024-03-01", 7.56], ["B", "2024-01-01", 20]]


def read(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """All rows with their numbers, and what was said of the table."""
    with opened(path, COLUMNS) as table:
        rows = [row for chunk in chunks(table) for row in chunk.rows(table.delimiter)]
        return rows, [note.what for note in table.notes]


def workbook(folder: Path, fill: Callable[[Any], None]) -> Path:
    book = openpyxl.Workbook()
    fill(book)
    book.save(folder / "t.xlsx")
    return folder / "t.xlsx"


def changed(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """The workbook with one of its parts changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def plain(book: Any) -> None:
    for row in [HEAD, *ROWS]:
        book.active.append(row)


SHEET = "xl/worksheets/sheet1.xml"
AS_TEXT = [(n, [row[0], row[1], str(row[2])]) for n, row in enumerate(ROWS, start=2)]


@pytest.mark.parametrize("recorded", [b"A1:B2", b"A1", b"A1:XFD1048576"])
def test_a_sheet_is_as_large_as_its_cells_whatever_is_recorded(
    tmp_path: Path, recorded: bytes
) -> None:
    path = changed(
        workbook(tmp_path, plain),
        SHEET,
        lambda xml: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="' + recorded + b'"', xml),
    )
    assert read(path)[0] == AS_TEXT


def test_title_rows_and_further_sheets(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        book.active.append(["Study 7"])
        book.active.append([])
        plain(book)
        book.create_sheet("notes").append(["who", "what"])

    rows, said = read(workbook(tmp_path, fill))
    assert rows == [(number + 2, row) for number, row in AS_TEXT]
    assert said == ["sheet 'Sheet' is read, of 2 with cells", "the header is in row 3"]


def test_the_sheet_is_the_one_with_the_header(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        book.active.append(["read me"])
        for row in [HEAD, *ROWS]:
            (book["data"] if "data" in book.sheetnames else book.create_sheet("data")).append(row)

    assert read(workbook(tmp_path, fill))[0] == AS_TEXT


def test_two_sheets_with_the_table_are_asked_about(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        plain(book)
        book.create_sheet("week 8").append(HEAD)

    with pytest.raises(InputError, match="2 sheets hold the table: 'Sheet', 'week 8'"):
        read(workbook(tmp_path, fill))


def test_merged_cells_repeat_what_they_show(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        plain(book)
        book.active.merge_cells("A2:A3")

    rows, said = read(workbook(tmp_path, fill))
    assert rows == AS_TEXT
    assert said == ["1 merged cells repeat the value that they show"]


@pytest.mark.parametrize("epoch", [None, openpyxl.utils.datetime.MAC_EPOCH])
def test_day_counts_and_dates_with_a_time_are_dates(
    tmp_path: Path, epoch: dt.datetime | None
) -> None:
    first = dt.datetime(2024, 1, 1, 9, 30)

    def fill(book: Any) -> None:
        if epoch is not None:
            book.epoch = epoch
        book.active.append(HEAD)
        book.active.append(["A", first, 30])
        book.active.append(["A", (first - book.epoch).days + 60, 20])

    rows, said = read(workbook(tmp_path, fill))
    assert [row[1] for _, row in rows] == ["2024-01-01", "2024-03-01"]
    assert said == ["1 dates are day counts of Excel"]


def test_a_far_cell_is_no_table_of_that_size(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        plain(book)
        book.active["XFD200000"] = " "

    assert read(workbook(tmp_path, fill))[0][:3] == AS_TEXT


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]>' % b"".join(
    b'<!ENTITY %c "%s">' % (n, b"&%c;" % (n - 1) * 10) for n in range(ord("b"), ord("k"))
)


@pytest.mark.parametrize(
    "entities", [ENTITIES, b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hosts">]>']
)
def test_entities_are_refused_unread(tmp_path: Path, entities: bytes) -> None:
    path = changed(
        workbook(tmp_path, plain),
        SHEET,
        lambda xml: xml.replace(b"<worksheet", entities + b"<worksheet", 1),
    )
    with pytest.raises(InputError, match="declares XML entities"):
        read(path)


def test_a_workbook_that_unpacks_to_fill_memory_is_refused(tmp_path: Path) -> None:
    path = changed(workbook(tmp_path, plain), SHEET, lambda xml: xml + b" " * 150_000_000)
    with pytest.raises(InputError, match="bytes packed into"):
        read(path)


@pytest.mark.parametrize("damage", [lambda xml: xml[: len(xml) // 2], lambda _: b"\xff\x00"])
def test_a_damaged_workbook_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InputError, match="not an xlsx workbook"):
        read(changed(workbook(tmp_path, plain), SHEET, damage))


NESTED = {
    "list": pa.array([[1], [2, 3]]),
    "record": pa.array([{"a": 1}, {"a": 2}]),
    "bytes": pa.array([b"\xff\xfe", b"x"], pa.binary()),
}


@pytest.mark.parametrize("kind", NESTED)
def test_columns_of_a_parquet_file_that_are_no_text(tmp_path: Path, kind: str) -> None:
    table = {"subject": ["A", "A"], "day": [0, 56], "size": [30.0, None], "other": NESTED[kind]}
    parquet.write_table(pa.table(table), tmp_path / "t.parquet")
    rows, said = read(tmp_path / "t.parquet")
    assert rows == [(2, ["A", "0", "30", ""]), (3, ["A", "56", "", ""])]
    parquet.write_table(pa.table(table | {"size": NESTED[kind]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"column 'size' holds .*, no text and no numbers"):
        read(tmp_path / "t.parquet")
    assert said == []


def test_categories_and_dates_of_a_parquet_file(tmp_path: Path) -> None:
    table = {
        "subject": pa.array(["A", "B"]).dictionary_encode(),
        "date": pa.array([dt.date(2024, 1, 1)] * 2),
        "size": pa.array(["30", "20"], pa.large_string()),
    }
    parquet.write_table(pa.table(table), tmp_path / "t.parquet")
    rows, _ = read(tmp_path / "t.parquet")
    assert [row for _, row in rows] == [["A", "2024-01-01", "30"], ["B", "2024-01-01", "20"]]


def test_hidden_rows_are_read_and_told(tmp_path: Path) -> None:
    """A filter hides rows; whoever filtered may think that they are gone."""

    def filtered(book: Any) -> None:
        plain(book)
        book.active.auto_filter.ref = "A1:C4"
        book.active.row_dimensions[3].hidden = True

    found, said = read(workbook(tmp_path, filtered))
    assert found == AS_TEXT
    assert said == ["1 hidden rows are read too"]


def test_an_identifier_that_excel_made_a_date_is_told(tmp_path: Path) -> None:
    def turned(book: Any) -> None:
        book.active.append(HEAD)
        book.active.append([dt.datetime(2024, 3, 1), "2024-01-01", 30])

    found, said = read(workbook(tmp_path, turned))
    assert found[0][1][0] == "2024-03-01"
    assert said == ["1 identifiers are dates: Excel turns 3-1 into one"]


def test_cells_are_read_as_they_look(tmp_path: Path) -> None:
    def unseen(book: Any) -> None:
        for row in (HEAD, ["A\u200b", "2024-01-01", 30], ["A", "2024-03-01\u00a0", "7.56"]):
            book.active.append(row)

    found, _ = read(workbook(tmp_path, unseen))
    assert [row[0] for _, row in found] == ["A", "A"]
    assert found[1][1][1].strip() == "2024-03-01"


def reordered(xml: bytes) -> bytes:
    """The last two rows in the order of the last and the one before."""
    *_, one, two = re.findall(rb"<row .*?</row>", xml)
    return xml.replace(one + two, two + one)


def numbered_twice(xml: bytes) -> bytes:
    return xml.replace(b'r="4"', b'r="3"').replace(b'"A4"', b'"A3"').replace(b'"B4"', b'"B3"')


def cells_turned(xml: bytes) -> bytes:
    *_, last = re.findall(rb"<row .*?</row>", xml)
    inner = re.findall(rb"<c .*?</c>", last)
    return xml.replace(b"".join(inner), b"".join(inner[::-1]))


def of_another_row(xml: bytes) -> bytes:
    return xml.replace(b'"C4"', b'"C9"')


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (reordered, "row 3 comes after row 4"),
        (numbered_twice, "row 3 comes after row 3"),
        (cells_turned, "cell B4 stands out of its place in row 4"),
        (of_another_row, "cell C9 stands out of its place in row 4"),
    ],
)
def test_rows_that_a_stream_of_the_sheet_would_lose_are_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    path = changed(workbook(tmp_path, plain), SHEET, change)
    with pytest.raises(InputError, match=said):
        read(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("blanks", [0, 10_000])
def test_entities_are_refused_wherever_and_however_they_are_declared(
    tmp_path: Path, encoding: str, blanks: int
) -> None:
    def declare(xml: bytes) -> bytes:
        body = xml.decode().partition("?>")[2] if xml.startswith(b"<?xml") else xml.decode()
        head = f'<?xml version="1.0" encoding="{encoding}"?>' + " " * blanks
        return (head + '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + body).encode(encoding)

    path = changed(workbook(tmp_path, plain), SHEET, declare)
    with pytest.raises(InputError, match=r"sheet1\.xml declares XML entities"):
        read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml.replace(b'<mergeCell ref="A2:A3"', b"<mergeCell ref='A2:A3'"),
        lambda xml: (
            xml.decode().replace("utf-8", "utf-16").replace("UTF-8", "UTF-16").encode("utf-16")
        ),
    ],
)
def test_merged_cells_are_known_however_the_sheet_is_written(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    def fill(book: Any) -> None:
        plain(book)
        book.active.merge_cells("A2:A3")

    path = changed(workbook(tmp_path, fill), SHEET, change)
    rows, _ = read(path)
    assert [cells[0] for _, cells in rows] == ["A", "A", "B"]


@pytest.mark.parametrize("rows", [3, 30_000])
def test_a_parquet_file_that_unpacks_to_any_size_is_refused_before_it_is_unpacked(
    tmp_path: Path, rows: int
) -> None:
    once = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 2_000_000])
    held = pa.table({"subject": once, "date": ["2024-01-01"] * rows, "size": [3.0] * rows})
    parquet.write_table(held, tmp_path / "t.parquet")
    with pytest.raises(InputError, match="holds a value of 2,000,000 bytes"):
        read(tmp_path / "t.parquet")


def test_columns_of_a_parquet_file_that_are_not_read_are_never_unpacked(tmp_path: Path) -> None:
    long = ["x" * 20_000_000, "a\0b", "\n"]
    held = pa.table(
        {"subject": ["A"] * 3, "date": ["2024-01-01"] * 3, "size": [3.0] * 3, "z": long}
    )
    parquet.write_table(held, tmp_path / "t.parquet", compression="zstd")
    assert [cells for _, cells in read(tmp_path / "t.parquet")[0]] == [
        ["A", "2024-01-01", "3", ""]
    ] * 3


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


def sharing(path: Path, word: str, text: str) -> Path:
    """The workbook with every cell that holds a word pointing at one text, as Excel writes them."""
    inline = f't="inlineStr"><is><t>{word}</t></is>'.encode()
    changed(path, SHEET, lambda xml: xml.replace(inline, b't="s"><v>0</v>'))
    link = f'<Relationship Id="rId99" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
    end = b"</Relationships>"
    changed(path, "xl/_rels/workbook.xml.rels", lambda xml: xml.replace(end, link.encode() + end))
    part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{KIND}"/></Types>'
    changed(path, "[Content_Types].xml", lambda xml: xml.replace(b"</Types>", part.encode()))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/sharedStrings.xml", f'<sst xmlns="{MAIN}"><si><t>{text}</t></si></sst>'
        )
    return path


def test_one_long_text_that_many_cells_point_at_is_not_written_out_for_each(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        book.active.append([*HEAD, "comment"])
        for _ in range(2000):
            book.active.append([*ROWS[0], "x"])

    rows, _ = read(sharing(workbook(tmp_path, fill), "x", "x" * 900_000))
    assert {len(cells[3]) for _, cells in rows} == {100}
    with pytest.raises(InputError, match="row 2: a cell of 40,000 characters"):
        read(sharing(workbook(tmp_path, plain), "A", "A" * 40_000))


def test_merged_ranges_that_overlap_are_refused(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        plain(book)
        book.active.merge_cells("A2:A3")

    path = changed(
        workbook(tmp_path, fill),
        SHEET,
        lambda xml: xml.replace(b"</mergeCells>", b'<mergeCell ref="A3:B4"/></mergeCells>'),
    )
    with pytest.raises(InputError, match="merged ranges overlap in row 3"):
        read(path)
