"""A disk that fills up at any step: the earlier results stay whole, and the failure is named."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imaging import writing
from imaging.catalogue import scan
from imaging.writing import WriteError
from recist.patient import pipeline
from recist.patient.options import Options
from recist.patient.pipeline import assess_subject
from recist.phantom.small import write_small_patient
from recist.protocol import load
from recist.run import batch
from recist.run.batch import RUN
from recist.run.table import assess_file

HEADER = "subject,day,lesion,role,organ,nodal,status,diameter_mm\n"
ROWS = "".join(f"P{n},{day},T1,target,liver,no,measured,30\n" for n in range(3) for day in (0, 56))


PLACES = 10


class Disk:
    """Lets so many steps of writing succeed, and none after."""

    def __init__(self, room: int) -> None:
        self.room = room

    def step(self, *_: Any) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")


def fill(monkeypatch: pytest.MonkeyPatch, disk: Disk) -> None:
    """Every piece of bytes that is written takes a step of the disk."""
    fdopen = os.fdopen

    class Full(io.BufferedWriter):
        def write(self, data: Any) -> int:
            disk.step()
            return super().write(data)

    def opened(handle: int, mode: str = "r", *given: Any, **named: Any) -> Any:
        if mode != "wb":
            return fdopen(handle, mode, *given, **named)
        return Full(fdopen(handle, mode, buffering=0))  # type: ignore[type-var]

    monkeypatch.setattr(writing.os, "fdopen", opened)


def files_of(out: Path, *but: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in but
    }


@pytest.mark.parametrize("room", range(PLACES))
def test_a_disk_that_is_full_leaves_the_earlier_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    source, out = tmp_path / "t.csv", tmp_path / "out"
    source.write_text(HEADER + ROWS)
    assess_file(source, out, with_json=True)
    before = files_of(out)
    source.write_text(HEADER + ROWS.replace("30", "20"))
    fill(monkeypatch, Disk(room))
    with pytest.raises(WriteError, match="No space left on device"):
        assess_file(source, out, with_json=True)
    assert files_of(out) == before


# --- the main job -----------------------------------------------------------------------------

OPTIONS = Options(lesions="dicom", criteria=("recist11",), protocol=load("recist11-eortc"))


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small patient, assessed once: (studies, how it is answered)."""
    studies = tmp_path_factory.mktemp("studies")
    write_small_patient(studies / "A", "A")
    (subject,) = scan(studies).subjects
    answer = assess_subject(subject, OPTIONS)
    return studies, answer


@pytest.fixture(scope="module")
def run(patient: Any) -> Iterator[Any]:
    """The main job on that patient, who is not assessed again."""
    studies, answer = patient
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "assess_subject", lambda *_, **__: answer)
        yield lambda out, **given: batch.run(studies, out, OPTIONS, **given)


@pytest.fixture(scope="module")
def counted(run: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """What a whole run writes, and in how many pieces."""
    out = tmp_path_factory.mktemp("counted") / "out"
    with pytest.MonkeyPatch.context() as patch:
        plenty = Disk(10**9)
        fill(patch, plenty)
        run(out)
    return out, 10**9 - plenty.room


@pytest.mark.parametrize("place", range(PLACES))
def test_the_main_job_on_a_full_disk_is_named_and_goes_on_when_there_is_room(
    run: Any,
    counted: tuple[Path, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: int,
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    earlier, steps = counted
    whole = files_of(earlier, RUN)
    assert {"A/report.html", "A/measurements.csv", "A/fingerprint.json", "summary.csv"} <= {*whole}
    assert any(name.endswith(".dcm") for name in whole)
    shutil.copytree(earlier, again)
    room = steps * place // PLACES
    for folder in (out, again):  # nothing there before, and results of an earlier run
        with monkeypatch.context() as patch:
            fill(patch, Disk(room))
            try:
                found = run(folder)
            except WriteError as error:
                assert "No space left on device" in str(error)
            else:
                assert found.exit_code == 2
                assert any("No space left on device" in str(each) for each in found.failures)
    # What an earlier run left is whole, or of this one: never a mixture, nothing half written.
    assert files_of(again, RUN, "summary.csv").items() <= whole.items()
    assert set(files_of(out, RUN, "summary.csv")) <= {*whole}
    assert files_of(again / "A") == {
        name.removeprefix("A/"): content for name, content in whole.items() if "A/" in name
    }
    run(out, resume=True)
    assert files_of(out, RUN) == whole
    assert not list(out.glob(".*"))
