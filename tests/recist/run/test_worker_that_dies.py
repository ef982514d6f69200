"""A process that ends takes nothing along but its own patient."""

from __future__ import annotations

import operator
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar

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


class Counted(ProcessPoolExecutor):
    """A process that notes whom it was given."""

    given: ClassVar[list[str]] = []

    def submit(self, function: Any, /, *task: Any, **named: Any) -> Any:
        self.given.append(task[0].id)
        return super().submit(function, *task, **named)


def test_only_who_ended_the_process_is_run_again_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Counted, "given", [])
    monkeypatch.setattr(processes, "_process", lambda _: Counted(1, get_context("spawn")))
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
    assert sorted(Counted.given) == sorted([subject.id for subject in subjects] + ["P3"])
    assert Counted.given[-1] == "P3"  # at the end, when there is nobody beside it


def test_nothing_is_left_waiting_where_nobody_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_process", lambda _: ProcessPoolExecutor(1))
    monkeypatch.setattr(processes, "run_subject", operator.call)
    tasks: Any = [(healthy(f"P{n}"), Path(f"P{n}")) for n in range(5)]
    found = dict(processes.in_processes(tasks, "options", "resume", 2))  # type: ignore[arg-type]
    assert sorted(found) == list(range(5))
