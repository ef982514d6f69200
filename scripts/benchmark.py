"""Our time beside a peer's, in one run: every figure that the notes and the README quote.

    python scripts/benchmark.py                  # every part
    python scripts/benchmark.py imaging measure  # only these
    python scripts/benchmark.py --all            # every part; docs/benchmarks.md holds the table
    python scripts/benchmark.py --all --quick imaging start  # these, on less data, into the table

Each part is a script of its own, ``scripts/benchmark_<part>.py``, that prints what was timed, our
time, the peer's and the ratio; it runs in a fresh process, so no part warms another's caches or
counts in its memory. Peers that are not installed are named and left out. Real images are found
through ``$RECIST_DATA``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parent / "docs" / "benchmarks.md"
#: What makes a part take a minute instead of many.
QUICK = {
    "assess": ["--subjects", "5000", "--jobs", "1", "--compared", "200"],
    "memory": ["--slices", "200"],
    "network": ["--windows", "1"],
    "patients": ["--phantoms", "1", "--simulated", "200", "800"],
    "registration": ["--every", "12"],
    "links": ["--courses", "40"],
}
HEAD = """# Benchmarks

Written by `python scripts/benchmark.py --all` on {day}, on {machine}.
Research use only, not a medical device.

Seconds are those of this machine and of the load it had; the ratios, taken in one run beside each
other, are what travels. *processor seconds* are those of all threads, without the load of others.
{remark}

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


def told_by(part: str, more: list[str]) -> tuple[list[str], bool]:
    """What a part prints, line by line while it runs, and whether it ended well."""
    command = [sys.executable, str(HERE / f"benchmark_{part}.py"), *more]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    return lines, running.returncode == 0


def rows(part: str, lines: list[str]) -> list[str]:
    """The lines of a part as rows of a Markdown table; JSON without its signs."""
    plain = (line.strip().strip("{}[],").replace('"', "").strip() for line in lines)
    return [f"| {part} | {line.replace('|', ' ')} |" for line in plain if line]


def write(machine: str, table: list[str], *, quick: bool) -> None:
    """The table as a page of the documentation."""
    remark = "Parts ran on less data (`--quick`)." if quick else ""
    day = dt.datetime.now(dt.UTC).date().isoformat()
    head = HEAD.format(day=day, machine=machine, remark=remark)
    TABLE.write_text(head + "\n".join(table) + "\n", encoding="utf-8")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("parts", nargs="*", help="only these")
    arguments.add_argument("--all", action="store_true", help=f"write {TABLE.name} of the docs")
    arguments.add_argument("--quick", action="store_true", help="less data, a minute a part")
    chosen = arguments.parse_args()
    wanted: list[str] = chosen.parts
    parts = sorted(path.stem.removeprefix("benchmark_") for path in HERE.glob("benchmark_*.py"))
    unknown = sorted(set(wanted) - set(parts))
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are: {', '.join(parts)}", file=sys.stderr)
        return 2
    machine = f"{os.cpu_count()} cores of {processor()}"
    print(machine)
    print("medians of interleaved runs; ratio = peer / ours", flush=True)
    failed, table = [], []
    for part in wanted or parts:
        print(f"\n== {part}", flush=True)
        lines, well = told_by(part, QUICK.get(part, []) if chosen.quick else [])
        table += rows(part, lines)
        if not well:
            failed.append(part)
            table.append(f"| {part} | did not end well |")
        if chosen.all:  # after each: a run that is ended leaves what it had
            write(machine, table, quick=chosen.quick)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
