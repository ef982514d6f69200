"""What it costs to start: processor seconds and memory of commands before they do any work.

    python scripts/benchmark_start.py

Each line is a fresh process of its own; beside them an empty one, and one that only imports the
libraries that a run cannot do without.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPEATS = 5
MEASURED = """
import json, resource, sys
try:
    {code}
except SystemExit as end:
    assert not end.code, end.code
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]), file=sys.stderr)
"""
COMMAND = "sys.argv = {arguments!r}; from recist.cli import main; main()"
ROWS = "\n".join(
    ["subject,day,lesion,role,organ,nodal,status,diameter_mm"]
    + [f"P{n},{day},L1,target,lung,no,measured,{20 + n}" for n in range(5) for day in (0, 56)]
)


def measured(code: str) -> tuple[float, float]:
    """Median processor seconds and largest MB of a fresh process."""
    runs = []
    for _ in range(REPEATS):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED.format(code=code)],
            check=False,
            capture_output=True,
            text=True,
        )
        runs.append(json.loads(done.stderr.splitlines()[-1]))
    return statistics.median(run[0] for run in runs), max(run[1] for run in runs)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "ten.csv"
        table.write_text(ROWS)
        assess = ["recist", "assess", str(table), "-o", str(Path(folder) / "out")]
        for name, code in {
            "python alone": "pass",
            "recist --help": COMMAND.format(arguments=["recist", "--help"]),
            "recist assess, ten rows": COMMAND.format(arguments=assess),
            "torch, SimpleITK, scipy, pydicom": "import torch, SimpleITK, scipy.ndimage, pydicom",
            "what a run imports": "import recist.run.batch",
        }.items():
            seconds, megabytes = measured(code)
            print(f"{name:<34} {seconds:6.2f} s {megabytes:6.0f} MB")


if __name__ == "__main__":
    main()
