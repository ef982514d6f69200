"""The last line of a run says what was left out, whatever becomes of the workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = """
import os
import pytest

@pytest.mark.gpu
def test_on_a_device(): ...

@pytest.mark.parametrize("k", range(6))
def test_here(k):
    if {dies}:
        os._exit(3)
"""
INI = "[pytest]\nmarkers =\n    gpu: needs one\n"
#: Plugins that nothing here needs load in each process: those named alone.
PLAIN = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
NO_GPU = "\nNEEDS = dict(NEEDS, gpu=(lambda _: False, 'a CUDA device'))\n"


def last_line(folder: Path, dies: str, *options: str) -> str:
    """Of a run of seven tests, of which one needs what is not here and some end their process."""
    shutil.copy(Path(__file__).with_name("conftest.py"), folder / "conftest.py")
    with (folder / "conftest.py").open("a") as file:
        file.write(NO_GPU)
    (folder / "pytest.ini").write_text(INI)
    (folder / "test_these.py").write_text(TESTS.format(dies=dies))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder, env=PLAIN, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if line.startswith("Left out")][-1]


def test_what_needs_a_device_is_counted(tmp_path: Path) -> None:
    assert last_line(tmp_path, "False") == "Left out: 1 gpu (a CUDA device)."


def test_a_test_that_skips_fails(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path / "conftest.py")
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "test_these.py").write_text(
        "import pytest\n"
        "@pytest.mark.skipif(True, reason='today')\ndef test_one(): ...\n"
        "def test_two(): pytest.skip('half-way')\n"
        "def test_three(): ...\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, env=PLAIN, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 failed, 1 passed, 1 error" in done.stdout
    assert "mark what it needs" in done.stdout


def test_a_worker_that_dies_hides_nothing(tmp_path: Path) -> None:
    line = last_line(tmp_path, "k == 3", "-p", "xdist", "-n", "1")
    assert line.startswith("Left out: 1 gpu (a CUDA device)")


def test_workers_that_all_die_are_not_called_nothing_left_out(tmp_path: Path) -> None:
    line = last_line(tmp_path, "True", "-p", "xdist", "-n", "2", "--max-worker-restart", "0")
    assert "not known" in line or "not run" in line
