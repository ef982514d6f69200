"""A volume of which some boxes are at hand, and the rest lies where it was read from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from pydicom import Dataset

from imaging.volume import Array, Grid, Index3, Unit, Volume


@dataclass(frozen=True, slots=True, eq=False)
class FetchedBox:
    """A part of a volume: ``array[i, j, k]`` whose first voxel is ``start`` of the grid."""

    array: Array
    start: Index3

    def holds(self, low: Sequence[int], high: Sequence[int]) -> bool:
        """Whether all of the voxels from ``low`` to before ``high`` are in it."""
        end = np.add(self.start, self.array.shape)
        return bool((np.array(low) >= self.start).all() and (np.array(high) <= end).all())


class PartialVolume(Volume):
    """A volume whose voxels are fetched when something asks for more than the boxes hold."""

    __slots__ = ("_boxes", "_fetch", "_fetched")

    def __init__(
        self,
        grid: Grid,
        unit: Unit,
        source: str,
        fetch: Callable[[], Array],
        boxes: Sequence[FetchedBox] = (),
    ) -> None:
        for name, value in (
            ("grid", grid),
            ("unit", unit),
            ("source", source),
            ("_fetch", fetch),
            ("_boxes", tuple(boxes)),
            ("_fetched", []),
        ):
            object.__setattr__(self, name, value)

    @property
    def array(self) -> Array:
        """All voxels; read from the source when first asked for."""
        fetched: list[Array] = self._fetched  # type: ignore[attr-defined]
        if not fetched:
            view = self._fetch().view()  # type: ignore[attr-defined]
            view.setflags(write=False)
            fetched.append(view)
        return fetched[0]

    def region(self, low: Sequence[int], high: Sequence[int]) -> Array:
        """The voxels from ``low`` to before ``high``, from a box where one holds them all."""
        boxes: tuple[FetchedBox, ...] = self._boxes  # type: ignore[attr-defined]
        for box in boxes:
            if box.holds(low, high):
                first = np.subtract(low, box.start)
                last = np.subtract(high, box.start)
                return box.array[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
        return super().region(low, high)


class LaterHeaders(Sequence[Dataset]):
    """The headers of a series, read when first asked for."""

    def __init__(self, count: int, fetch: Callable[[], Sequence[Dataset]]) -> None:
        self._count = count
        self._fetch = fetch
        self._fetched: list[Sequence[Dataset]] = []

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Dataset: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Dataset]: ...
    def __getitem__(self, index: int | slice) -> Dataset | Sequence[Dataset]:
        if not self._fetched:
            self._fetched.append(self._fetch())
        return self._fetched[0][index]
