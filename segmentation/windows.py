"""Windows fitted to the body, and how their answers are blended.

The common sliding window has a fixed size and slides over the whole image; with an overlap of a
quarter it computes 2.7 times the voxels of the body. Here the body's box is divided evenly and the
windows take the size that this asks for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from imaging.volume import Array, Index3, box_around
from segmentation.network import CT_WINDOW_HU, SIDE_MULTIPLE, SPACING_MM

Box = tuple[slice, slice, slice]

#: Longest side of a window: 288 mm.
LONGEST_SIDE = 96
#: Neighbouring windows share this much.
OVERLAP_MM = 48.0
#: Added around the body's box.
BODY_MARGIN_MM = 9.0
#: Blocks of this many voxels decide what is body.
BODY_BLOCK = 4
#: A window without this share of body holds no lesion.
LEAST_BODY = 0.002


def body_box(ct: Array) -> tuple[Box, Array]:
    """The box around the patient in an encoded CT, without the table; and the body in blocks.

    Args:
        ct: CT channel (i, j, k), 0 at and below the window's lower edge.

    Returns:
        the box, and a bool array of blocks of ``BODY_BLOCK`` voxels. All of the image if there is
        no body in it.
    """
    low, high = CT_WINDOW_HU
    tissue = (-120.0 - low) * 2.0 / (high - low)
    blocks = _block_mean(ct) > tissue
    from scipy import ndimage  # noqa: PLC0415 - the check of a GPU has torch and numpy alone

    labelled, count = ndimage.label(blocks)
    whole: Box = (slice(0, ct.shape[0]), slice(0, ct.shape[1]), slice(0, ct.shape[2]))
    if count == 0:
        return whole, np.ones(blocks.shape, np.bool_)
    sizes = np.bincount(labelled.ravel())[1:]
    # Both legs are body; a table or a blanket is small beside the trunk.
    body = np.isin(labelled, 1 + np.flatnonzero(sizes >= 0.1 * sizes.max()))
    margin = int(np.ceil(BODY_MARGIN_MM / SPACING_MM))
    sides = []
    around = box_around(body)
    assert around is not None  # the largest part is body
    for side, size in zip(around, ct.shape, strict=True):
        start = max(0, side.start * BODY_BLOCK - margin)
        sides.append(slice(start, min(size, side.stop * BODY_BLOCK + margin)))
    return (sides[0], sides[1], sides[2]), body


def _block_mean(ct: Array) -> Array:
    padding = [(0, -n % BODY_BLOCK) for n in ct.shape]
    padded = np.pad(ct, padding)
    i, j, k = (n // BODY_BLOCK for n in padded.shape)
    cut = padded.reshape(i, BODY_BLOCK, j, BODY_BLOCK, k, BODY_BLOCK)
    return np.asarray(cut.mean(axis=(1, 3, 5)))


def windows(box: Box, body: Array | None = None, *, longest: int = LONGEST_SIDE) -> list[Box]:
    """Even windows over a box; those without body are left out.

    The sides are multiples of ``SIDE_MULTIPLE``, so a window may stick out at the end of the box
    and of the image: what lies outside is air.
    """
    along = [list(_divided(side, longest)) for side in box]
    found: list[Box] = []
    for i, j, k in itertools.product(*along):
        if body is None or _holds_body((i, j, k), body):
            found.append((i, j, k))
    return found


def hull(several: Sequence[Box]) -> Box:
    """The smallest box around boxes."""
    i, j, k = (
        slice(min(side.start for side in sides), max(side.stop for side in sides))
        for sides in zip(*several, strict=True)
    )
    return i, j, k


def _divided(side: slice, longest: int) -> Iterator[slice]:
    length = side.stop - side.start
    overlap = min(round(OVERLAP_MM / SPACING_MM), longest // 4)
    count = 1 if length <= longest else -(-(length - overlap) // (longest - overlap))
    size = -(-(length + (count - 1) * overlap) // count)
    size += -size % SIDE_MULTIPLE
    for n in range(count):
        start = side.start + (round(n * (length - size) / (count - 1)) if count > 1 else 0)
        yield slice(start, start + size)


def _holds_body(window: Box, body: Array) -> bool:
    blocks = tuple(
        slice(max(0, side.start) // BODY_BLOCK, -(-side.stop // BODY_BLOCK)) for side in window
    )
    return bool(body[blocks].mean() >= LEAST_BODY)


def blending(shape: Index3) -> Array:
    """Weights of a window's voxels: 1 in the middle, falling to 0.05 at the faces; float32."""
    sides = []
    for size in shape:
        ramp = np.minimum(np.arange(size) + 0.5, size - np.arange(size) - 0.5)
        sides.append(np.clip(ramp * SPACING_MM / OVERLAP_MM, 0.05, 1.0).astype(np.float32))
    return np.asarray(sides[0][:, None, None] * sides[1][:, None] * sides[2])
