"""What reaches the terminal and the log: no control characters, nothing endless, no mark-up."""

from __future__ import annotations

import csv
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.config import disable_value_validation

from imaging.errors import LONGEST_LINE, LONGEST_WORD, cut, printable
from recist.phantom.small import write_small_patient
from tests.recist.cli.test_log_file import TABLE, recist

#: As long as a header could make it, of words that are no line ends.
LONG_ID = "X" * 5_000
SPACED_ID = ("patient of the ward " * 250).strip()
COMMANDS = "\x1b[2J\x07 [red]P1[/]"


@given(st.text(max_size=6_000))
def test_a_printed_text_is_short_and_commands_nothing(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable() or not shown
    assert len(shown) <= LONGEST_LINE
    assert all(len(word) <= LONGEST_WORD for word in shown.split())


def test_what_is_cut_keeps_both_ends_and_says_how_much_is_missing() -> None:
    assert cut("short", 100) == "short"
    shown = cut("a" * 500 + "b" * 500, 100)
    assert shown == f"{'a' * 50}[925 more characters]{'b' * 25}"


@pytest.mark.parametrize(
    ("command", "given_id"),
    [("dry run", LONG_ID), ("dry run", COMMANDS), ("run", LONG_ID), ("run", SPACED_ID)],
    ids=["dry run, long", "dry run, commands", "run, long", "run, spaced"],
)
def test_a_patient_id_of_any_length_is_printed_short(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    given_id: str,
) -> None:
    write_small_patient(tmp_path / "studies", "P1")
    for path in (tmp_path / "studies").rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        with disable_value_validation():  # the standard allows 64 characters
            dataset.PatientID = dataset.SeriesDescription = given_id
            dataset.save_as(path)
    for path in (tmp_path / "studies").glob("*/CT/ct_01*.dcm"):
        path.unlink()  # so that the patient fails, and is named
    out = tmp_path / "out"
    more = ["--dry-run"] if command == "dry run" else []
    log = tmp_path / "log.txt"
    words = ["run", tmp_path / "studies", "-o", out, "--lesions", "dicom", *more]
    recist(monkeypatch, "--log-file", log, *words)
    printed = "".join(capsys.readouterr())
    for text in (printed, log.read_text(encoding="utf-8")):
        lines = text.splitlines()
        assert max(map(len, lines), default=0) < LONGEST_LINE + 100
        assert not any(c in text for c in "\x07\x1b")
    assert len(printed) < 30_000
    if command == "run":
        assert all(len(path.name) < 100 for path in out.rglob("*"))
        with (out / "summary.csv").open(newline="", encoding="utf-8") as file:
            assert next(csv.DictReader(file))["status"] == "failed"


def test_square_brackets_of_a_folder_are_no_mark_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.csv").write_text(TABLE)
    assert recist(monkeypatch, "assess", tmp_path / "m.csv", "-o", tmp_path / "[red] x [") == 1
    assert "[red] x [" in "".join(capsys.readouterr())


@pytest.mark.posix
@pytest.mark.parametrize("place", ["table", "out"])
def test_a_name_that_no_file_can_have_is_refused_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
) -> None:
    (tmp_path / "m.csv").write_text(TABLE)
    (tmp_path / "studies").mkdir()
    long = tmp_path / ("x" * 300)
    words = {
        "table": ["assess", f"{long}.csv", "-o", tmp_path / "out"],
        "out": ["run", tmp_path / "studies", "-o", long, "--lesions", "dicom"],
    }[place]
    assert recist(monkeypatch, *words) == 2
    (line,) = [each for each in "".join(capsys.readouterr()).splitlines() if each.strip()]
    assert line.startswith("recist: ")
    assert "File name too long" in line
