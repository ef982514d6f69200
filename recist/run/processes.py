"""Patients at a time on one machine: in turn, or in processes of their own."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import SimpleITK
import torch

from imaging.series import Subject
from recist.patient.options import Options
from recist.run.subject_run import Stage, SubjectRun, failed, run_subject

Task = tuple[Subject, Path]


def in_turn(
    tasks: Sequence[Task], options: Options, resume: bool, on_stage: Stage
) -> Iterator[tuple[int, SubjectRun]]:
    """Every patient with its number, one after the other in this process."""
    for number, task in enumerate(tasks):
        yield number, run_subject(*task, options, resume, on_stage)


def in_processes(
    tasks: Sequence[Task], options: Options, resume: bool, jobs: int
) -> Iterator[tuple[int, SubjectRun]]:
    """Every patient with its number as it ends, ``jobs`` at a time in processes of their own."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    waiting = deque(enumerate(tasks))
    while waiting:
        yield from _until_broken(waiting, options, resume, jobs, threads)


def in_order(ended: Iterable[tuple[int, SubjectRun]]) -> Iterator[SubjectRun]:
    """The patients in the order of their numbers, each as soon as all before it have ended."""
    early: dict[int, SubjectRun] = {}
    following = 0
    for number, done in ended:
        early[number] = done
        while following in early:
            yield early.pop(following)
            following += 1


def _until_broken(
    waiting: deque[tuple[int, Task]],
    options: Options,
    resume: bool,
    jobs: int,
    threads: int,
) -> Iterator[tuple[int, SubjectRun]]:
    """Patients in processes as they end, until one process ends and takes its pool along.

    No more patients than processes are handed over, so that only those under way are run again,
    each by itself: one of them ended the process.
    """
    under_way: dict[Future[SubjectRun], tuple[int, Task]] = {}
    broken = False
    with _processes(jobs, threads) as pool:
        while (waiting or under_way) and not broken:
            while waiting and len(under_way) < jobs and not broken:
                number, task = waiting[0]
                try:
                    under_way[pool.submit(run_subject, *task, options, resume)] = (number, task)
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


def _alone(task: Task, options: Options, resume: bool, threads: int) -> SubjectRun:
    """A patient that was under way when a process was ended, by itself."""
    with _processes(1, threads) as pool:
        try:
            return pool.submit(run_subject, *task, options, resume).result()
        except BrokenProcessPool:
            what = "its process was ended from outside, probably for want of memory"
            return failed(*task, what, "run it where there is more memory")


def _processes(jobs: int, threads: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=begin_process, initargs=(threads,)
    )


def begin_process(threads: int) -> None:
    """Keep the libraries of one process to its share of the cores, and silent.

    Warnings of the DICOM libraries quote header values, patients' names among them.
    """
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    filters: Any = SimpleITK.ProcessObject  # untyped
    filters.SetGlobalDefaultNumberOfThreads(threads)
