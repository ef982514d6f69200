"""Our time beside a peer's, in one run: every figure that the notes and the README quote.

    python scripts/benchmark.py                  # every part
    python scripts/benchmark.py imaging measure  # only these

Each part is a script of its own, ``scripts/benchmark_<part>.py``, that prints what was timed, our
time, the peer's and the ratio; it runs in a fresh process, so no part warms another's caches or
counts in its memory. Peers that are not installed are named and left out. Real images are found
through ``$RECIST_DATA``.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def processor() -> str:
    """The processor's name, and the instructions on which the times depend most."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    told = {key.strip(): value.strip() for key, value in lines.items()}
    flags = set(told.get("flags", "").split()) & {"avx2", "avx512f", "avx512_bf16", "amx_tile"}
    return f"{told.get('model name', platform.machine())} ({', '.join(sorted(flags)) or 'no AVX2'})"


def main(wanted: list[str]) -> int:
    parts = sorted(path.stem.removeprefix("benchmark_") for path in HERE.glob("benchmark_*.py"))
    unknown = sorted(set(wanted) - set(parts))
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are: {', '.join(parts)}", file=sys.stderr)
        return 2
    print(f"{os.cpu_count()} cores of {processor()}")
    print("medians of interleaved runs; ratio = peer / ours", flush=True)
    failed = []
    for part in wanted or parts:
        print(f"\n== {part}", flush=True)
        command = [sys.executable, str(HERE / f"benchmark_{part}.py")]
        if subprocess.run(command, check=False).returncode:
            failed.append(part)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
