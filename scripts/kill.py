"""Kill the main job at moments drawn by chance, go on with --resume, and compare every file.

    python scripts/kill.py                  # 100 kills
    python scripts/kill.py --kills 10 --seed 3

Two small patients are assessed once without a kill. Then the same job is killed (SIGKILL) again
and again and resumed, until it gets to its end; what it leaves must be the same, byte for byte, but
for ``run.json``, which holds times. Then all begins anew, until so many kills are spent. Exit
code 1 where a file differs, is missing or is left over. POSIX only: the job runs in a fork of this
one.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

from recist.patient.options import Options
from recist.phantom.small import write_small_patient
from recist.protocol import load
from recist.run.batch import run

#: A kill comes within this share of the time of an undisturbed run; above 1, so that some end.
LATEST = 1.05
#: The file that holds when and how long, and so differs from run to run.
TIMED = "run.json"


def job(studies: Path, out: Path) -> None:
    warnings.simplefilter("ignore")
    options = Options(lesions="dicom", criteria=("recist11",), protocol=load("recist11-eortc"))
    run(studies, out, options, resume=True)


def begin(studies: Path, out: Path) -> int:
    """The job in a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            job(studies, out)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return child


def ended_within(child: int, seconds: float) -> bool:
    """Whether it came to its end by itself; else it is killed.

    Raises:
        RuntimeError: it ended with an error.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if os.waitstatus_to_exitcode(status) != 0:
                raise RuntimeError("the job ended with an error")
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def contents(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != TIMED
    }


def differences(expected: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    """Files that differ, are missing or are left over."""
    return sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )


def kills(folder: Path, wanted: int, seed: int) -> tuple[int, int, list[str]]:
    """Kill so many times: (kills, runs that came to their end, files that differ)."""
    chance = random.Random(seed)
    studies, out = folder / "studies", folder / "out"
    for number, name in enumerate(("A", "B"), start=1):
        write_small_patient(studies / name, name, seed=number)
    started = time.monotonic()
    if not ended_within(begin(studies, folder / "peace"), 600):
        raise RuntimeError("the undisturbed job took more than ten minutes")
    whole = time.monotonic() - started
    expected = contents(folder / "peace")
    spent, ended = 0, 0
    wrong: list[str] = []
    while spent < wanted:
        if ended_within(begin(studies, out), chance.uniform(0, LATEST * whole)):
            ended += 1
            wrong += differences(expected, contents(out))
            shutil.rmtree(out)
        else:
            spent += 1
    if not ended_within(begin(studies, out), 600):
        raise RuntimeError("the last job took more than ten minutes")
    wrong += differences(expected, contents(out))
    return spent, ended + 1, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spent, ended, wrong = kills(Path(folder), given.kills, given.seed)
    print(f"{spent} kills, {ended} runs to their end, {len(wrong)} files differ")
    for name in dict.fromkeys(wrong):
        print(f"  {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
