"""Many patients: run each, keep what is complete, name what failed.

A failed patient never stops the others. Each patient's folder is written beside its place and
renamed when whole; a fingerprint of inputs and settings, with the hash of every file, lets
``resume`` skip it later.
"""

from __future__ import annotations

import datetime as dt
import json
import platform
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from imaging.catalogue import Catalogue
from imaging.errors import InputError
from imaging.shelf import Shelf
from imaging.sorting import Sorting
from imaging.writing import SCHEMA_VERSION, remove_unfinished, written_whole
from recist.export.growing_table import GrowingTable
from recist.export.joined import JOINED, write_joined
from recist.patient.options import Options
from recist.patient.result_folder import (
    FINGERPRINT,
    RUN,
    SUMMARY,
    check_place,
    locked,
    places_of,
)
from recist.response import RESEARCH_USE
from recist.run.cluster import Cluster, on_cluster
from recist.run.processes import Tasks, in_order, in_processes, in_turn
from recist.run.subject_run import Failure, Stage, SubjectRun, failed
from recist.version import __version__

HEADERS_ALONE = Sorting()
#: Patients whose outcome is held in memory; of more it lies on disk.
HELD_RUNS = 1_000
#: Libraries whose version can change a number; recorded with each run.
RECORDED_LIBRARIES = ("numpy", "scipy", "SimpleITK", "torch", "monai", "pydicom", "highdicom")


@dataclass(frozen=True, slots=True)
class Batch:
    """How the whole run went."""

    out: Path
    subjects: Sequence[SubjectRun]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0: all done; 1: some of it failed and is named; 2: nothing could be done."""
        if not any(subject.state in ("done", "skipped") for subject in self.subjects):
            return 2
        return 1 if self.failures else 0


def run(
    studies: Path,
    out: Path,
    options: Options,
    *,
    resume: bool = False,
    jobs: int = 1,
    cores: int = 1,
    cluster: Cluster | None = None,
    only: Iterable[str] = (),
    sorting: Sorting = HEADERS_ALONE,
    index_file: Path | None = None,
    on_catalogue: Callable[[Catalogue], None] = lambda _: None,
    on_stage: Stage = lambda _subject, _stage: None,
) -> Batch:
    """Assess every patient found under ``studies`` and write the results under ``out``.

    Args:
        jobs: patients at a time, each in a process of its own; memory grows with it.
        cores: of this machine that one patient may take where ``jobs`` is one: with more, parts
            of a patient with many lesions are worked on in other processes, which a script that
            calls this must allow for (``if __name__ == "__main__":``).
        cluster: in place of ``jobs``: patients on the workers of a Dask cluster.
        sorting: the user's word on series, dates and uneven slices; kept in ``run.json``.
        index_file: where the headers of a large tree are kept, see :mod:`imaging.header_index`.
        on_stage: called with (subject, stage); with several jobs only as each patient ends.

    Raises:
        InputError: nothing under ``studies`` can be assessed, a subject of ``only`` is not there,
            ``out`` cannot be written, or the cluster is not there or is lost.
    """
    started = dt.datetime.now(dt.UTC)
    clock = time.perf_counter()
    catalogue = sorting.scan(studies, index_file)
    on_catalogue(catalogue)
    wanted = frozenset(only)
    tasks = Tasks(catalogue.subjects, out, wanted)
    _check_wanted(wanted, tasks)
    if not tasks:
        named = "; ".join(f"{problem.where}: {problem.what}" for problem in catalogue.problems[:5])
        raise InputError(
            "no patient with a readable CT or PET was found" + (f": {named}" if named else ""),
            where=studies,
            remedy="give a folder tree of DICOM, or one with a NIfTI manifest.csv",
        )
    seconds_to_index = time.perf_counter() - clock
    check_place(out, options.lesions_folder)
    with locked(out):
        remove_unfinished(out)
        ended = _ended(
            tasks, options, on_stage, resume=resume, jobs=jobs, cores=cores, cluster=cluster
        )
        runs = _all(tasks, out, in_order(ended))
    problems = [p for p in catalogue.problems if not wanted or p.subject in wanted]
    failures = tuple(
        Failure(problem.subject or "", problem.where, problem.what, problem.remedy)
        for problem in problems
        if problem.level == "error"
    ) + tuple(failure for subject_run in runs for failure in subject_run.failures)
    notes = (
        *(f"{problem.where}: {problem.what}" for problem in problems if problem.level != "error"),
        *(note for subject_run in runs for note in subject_run.notes),
        *options.unknown_subjects(tasks.found),
    )
    batch = Batch(out, tuple(runs) if runs.is_in_memory else runs, failures, notes)
    _write_record(
        out / RUN,
        {
            "schema_version": SCHEMA_VERSION,
            "notice": RESEARCH_USE,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - clock, 2),
            "seconds_to_index": round(seconds_to_index, 2),
            "peak_memory_mb": _peak_memory_mb(),
            "exit_code": batch.exit_code,
            "versions": {
                "recist": __version__,
                "python": platform.python_version(),
                **{name: version(name) for name in RECORDED_LIBRARIES},
            },
            "studies": places_of(studies, out),
            "options": options.as_dict() | sorting.as_dict(),
            "model": options.model_record(),
            "subjects": [],
            "failures": [
                {"subject": f.subject, "where": f.where, "what": f.what, "remedy": f.remedy}
                for f in failures
            ],
            "notes": list(notes),
        },
        batch.subjects,
    )
    return batch


def _ended(
    tasks: Tasks,
    options: Options,
    on_stage: Stage,
    *,
    resume: bool,
    jobs: int,
    cores: int,
    cluster: Cluster | None,
) -> Iterator[tuple[int, SubjectRun]]:
    """Every patient with its number, as it ends where several are under way."""
    if cluster is None and (jobs <= 1 or len(tasks) < 2):
        yield from in_turn(tasks, options, resume, on_stage, cores)
        return
    ended = (
        in_processes(tasks, options, resume, jobs)
        if cluster is None
        else on_cluster(tasks, options, resume, cluster)
    )
    for number, done in ended:
        on_stage(tasks.ids[number], "")
        yield number, done


def _all(tasks: Tasks, out: Path, results: Iterable[SubjectRun]) -> Shelf[SubjectRun]:
    """Run all patients, and write what is known of them as each ends; nothing may be gone then."""
    runs: Shelf[SubjectRun] = Shelf(HELD_RUNS)
    summary = GrowingTable(out / SUMMARY)
    gone: dict[int, dict[str, str]] = {}
    for done in results:
        runs.append(replace(done, summary={}))  # which is in the table
        summary.add({"subject": done.subject, "folder": done.folder, **done.summary})
    checked: Shelf[SubjectRun] = Shelf(HELD_RUNS)
    complete: list[str] = []
    for n, done in enumerate(runs):
        folder = tasks.folders[n]
        if done.state == "failed":
            checked.append(done)
        elif (out / folder / FINGERPRINT).is_file():
            checked.append(done)
            complete.append(folder)
        else:
            what = "its results were removed while the run went on"
            checked.append(failed(*tasks[n], what, "run it again with --resume"))
            gone[n] = {"subject": tasks.ids[n], "folder": folder, "status": "failed"}
    summary.finish(gone)
    # The tables of all complete patients as one each, ready for ``assess`` and ``abscopal``.
    for name in JOINED:
        write_joined(out, name, complete)
    return checked


def _check_wanted(wanted: frozenset[str], tasks: Tasks) -> None:
    if unknown := wanted.difference(tasks.found):
        raise InputError(
            f"no subject {', '.join(sorted(unknown))}",
            remedy=f"found: {', '.join(sorted(tasks.found)) or 'none'}",
        )


def _write_record(
    path: Path, content: Mapping[str, object], subjects: Iterable[SubjectRun]
) -> None:
    """The record of a run, its patients one after the other."""
    empty = '"subjects": []'
    before, _, after = json.dumps(content, indent=1, default=str).partition(empty)
    with written_whole(path) as file:
        file.write((before + empty[:-1]).encode())
        between = "\n"
        for each in subjects:
            row = {
                "subject": each.subject,
                "folder": each.folder,
                "state": each.state,
                "seconds": {stage: round(s, 3) for stage, s in each.seconds.items()},
            }
            text = json.dumps(row, indent=1, default=str)
            file.write((between + textwrap.indent(text, "  ")).encode())
            between = ",\n"
        file.write(f"\n ]{after}\n".encode())


def _peak_memory_mb() -> int | None:
    """The largest resident set of this process so far, where the system tells."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return None
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
