"""Work in several processes leaves none behind."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from imaging.parallel import in_order

#: Both print a line from a worker, which then waits for work that never comes.
A_TABLE = """
import time
from imaging.parallel import in_order

def work(task, item):
    return item

def items():
    yield from range(5)
    time.sleep(600)

if __name__ == "__main__":
    for done in in_order(work, None, items(), 2):
        print(done, flush=True)
"""
PATIENTS = """
import time
from recist.run import processes

if __name__ == "__main__":
    with processes._process(1) as pool:
        pool.submit(print, "at work", flush=True).result()
        time.sleep(600)
"""


@pytest.mark.parametrize("script", [A_TABLE, PATIENTS])
def test_workers_end_with_the_process_that_is_killed(script: str, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(script)
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline()
        running.kill()
        # Workers hold the same output: it ends when the last of them has.
        running.communicate(timeout=30)


def _searches(_task: None, _item: int) -> bool:
    return gc.isenabled()


def test_a_worker_never_searches_for_objects_that_refer_to_each_other() -> None:
    assert list(in_order(_searches, None, range(3), workers=2)) == [False] * 3
    assert gc.isenabled()
