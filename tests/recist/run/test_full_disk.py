"""A disk that fills up at any step: the earlier results stay whole, and the failure is named."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from imaging import writing
from imaging.writing import WriteError
from recist.run.table import assess_file

HEADER = "subject,day,lesion,role,organ,nodal,status,diameter_mm\n"
ROWS = "".join(f"P{n},{day},T1,target,liver,no,measured,30\n" for n in range(3) for day in (0, 56))


class Disk:
    """Lets so many steps of writing succeed, and none after."""

    def __init__(self, room: int) -> None:
        self.room = room

    def step(self, *_: Any) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("room", range(10))
def test_a_disk_that_is_full_leaves_the_earlier_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    source, out = tmp_path / "t.csv", tmp_path / "out"
    source.write_text(HEADER + ROWS)
    assess_file(source, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    source.write_text(HEADER + ROWS.replace("30", "20"))
    disk, fdopen = Disk(room), os.fdopen

    class Full(io.BufferedWriter):
        def write(self, data: Any) -> int:
            disk.step()
            return super().write(data)

    def opened(handle: int, mode: str) -> Any:
        return Full(fdopen(handle, mode, buffering=0))  # type: ignore[type-var]

    monkeypatch.setattr(writing.os, "fdopen", opened)
    with pytest.raises(WriteError, match="No space left on device"):
        assess_file(source, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
