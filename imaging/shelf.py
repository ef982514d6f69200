"""A sequence that may be too long for memory: on disk then, with a few bytes of each thing held."""

from __future__ import annotations

import pickle
import weakref
from array import array
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import Generic, TypeVar, overload

Thing = TypeVar("Thing")


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
        self._file = TemporaryFile()  # noqa: SIM115 - as long as the shelf
        weakref.finalize(self, self._file.close)

    def append(self, thing: Thing) -> None:
        """Put up one more.

        Raises:
            OSError: the disk is full.
        """
        if self.is_in_memory and len(self._held) < self._most:
            self._held.append(thing)
            return
        waiting, self._held = [*self._held, thing], []
        self._file.seek(self._starts[-1])
        for each in waiting:
            pickle.dump(each, self._file, pickle.HIGHEST_PROTOCOL)
            self._starts.append(self._file.tell())

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
        if len(self._starts) == 1:
            return self._held[index]
        place = range(len(self))[index]
        self._file.seek(self._starts[place])
        thing: Thing = pickle.load(self._file)
        return thing
