"""Where the time of ``recist demo`` and of the four-date lung study goes: their largest parts.

    python scripts/benchmark_profile.py [demo] [lung]

Each runs under Python's profiler in a process of its own, by processor time. The profiler itself
makes Python's own share larger, so that shares are printed and no seconds beside another tool's. A
part holds what it calls; what is loaded (torch, MONAI, highdicom) is counted where it is first
asked for and on its own.
"""

from __future__ import annotations

import os
import pstats
import subprocess
import sys
import tempfile
from pathlib import Path

PROFILED = """
import cProfile, sys, time
from recist.cli import main
sys.argv = ["recist", *sys.argv[2:]]
profile = cProfile.Profile(time.process_time)
try:
    profile.runcall(main)
except SystemExit:
    pass
profile.dump_stats({where!r})
"""
#: Parts by the end of the file and the function that all of it goes through.
PARTS = {
    "libraries loaded": ("<frozen importlib._bootstrap>", "_find_and_load"),
    "phantom written": ("recist/phantom/study.py", "write_phantom"),
    "files indexed": ("imaging/catalogue.py", "scan"),
    "images read": ("recist/patient/examination.py", "examine"),
    "dates registered": ("imaging/registration/dates.py", "register_dates"),
    "lesions followed": ("imaging/registration/change.py", "lesion_change"),
    "network, whole images": ("segmentation/window_answers.py", "everywhere"),
    "network, at places": ("segmentation/prompted.py", "delineate_prompted"),
    "new spots in the lung": ("recist/patient/emerging.py", "new_in_lung"),
    "candidates measured": ("recist/patient/examination.py", "size"),
    "assessed and pictured": ("recist/patient/reassessment.py", "conclude"),
    "delineations written": ("recist/export/patient_files.py", "write_delineation"),
    "work kept": ("recist/patient/work/keeping.py", "keep"),
    "page written": ("recist/report/page.py", "write_report"),
}
#: Smaller ones are not printed.
LEAST_SHARE = 0.03


def profiled(arguments: list[str]) -> pstats.Stats:
    """The profile of a command."""
    with tempfile.TemporaryDirectory() as folder:
        where = str(Path(folder) / "profile")
        code = PROFILED.format(where=where)
        command = [sys.executable, "-c", code, "recist", *arguments, "-o", str(Path(folder) / "o")]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if not Path(where).exists():
            sys.exit(done.stderr[-400:])
        return pstats.Stats(where)


def parts_of(stats: pstats.Stats) -> list[tuple[float, str]]:
    """The share of each part, the largest first."""
    spent: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    total = float(stats.total_tt)  # type: ignore[attr-defined]
    found = [
        (cumulative / total, name)
        for name, (file, function) in PARTS.items()
        for (path, _, called), (_, _, _, cumulative, _) in spent.items()
        if called == function and path.endswith(file)
    ]
    return sorted((each for each in found if each[0] >= LEAST_SHARE), reverse=True)


def main() -> None:
    commands = {"demo": ["demo"]}
    if root := os.environ.get("RECIST_DATA"):
        study = Path(root) / "longitudinal" / "lung-abscopal"
        commands["lung"] = ["run", str(study), "--lesions", "dicom"]
    else:
        print("the lung study is left out: set RECIST_DATA to the folder of real images")
    for name, arguments in commands.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        stats = profiled(arguments)
        shares = ", ".join(f"{what} {share:.0%}" for share, what in parts_of(stats))
        seconds = float(stats.total_tt)  # type: ignore[attr-defined]
        print(f"recist {arguments[0]}, {name}: {seconds:.0f} s under the profiler: {shares}")


if __name__ == "__main__":
    main()
