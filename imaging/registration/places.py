"""Lesions, which a registration must not follow, and what it knows better around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy

from imaging.volume import Array, BoolArray, FloatArray, Grid

#: Beyond its reach a correction fades out over this distance; one of 8 mm cannot fold tissue.
FADE_MM = 20.0
#: Corrections that are mixed where several meet.
MIXED = 4


@dataclass(frozen=True, slots=True, eq=False)
class LesionSpheres:
    """Where the lesions of a date lie: what its registration must get right.

    Attributes:
        centres_mm: (n, 3) LPS of its CT.
        radii_mm: (n,).
    """

    centres_mm: FloatArray
    radii_mm: FloatArray

    def __len__(self) -> int:
        return len(self.radii_mm)

    def moved(self, to_mm: Callable[[FloatArray], FloatArray]) -> LesionSpheres:
        """The same lesions in another frame."""
        return LesionSpheres(to_mm(self.centres_mm.reshape(-1, 3)), self.radii_mm)

    def __add__(self, other: LesionSpheres) -> LesionSpheres:
        return LesionSpheres(
            np.concatenate([self.centres_mm.reshape(-1, 3), other.centres_mm.reshape(-1, 3)]),
            np.concatenate([self.radii_mm, other.radii_mm]),
        )

    def cover(self, grid: Grid, margin_mm: float) -> BoolArray:
        """Voxels of an upright grid in a lesion or within a margin around it."""
        covered = np.zeros(grid.shape, dtype=np.bool_)
        spacing, limits = np.array(grid.spacing_mm), np.array(grid.shape)
        reaches = (self.radii_mm[:, None] + margin_mm) / spacing
        middles = grid.to_voxel(self.centres_mm.reshape(-1, 3))
        firsts = np.clip(np.floor(middles - reaches), 0, limits).astype(int)
        lasts = np.clip(np.ceil(middles + reaches) + 1, 0, limits).astype(int)
        for middle, reach, first, last in zip(middles, reaches, firsts, lasts, strict=True):
            i, j, k = (
                ((np.arange(a, b) - m) / r) ** 2
                for a, b, m, r in zip(first, last, middle, reach, strict=True)
            )
            box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
            covered[box] |= i[:, None, None] + j[:, None] + k <= 1
        return covered


NO_LESIONS = LesionSpheres(np.zeros((0, 3)), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Places:
    """Corrections around places (at least one) of the fixed image, and how sure of the result.

    Attributes:
        centres_mm: (n, 3) LPS.
        shifts_mm: (n, 3), added to the displacement there.
        reach_mm: (n,), within which a correction holds in full.
        error_mm: (n,), what covers the error that remains there in nine cases of ten.
    """

    centres_mm: FloatArray
    shifts_mm: FloatArray
    reach_mm: FloatArray
    error_mm: FloatArray

    @cached_property
    def _tree(self) -> scipy.spatial.cKDTree:
        """Finds the centres near a point; made when first asked, as kept places seldom are."""
        return scipy.spatial.cKDTree(self.centres_mm)

    def shift_at(self, points_mm: FloatArray) -> FloatArray:
        """The correction (n, 3) at points (n, 3) of the fixed image."""
        apart, which = self._near(points_mm, MIXED, FADE_MM)
        weight = np.clip(1 + (self.reach_mm[which] - apart) / FADE_MM, 0, 1)
        total = np.maximum(weight.sum(axis=1, keepdims=True), 1)
        return np.asarray(np.einsum("nk,nka->na", weight / total, self.shifts_mm[which]))

    def error_at(self, points_mm: FloatArray, otherwise_mm: float) -> FloatArray:
        """What covers the error (n,) at points (n, 3); a given one where no place is near."""
        apart, which = self._near(points_mm, 1, 0.0)
        near = apart[:, 0] <= self.reach_mm[which[:, 0]]
        return np.where(near, self.error_mm[which[:, 0]], otherwise_mm)

    def _near(self, points_mm: FloatArray, most: int, beyond_mm: float) -> tuple[FloatArray, Array]:
        """Distances and numbers (n, k) of the nearest places; one out of reach is infinitely far.

        Args:
            beyond_mm: of the largest reach that a place may lie away.
        """
        ranks = np.arange(1, min(most, len(self.centres_mm)) + 1)
        farthest = np.nextafter(float(self.reach_mm.max()) + beyond_mm, np.inf)
        apart, which = self._tree.query(points_mm, k=ranks, distance_upper_bound=farthest)
        return apart, np.minimum(which, len(self.centres_mm) - 1)
