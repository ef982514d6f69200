"""Python's search for objects that refer to each other, left out where there are none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """No object made here refers to itself, yet looking for such cycles takes half of the time.

    The more objects are alive, the longer each search takes: of a long table that time grows faster
    than its rows.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
