"""Cutting a prompted lesion off from what it only touches.

A network runs on along muscle and vessels from time to time: the lesion and what does not belong
to it hang together by a neck that is thin beside the lesion's own body. What lies beyond such a
neck is cut off. By cross-validation on 40 sarcomas with one click the mean diameter error was
10.5 mm without the cut, 9.0 mm with a share of a quarter and 7.4 to 7.8 mm with any from a third to
a half, and Dice 0.772 without and 0.774 to 0.778 with it; a third biases the diameter least.
"""

from __future__ import annotations

import cc3d
import numpy as np

from imaging.distances import away_mm
from imaging.volume import Array, BoolArray, FloatArray, Mask

#: A neck is thinner than this share of the depth of the lesion's body.
NECK_SHARE = 1.0 / 3.0
#: The body is grown back by this much more than it was worn off, so that its surface is kept.
REGROWTH_MM = 1.5


def body_of(mask: Mask, point_mm: FloatArray | None = None) -> Mask:
    """The part of a mask that is left when everything beyond a neck is cut off.

    Args:
        mask: a delineation in one piece or several.
        point_mm: (3,) LPS, a point of the lesion; its body is the one that holds the point or lies
            nearest to it. None takes the largest.

    Returns:
        A subset of the mask; the mask itself when it has no neck, or is empty.
    """
    if not mask.voxels:
        return mask
    spacing = mask.grid.spacing_mm
    depth_mm = away_mm(np.pad(~mask.array, 1, constant_values=True), spacing)[1:-1, 1:-1, 1:-1]
    worn_mm = NECK_SHARE * float(depth_mm.max())
    bodies = cc3d.connected_components(
        np.ascontiguousarray((depth_mm > worn_mm).T, dtype=np.uint8),
        connectivity=6,
        binary_image=True,
    ).T
    body = bodies == _meant(bodies, mask, point_mm)
    kept: BoolArray = mask.array & (away_mm(body, spacing) <= worn_mm + REGROWTH_MM)
    return Mask.placed(kept, mask.start, mask.grid)


def _meant(bodies: Array, mask: Mask, point_mm: FloatArray | None) -> int:
    """The number of the body that a point means: the nearest, and of equally near the largest."""
    sizes = np.bincount(bodies.ravel())
    if point_mm is None:
        return 1 + int(np.argmax(sizes[1:]))
    inside = np.argwhere(bodies)
    world = mask.grid.to_world_mm(inside + np.array(mask.start))
    nearest = np.linalg.norm(world - point_mm, axis=1).argmin()
    i, j, k = inside[nearest]
    return int(bodies[i, j, k])
