"""A sequence that may be too long for memory: on disk then, with a few bytes of each thing held."""

from __future__ import annotations

import os
import pickle
import weakref
from array import array
from collections import deque
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import Generic, TypeVar, overload

Thing = TypeVar("Thing")

#: Bytes that wait before they are written.
WRITTEN_AT_ONCE = 1 << 20


class Shelf(Sequence[Thing], Generic[Thing]):
    """Things in the order in which they were put up; what is up stays as it is.

    The file has no name and is readable by its owner alone: what lies there are patients' data.

    Args:
        held: things up to this number stay in memory; with more all go to disk, and each that is
            asked for is a copy.
    """

    def __init__(self, held: int) -> None:
        self._most = held
        self._held: list[Thing] = []
        self._starts = array("Q", [0])
        self._waiting = bytearray()
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - as long as the shelf
        weakref.finalize(self, self._file.close)

    def append(self, thing: Thing) -> None:
        """Put up one more.

        Raises:
            OSError: the disk is full.
        """
        if self.is_in_memory and len(self._held) < self._most:
            self._held.append(thing)
            return
        more = deque([*self._held, thing])
        self._held.clear()
        while more:  # each leaves memory as its copy goes to disk
            content = pickle.dumps(more.popleft(), pickle.HIGHEST_PROTOCOL)
            self._waiting += content
            self._starts.append(self._starts[-1] + len(content))
            if len(self._waiting) >= WRITTEN_AT_ONCE:
                self._write()

    def _write(self) -> None:
        """Let what waits go to disk: a call for each thing takes longer than the thing."""
        while self._waiting:
            written = self._file.write(self._waiting)
            del self._waiting[:written]

    @property
    def is_in_memory(self) -> bool:
        """Whether nothing had to go to disk."""
        return len(self._starts) == 1

    def __len__(self) -> int:
        return len(self._held) if self.is_in_memory else len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> Thing: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Thing, ...]: ...
    def __getitem__(self, index: int | slice) -> Thing | tuple[Thing, ...]:
        if isinstance(index, slice):
            return tuple(self[n] for n in range(*index.indices(len(self))))
        starts = self._starts
        if len(starts) == 1:
            return self._held[index]
        count = len(starts) - 1
        place = index if index >= 0 else count + index
        if not 0 <= place < count:
            raise IndexError(index)
        if self._waiting:
            self._write()
        start, end = starts[place], starts[place + 1]
        thing: Thing = pickle.loads(os.pread(self._file.fileno(), end - start, start))
        return thing
