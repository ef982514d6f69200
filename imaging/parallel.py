"""Work on a stream in several processes, results in order, with little of it in memory."""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

Task = TypeVar("Task")
Item = TypeVar("Item")
Result = TypeVar("Result")

#: Items under way or waiting per process: enough to keep each busy while one is written.
AHEAD = 2
#: Tables below this size are not worth a second process.
SMALL_TABLE_BYTES = 2_000_000

_bound: dict[str, Any] = {}


def workers_for(size_bytes: int, jobs: int | None) -> int:
    """Processes for a table of a size.

    Args:
        jobs: as many as the user wants; one per core unless given, and one for a small table.
    """
    if jobs is not None:
        return max(1, jobs)
    if size_bytes < SMALL_TABLE_BYTES:
        return 1
    return cores()


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    work: Callable[[Task, Item], Result], task: Task, items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """``work(task, item)`` for each item, in the order of the items.

    A process of its own never searches for objects that refer to each other: after a chunk all that
    is remembered for the next ones would be gone through again, a tenth of its time.

    Args:
        work: a function of a module, so that it can be named to another process; it makes no such
            objects to speak of.
        task: the same for all items; sent to each process once.
        workers: processes; with one, the work is done here.
    """
    if workers <= 1:
        for item in items:
            yield work(task, item)
        return
    # Spawned, not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _bind, (work, task)) as pool:
        waiting: deque[Future[Any]] = deque()
        # Asked for nothing yet, they start while the first items are made.
        for _ in range(workers):
            pool.submit(_be_there)
        try:
            for item in items:
                waiting.append(pool.submit(_run, item))
                if len(waiting) > AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def end_with_parent() -> None:
    """From now on, end this process as soon as the one that started it has ended.

    A worker that waits for work holds the queue open itself: after its parent was killed it would
    wait on, with all that it has in memory, until somebody ends it by hand.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        ended = (parent.sentinel,)
        threading.Thread(target=_end_after, args=ended, name="parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _bind(work: Callable[[Any, Any], Any], task: Any) -> None:
    end_with_parent()
    gc.disable()
    _bound["work"], _bound["task"] = work, task


def _be_there() -> None:
    """What is asked of a process so that it starts."""


def _run(item: Any) -> Any:
    return _bound["work"](_bound["task"], item)
