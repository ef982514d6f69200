"""What a reader waits for after a correction: page, tables and SEG of one patient, written again.

    python scripts/benchmark_correct.py [OUT] [--repeats 3]

OUT holds the results of a run, and stays as it is; without, a small phantom patient is run. Each
line is `recist correct` in a fresh process, imports included, by the clock and of the processor;
the first process, which compiles modules and templates, is not counted. A lesion that is taken out
changes the SEG of every date where it was drawn; what is made and taken back must leave the same
bytes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from recist.phantom.small import write_small_patient

COMMAND = "from recist.cli import main; main()"


def ran(*arguments: str) -> None:
    """A command in a fresh process."""
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        check=True,
        capture_output=True,
        env=environment,
    )


def corrected(out: Path, kind: str, text: str) -> tuple[float, float]:
    """Seconds by the clock and of the processor of one correction."""
    table = out.parent / f"{kind}.csv"
    table.write_text(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    ran("correct", str(out), f"--{kind}", str(table))
    taken = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def contents(out: Path) -> dict[str, str]:
    """What lies there, by name."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        if given.out is None:
            write_small_patient(out.parent / "in")
            ran("run", str(out.parent / "in"), "-o", str(out), "--lesions", "dicom")
        else:
            shutil.copytree(given.out, out)
        with (out / "measurements.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        measured = [row for row in rows if row["status"] == "measured"]
        row = max(measured, key=lambda each: each["date"])
        place = f"{row['subject']},{row['lesion']}"
        sized = "subject,lesion,date,diameter_mm\n" + f"{place},{row['date']},"
        kinds = {
            "a diameter": ("measurements", sized + f"{float(row['diameter_mm']) + 1:.1f}\n"),
            "and back": ("measurements", sized + "\n"),
            "no lesion: its SEG at every date": (
                "overrides",
                f"subject,lesion,role\n{place},not-a-lesion\n",
            ),
            "and back ": ("overrides", f"subject,lesion,role\n{place},\n"),
        }
        for kind, text in kinds.values():  # not counted; leaves all as it was
            corrected(out, kind, text)
        first = contents(out)
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
        for _ in range(given.repeats):
            for name, (kind, text) in kinds.items():
                runs[name].append(corrected(out, kind, text))
        for name, found in runs.items():
            clock, processor = (statistics.median(each) for each in zip(*found, strict=True))
            print(f"{name.strip():<34} {clock:5.2f} s by the clock {processor:5.2f} s")
        same = contents(out) == first
        print("made and taken back: the same bytes" if same else "NOT the same bytes when back")


if __name__ == "__main__":
    main()
