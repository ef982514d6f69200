"""No row of a table is lost: what leaves open where a row ends is refused with its row."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imaging.errors import InputError
from imaging.tables.chunk import Chunk
from imaging.tables.columns import Columns
from imaging.tables.held import HeldTable
from imaging.tables.limits import LONGEST_ROW_BYTES
from imaging.tables.source import chunks, opened, small_rows
from imaging.tables.text import ends_inside_quotes

COLUMNS = Columns(("subject", "size"), ("note",))
HEADER = "subject,day,size,note\n"


def written(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path | HeldTable) -> list[tuple[int, list[str]]]:
    """All rows of a table as the assessment reads them: in chunks of whole subjects."""
    with opened(path, COLUMNS) as table:
        return [row for chunk in chunks(table, 2) for row in chunk.rows(table.delimiter)]


def cells(path: Path) -> list[list[str]]:
    return [row for _, row in read(path)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
@pytest.mark.parametrize("note", ['lung 2"', 'a "thick" wall', "plain"])
@pytest.mark.parametrize("scattered", [False, True])
def test_every_row_is_read_whatever_ends_it_and_whatever_is_typed(
    tmp_path: Path, end: str, note: str, scattered: bool
) -> None:
    order = ("A", "B", "A", "B") if scattered else ("A", "A", "B", "B")
    lines = [f"{subject},{n},30,{note}" for n, subject in enumerate(order)]
    found = read(written(tmp_path, end.join([HEADER.strip(), *lines, ""])))
    assert sorted(number for number, _ in found) == [2, 3, 4, 5]
    assert all(row[3] == note for _, row in found)
    assert [row[0] for _, row in found] == ["A", "A", "B", "B"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('A,0,30,x\nA,56,60,"open\nB,0,30,x\n', "row 3: row 4 lies inside a quoted cell"),
        ('A,0,30,x\nA,56,60,"open\nand more\n', "row 3: a quotation mark is opened and never"),
        ('A,0,30,"one\nA,56,60,two"\nB,0,30,x\n', "row 2: row 3 lies inside a quoted cell"),
        ('A,0,30,"one"two\nB,0,30,x\n', "at row 2: cells that cannot be told apart"),
        ("A,0,30,a\rb\nA,56,60,x\n", "row 2: a carriage return amid the row"),
        ('A,0,30,a"\rb\nA,56,60,x\n', "row 2: a carriage return amid the row"),
        ('A,0,30,"a"x"\rb"\nA,56,60,x\n', "row 2: a carriage return amid the row"),
        ("A,0,30,x\nA,5\x006,60,x\n", "row 3: a NUL byte"),
        (f"A,0,30,{'x' * 200_000}\n", "cells that cannot be told apart: field larger"),
        (f'A,0,30,"{"x" * 200_000}"\n', "row 2: cells that cannot be told apart: field larger"),
        (f"A,0,30,{'x' * 3 * LONGEST_ROW_BYTES}\n", "row 2: a row of more than 1,000,000"),
    ],
)
def test_rows_that_cannot_be_told_apart_are_refused_by_name(
    tmp_path: Path, rows: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read(written(tmp_path, HEADER + rows))


def test_a_mark_that_is_never_closed_costs_no_time(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + 'A,0,30,"' + "\nnote" * 400_000)
    begun = time.process_time()
    with pytest.raises(InputError, match="never closed"):
        read(path)
    assert time.process_time() - begun < 20  # squared, it would be hours


def test_a_cell_over_several_lines_is_one_row(tmp_path: Path) -> None:
    found = read(written(tmp_path, HEADER + 'A,0,30,"two\nlines 2"" wide"\nB,0,20,x\n'))
    assert found == [(2, ["A", "0", "30", 'two\nlines 2" wide']), (4, ["B", "0", "20", "x"])]


@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.text(st.sampled_from('ab"\n ,;')), st.integers(0, 9)),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_a_csv_writer_writes_is_read_or_refused(rows: list[tuple[str, str, int]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(
        [name, 0, size, note] for name, note, size in rows
    )
    import tempfile  # noqa: PLC0415 - no fixture of a function under hypothesis

    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), HEADER + text.getvalue())
        try:
            found = cells(path)
        except InputError as error:
            assert "quot" in str(error)
            return
    wanted = [[name, "0", str(size), note] for name, note, size in rows]
    assert sorted(found) == sorted(wanted)


@given(st.text(st.sampled_from('a",\n')))
def test_quotes_are_followed_as_the_csv_module_follows_them(text: str) -> None:
    line = text.replace("\n", "") + "\n"
    lines = iter([line, '"\n', "end\n"])
    next(csv.reader(lines))
    consumed = 3 - len(list(lines))
    assert (consumed > 1) is ends_inside_quotes(line.encode(), b",")


@given(st.text(st.sampled_from('A",\r\n')))
@example('A,0,tr"\rtment\n')
@example('"A"\r"B",0\n')
def test_whatever_stands_in_a_table_is_read_or_refused(text: str) -> None:
    for column in ("subject", "note"):
        header = HEADER if column == "subject" else "note,day,size,subject\n"
        with contextlib.suppress(InputError):
            read(HeldTable("t.csv", (header + text).encode()))


@given(st.lists(st.text(st.sampled_from("aé ,;\t\u2028\x1c"), min_size=1), min_size=1))
def test_rows_without_quotes_are_those_of_the_csv_module(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    for end in ("\n", "\r\n"):
        chunk = Chunk([*range(2, len(lines) + 2)], text.replace("\n", end).encode())
        expected = csv.reader(io.StringIO(text, newline="\n"))
        assert list(chunk.rows(",")) == list(enumerate(expected, 2))


def test_a_chunk_that_has_more_rows_than_numbers_is_refused() -> None:
    with pytest.raises(InputError, match="told apart"):
        list(Chunk([2], b"A,0\nB,0\n").rows(","))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_text_as_excel_writes_it(tmp_path: Path, encoding: str) -> None:
    text = "subject;day;size;note\nMüller;0;30;größer – 5 µm\n"
    path = written(tmp_path, text.encode(encoding))
    assert cells(path) == [["Müller", "0", "30", "größer – 5 µm"]]
    with opened(path, COLUMNS) as table:
        assert [note.doubtful for note in table.notes] == {
            "utf-8-sig": [], "utf-16": [False], "cp1252": [True]
        }[encoding]  # fmt: skip


@pytest.mark.parametrize("junk", [b"\x81", b"\xc3\xbc \xff", b"\xa4\xd7\xac"])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, junk: bytes) -> None:
    with pytest.raises(InputError, match="not UTF-8 text"):
        read(written(tmp_path, HEADER.encode() + b"A,0,30," + junk + b"\n"))


def test_rows_above_the_header_are_left_out_and_told(tmp_path: Path) -> None:
    path = written(tmp_path, "sep=;\nStudy 7;;;\n\nsubject;day;size;note\nA;0;30;x\n")
    assert read(path) == [(5, ["A", "0", "30", "x"])]
    with opened(path, COLUMNS) as table:
        assert [note.what for note in table.notes] == ["2 rows above the header"]


def test_a_row_without_subject_stays_below_the_row_above_it(tmp_path: Path) -> None:
    text = HEADER + "A,0,30,x\nB,0,30,x\n,56,60,x\nA,56,30,x\n"
    assert [number for number, _ in read(written(tmp_path, text))] == [2, 5, 3, 4]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_blank_lines_count_as_lines_and_are_no_rows(tmp_path: Path, end: str) -> None:
    lines = ["", "A,0,30,x", "", "A,56,30,x", "  ", "B,0,30,x", "C", "C,0,30,x", ""]
    for order, numbers in ((lines, [3, 5, 7, 8, 9]), ([*lines, lines[3]], [3, 5, 11, 7, 8, 9])):
        path = written(tmp_path, end.join([HEADER.strip(), *order, ""]))
        assert [number for number, _ in read(path)] == numbers
    assert read(written(tmp_path, HEADER + "\n\n\n")) == []


def test_very_many_columns_are_refused_at_once(tmp_path: Path) -> None:
    names = ",".join(f"c{n}" for n in range(100_000))
    with pytest.raises(InputError, match="100004 columns, 16384 at most"):
        read(written(tmp_path, f"{HEADER.strip()},{names}\nA,0,30,x\n"))


def test_a_table_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "A,0,30,x\nB,0,30,x\n")
    with opened(path, COLUMNS) as table:
        parts = chunks(table, 1)
        next(parts)
        path.write_text(HEADER + "A,0,30,x\nB,0,99,x\n")
        os.utime(path, ns=(1, 1))
        with pytest.raises(InputError, match=r"t\.csv: the table changed while it was read"):
            list(parts)


def test_a_small_table_by_name(tmp_path: Path) -> None:
    columns = Columns(("subject",), ("size",), is_dated=False)
    path = written(tmp_path, "Subject, SIZE ,other\nA,3\n,,\nB\n")
    assert small_rows(path, columns) == [
        (2, {"subject": "A", "size": "3"}),
        (4, {"subject": "B", "size": ""}),
    ]
    with pytest.raises(InputError, match="row 2: 4 cells under 3"):
        small_rows(written(tmp_path, "subject,size,other\nA,3,x,y\n"), columns)
