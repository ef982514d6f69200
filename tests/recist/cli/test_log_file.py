"""``--log-file``: what was asked, said and came of it; and completion of words in the shell."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from imaging.errors import InputError
from recist.cli import log, main

TABLE = """\
subject,day,lesion,role,organ,nodal,status,diameter_mm
P1,0,T1,target,liver,no,measured,60.0
P1,56,T1,target,liver,no,measured,30.0
P2,0,T1,target,liver,no,measured,sixty
"""


def recist(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    """The exit code of a command as the user starts it."""
    monkeypatch.setattr(sys, "argv", ["recist", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_command_is_logged_from_its_words_to_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.csv").write_text(TABLE)
    path = tmp_path / "recist.log"
    words = ("assess", tmp_path / "m.csv", "-o", tmp_path / "out")
    code = recist(monkeypatch, "--log-file", path, *words)
    first, *middle, last = path.read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO ", line) for line in middle)
    assert first.endswith(f"assess {tmp_path / 'm.csv'} -o {tmp_path / 'out'}")
    assert any("sixty" in line for line in middle)
    assert any("1 of 2 subjects assessed" in line for line in middle)
    assert code == 1
    assert re.search(r"exit code 1 after \d+\.\d s$", last)


def test_a_second_command_is_written_below_the_first_and_a_refusal_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "recist.log"
    path.write_text("what was there before\n")
    code = recist(monkeypatch, "--log-file", path, "assess", tmp_path / "none.csv", "-o", tmp_path)
    assert code == 2
    before, *lines = path.read_text().splitlines()
    assert before == "what was there before"
    assert any(" ERROR " in line and "none.csv" in line for line in lines)
    assert "exit code 2" in lines[-1]


def test_nothing_is_written_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recist(monkeypatch, "assess", "none.csv", "-o", "out")
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        log.begin(tmp_path / "no such folder" / "recist.log")


@pytest.mark.parametrize(
    ("shell", "words", "expected"),
    [
        ("bash", "recist ass", {"assess", "assess-pet"}),
        ("bash", "recist assess --proto", {"--protocol"}),
        ("zsh", "recist outc", {"outcomes"}),
        ("fish", "recist forec", {"forecast"}),
    ],
)
def test_the_shell_completes_commands_and_options(
    shell: str, words: str, expected: set[str]
) -> None:
    typed = words.split()
    environment = {
        "_RECIST_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words, "COMP_CWORD": str(len(typed) - 1),
        "_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }  # fmt: skip
    code = "import sys; sys.argv[0] = 'recist'; from recist.cli import app; app(prog_name='recist')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    found = set(re.findall(r"[\w-]+", done.stdout))
    assert expected <= found, done.stdout + done.stderr
