"""How fast a long measurement table is assessed, and against what.

    python scripts/benchmark_assess.py --subjects 100000 --jobs 2

writes a table of about ten rows per subject, assesses it by RECIST 1.1 and iRECIST with a reason
for every time point, and prints time, peak memory and the ratio to a plain pandas formula (target
category only: no nodes, no new lesions, no reasons, no outcomes), and to pyrecist (targets only)
where that is installed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COLUMNS = "subject,day,lesion,role,organ,nodal,status,diameter_mm\n"
ORGANS = ("liver", "lung", "adrenal", "soft tissue", "lymph node")
#: No simulated lesion grows beyond this.
LARGEST_MM = 250.0
#: Visits after the baseline, in days from the start.
EVERY_DAYS = 56
#: ... give or take.
WINDOW_DAYS = 5
#: The subject whom many read: readers, lesions, targets.
READERS, LESIONS, TARGETS = 10, 20, 5


def generate(path: Path, subjects: int, seed: int = 1) -> int:
    """Write a table of subjects with one to four lesions at two to six visits; number of rows."""
    random = np.random.default_rng(seed)
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(COLUMNS)
        for number in range(subjects):
            lines = subject_lines(f"S{number:07d}", random)
            rows += len(lines)
            file.write("".join(lines))
    return rows


def subject_lines(name: str, random: np.random.Generator) -> list[str]:
    visits = int(random.integers(2, 6))
    targets = int(random.integers(1, 4))
    organs = random.integers(0, len(ORGANS), targets)
    sizes = random.uniform(15, 60, targets)
    trends = np.exp(random.normal(0, 0.25, targets))
    has_non_target = random.random() < 0.5
    new_at = int(random.integers(1, 12))
    lines = []
    for visit in range(visits):
        day = visit * EVERY_DAYS + (visit > 0) * int(random.integers(-WINDOW_DAYS, WINDOW_DAYS + 1))
        noise = np.exp(random.normal(0, 0.03, targets))
        for k in range(targets):
            organ = ORGANS[organs[k]]
            node = "yes" if organ == "lymph node" else "no"
            size = min(sizes[k] * trends[k] ** visit * noise[k], LARGEST_MM)
            status, text = ("measured", f"{size:.1f}") if size >= 6 else ("too-small", "")
            if size < 3:
                status, text = "absent", ""
            lines.append(f"{name},{day},T{k + 1},target,{organ},{node},{status},{text}\n")
        if has_non_target:
            lines.append(f"{name},{day},NT1,non-target,bone,no,present,\n")
        if visit >= new_at:
            lines.append(f"{name},{day},N1,new,liver,no,measured,{10 + 3 * visit}.0\n")
    return lines


def generate_readers(path: Path, rows: int) -> int:
    """Write a table of one subject, ten readers, twenty lesions, as many visits as fill it."""
    visits = rows // (READERS * LESIONS)
    with path.open("w", encoding="utf-8") as file:
        file.write(COLUMNS.replace("\n", ",reader\n"))
        for reader in range(READERS):
            for visit in range(visits):
                for k in range(LESIONS):
                    seen = f"target,organ {k // 2},no,measured,{20 + k + visit % 7}"
                    row = seen if k < TARGETS else f"non-target,organ {k // 2},no,present,"
                    file.write(f"S,{visit * EVERY_DAYS},L{k},{row},R{reader}\n")
    return visits * READERS * LESIONS


def one_subject(folder: Path) -> list[dict[str, float | int]]:
    """Processor seconds of one subject read by ten readers, at four lengths of its table."""
    found = []
    for rows in (5_000, 10_000, 20_000, 40_000):
        table = folder / "readers.csv"
        written = generate_readers(table, rows)
        busy = cpu_seconds()
        time_assess(table, folder / "readers", 1)
        used = cpu_seconds() - busy
        each_us = round(1e6 * used / written, 1)
        found.append({"rows": written, "cpu_seconds": round(used, 2), "us_per_row": each_us})
    return found


def time_assess(table: Path, out: Path, jobs: int, *, with_json: bool = False) -> float:
    """Seconds that ``recist assess`` takes."""
    from recist.run.table import assess_file  # noqa: PLC0415

    started = time.perf_counter()
    assess_file(table, out, jobs=jobs, with_json=with_json)
    return time.perf_counter() - started


def cpu_seconds() -> float:
    """Processor seconds of this process and its ended children: the load of others is not in it."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def peak_mib() -> tuple[float, float]:
    """Peak resident memory of this process and of its largest child, MiB."""
    return tuple(
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )  # type: ignore[return-value]


def time_pandas(table: Path) -> float:
    """Seconds of a plain formula on the same rows: target sums, nadir, category."""
    import pandas as pd  # noqa: PLC0415 - not in the processes that assess

    started = time.perf_counter()
    rows = pd.read_csv(table, usecols=["subject", "day", "role", "status", "diameter_mm"])
    targets = rows[rows["role"] == "target"]
    sizes = targets["diameter_mm"].where(targets["status"] != "too-small", 5.0).fillna(0.0)
    sums = sizes.groupby([targets["subject"], targets["day"]]).sum()
    by_subject = sums.groupby(level="subject")
    baseline = by_subject.transform("first")
    nadir = by_subject.cummin().groupby(level="subject").shift()
    category = np.select(
        [
            nadir.isna(),
            sums == 0,
            (sums >= 1.2 * nadir) & (sums - nadir >= 5),
            sums <= 0.7 * baseline,
        ],
        ["", "CR", "PD", "PR"],
        "SD",
    )
    assert len(category) == len(sums)
    return time.perf_counter() - started


def time_pyrecist(table: Path, folder: Path) -> float | None:
    """Seconds that pyrecist takes on the targets of a table; None where it is not installed."""
    try:
        import pandas as pd  # noqa: PLC0415
        from pyrecist.assessment import Evaluator  # noqa: PLC0415
        from pyrecist.data import Reader  # noqa: PLC0415
    except ImportError:
        return None
    rows = pd.read_csv(table)
    targets = rows[rows["role"] == "target"]
    sizes = targets["diameter_mm"].where(targets["status"] != "too-small", 5.0).fillna(0.0)
    dates = pd.Timestamp(2020, 1, 1) + pd.to_timedelta(targets["day"], unit="D")
    copy = folder / "pyrecist.csv"
    pd.DataFrame(
        {
            "patient_id": targets["subject"].str[1:].astype(int),
            "study_date": dates.dt.strftime("%Y%m%d"),
            "measurement": sizes,
            "lesion_label_alias": targets["lesion"].str[1:].astype(int).map(lambda k: chr(64 + k)),
            "lesion_category": "target",
        }
    ).to_csv(copy, index=False)
    started = time.perf_counter()
    reader = Reader()
    reader.read_measurements(str(copy))
    Evaluator(reader).evaluate_recist()
    return time.perf_counter() - started


def compare_pyrecist(folder: Path, subjects: int, seed: int) -> dict[str, float | int | None]:
    """Both on the same rows, in one process each."""
    table = folder / "compared.csv"
    rows = generate(table, subjects, seed)
    other = time_pyrecist(table, folder)
    own = time_assess(table, folder / "compared", 1)
    return {
        "subjects": subjects,
        "rows": rows,
        "seconds": round(own, 2),
        "pyrecist_seconds": None if other is None else round(other, 2),
        "ratio_to_pyrecist": None if other is None else round(own / other, 2),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--subjects", type=int, default=100_000)
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--compared", type=int, default=1000, help="subjects for pyrecist")
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "measurements.csv"
        rows = generate(table, chosen.subjects, chosen.seed)
        busy = cpu_seconds()
        seconds = time_assess(table, Path(folder) / "out", chosen.jobs)
        own, child = peak_mib()
        busy = cpu_seconds() - busy
        written = sum(file.stat().st_size for file in (Path(folder) / "out").iterdir())
        with_json = cpu_seconds()
        time_assess(table, Path(folder) / "json", chosen.jobs, with_json=True)
        with_json = cpu_seconds() - with_json
        in_json = sum(file.stat().st_size for file in (Path(folder) / "json").iterdir())
        readers = one_subject(Path(folder))
        plain = time_pandas(table)
        pyrecist = compare_pyrecist(Path(folder), chosen.compared, chosen.seed)
    json.dump(
        {
            "subjects": chosen.subjects,
            "rows": rows,
            "jobs": chosen.jobs,
            "seconds": round(seconds, 2),
            "cpu_seconds": round(busy, 2),
            "peak_mib_main": round(own),
            "peak_mib_worker": round(child),
            "written_mib": round(written / 2**20),
            "cpu_seconds_with_json": round(with_json, 2),
            "written_mib_with_json": round(in_json / 2**20),
            "one_subject_ten_readers": readers,
            "pandas_formula_seconds": round(plain, 2),
            "ratio_to_pandas_formula": round(seconds / plain, 1),
            "pyrecist": pyrecist,
        },
        sys.stdout,
        indent=2,
    )
    print()


if __name__ == "__main__":
    main()
