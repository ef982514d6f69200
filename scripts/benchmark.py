"""Our time beside a peer's, in one run: every figure that the notes and the README quote.

    python scripts/benchmark.py                  # every part
    python scripts/benchmark.py imaging measure  # only these
    python scripts/benchmark.py --all            # every part; docs/benchmarks.md holds the table
    python scripts/benchmark.py --all --quick    # the same on less data: under ten minutes
    python scripts/benchmark.py --all imaging    # this part anew, in its place in the table

Each part is a script of its own, ``scripts/benchmark_<part>.py``, that prints what was timed, our
time, the peer's and the ratio; it runs in a fresh process, so no part warms another's caches or
counts in its memory. Peers that are not installed are named and left out. Real images are found
through ``$RECIST_DATA``. A part that takes longer than :data:`LIMIT_S` is ended and says so, so
that the whole always ends.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parent / "docs" / "benchmarks.md"
#: What makes a part take a minute instead of many.
QUICK: dict[str, list[str]] = {
    "click": ["--repeats", "1", "--only", "20 mm in soft"],
    "assess": ["--subjects", "5000", "--compared", "100"],
    "cluster": ["--patients", "80"],
    "cohort": ["--rows", "5000"],
    "contours": ["--repeats", "1"],
    "following": ["--courses", "1"],
    "imaging": ["--files", "5000", "--slices", "200", "--runs", "5"],
    "labels": ["50", "3"],
    "links": ["--courses", "4"],
    "memory": ["--slices", "100"],
    "measure": ["--repeats", "3"],
    "network": ["--windows", "1"],
    "patients": ["--phantoms", "1", "4", "--simulated", "100", "400"],
    "room": ["--readers", "5", "--seconds", "5"],
    "registration": ["--every", "24"],
    "run": ["dicom"],
    "tracking": ["150", "5"],
}
#: Where the real images lie, and the part that has to be told.
DATA = os.environ.get("RECIST_DATA")
TOLD = {"following": [f"{DATA}/ct-whole"]}
#: The longest that a part may take, seconds by the clock; with less data none takes a minute on
#: two free cores.
LIMIT_S, QUICK_LIMIT_S = 1800.0, 150.0
HEAD = """# Benchmarks

Written by `python scripts/benchmark.py --all{quick}` on {day}, on {machine}.
Research use only, not a medical device.

{told}Seconds are those of this machine and of its load; the ratios, taken in one run beside each
other, are what travels. *Processor seconds* are those of all threads, without the load of others.
The first line of a part says how many processes wanted a core when it ended, its own among them.
Why the largest parts of a run take what they take: [architecture](architecture.md). A million rows
and a hundred thousand patients: [large runs](large-runs.md).
{missing}
| part | figures |
|---|---|
"""


def processor() -> str:
    """The processor's name, and the instructions on which the times depend most."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    told = {key.strip(): value.strip() for key, value in lines.items()}
    flags = set(told.get("flags", "").split()) & {"avx2", "avx512f", "avx512_bf16", "amx_tile"}
    return f"{told.get('model name', platform.machine())} ({', '.join(sorted(flags)) or 'no AVX2'})"


def told_by(part: str, more: list[str], limit_s: float) -> tuple[list[str], bool]:
    """What a part prints, line by line while it runs, and whether it ended well."""
    command = [sys.executable, str(HERE / f"benchmark_{part}.py"), *more]
    lines = []
    # A group of its own: what a part started (servers, workers) holds its output open and would
    # be waited for after the part itself was ended.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as running:
        assert running.stdout is not None
        late = threading.Timer(limit_s, end_all, [running.pid])
        late.start()
        try:
            for line in running.stdout:
                print(line, end="", flush=True)
                lines.append(line.rstrip())
            running.wait()
        finally:
            if not late.is_alive():
                lines.append(f"ended after {limit_s:.0f} s, as it would take longer")
            late.cancel()
            end_all(running.pid)
    return lines, running.returncode == 0


def end_all(group: int) -> None:
    """End what is left of a part and of all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def rows(part: str, lines: list[str]) -> list[str]:
    """The lines of a part as rows of a Markdown table; JSON without its signs."""
    plain = (line.strip().strip("{}[],").replace('"', "").strip() for line in lines)
    return [f"| {part} | {line.replace('|', ' ')} |" for line in plain if line]


def kept_rows() -> dict[str, list[str]]:
    """The rows of each part that the page has now."""
    found: dict[str, list[str]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else ():
        part = line.split("|")[1].strip() if line.startswith("| ") else ""
        if part and part != "part":
            found.setdefault(part, []).append(line)
    return found


def write(machine: str, table: dict[str, list[str]], *, quick: bool, told: str = "") -> None:
    """The table as a page of the documentation.

    Args:
        told: how long it took, where all of it was run at once.
    """
    option = " --quick" if quick else ""
    missing = ", ".join(part for part in all_parts() if part not in table)
    said = f"Not run for this table: {missing}.\n" if missing else ""
    head = HEAD.format(day=today(), machine=machine, quick=option, missing=said, told=told)
    lines = [line for part in sorted(table) for line in table[part]]
    TABLE.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def all_parts() -> list[str]:
    return sorted(path.stem.removeprefix("benchmark_") for path in HERE.glob("benchmark_*.py"))


def today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("parts", nargs="*", help="only these")
    arguments.add_argument("--all", action="store_true", help=f"write {TABLE.name} of the docs")
    arguments.add_argument("--quick", action="store_true", help="less data, a minute a part")
    chosen = arguments.parse_args()
    wanted: list[str] = chosen.parts
    parts = all_parts()
    unknown = sorted(set(wanted) - set(parts))
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are: {', '.join(parts)}", file=sys.stderr)
        return 2
    machine = f"{os.cpu_count()} cores of {processor()}"
    print(machine)
    print("medians of interleaved runs; ratio = peer / ours", flush=True)
    failed, table = [], kept_rows() if wanted else {}
    began = time.monotonic()
    for part in wanted or parts:
        print(f"\n== {part}", flush=True)
        if part in TOLD and not DATA:
            lines, well = ["left out: set RECIST_DATA to the folder of real images"], True
        else:
            less = QUICK.get(part, []) if chosen.quick else []
            limit_s = QUICK_LIMIT_S if chosen.quick else LIMIT_S
            lines, well = told_by(part, [*TOLD.get(part, []), *less], limit_s)
        load = f"{today()}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        table[part] = rows(part, [f"{load}{', less data' if chosen.quick else ''}", *lines])
        if not well:
            failed.append(part)
            table[part].append(f"| {part} | did not end well |")
        if chosen.all:  # after each: a run that is ended leaves what it had
            write(machine, table, quick=chosen.quick)
    minutes = (time.monotonic() - began) / 60
    print(f"\n{minutes:.1f} minutes in all")
    if chosen.all and not wanted:
        told = f"All parts ran one after the other in one call, in {minutes:.1f} minutes.\n\n"
        write(machine, table, quick=chosen.quick, told=told)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
