"""A volume of which some boxes are at hand, and the rest lies where it was read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import overload

import numpy as np
from pydicom import Dataset

from imaging.volume import Array, Grid, Index3, Unit, Volume


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """A part of a volume whose voxels are read when they are asked for.

    Attributes:
        start: its first voxel, in the whole grid.
        fetch: gives ``array[i, j, k]`` of its shape.
    """

    start: Index3
    shape: Index3
    fetch: Callable[[], Array]

    def holds(self, low: Sequence[int], high: Sequence[int]) -> bool:
        """Whether all of the voxels from ``low`` to before ``high`` are in it."""
        end = np.add(self.start, self.shape)
        return bool((np.array(low) >= self.start).all() and (np.array(high) <= end).all())


class PartialVolume(Volume):
    """A volume whose voxels are fetched when something asks for more than the boxes hold.

    Attributes:
        reductions: by spacing in mm, the tones of the whole volume on cubic voxels of it, as
            :func:`imaging.registration.reduction.reduced` would work them out.
    """

    __slots__ = ("_boxes", "_fetch", "_fetched", "reductions")

    reductions: Mapping[float, Callable[[], Array]]

    def __init__(
        self,
        grid: Grid,
        unit: Unit,
        source: str,
        fetch: Callable[[], Array],
        boxes: Sequence[Box] = (),
        *,
        reductions: Mapping[float, Callable[[], Array]] = MappingProxyType({}),
    ) -> None:
        for name, value in (
            ("grid", grid),
            ("unit", unit),
            ("source", source),
            ("_fetch", fetch),
            ("_boxes", tuple(boxes)),
            ("_fetched", []),
            ("reductions", reductions),
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

    def at_hand(
        self, low: Sequence[int], high: Sequence[int]
    ) -> tuple[list[int], list[int]] | None:
        """What of a box can be had without the source: its first voxel, and the one after the last.

        The largest part that one of the boxes holds; all of it where everything was fetched.
        """
        if self._fetched:  # type: ignore[attr-defined]
            return [*low], [*high]
        boxes: tuple[Box, ...] = self._boxes  # type: ignore[attr-defined]
        parts = [
            (np.maximum(low, box.start), np.minimum(high, np.add(box.start, box.shape)))
            for box in boxes
        ]
        parts = [(first, last) for first, last in parts if (last > first).all()]
        if not parts:
            return None
        first, last = max(parts, key=lambda part: int(np.prod(part[1] - part[0])))
        return [int(n) for n in first], [int(n) for n in last]

    def region(self, low: Sequence[int], high: Sequence[int]) -> Array:
        """The voxels from ``low`` to before ``high``, from a box where one holds them all."""
        boxes: tuple[Box, ...] = self._boxes  # type: ignore[attr-defined]
        for box in boxes:
            if box.holds(low, high):
                first = np.subtract(low, box.start)
                last = np.subtract(high, box.start)
                return box.fetch()[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
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
