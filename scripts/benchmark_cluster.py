"""What Dask costs per patient, beside the same patients one after the other in one process.

    python scripts/benchmark_cluster.py --patients 200

Patients whose results are complete are run again with ``--resume``: all of the bookkeeping (hashes
of every file, catalogue entry sent, summary sent back, tables joined) and none of the work on
images, so that what is left is the engine's own cost. Results of both are compared byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from benchmark_patients import spent, stub_the_work, write_simulated

#: Workers on this machine.
WORKERS = 2
#: What the work on one patient takes at least: a CT at two dates without a network, seconds.
SHORTEST_PATIENT_S = 5.0


def tables(out: Path) -> dict[str, str]:
    """The hash of every file but the record of the run, which holds times."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "run.json" and not path.name.startswith(".")
    }


def main() -> None:
    import distributed  # noqa: F401, PLC0415 - read here, so that its import is in no figure

    from imaging.catalogue import scan  # noqa: PLC0415 - not in the workers
    from recist.patient.options import Options  # noqa: PLC0415
    from recist.run import batch  # noqa: PLC0415
    from recist.run.cluster import Cluster, ClusterKind  # noqa: PLC0415

    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("--patients", type=int, default=200)
    count: int = arguments.parse_args().patients
    stub_the_work()
    options = Options.create(lesions="dicom")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_simulated(root, count)
        studies, out = root / "studies", root / "out"
        sent = [
            len(pickle.dumps((each, out / each.id, options))) for each in scan(studies).subjects
        ]
        batch.run(studies, out, options)
        before = tables(out)
        began, since = spent(), time.perf_counter()
        batch.run(studies, out, options, resume=True)
        plain, plain_s = spent() - began, time.perf_counter() - since
        # Half of them, and all: the difference is without the start of the workers.
        elapsed, used = {}, {}
        half = {each.id for each in scan(studies).subjects[: count // 2]}
        for wanted in (half, set[str]()):
            began, since = time.process_time(), time.perf_counter()
            cluster = Cluster("", ClusterKind.LOCAL, WORKERS)
            batch.run(studies, out, options, resume=True, cluster=cluster, only=wanted)
            elapsed[len(wanted)] = time.perf_counter() - since
            used[len(wanted)] = time.process_time() - began
        rest = count - len(half)
        each_ms = 1000 * (elapsed[0] - elapsed[len(half)]) / rest
        main_ms = 1000 * (used[0] - used[len(half)]) / rest
        same = tables(out) == before
    print(f"{count} patients that are complete, {WORKERS} workers of Dask on this machine")
    print(f"sent to a worker: {statistics.mean(sent) / 1024:.1f} KiB a patient")
    print(f"one process: {1000 * plain / count:.1f} ms of processor time a patient "
          f"({1000 * plain_s / count:.1f} ms by the clock)")  # fmt: skip
    print(f"Dask: {each_ms:.1f} ms by the clock a patient, {main_ms:.1f} ms of processor time in "
          f"the main process (scheduler and bookkeeping)")  # fmt: skip
    share = main_ms / 1000 / SHORTEST_PATIENT_S
    print(f"overhead: {main_ms:.1f} ms a patient, {share:.2%} of one of {SHORTEST_PATIENT_S:g} s")
    print(f"results {'the same' if same else 'OTHER'}, byte for byte")


if __name__ == "__main__":
    main()
