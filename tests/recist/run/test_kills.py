"""The main job killed at moments drawn by chance: resumed, it leaves what it would have left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "kill.py"


@pytest.mark.long
@pytest.mark.posix  # the job runs in a fork
def test_a_few_kills_change_no_file() -> None:
    """Many more are spent by hand: ``python scripts/kill.py`` (100 of them)."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills", "5", "--seed", "2"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("5 kills,") and "0 files differ" in done.stdout
