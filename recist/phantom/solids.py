"""Solids by their signed distance, and a canvas on which they are painted with soft edges."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.volume import Grid

PlaneValues = npt.NDArray[np.float32]
#: (x, y, z) of every voxel in the patient model, mm.
Coordinates = tuple[PlaneValues, PlaneValues, PlaneValues]
Millimetres3 = tuple[float, float, float]
#: Signed distance to a surface in mm, negative inside.
Distance = Callable[[PlaneValues, PlaneValues, PlaneValues], PlaneValues]


@dataclass(frozen=True, slots=True)
class Solid:
    """A body in the patient model.

    Attributes:
        distance: signed distance, exact near the surface.
        centre_mm, reach_mm: a box that holds it; None for one that spans the whole image.
        moves: goes up and down with breathing.
    """

    distance: Distance
    centre_mm: Millimetres3 | None = None
    reach_mm: Millimetres3 | None = None
    moves: bool = False


def ellipsoid(
    centre_mm: Millimetres3, semi_mm: Millimetres3, *, turn_deg: float = 0.0, moves: bool = False
) -> Solid:
    """An ellipsoid, turned about the vertical axis."""
    cos, sin = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))

    def distance(x: PlaneValues, y: PlaneValues, z: PlaneValues) -> PlaneValues:
        dx, dy, dz = x - centre_mm[0], y - centre_mm[1], z - centre_mm[2]
        u = (dx * cos + dy * sin) / semi_mm[0]
        v = (dy * cos - dx * sin) / semi_mm[1]
        w = dz / semi_mm[2]
        radius = np.sqrt(u * u + v * v + w * w)
        slope = np.sqrt((u / semi_mm[0]) ** 2 + (v / semi_mm[1]) ** 2 + (w / semi_mm[2]) ** 2)
        return np.asarray(radius * (radius - 1) / np.maximum(slope, 1e-6), dtype=np.float32)

    flat = max(semi_mm[:2]) if turn_deg else 0.0
    reach = (max(semi_mm[0], flat), max(semi_mm[1], flat), semi_mm[2])
    return Solid(distance, centre_mm, reach, moves)


def tube(
    start_mm: Millimetres3, end_mm: Millimetres3, radius_mm: float, *, moves: bool = False
) -> Solid:
    """A straight tube with round ends."""
    start, along = np.array(start_mm), np.subtract(end_mm, start_mm)
    squared = float(along @ along)

    def distance(x: PlaneValues, y: PlaneValues, z: PlaneValues) -> PlaneValues:
        dx, dy, dz = x - start[0], y - start[1], z - start[2]
        part = np.clip((dx * along[0] + dy * along[1] + dz * along[2]) / squared, 0, 1)
        away = (dx - part * along[0]) ** 2 + (dy - part * along[1]) ** 2
        away = away + (dz - part * along[2]) ** 2
        return np.asarray(np.sqrt(away) - radius_mm, dtype=np.float32)

    a, b, c = (start + along / 2).tolist()
    i, j, k = (np.abs(along) / 2 + radius_mm).tolist()
    return Solid(distance, (a, b, c), (i, j, k), moves)


@dataclass(frozen=True, slots=True)
class Tissue:
    """A solid and what it is made of."""

    solid: Solid
    hu: float
    suv: float


@dataclass(slots=True)
class Canvas:
    """CT number and uptake of every voxel of a grid, painted solid over solid.

    Arrays are kept as (k, j, i), C-contiguous; the volumes made from them are transposed views.

    Attributes:
        fixed: model coordinates of each voxel for what does not move with breathing.
        moving: the same for what does.
        edge_mm: width over which a surface fades, about a voxel.
    """

    grid: Grid
    fixed: Coordinates
    moving: Coordinates
    edge_mm: float
    hu: PlaneValues = field(init=False)
    suv: PlaneValues = field(init=False)

    def __post_init__(self) -> None:
        shape = self.fixed[0].shape
        self.hu = np.full(shape, -1000.0, dtype=np.float32)
        self.suv = np.zeros(shape, dtype=np.float32)

    def box(self, solid: Solid) -> tuple[slice, slice, slice]:
        """The part of the canvas that a solid can touch."""
        if solid.centre_mm is None or solid.reach_mm is None:
            return (slice(None),) * 3
        coordinates = self.moving if solid.moves else self.fixed
        k, j, i = (n // 2 for n in self.hu.shape)
        # The patient turns by a few degrees only: each model axis runs along one image axis.
        lines = (
            coordinates[2][:, j, i],
            coordinates[1][k, :, i],
            coordinates[0][k, j, :],
        )
        found = []
        slack_mm = 12.0  # what a few degrees and the edge add over the width of the patient
        for axis, line in zip((2, 1, 0), lines, strict=True):
            near = np.abs(line - solid.centre_mm[axis]) <= solid.reach_mm[axis] + slack_mm
            hit = np.flatnonzero(near)
            found.append(slice(int(hit[0]), int(hit[-1]) + 1) if hit.size else slice(0, 0))
        return found[0], found[1], found[2]

    def distance(self, solid: Solid, box: tuple[slice, slice, slice]) -> PlaneValues:
        x, y, z = (axis[box] for axis in (self.moving if solid.moves else self.fixed))
        return solid.distance(x, y, z)

    def paint(self, tissue: Tissue, *, inside: PlaneValues | None = None) -> None:
        """Lay a tissue over what is there; ``inside`` (0..1, whole canvas) limits it."""
        box = self.box(tissue.solid)
        share = np.clip(0.5 - self.distance(tissue.solid, box) / self.edge_mm, 0, 1)
        if inside is not None:
            share = share * inside[box]
        self.hu[box] += share * (tissue.hu - self.hu[box])
        self.suv[box] += share * (tissue.suv - self.suv[box])

    def paint_all(self, tissues: Iterable[Tissue], *, inside: PlaneValues | None = None) -> None:
        for tissue in tissues:
            self.paint(tissue, inside=inside)

    def share(self, solid: Solid) -> PlaneValues:
        """How much of each voxel of the canvas lies in a solid, 0..1."""
        whole = np.zeros(self.hu.shape, dtype=np.float32)
        box = self.box(solid)
        whole[box] = np.clip(0.5 - self.distance(solid, box) / self.edge_mm, 0, 1)
        return whole

    def inside(self, solid: Solid) -> npt.NDArray[np.bool_]:
        """Voxels (i, j, k) whose centre lies in a solid."""
        whole: npt.NDArray[Any] = np.zeros(self.hu.shape, dtype=np.bool_)
        box = self.box(solid)
        whole[box] = self.distance(solid, box) < 0
        return whole.T
