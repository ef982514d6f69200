"""Shapes in a small cube of voxels: depth, growth and shift, with numpy alone.

A training runs where nothing but torch, monai and numpy is installed. These give what the functions
of scipy.ndimage of the same purpose give (``tests/segmentation/fine/test_cube_shapes.py``).
"""

from __future__ import annotations

import numpy as np

from imaging.volume import Array, BoolArray


def depth_of(lesion: BoolArray) -> Array:
    """Each voxel's distance to the nearest voxel outside of the lesion, in voxels; 0 outside."""
    depth = np.zeros(lesion.shape)
    points = np.argwhere(lesion)
    if not len(points):
        return depth
    low = np.maximum(points.min(axis=0) - 1, 0)
    high = np.minimum(points.max(axis=0) + 2, lesion.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    squared = np.where(lesion[box], np.inf, 0.0)
    # Felzenszwalb and Huttenlocher 2012: the squared distance is found axis by axis.
    for axis in range(3):
        along = np.moveaxis(squared, axis, -1)
        steps = np.arange(along.shape[-1])
        apart = (steps[:, None] - steps).astype(np.float64) ** 2
        nearest = (along[..., None, :] + apart).min(axis=-1)
        squared = np.moveaxis(nearest, -1, axis)
    depth[box] = np.sqrt(squared)
    return depth


def grown(lesion: BoolArray, steps: int) -> BoolArray:
    """With every voxel that shares a face with it, so many times."""
    found = lesion
    for _ in range(steps):
        found = np.logical_or.reduce(_with_neighbours(found))
    return np.asarray(found)


def worn(lesion: BoolArray, steps: int) -> BoolArray:
    """Without every voxel that has a face on what is outside, or on the border of the cube."""
    found = lesion
    for _ in range(steps):
        found = np.logical_and.reduce(_with_neighbours(found))
    return np.asarray(found)


def _with_neighbours(lesion: BoolArray) -> list[BoolArray]:
    padded = np.pad(lesion, 1)
    i, j, k = lesion.shape
    moves = ((1, 1, 1), (0, 1, 1), (2, 1, 1), (1, 0, 1), (1, 2, 1), (1, 1, 0), (1, 1, 2))
    return [padded[a : a + i, b : b + j, c : c + k] for a, b, c in moves]


def shifted(lesion: BoolArray, by: Array) -> BoolArray:
    """Moved by a part of a voxel or more, to the nearest voxel; nothing comes in at the border."""
    moved = lesion
    for axis, step in enumerate(by):
        size = lesion.shape[axis]
        wanted = np.arange(size) - float(step)
        source = np.floor(wanted + 0.5).astype(int)
        there = (wanted >= 0) & (wanted <= size - 1)
        moved = np.take(moved, np.clip(source, 0, size - 1), axis=axis)
        sides = [1, 1, 1]
        sides[axis] = size
        moved = moved & there.reshape(sides)
    return np.asarray(moved)


def averaged_in_plane(image: Array, width: int) -> Array:
    """The mean over ``width`` x ``width`` voxels of a slice, the border repeated."""
    mean = image
    for axis in (0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (width // 2, width - width // 2 - 1)
        padded = np.pad(mean, pad, mode="edge")
        parts = [np.take(padded, range(n, n + image.shape[axis]), axis=axis) for n in range(width)]
        mean = np.asarray(np.mean(parts, axis=0, dtype=np.float32))
    return mean
