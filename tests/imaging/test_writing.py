"""A file is written whole or not at all, as the user's umask says, and a full disk is named."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imaging.writing import WriteError, remove_unfinished, write_text, written_whole


@pytest.fixture(params=[0o022, 0o077, 0o007])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    mask: int = request.param
    before = os.umask(mask)
    yield mask
    os.umask(before)


def test_a_file_is_open_to_whom_the_umask_says(tmp_path: Path, umask: int) -> None:
    path = write_text(tmp_path / "new" / "table.csv", "a\n")
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert path.read_bytes() == b"a\n"


def test_the_earlier_file_stays_where_writing_fails(tmp_path: Path) -> None:
    path = write_text(tmp_path / "table.csv", "old")
    refused = pytest.raises(WriteError, match=r"table\.csv: cannot be written: No space")
    with refused, written_whole(path) as file:
        file.write(b"new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fills_up_at_any_step_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", full) if step == "fsync" else (Path, "replace", full)))
    with pytest.raises(WriteError, match="No space"):
        write_text(tmp_path / "table.csv", "text")
    assert not list(tmp_path.iterdir())


def test_what_takes_its_place_has_reached_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("sync"), fsync(handle))[1])
    monkeypatch.setattr(
        Path, "replace", lambda old, new: (steps.append("rename"), replace(old, new))[1]
    )
    write_text(tmp_path / "table.csv", "text")
    assert steps == ["sync", "rename", "sync"]


def test_a_name_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    assert write_text(tmp_path / ("n" * 255), "text").read_text() == "text"


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    with written_whole(tmp_path / "table.csv") as file:
        file.write(b"a\n")
        (unfinished,) = tmp_path.iterdir()
        left = tmp_path / unfinished.name.replace("table.csv", "summary.csv")
        left.write_bytes(b"half of")
    others = {".headers.sqlite", ".notes.txt", "table.csv"}
    for name in others - {"table.csv"}:
        (tmp_path / name).write_text("kept")
    remove_unfinished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == others
