"""Memory for the pixels of a series: that of the series before, once nobody looks at it any more.

The system clears memory before it gives it to a process, and for a series of 100 MB that takes as
long as half of reading it. So the memory of one series is kept for the next. It is marked as free:
the system takes it back as soon as anything runs short of memory.
"""

from __future__ import annotations

import mmap
import weakref
from contextlib import suppress

import numpy as np

from imaging.volume import Array

#: Memory comes in pages of this size where it begins at a multiple of it. A page of 4 kB costs more
#: to come by than to fill, and a series of 100 MB would have 25,000 of them.
PAGE_BYTES = 2 * 1024**2
#: Less than this is not worth keeping.
SMALLEST_BYTES = 2 * PAGE_BYTES
#: More than this is given back at once; a CT of 200 slices takes 100 MB. What is kept counts as
#: memory of the process until the system takes it.
LARGEST_BYTES = 128 * 1024**2

_CAN_BE_MARKED = hasattr(mmap, "MADV_FREE") and hasattr(mmap, "MADV_HUGEPAGE")

#: The memory that is kept: one piece, or none; cleared, it goes back to the system.
spare: list[mmap.mmap] = []


class _Lease:
    """The part of some memory that an array lies in, as long as a view of the array is there."""

    def __init__(self, memory: mmap.mmap, size: int) -> None:
        address = np.frombuffer(memory, dtype=np.uint8).__array_interface__["data"][0]
        start = address + -address % PAGE_BYTES
        self.__array_interface__ = {
            "version": 3,
            "shape": (size,),
            "typestr": "|u1",
            "data": (start, False),
        }
        weakref.finalize(self, _keep, memory).atexit = False


def room(size: int) -> Array:
    """So many bytes, (size,) uint8, of any content."""
    if size < SMALLEST_BYTES or not _CAN_BE_MARKED:
        return np.empty(size, dtype=np.uint8)
    return np.asarray(_Lease(_taken(size), size))


def _keep(memory: mmap.mmap) -> None:
    """Nobody looks at it any more: it may serve again."""
    if len(memory) <= LARGEST_BYTES:
        with suppress(OSError):
            memory.madvise(mmap.MADV_FREE)
            spare[:] = [memory]


def _taken(size: int) -> mmap.mmap:
    """Memory for at least so many bytes from a multiple of the page on."""
    needed = -(-size // PAGE_BYTES) * PAGE_BYTES + PAGE_BYTES
    with suppress(IndexError):  # none is kept, or another thread was quicker
        memory = spare.pop()
        if needed <= len(memory) <= 2 * needed:
            return memory
        if len(memory) > needed:
            spare.append(memory)
        del memory  # before more is asked for: the two need never be there at once
    memory = mmap.mmap(-1, needed, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a system without large pages
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
