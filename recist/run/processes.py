"""Patients at a time on one machine: in turn, or in processes of their own."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import overload

from imaging.beside import Beside
from imaging.parallel import end_with_parent
from imaging.series import Subject
from recist.patient.options import Options
from recist.patient.result_folder import folder_names
from recist.run.subject_run import Stage, SubjectRun, failed, run_subject

Task = tuple[Subject, Path]


class Tasks(Sequence[Task]):
    """Every patient with the folder of its results; a patient is read when its turn comes.

    Attributes:
        found: identifiers of all patients of the tree.
        ids: of those that are run.
        folders: names of their folders.
    """

    def __init__(self, subjects: Sequence[Subject], out: Path, only: frozenset[str]) -> None:
        self._subjects, self._out = subjects, out
        self.found = [subject.id for subject in subjects]
        self._places = [n for n, name in enumerate(self.found) if not only or name in only]
        self.ids = [self.found[n] for n in self._places]
        names = folder_names(self.ids)
        self.folders = [names[name] for name in self.ids]

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Task, ...]: ...
    def __getitem__(self, index: int | slice) -> Task | tuple[Task, ...]:
        if isinstance(index, slice):
            return tuple(self[n] for n in range(*index.indices(len(self))))
        return self._subjects[self._places[index]], self._out / self.folders[index]


def in_turn(
    tasks: Sequence[Task], options: Options, resume: bool, on_stage: Stage, cores: int = 1
) -> Iterator[tuple[int, SubjectRun]]:
    """Every patient with its number, one after the other in this process.

    Args:
        cores: with more than one, processes beside this one take part of a patient with many
            lesions.
    """
    with Beside(cores - 1) as beside:
        for number, task in enumerate(tasks):
            yield number, run_subject(*task, options, resume, on_stage, beside=beside)


def in_processes(
    tasks: Sequence[Task], options: Options, resume: bool, jobs: int
) -> Iterator[tuple[int, SubjectRun]]:
    """Every patient with its number as it ends, ``jobs`` at a time in processes of their own."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    waiting = iter(enumerate(tasks))
    following = next(waiting, None)
    lost: list[tuple[int, Task]] = []
    # A pool for each process: one that ends takes its own patient along, and no other.
    under_way: dict[Future[SubjectRun], tuple[ProcessPoolExecutor, int, Task]] = {}
    with ExitStack() as pools:
        idle = [pools.enter_context(_process(threads)) for _ in range(min(jobs, len(tasks)))]
        while following or under_way:
            while following and idle:
                pool, (number, task) = idle.pop(), following
                following = next(waiting, None)
                under_way[pool.submit(run_subject, *task, options, resume)] = (pool, number, task)
            ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in ended:
                pool, number, task = under_way.pop(future)
                try:
                    yield number, future.result()
                except BrokenProcessPool:
                    lost.append((number, task))
                    pool.shutdown()
                    pool = pools.enter_context(_process(threads))
                idle.append(pool)
    for number, task in lost:
        yield number, _alone(task, options, resume, threads)


def in_order(ended: Iterable[tuple[int, SubjectRun]]) -> Iterator[SubjectRun]:
    """The patients in the order of their numbers, each as soon as all before it have ended."""
    early: dict[int, SubjectRun] = {}
    following = 0
    for number, done in ended:
        early[number] = done
        while following in early:
            yield early.pop(following)
            following += 1


def _alone(task: Task, options: Options, resume: bool, threads: int) -> SubjectRun:
    """A patient whose process was ended, once more, when there is nobody beside it."""
    with _process(threads) as pool:
        try:
            return pool.submit(run_subject, *task, options, resume).result()
        except BrokenProcessPool:
            what = "its process was ended from outside, probably for want of memory"
            return failed(*task, what, "run it where there is more memory")


def _process(threads: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin, initargs=(threads,))


def _begin(threads: int) -> None:
    end_with_parent()
    begin_process(threads)


def begin_process(threads: int) -> None:
    """Keep the libraries of one process to its share of the cores, and silent.

    Warnings of the DICOM libraries quote header values, patients' names among them.
    """
    warnings.simplefilter("ignore")
    # Read by torch and by SimpleITK when they are loaded, which only some patients ask for.
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(threads)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)
    if (itk := sys.modules.get("SimpleITK")) is not None:
        itk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
