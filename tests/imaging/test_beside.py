"""Work that is shared with processes beside this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: A process that is ended in the middle loses nothing, and the next one takes part again.
ENDED = """
import os, time
from functools import partial
from multiprocessing import parent_process
from imaging import beside

def work(task):
    if parent_process() is None:
        time.sleep(0.2)
    elif task == "end":
        os._exit(9)
    return task, os.getpid()

def done(tasks):
    found = many.shared(work, [partial(str, task) for task in tasks])
    return [task for task, _ in found], len({pid for _, pid in found})

if __name__ == "__main__":
    with beside.Beside(1) as many:
        assert not many.helps_with(work, 1.0)
        assert many.helps_with(work, 100.0)
        many._pools[0].submit(str).result()
        print(done("abcdef"))
        print(done(["a", "b", "end"]))
        assert not many._pools
    assert not beside.NOBODY.helps_with(work, 100.0)
    many = beside.NOBODY
    print(done("abc"))
"""


def test_results_are_in_order_whoever_did_the_work(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(ENDED)
    done = subprocess.run(
        [sys.executable, str(path)], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines() == [
        "(['a', 'b', 'c', 'd', 'e', 'f'], 2)",
        "(['a', 'b', 'end'], 1)",
        "(['a', 'b', 'c'], 1)",
    ], done.stderr
