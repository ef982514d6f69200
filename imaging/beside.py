"""Processes beside this one that take part of its work.

For work on many small arrays or objects, where threads only wait for Python's lock. Who does what
changes nothing of the results, and one that is ended from outside loses nothing: what it had is
done here.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from imaging.parallel import end_with_parent

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Work of fewer seconds is not worth handing on; of fewer than the second not worth a process that
#: must be started for it: it loads the libraries again, in a second, and keeps 100 MB of them.
WORTH_SHARING_S, WORTH_STARTING_S = 0.3, 4.0
#: More than these wait for what is left to one of them.
MOST_BESIDE = 3


class Beside:
    """Processes that are started when work is worth it, and end with the block that holds them."""

    def __init__(self, most: int = 0) -> None:
        """``most``: how many; with none, everything is done by the caller."""
        self._most = min(most, MOST_BESIDE)
        self._pools: list[ProcessPoolExecutor] = []

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)
        self._pools.clear()

    def helps_with(self, work: Callable[..., object], seconds: float) -> bool:
        """Whether work of so many seconds is worth sharing: then a process is there, or begins.

        Args:
            work: a function of a module.
        """
        if seconds < (WORTH_SHARING_S if self._pools else WORTH_STARTING_S):
            return False
        # Spawned, not forked: a fork of a process with threads may hang. A pool for each, so that
        # one that ends takes no other along.
        context = multiprocessing.get_context("spawn")
        for _ in range(self._most - len(self._pools)):
            pool = ProcessPoolExecutor(1, context, _begin)
            pool.submit(_begun, work)  # it loads what it needs while this one prepares the tasks
            self._pools.append(pool)
        return bool(self._pools)

    def shared(
        self, work: Callable[[Task], Result], tasks: Sequence[Callable[[], Task]]
    ) -> list[Result]:
        """``work`` of each task, in their order.

        Args:
            work: a function of a module, so that it can be named to another process.
            tasks: make what is worked on, when its turn comes and not before.
        """
        left = deque(enumerate(tasks))
        found: dict[int, Result] = {}

        def hand_on(pool: ProcessPoolExecutor) -> None:
            while (taken := _taken(left.pop)) is not None:
                n, task = taken
                try:
                    found[n] = pool.submit(work, task()).result()
                except BrokenProcessPool:
                    self._pools.remove(pool)
                    left.append(taken)
                    return

        with ThreadPoolExecutor(max(1, len(self._pools))) as threads:
            handed_on = [threads.submit(hand_on, pool) for pool in self._pools]
            try:
                while (taken := _taken(left.popleft)) is not None:
                    found[taken[0]] = work(taken[1]())
                for each in handed_on:
                    each.result()
            finally:
                lost = list(left)
                left.clear()
        for n, task in lost:
            found[n] = work(task())
        return [found[n] for n in range(len(tasks))]


#: Nobody: everything is done by the caller.
NOBODY = Beside()


def _taken(take: Callable[[], Any]) -> Any:
    """The next of what is left, None when others have taken all of it."""
    try:
        return take()
    except IndexError:
        return None


def _begin() -> None:
    end_with_parent()
    from imaging.itk import sitk  # noqa: PLC0415 - in the process that works on images alone

    filters: Any = sitk.ProcessObject  # untyped
    filters.SetGlobalDefaultNumberOfThreads(1)


def _begun(_: object) -> None:
    """Naming the work to a process is enough: it loads the module that the work is in."""
