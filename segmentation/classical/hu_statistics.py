"""The values under a line say what the lesion is made of; what is like them and near is lesion."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from imaging.spread import robust_deviation
from imaging.volume import Array
from segmentation.classical.scene import Scene, connected

#: The middle of the line is surely lesion; its ends are half outside.
CORE = (0.15, 0.85)
#: So many standard deviations of the values under the line are still lesion, and at least this.
SPREAD_SDS = 2.5
LEAST_SPREAD_HU = 30.0
#: Surroundings that differ by more than this from the lesion put its border half way to them.
CONTRAST_HU = 100.0
#: The lesion lies within a ball this much wider than the line.
BALL = 1.15
#: The surroundings are what lies between these multiples of the line's half length.
RING = (1.3, 1.9)
#: Vessels thinner than this share of the line are opened off, at most so many voxels.
OPENING = 0.12


def field(scene: Scene) -> Array:
    """Positive in the lesion; about HU."""
    hu = ndimage.gaussian_filter(scene.hu.array, 0.6)
    core = hu[scene.along(*CORE)]
    middle = float(np.median(core))
    spread = max(LEAST_SPREAD_HU, SPREAD_SDS * robust_deviation(core - middle))
    away = scene.away(scene.middle) / (scene.length / 2.0)
    ring = hu[(away > RING[0]) & (away < RING[1])]
    low, high = middle - spread, middle + spread
    below, above = ring[ring < middle - CONTRAST_HU], ring[ring > middle + CONTRAST_HU]
    if len(below) > 0.1 * len(ring):
        low = (middle + float(np.median(below))) / 2.0
    if len(above) > 0.1 * len(ring):
        high = (middle + float(np.median(above))) / 2.0
    inside = np.minimum(hu - low, high - hu)
    inside = np.where(away <= BALL, inside, -np.abs(inside) - 1.0)
    lesion = inside > 0
    seed = np.zeros_like(lesion)
    seed[scene.along(*CORE)] = True
    radius = OPENING * scene.length
    if radius >= 1.0:
        worn = ndimage.distance_transform_edt(lesion) > radius
        body = connected(worn, ndimage.binary_dilation(seed, iterations=2))
        if body.any():
            lesion &= ndimage.distance_transform_edt(~body) <= radius + 1.0
    lesion = ndimage.binary_fill_holes(connected(lesion | seed, seed))
    return np.asarray(np.where(lesion, np.maximum(np.abs(inside), 1.0), np.minimum(inside, -1.0)))
