"""Headers kept between scans: the same catalogue, and nothing read that did not change."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from imaging import header_index, tree
from imaging.catalogue import Catalogue, scan
from imaging.header import read_header
from imaging.header_index import HeaderIndex
from imaging.header_packing import unpacked
from imaging.header_pattern import HeaderReader
from imaging.tree import references_of


@pytest.fixture(autouse=True)
def _small_trees_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header_index, "WORTH_KEEPING", 1)


@pytest.fixture
def studies(dicom) -> Path:
    """A CT, an RTSTRUCT that refers to it and a file of another kind, all settled for an hour."""
    images = dicom.ct("P1/CT", frame="f")
    dicom.object("RTSTRUCT", "P1/RT", refers_to=images[0], frame="f")
    (dicom.root / "P1" / "notes.txt").write_text("no DICOM")
    for path in dicom.root.rglob("*"):
        settle(path)
    return dicom.root


def settle(path: Path, seconds: int = 3600) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - seconds * 10**9))


def told(catalogue: Catalogue) -> object:
    """All that a catalogue says, without the objects themselves."""
    return [
        (subject.id, visit.date, visit.ct and visit.ct.files, visit.rtstructs, subject.rejected)
        for subject in catalogue.subjects
        for visit in subject.visits
    ], [problem for problem in catalogue.problems if "index of headers" not in problem.what]


def remarks(catalogue: Catalogue) -> list[str]:
    return [problem.what for problem in catalogue.problems if "index of headers" in problem.what]


def kept_names(index: Path) -> set[str]:
    with sqlite3.connect(index) as base:
        parts = [content for (content,) in base.execute("SELECT content FROM part")]
    return {name for content in parts for name in unpacked("", content) or ()}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose headers, and references, are read."""
    seen: list[str] = []
    header, references = HeaderReader.read, tree.references_of

    def read_header(own: HeaderReader, path: str):
        seen.append(Path(path).name)
        return header(own, path)

    def references_of(path: str):
        seen.append(f"references of {Path(path).name}")
        return references(path)

    monkeypatch.setattr(HeaderReader, "read", read_header)
    monkeypatch.setattr(tree, "references_of", references_of)
    return seen


def test_a_second_scan_says_the_same_and_reads_nothing(studies: Path, tmp_path, read) -> None:
    plain = scan(studies)
    first = scan(studies, index_file=tmp_path / "i.sqlite")
    assert len(read) == 2 * (6 + 1 + 1 + 1)  # images, object, its references, other: twice
    read.clear()
    second = scan(studies, index_file=tmp_path / "i.sqlite")
    assert read == []
    assert told(plain) == told(first) == told(second)
    assert told(plain)[0]  # type: ignore[index]
    assert remarks(first) == remarks(second) == []


def test_only_what_changed_is_read_again_and_what_is_gone_is_forgotten(
    studies: Path, tmp_path, read
) -> None:
    index = tmp_path / "i.sqlite"
    scan(studies, index_file=index)
    images = sorted((studies / "P1" / "CT").iterdir())
    images[1].unlink()
    settle(images[2], -1800)
    images[3].write_bytes(images[3].read_bytes())  # changed just now: read again the next time too
    read.clear()
    second = scan(studies, index_file=index)
    assert sorted(read) == [images[2].name, images[3].name]
    assert told(second) == told(scan(studies))
    read.clear()
    scan(studies, index_file=index)
    assert read == [images[3].name]
    assert images[1].name not in kept_names(index)
    assert images[4].name in kept_names(index)


def test_a_folder_that_was_moved_is_read_at_its_new_place(studies: Path, tmp_path, read) -> None:
    index = tmp_path / "i.sqlite"
    scan(studies, index_file=index)
    shutil.move(studies / "P1", studies / "P2")
    read.clear()
    assert told(scan(studies, index_file=index)) == told(scan(studies))
    assert len(read) == 2 * 9


@pytest.mark.parametrize("size", [0, 1, 50, 4096, 9000])
def test_a_damaged_index_is_named_and_made_anew(studies: Path, tmp_path, read, size: int) -> None:
    index = tmp_path / "i.sqlite"
    scan(studies, index_file=index)
    whole = index.read_bytes()
    index.write_bytes(whole[:size] if size < 4096 else whole[:100] + b"\x07" * size)
    expected = told(scan(studies))
    again = scan(studies, index_file=index)
    assert told(again) == expected
    if size > 1:  # a file of hardly anything is an index that holds nothing
        assert "damaged" in remarks(again)[0]
    scan(studies, index_file=index)
    read.clear()
    last = scan(studies, index_file=index)
    assert (read, remarks(last)) == ([], [])


@pytest.mark.parametrize("place", [0, 3, 20, 400, -1])
def test_a_part_whose_bytes_changed_is_read_from_its_files(
    studies: Path, tmp_path, read, place: int
) -> None:
    index = tmp_path / "i.sqlite"
    scan(studies, index_file=index)
    with sqlite3.connect(index) as base:
        longest = "SELECT id, content FROM part ORDER BY length(content) DESC"
        number, content = base.execute(longest).fetchone()
        damaged = bytearray(content)
        damaged[place] ^= 1
        base.execute("UPDATE part SET content = ? WHERE id = ?", (bytes(damaged), number))
    read.clear()
    found = scan(studies, index_file=index)
    assert len(read) == 6
    assert told(found) == told(scan(studies))
    read.clear()
    scan(studies, index_file=index)
    assert read == []


def test_a_folder_of_many_files_is_kept_in_parts(dicom, tmp_path, read, monkeypatch) -> None:
    monkeypatch.setattr(header_index, "TOGETHER", 3)
    files = dicom.ct("P1/CT", slices=20)
    index = tmp_path / "i.sqlite"
    held: list[int] = []
    packed = header_index.packed
    monkeypatch.setattr(header_index, "packed", lambda rows: held.append(len(rows)) or packed(rows))
    for file in files:
        settle(file)
    scan(dicom.root, index_file=index)
    assert held == [6, 6, 6, 2]
    for gone in (*files[5:14], files[19]):  # a part and its neighbours, and the last file
        gone.unlink()
    for name in ("000a.dcm", "003a.dcm", "004.dcm", "zzz.dcm"):  # before, between and after parts
        shutil.copyfile(files[1], files[0].with_name(name))
        settle(files[0].with_name(name))
    held.clear()
    read.clear()
    assert told(scan(dicom.root, index_file=index)) == told(scan(dicom.root))
    assert set(read[:4]) == {"000a.dcm", "003a.dcm", "004.dcm", "zzz.dcm"}
    assert max(held) <= 6
    assert kept_names(index) == {file.name for file in files[0].parent.iterdir()}
    read.clear()
    scan(dicom.root, index_file=index)
    assert read == []


def test_an_index_of_another_release_is_made_anew(studies: Path, tmp_path, read, monkeypatch):
    index = tmp_path / "i.sqlite"
    scan(studies, index_file=index)
    monkeypatch.setattr(header_index, "VERSION", header_index.VERSION ^ 1)
    read.clear()
    assert "another release" in remarks(scan(studies, index_file=index))[0]
    assert len(read) == 9
    read.clear()
    assert remarks(scan(studies, index_file=index)) == []
    assert read == []


def test_an_index_that_another_run_holds_is_gone_without(studies: Path, tmp_path, monkeypatch):
    index = tmp_path / "i.sqlite"
    monkeypatch.setattr(header_index, "WAIT_SECONDS", 0.05)
    scan(studies, index_file=index)
    other = sqlite3.connect(index)
    other.execute("BEGIN IMMEDIATE")
    found = scan(studies, index_file=index)
    other.close()
    assert told(found) == told(scan(studies))
    assert "was not used" in remarks(found)[0]


def test_a_small_tree_keeps_no_index_and_the_file_is_the_owners_alone(
    studies: Path, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(header_index, "WORTH_KEEPING", 9)
    scan(studies, index_file=tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
    monkeypatch.setattr(header_index, "WORTH_KEEPING", 8)
    scan(studies, index_file=tmp_path / "kept.sqlite")
    assert (tmp_path / "kept.sqlite").stat().st_mode & 0o077 == 0


def test_a_header_comes_back_as_it_was(dicom, tmp_path) -> None:
    """Of several series and kinds in one folder, with names that are no text."""
    images = dicom.ct("A", slices=3) + dicom.pet("A", slices=3, name="P{k}.dcm")
    images.append(dicom.object("RTSTRUCT", "A", refers_to=images[0]))
    for name in (b"z\xff.dcm", b"\xc3\xa4.dcm"):
        images.append(Path(os.fsdecode(os.fsencode(images[0].parent) + b"/" + name)))
        shutil.copyfile(images[0], images[-1])
    paths = sorted(map(str, images))
    for path in paths:
        settle(Path(path))
    for n in range(2):
        index = HeaderIndex(tmp_path / "i.sqlite", read_header, references_of)
        for path in paths:
            kept, plain = index.header(path), read_header(path)
            for name in ("path", "transfer_syntax", "size", "pixel_offset", "pixel_bytes"):
                assert getattr(kept, name) == getattr(plain, name)
            assert [*kept.elements.items()] == [*plain.elements.items()]
        assert index.known == n * len(paths)
        index.close()
