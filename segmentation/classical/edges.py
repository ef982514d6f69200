"""A click: the level whose surface around it has the steepest edge; in lung, half way to lung."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from imaging.errors import InputError
from imaging.volume import Array, BoolArray
from segmentation.classical.scene import Scene, connected

#: Levels that are tried between the lesion's HU and what lies around it.
LEVELS = 24
#: A region that reaches this share of the cube's half side has leaked.
LEAKED = 0.9
FEWEST_VOXELS = 30
#: Darker than this within a few millimetres around a click means that it lies in lung.
LUNG_HU = -600.0
#: HU of aerated lung where none is measured around the lesion.
AERATED_HU = -850.0
#: Openings that are tried, mm, until nothing large hangs on the lesion.
OPENINGS_MM = (0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
#: The lesion opened must lie within this many times its own depth of the click.
SLENDER = 3.5


def edge_strength(scene: Scene) -> Array:
    """Positive in the component of the click above (or below) the level of the steepest edge."""
    hu = ndimage.gaussian_filter(scene.hu.array, 0.8)
    slope = ndimage.gaussian_gradient_magnitude(scene.hu.array, 1.0)
    seed = scene.away(scene.middle) <= 1.5
    inside = float(np.median(hu[seed]))
    around = hu[scene.away(scene.middle) < 20.0 / scene.spacing_mm]
    best, found = 0.0, np.full(hu.shape, -1.0)
    for sign in (1.0, -1.0):
        # A lesion brighter than its surroundings first, then a darker one.
        extreme = float(np.percentile(sign * around, 2))
        for level in np.linspace(extreme, sign * inside, LEVELS + 2)[1:-1]:
            region = connected(sign * hu > level, seed)
            if region.sum() < FEWEST_VOXELS or _leaks(scene, region):
                continue
            region = ndimage.binary_fill_holes(region)
            strength = float(slope[region & ~ndimage.binary_erosion(region)].mean())
            if strength > best:
                best = strength
                found = np.where(region, np.maximum(sign * hu - level, 1.0), -1.0)
    return found


def lung_threshold(scene: Scene) -> Array:
    """Positive in what is denser than half way to lung, without vessels and chest wall.

    Raises:
        InputError: there is no aerated lung around the click.
    """
    hu = ndimage.gaussian_filter(scene.hu.array, 0.6)
    away = scene.away(scene.middle)
    near = hu[away < 30.0 / scene.spacing_mm]
    air = near[near < LUNG_HU]
    if len(air) < 0.15 * len(near):
        raise InputError("there is no lung around the click", remedy="draw a line instead")
    seed = away <= 2.0
    inside = float(np.percentile(hu[seed], 75))
    level = (inside + float(np.median(air))) / 2.0
    dense = connected(hu > level, seed)
    if not dense.any():
        return np.full(hu.shape, -1.0)
    depth = ndimage.distance_transform_edt(dense) * scene.spacing_mm
    for opening in OPENINGS_MM:
        lesion = _opened(depth, opening, seed, scene.spacing_mm)
        if lesion is None:
            break
        reach = float(away[lesion].max()) * scene.spacing_mm
        own = float(depth[lesion & (away <= 6.0)].max())
        if reach <= SLENDER * own and not _leaks(scene, lesion):
            return np.where(lesion, np.maximum(hu - level, 1.0), -1.0)
    return np.full(hu.shape, -1.0)


def _opened(depth: Array, radius: float, seed: BoolArray, spacing: float) -> BoolArray | None:
    worn = depth > radius
    body = connected(worn, ndimage.binary_dilation(seed, iterations=1 + round(radius / spacing)))
    if not body.any():
        return None
    back = ndimage.distance_transform_edt(~body) * spacing
    return np.asarray((depth > 0) & (back <= radius + 0.5 * spacing))


def _leaks(scene: Scene, region: BoolArray) -> bool:
    reach = float(scene.away(scene.middle)[region].max())
    return bool(reach > LEAKED * scene.hu.array.shape[0] / 2.0)
