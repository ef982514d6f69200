"""A moving image on the voxels of the fixed one, where both are upright and a shift is known.

The shift is given at nodes, one in the middle of each two voxels along each axis; between them it
is linear, and so is the image between its voxels. Worked out slab by slab, in pieces that stay in
the cache: a resampling that may not assume where the nodes lie takes three times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from imaging.volume import Array, BoolArray, FloatArray, Grid

#: Voxels that are worked out together.
AT_ONCE = 1 << 15
#: Matrices that find what lies between so many numbers of nodes are kept.
KEPT_MATRICES = 128
#: What stands for HU where the moving image holds none, and what tells from any mixture with it.
UNKNOWN, LEAST_KNOWN = -5000.0, -1000.0


def warped(values: Array, grids: tuple[Grid, Grid], rigid: FloatArray, shift: Array) -> Array:
    """Values of the moving image at the voxels of the fixed one, :data:`UNKNOWN` outside of it.

    Args:
        values: (k, j, i) float32 of the moving image, dense in this order.
        grids: of the fixed and of the moving image, both along the LPS axes.
        rigid: 4 x 4, applied after the shift.
        shift: (3, k, j, i) in mm, x, y and z, at the nodes of the fixed image.
    """
    nk, nj, ni = grids[0].shape[::-1]
    nodes = _at_nodes(grids, rigid, shift)
    # What lies between nodes inside of the moving image lies inside of it too.
    low, high = nodes.min(axis=(1, 2, 3)), nodes.max(axis=(1, 2, 3))
    is_inside = bool((low >= 0).all() and (high < np.array(values.shape) - 1).all())
    found = np.empty((nk, nj, ni), np.float32)
    thick = max(2, AT_ONCE // (nj * ni) // 2 * 2)
    for first in range(0, nk, thick):
        slab = slice(first, min(first + thick, nk))
        at = _doubled(nodes[:, first // 2 : -(-slab.stop // 2) + 2])
        places = _Places(at[:, : slab.stop - first, :nj, :ni], is_inside)
        found[slab] = places.linear(values)
        if not is_inside:
            found[slab][places.beyond(values)] = UNKNOWN
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where the voxels of a slab lie in the moving image.

    Attributes:
        at: (3, ...) in its voxels along k, j and i.
        is_inside: all lie between voxels of it.
    """

    at: Array
    is_inside: bool

    def beyond(self, values: Array) -> BoolArray:
        """Which lie outside of the moving image."""
        limits = np.array(values.shape, np.float32).reshape(3, 1, 1, 1) - np.float32(0.5)
        return np.asarray(((self.at <= -0.5) | (self.at >= limits)).any(axis=0))

    def linear(self, values: Array) -> Array:
        """Values between the eight voxels around each place; beyond the image those of its edge."""
        flat = values.ravel()
        steps = [
            step if n > 1 else 0
            for n, step in zip(
                values.shape, (values.shape[1] * values.shape[2], values.shape[2], 1), strict=True
            )
        ]
        first = np.zeros(self.at.shape[1:], np.intp)
        weights = []
        for at, n, step in zip(self.at, values.shape, steps, strict=True):
            held = at if self.is_inside else np.clip(at, np.float32(0), np.float32(n - 1))
            low = held.astype(np.int32)
            if not self.is_inside:
                np.minimum(low, max(n - 2, 0), out=low)
            weights.append(np.subtract(held, low, dtype=np.float32))  # exact: of one magnitude
            low *= step
            first += low
        by_k, by_j, by_i = weights
        of_k, of_j, of_i = steps
        # What lies inside needs no bounds, and "wrap" asks for them in the cheapest way; an image
        # with a place that is no number is never inside.
        mode: Literal["wrap", "clip"] = "wrap" if self.is_inside else "clip"

        def along_i(start: int, into: Array, spare: Array) -> Array:
            flat[start:].take(first, mode=mode, out=into)
            flat[start + of_i :].take(first, mode=mode, out=spare)
            return _between(into, spare, by_i)

        def along_j(start: int, into: Array, other: Array, spare: Array) -> Array:
            along_i(start, into, spare)
            return _between(into, along_i(start + of_j, other, spare), by_j)

        one, other, third, spare = (np.empty(first.shape, np.float32) for _ in range(4))
        along_j(0, one, other, spare)
        return _between(one, along_j(of_k, other, third, spare), by_k)


def _between(one: Array, other: Array, weight: Array) -> Array:
    """One value, or another, or what lies between; both arrays are used up."""
    other -= one
    other *= weight
    one += other
    return one


def _at_nodes(grids: tuple[Grid, Grid], rigid: FloatArray, shift: Array) -> Array:
    """(3, k, j, i) voxels k, j and i of the moving image at the nodes, with one node more around.

    Around them the shift is that of the nearest node.
    """
    fixed, moving = grids
    to_voxels = np.linalg.inv(moving.affine) @ rigid
    bent = to_voxels[2::-1, :3].astype(np.float32) @ shift.reshape(3, -1)
    padded = np.empty((3, *(n + 2 for n in shift.shape[1:])), np.float32)
    padded[:, 1:-1, 1:-1, 1:-1] = bent.reshape(shift.shape)
    for edge, next_to_it in ((0, 1), (-1, -2)):
        padded[:, edge] = padded[:, next_to_it]
        padded[:, :, edge] = padded[:, :, next_to_it]
        padded[..., edge] = padded[..., next_to_it]
    straight = to_voxels @ fixed.affine
    # Node n lies between voxels 2 n and 2 n + 1; the first here is that before the first.
    k, j, i = ((2 * np.arange(-1, n - 1) + 0.5).astype(np.float32) for n in padded.shape[1:])
    for axis, row in enumerate(straight[2::-1].astype(np.float32)):
        padded[axis] += (row[2] * k)[:, None, None] + (
            (row[1] * j)[:, None] + (row[0] * i + row[3])
        )
    return padded


def _doubled(nodes: Array) -> Array:
    """(3, ...) at the voxels between nodes (3, ...), the outer ones of which lie around them."""
    _, k, j, i = nodes.shape
    by_k = np.matmul(_between_nodes(k), nodes.reshape(3, k, j * i)).reshape(3, -1, j, i)
    return np.asarray(np.matmul(np.matmul(_between_nodes(j), by_k), _between_nodes(i).T))


@lru_cache(maxsize=KEPT_MATRICES)
def _between_nodes(nodes: int) -> Array:
    """The matrix (2 n - 4, n), float32, from nodes along an axis to the voxels between them."""
    inner = nodes - 2
    found = np.zeros((2 * inner, nodes), np.float32)
    voxels = np.arange(2 * inner)
    nearest = voxels // 2 + 1
    found[voxels, nearest] = 0.75
    found[voxels, nearest + np.where(voxels % 2, 1, -1)] = 0.25
    found.setflags(write=False)
    return found
