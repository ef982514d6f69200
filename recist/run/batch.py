"""Many patients: run each, keep what is complete, name what failed.

A failed patient never stops the others. Each patient's folder is written beside its place and
renamed when whole; a fingerprint of inputs and settings, with the hash of every file, lets
``resume`` skip it later.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import os
import platform
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import SimpleITK
import torch

from imaging.catalogue import Catalogue, Subject, scan
from imaging.dates_table import read_dates_table
from imaging.errors import InputError
from imaging.series_table import read_series_table
from imaging.writing import SCHEMA_VERSION, write_text
from recist import __version__
from recist.export.dicom.objects import DICOM_FOLDER
from recist.export.joined import JOINED, joined
from recist.export.rows import GrowingTable
from recist.patient.options import Options
from recist.patient.pipeline import assess_subject
from recist.patient.result_folder import (
    FINGERPRINT,
    RUN,
    SUMMARY,
    check_place,
    check_replaceable,
    folder_names,
    hashes_of,
    locked,
    written_whole,
)
from recist.response import RESEARCH_USE
from recist.run.fingerprint import told_of, write_fingerprint
from recist.run.patient_folder import said_in, write_patient

#: Libraries whose version can change a number; recorded with each run.
RECORDED_LIBRARIES = ("numpy", "scipy", "SimpleITK", "torch", "monai", "pydicom", "highdicom")

Stage = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """What the user must know: a patient that failed, or a part that could not be used."""

    subject: str
    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        known = not self.where or self.where == self.subject or self.where in self.what
        place = "" if known else f"{self.where}: "
        who = f"{self.subject}: " if self.subject else ""
        advice = f" ({self.remedy})" if self.remedy else ""
        return f"{who}{place}{self.what}{advice}"


@dataclass(frozen=True, slots=True)
class SubjectRun:
    """How one patient went: done, skipped (complete and unchanged), or failed."""

    subject: str
    folder: str
    state: str
    seconds: dict[str, float] = field(default_factory=dict)
    summary: dict[str, str] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """How the whole run went."""

    out: Path
    subjects: tuple[SubjectRun, ...]
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
    only: Iterable[str] = (),
    series_table: Path | None = None,
    dates_table: Path | None = None,
    uneven_slices: bool = False,
    on_catalogue: Callable[[Catalogue], None] = lambda _: None,
    on_stage: Stage = lambda _subject, _stage: None,
) -> Batch:
    """Assess every patient found under ``studies`` and write the results under ``out``.

    Args:
        jobs: patients at a time, each in a process of its own; memory grows with it.
        series_table: which series serves what, see :mod:`imaging.series_table`.
        dates_table: dates of studies that have none, see :mod:`imaging.dates_table`.
        uneven_slices: interpolate slices at uneven distances, see :mod:`imaging.uneven`.
        on_stage: called with (subject, stage); with several jobs only as each patient ends.

    Raises:
        InputError: nothing under ``studies`` can be assessed, a subject of ``only`` is not there,
            or ``out`` cannot be written.
    """
    started = dt.datetime.now(dt.UTC)
    clock = time.perf_counter()
    chosen = read_series_table(series_table) if series_table else None
    dates = read_dates_table(dates_table) if dates_table else None
    catalogue = scan(studies, series_table=chosen, dates_table=dates, uneven_slices=uneven_slices)
    on_catalogue(catalogue)
    wanted = frozenset(only)
    _check_wanted(wanted, catalogue)
    subjects = [s for s in catalogue.subjects if not wanted or s.id in wanted]
    if not subjects:
        named = "; ".join(f"{problem.where}: {problem.what}" for problem in catalogue.problems[:5])
        raise InputError(
            "no patient with a readable CT was found" + (f": {named}" if named else ""),
            where=studies,
            remedy="give a folder tree of DICOM, or one with a NIfTI manifest.csv",
        )
    seconds_to_index = time.perf_counter() - clock
    check_place(out, options.lesions_folder)
    folders = folder_names(subject.id for subject in subjects)
    tasks = [(subject, out / folders[subject.id]) for subject in subjects]
    with locked(out):
        runs = _all(tasks, out, _each(tasks, options, resume, jobs, on_stage))
    problems = [p for p in catalogue.problems if not wanted or p.subject in wanted]
    failures = tuple(
        Failure(problem.subject or "", problem.where, problem.what, problem.remedy)
        for problem in problems
        if problem.level == "error"
    ) + tuple(failure for subject_run in runs for failure in subject_run.failures)
    notes = (
        *(f"{problem.where}: {problem.what}" for problem in problems if problem.level != "error"),
        *options.unknown_subjects({subject.id for subject in catalogue.subjects}),
    )
    batch = Batch(out, tuple(runs), failures, notes)
    _write_json(
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
            "options": options.as_dict() | {"uneven_slices": uneven_slices},
            "model": options.model_record(),
            "subjects": [
                {
                    "subject": r.subject,
                    "folder": r.folder,
                    "state": r.state,
                    "seconds": {stage: round(s, 3) for stage, s in r.seconds.items()},
                }
                for r in runs
            ],
            "failures": [
                {"subject": f.subject, "where": f.where, "what": f.what, "remedy": f.remedy}
                for f in failures
            ],
            "notes": list(notes),
        },
    )
    return batch


def _all(
    tasks: Sequence[tuple[Subject, Path]], out: Path, results: Iterable[SubjectRun]
) -> list[SubjectRun]:
    """Run all patients, and write what is known of them as each ends; nothing may be gone then."""
    runs: list[SubjectRun] = []
    summary = GrowingTable(out / SUMMARY)
    for done in results:
        runs.append(done)
        summary.add({"subject": done.subject, "folder": done.folder, **done.summary})
    for n, (subject, folder) in enumerate(tasks):
        if runs[n].state != "failed" and not (folder / FINGERPRINT).is_file():
            what = "its results were removed while the run went on"
            runs[n] = _failed(subject, folder, what, "run it again with --resume")
            summary.rows[n] = {"subject": subject.id, "folder": folder.name, "status": "failed"}
    summary.finish()
    join_tables(out, runs)
    return runs


def _check_wanted(wanted: frozenset[str], catalogue: Catalogue) -> None:
    known = {subject.id for subject in catalogue.subjects}
    if wanted - known:
        raise InputError(
            f"no subject {', '.join(sorted(wanted - known))}",
            remedy=f"found: {', '.join(sorted(known)) or 'none'}",
        )


def join_tables(out: Path, runs: Sequence[SubjectRun]) -> None:
    """The tables of all complete patients as one each, ready for ``assess`` and ``abscopal``."""
    folders = [out / r.folder for r in runs if r.state in ("done", "skipped")]
    for name in JOINED:
        write_text(out / name, joined([folder / name for folder in folders]))


def _each(
    tasks: Sequence[tuple[Subject, Path]],
    options: Options,
    resume: bool,
    jobs: int,
    on_stage: Stage,
) -> Iterator[SubjectRun]:
    """Every patient, in order; in processes of their own where several are wanted at a time."""
    if jobs <= 1 or len(tasks) < 2:
        for subject, folder in tasks:
            yield _run_subject(subject, folder, options, resume, on_stage)
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    ended: dict[int, SubjectRun] = {}
    following = itertools.count()
    n = next(following)
    waiting = deque(enumerate(tasks))
    while waiting:
        for number, done in _until_broken(waiting, options, resume, jobs, threads):
            ended[number] = done
            on_stage(tasks[number][0].id, "")
            while n in ended:
                yield ended.pop(n)
                n = next(following)


def _until_broken(
    waiting: deque[tuple[int, tuple[Subject, Path]]],
    options: Options,
    resume: bool,
    jobs: int,
    threads: int,
) -> Iterator[tuple[int, SubjectRun]]:
    """Patients in processes as they end, until one process ends and takes its pool along.

    No more patients than processes are handed over, so that only those under way are run again,
    each by itself: one of them ended the process.
    """
    under_way: dict[Future[SubjectRun], tuple[int, tuple[Subject, Path]]] = {}
    broken = False
    with _processes(jobs, threads) as pool:
        while (waiting or under_way) and not broken:
            while waiting and len(under_way) < jobs and not broken:
                number, task = waiting[0]
                try:
                    under_way[pool.submit(_run_subject, *task, options, resume)] = (number, task)
                except BrokenProcessPool:
                    broken = True
                else:
                    waiting.popleft()
            ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in ended:
                try:
                    done = future.result()
                except BrokenProcessPool:
                    broken = True
                else:
                    yield under_way.pop(future)[0], done
    for number, task in under_way.values():
        yield number, _alone(task, options, resume, threads)


def _alone(task: tuple[Subject, Path], options: Options, resume: bool, threads: int) -> SubjectRun:
    """A patient that was under way when a process was ended, by itself."""
    with _processes(1, threads) as pool:
        try:
            return pool.submit(_run_subject, *task, options, resume).result()
        except BrokenProcessPool:
            what = "its process was ended from outside, probably for want of memory"
            return _failed(*task, what, "run it where there is more memory")


def _processes(jobs: int, threads: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=_begin_process, initargs=(threads,)
    )


def _begin_process(threads: int) -> None:
    """Keep the libraries of one process to its share of the cores, and silent.

    Warnings of the DICOM libraries quote header values, patients' names among them.
    """
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    filters: Any = SimpleITK.ProcessObject  # untyped
    filters.SetGlobalDefaultNumberOfThreads(threads)


def _run_subject(
    subject: Subject,
    folder: Path,
    options: Options,
    resume: bool,
    on_stage: Stage = lambda _subject, _stage: None,
) -> SubjectRun:
    stage = Stopwatch(lambda name: on_stage(subject.id, name))
    try:
        check_replaceable(folder)
        fingerprint = _fingerprint(subject, options)
        lacking = options.dicom and not (folder / DICOM_FOLDER).is_dir()
        if resume and not lacking and (kept := _kept(folder, fingerprint)) is not None:
            return kept
        said = said_in(folder, subject.id)
        answer = assess_subject(subject, options, said=said, on_stage=stage)
        if _fingerprint(subject, options) != fingerprint:
            what = "its files changed while they were read"
            return _failed(subject, folder, what, "let them rest, then run again with --resume")
        stage("write")
        with written_whole(folder) as part:
            lost = write_patient(
                answer,
                part,
                dicom=options.dicom,
                earlier=folder,
                cache_mb=options.cache_mb,
            )
            summary, problems = told_of(answer.result, lost)
            failures = tuple(Failure(subject.id, p.where, p.what, p.remedy) for p in problems)
            stage("")
            done = SubjectRun(subject.id, folder.name, "done", stage.seconds, summary, failures)
            write_fingerprint(part, fingerprint, answer.result, lost)
    except (InputError, OSError, MemoryError) as error:
        return _failed(subject, folder, _without_folders(error))
    except Exception as error:
        if os.environ.get("RECIST_TRACEBACK"):
            raise
        return _failed(
            subject,
            folder,
            f"an error inside the toolkit: {type(error).__name__}: {error}",
            "please report it; RECIST_TRACEBACK=1 shows where",
        )
    return done


class Stopwatch:
    """Seconds per stage: calling it with a stage's name ends the one before."""

    def __init__(self, on_stage: Callable[[str], None] = lambda _: None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_stage = on_stage
        self._since = time.perf_counter()
        self._stage = ""

    def __call__(self, stage: str) -> None:
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._since, self._stage = now, stage
        self._on_stage(stage)


def _failed(subject: Subject, folder: Path, what: str, remedy: str = "") -> SubjectRun:
    if (folder / FINGERPRINT).is_file():
        what = f"{what}; its folder still holds the result of an earlier run"
    return SubjectRun(
        subject.id,
        folder.name,
        "failed",
        summary={"status": "failed"},
        failures=(Failure(subject.id, "", what, remedy),),
    )


def _fingerprint(subject: Subject, options: Options) -> str:
    """Changes when a file of the patient, a setting, the model or the toolkit changes."""
    digest = hashlib.sha256()
    for path in sorted({*_files_of(subject), *options.files()}):
        status = path.stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    points = [
        (
            str(visit.date),
            visit.ct.uid if visit.ct else "",
            bool(visit.ct and visit.ct.uneven_slices),
        )
        for visit in subject.visits
    ]
    digest.update(json.dumps(points).encode())  # a table of series changes them
    digest.update(json.dumps(options.as_dict(), sort_keys=True, default=str).encode())
    digest.update(json.dumps(options.model_record(), sort_keys=True, default=str).encode())
    digest.update(__version__.encode())
    return digest.hexdigest()


def _files_of(subject: Subject) -> Iterator[Path]:
    for visit in (*subject.visits, *subject.treatment):
        images = [series for series in (visit.ct, visit.pet) if series is not None]
        for series in (
            *images,
            *visit.rtstructs,
            *visit.rtdoses,
            *visit.rtplans,
            *visit.rtrecords,
            *visit.segs,
            *visit.registrations,
        ):
            yield from series.files
        if visit.labels is not None:
            yield visit.labels


def _without_folders(error: BaseException) -> str:
    """What an error says, with the name of a file alone: its folders may be patients' names."""
    text = str(error) or type(error).__name__
    named = (getattr(error, "where", None), getattr(error, "filename", None))
    for path in (str(each) for each in named if each and Path(str(each)).is_absolute()):
        text = text.replace(path, Path(path).name)
    return text


def _kept(folder: Path, fingerprint: str) -> SubjectRun | None:
    """The earlier result in ``folder``, if it is whole and of the same inputs and settings."""
    try:
        record = json.loads((folder / FINGERPRINT).read_text())
        if record["fingerprint"] != fingerprint or record["files"] != hashes_of(folder):
            return None
        failures = tuple(Failure(*parts) for parts in record["failures"])
        summary = record["summary"]
        return SubjectRun(summary["subject"], folder.name, "skipped", {}, summary, failures)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_json(path: Path, content: object) -> None:
    write_text(path, json.dumps(content, indent=1, default=str) + "\n")


def _peak_memory_mb() -> int | None:
    """The largest resident set of this process so far, where the system tells."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return None
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
