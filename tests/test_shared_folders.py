"""What one worker made for all is read by all: a test that changes it is found out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
def test_one(made_once):
    folder = made_once("patient", lambda folder: (folder / "images").mkdir() or folder)
    {does}
"""


@pytest.mark.parametrize(
    ("does", "found"),
    [
        ("assert (folder / 'images').is_dir()", ""),
        ("(folder / 'images' / 'more').touch()", "patient/images"),
        ("(folder / 'images').rename(folder / 'x').rename(folder / 'images')", "patient/."),
    ],
    ids=["read", "written into", "moved away and back"],
)
def test_a_shared_folder_must_be_left_as_it_was(tmp_path: Path, does: str, found: str) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path / "conftest.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(TEST.format(does=does))
    # Its own folders, though this test may be run by one of several workers.
    alone = {name: text for name, text in os.environ.items() if "XDIST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", "made"],
        cwd=tmp_path, env={**alone, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == bool(found), done.stdout
    assert ("changed by one" in done.stdout) == bool(found)
    assert found in done.stdout
