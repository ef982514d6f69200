"""Gantry tilt: slices shifted evenly against each other, laid on an orthogonal grid."""

from __future__ import annotations

import numpy as np
import scipy

from imaging.slices import Stack
from imaging.volume import Array, FloatArray


def straighten(values: Array, stack: Stack, fill: float) -> tuple[Array, FloatArray]:
    """Undo the shear of a tilted stack.

    Every slice is moved in its own plane (linear interpolation) to where it was scanned, on a
    matrix wide enough for all of them; slices stay slices.

    Args:
        values: (k, j, i) rescaled values.
        stack: with ``shift_mm`` linear in k.
        fill: value outside the scanned image.

    Returns:
        The wider (k, j, i) array, same type, and its affine.
    """
    spacing_mm = np.linalg.norm(stack.affine[:3, :2], axis=0)
    shift = stack.shift_mm / spacing_mm
    low = np.floor(shift.min(axis=0)).astype(int)
    extra = np.ceil(shift.max(axis=0)).astype(int) - low
    slices, rows, columns = values.shape
    wide = np.full((slices, rows + extra[1], columns + extra[0]), fill, dtype=values.dtype)
    for k in range(slices):
        (i, along_i), (j, along_j) = (divmod(float(part), 1.0) for part in shift[k] - low)
        room = wide[k, int(j) : int(j) + rows + 1, int(i) : int(i) + columns + 1]
        image = np.full(room.shape, fill, dtype=np.float32)
        image[:rows, :columns] = values[k]
        moved = scipy.ndimage.shift(image, (along_j, along_i), order=1, mode="constant", cval=fill)
        room[...] = np.rint(moved) if np.issubdtype(wide.dtype, np.integer) else moved
    affine = stack.affine.copy()
    affine[:3, 3] = (stack.affine @ np.array([low[0], low[1], 0.0, 1.0]))[:3]
    return wide, affine
