"""What it costs to start: seconds and memory of commands before they do any work.

    python scripts/benchmark_start.py

Each line is a fresh process of its own: seconds of the processor and by the clock, and the largest
memory; the median of three, after one that is not counted, as modules are compiled by the first
process of an installation that loads them. Beside them stand an empty process, and one that only
imports the libraries that a run cannot do without. What a run imports is taken from a run: of a
phantom patient, by its outlines and by the network; by the network one is built too, for the parts
of MONAI that it loads are not among the modules that Python lists.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 3
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
#: Prints the modules that one patient loads.
RUN = """
import json, sys, tempfile
from pathlib import Path
from imaging.catalogue import scan
from recist.patient.options import Options
from recist.patient.pipeline import assess_subject
from recist.phantom.small import write_small_patient
from recist.run import batch
from recist.run.patient_folder import write_patient

with tempfile.TemporaryDirectory() as folder:
    place = Path(folder)
    write_small_patient(place / "in")
    before = {each for each in sys.modules if each.startswith("recist.phantom")}
    (subject,) = scan(place / "in").subjects
    answer = assess_subject(subject, Options.create(**OPTIONS))
    (place / "out").mkdir()
    write_patient(answer, place / "out")
    names = [each for each in sys.modules if each not in before and each != "__main__"]
    print(json.dumps(names))
"""
IMPORTS = """
import importlib, json, sys
for name in json.loads(open({names!r}).read()):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
if "segmentation.network" in sys.modules:
    sys.modules["segmentation.network"].LesionNet()
"""
ROWS = "\n".join(
    ["subject,day,lesion,role,organ,nodal,status,diameter_mm"]
    + [f"P{n},{day},L1,target,lung,no,measured,{20 + n}" for n in range(5) for day in (0, 56)]
)


def environment() -> dict[str, str]:
    """Of the user: what is compiled is kept."""
    return {name: each for name, each in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def ran(code: str) -> subprocess.CompletedProcess[str]:
    """A fresh process."""
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
    )


def measured(code: str) -> tuple[float, float, float]:
    """Median processor seconds, median seconds by the clock, largest MB of a fresh process."""
    runs = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        done = ran(MEASURED.format(code=code))
        taken = time.perf_counter() - began
        runs.append((*json.loads(done.stderr.splitlines()[-1]), taken))
    kept = runs[1:]
    return (
        statistics.median(run[0] for run in kept),
        statistics.median(run[2] for run in kept),
        max(run[1] for run in kept),
    )


def importing(options: str, folder: Path) -> str:
    """Code that imports what a run of a patient imports."""
    done = ran(RUN.replace("OPTIONS", options))
    names = folder / f"names-{len(options)}.json"
    names.write_text(done.stdout.splitlines()[-1])
    lines = IMPORTS.format(names=str(names)).strip().splitlines()
    return "\n    ".join(lines)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "ten.csv"
        table.write_text(ROWS)
        assess = ["recist", "assess", str(table), "-o", str(Path(folder) / "out")]
        for name, code in {
            "python alone": "pass",
            "recist --help": COMMAND.format(arguments=["recist", "--help"]),
            "recist assess, ten rows": COMMAND.format(arguments=assess),
            "torch": "import torch",
            "torch, SimpleITK, scipy, pydicom": "import torch, SimpleITK, scipy.ndimage, pydicom",
            "the process that hands patients on": "import recist.run.batch",
            "a run by outlines": importing("dict(lesions='dicom')", Path(folder)),
            "a run by the network": importing("{}", Path(folder)),
        }.items():
            seconds, taken, megabytes = measured(code)
            print(f"{name:<36} {seconds:6.2f} s {taken:6.2f} s by the clock {megabytes:6.0f} MB")


if __name__ == "__main__":
    main()
