"""How long tables of uptake and of cohorts take: ``assess-pet`` and ``abscopal``, by their rows.

    python scripts/benchmark_cohort.py --rows 10000 100000 1000000

Each table is made up and judged in a fresh process: seconds by the clock, processor seconds per
row of all processes, and the memory of the main process and of its largest worker. Both have to
stay the same per row, and the memory of the main process nearly so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
from benchmark_assess import COLUMNS, cpu_seconds, peak_mib, subject_lines

COMMANDS = ("assess-pet", "abscopal")
FACTS = ("liver_mean", "liver_sd", "liver_max", "blood_mean", "blood_sd", "blood_max", "uptake_min")
UPTAKE = ",".join(("subject", "day", "lesion", "sul_peak", "organ", "status", "suv_max", *FACTS))
#: A lesion below this uptake is gone, in SUL.
BACKGROUND = 1.5
#: Share of patients whose first target was irradiated.
TARGETED = 0.7
OTHER_FIELDS = ("out", "out", "out", "low-dose", "partial")


def write_uptake(folder: Path, rows: int) -> int:
    """A table of one to four lesions at two to five dates; how many rows it has."""
    random = np.random.default_rng(5)
    lines = [UPTAKE]
    for number in count():
        if len(lines) > rows:
            break
        lines += _uptake(f"P{number:07d}", random)
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return len(lines) - 1


def _uptake(subject: str, random: np.random.Generator) -> Iterator[str]:
    lesions = int(random.integers(1, 5))
    sizes, trends = random.uniform(3, 15, lesions), random.normal(-0.1, 0.3, lesions)
    for visit in range(int(random.integers(2, 6))):
        liver = random.uniform(1.6, 2.1)
        facts = f"{liver:.2f},0.2,{1.5 * liver:.2f},1.5,0.2,2.1,{random.integers(55, 69)}"
        for k in range(lesions):
            peak = sizes[k] * np.exp(trends[k] * visit) * random.uniform(0.95, 1.05)
            seen = f"{peak:.2f},organ {k % 3},measured,{1.4 * peak:.2f}"
            if peak < BACKGROUND:
                seen = f",organ {k % 3},resolved,"
            yield f"{subject},{56 * visit},L{k + 1},{seen},{facts}"


def write_cohort(folder: Path, rows: int) -> int:
    """A table of diameters with field classes, its arms and its events; how many rows it has."""
    random = np.random.default_rng(3)
    lines, arms, events = [f"{COLUMNS.strip()},field"], ["subject,arm"], ["subject,day,event"]
    for number in count():
        if len(lines) > rows:
            break
        name = f"S{number:07d}"
        fields: dict[str, str] = {}
        for row in subject_lines(name, random):
            lesion = row.split(",")[2]
            targeted = lesion == "T1" and random.random() < TARGETED
            fields.setdefault(lesion, "in" if targeted else str(random.choice(OTHER_FIELDS)))
            lines.append(f"{row.strip()},{fields[lesion]}")
        arms.append(f"{name},{'AB'[number % 2]}")
        events.append(f"{name},{random.integers(0, 10)},radiotherapy-start")
    for file, content in (("table", lines), ("arms", arms), ("events", events)):
        (folder / f"{file}.csv").write_text("\n".join(content) + "\n")
    return len(lines) - 1


def measured(command: str, folder: Path) -> dict[str, float]:
    """What one command takes on the table of a folder, in this process."""
    began, busy = time.perf_counter(), cpu_seconds()
    table, out = folder / "table.csv", folder / "out"
    if command == "assess-pet":
        from pet.response.uptake_table import assess_pet_table  # noqa: PLC0415 - only what it needs

        assess_pet_table(table, out)
    else:
        from recist.cohort import abscopal_file  # noqa: PLC0415 - with all that draws

        abscopal_file(table, out, arms=folder / "arms.csv", events=folder / "events.csv")
    main, worker = peak_mib()
    return {
        "s": time.perf_counter() - began,
        "cpu_s": cpu_seconds() - busy,
        "main_mib": main,
        "worker_mib": worker,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("--rows", type=int, nargs="+", default=(10_000, 100_000))
    arguments.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.worker:
        print(json.dumps(measured(chosen.worker[0], Path(chosen.worker[1]))))
        return
    writers = {"assess-pet": write_uptake, "abscopal": write_cohort}
    for command in COMMANDS:
        for rows in chosen.rows:
            with tempfile.TemporaryDirectory() as name:
                written = writers[command](Path(name), rows)
                words = [sys.executable, __file__, "--worker", command, name]
                done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{command}, {written:,} rows: {found['s']:.1f} s, {found['cpu_s']:.1f} s of "
                f"processor time, {1000 * found['cpu_s'] / written:.2f} ms a row; main process "
                f"{found['main_mib']:.0f} MB, largest worker {found['worker_mib']:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
