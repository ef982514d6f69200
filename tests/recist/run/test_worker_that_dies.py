"""A process that ends takes nothing along but its own patient."""

from __future__ import annotations

import operator
import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from recist.run import processes


class EndsItsProcess:
    """Whoever unpickles this ends: a patient too large for the memory."""

    id = "P3"

    def __reduce__(self) -> Any:
        return os._exit, (9,)


def healthy(name: str) -> Any:
    subject: Any = partial(os.path.join)
    subject.id = name
    return subject


def test_only_what_was_under_way_is_run_again_and_the_cause_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pools: list[int] = []

    def made(jobs: int, threads: int) -> ProcessPoolExecutor:
        pools.append(jobs)
        return ProcessPoolExecutor(jobs, get_context("spawn"))

    monkeypatch.setattr(processes, "_processes", made)
    monkeypatch.setattr(processes, "run_subject", operator.call)
    subjects = [healthy(f"P{n}") for n in (1, 2)] + [EndsItsProcess()]
    subjects += [healthy(f"P{n}") for n in range(4, 9)]
    tasks: Any = [(subject, Path(subject.id)) for subject in subjects]
    found: list[Any] = list(
        processes.in_order(processes.in_processes(tasks, "options", "resume", 2))  # type: ignore[arg-type]
    )
    assert len(found) == 8
    for n, each in enumerate(found, start=1):  # in the order of the patients
        if n == 3:
            assert (each.subject, each.state) == ("P3", "failed")
            assert "ended from outside" in str(each.failures[0])
        else:
            assert each == os.path.join(f"P{n}", "options", "resume")  # noqa: PTH118
    # One pool, one by itself for each of the two under way, one pool for the rest.
    assert pools.count(2) == 2
    assert pools.count(1) <= 2


def test_nothing_is_left_waiting_where_nobody_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_processes", lambda jobs, _: ProcessPoolExecutor(jobs))
    monkeypatch.setattr(processes, "run_subject", operator.call)
    waiting: Any = deque(enumerate((healthy(f"P{n}"), Path(f"P{n}")) for n in range(5)))
    found = dict(processes._until_broken(waiting, "options", "resume", 2, 1))  # type: ignore[arg-type]
    assert sorted(found) == list(range(5))
    assert not waiting
