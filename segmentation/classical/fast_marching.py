"""A front that starts on a line, runs through what is like it and is stopped at the line's ends."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from imaging.itk import sitk
from imaging.volume import Array
from segmentation.classical.scene import Scene

#: The front starts on this part of the line.
START = (0.3, 0.7)
#: Speed falls to a half where HU differ by this many deviations from those under the line.
LIKENESS_SDS = 2.0
LEAST_DEVIATION_HU = 25.0
#: Speed falls to a half at this share of the steepest edges around.
EDGE_SHARE = 0.4
SLOWEST = 0.02
#: What lies beyond this many half lines is never reached.
REACH = 1.3


def field(scene: Scene) -> Array:
    """Positive in the lesion: how much earlier than the line's ends a voxel is reached."""
    hu = ndimage.gaussian_filter(scene.hu.array, 0.6)
    core = hu[scene.along(*START)]
    deviation = max(LEAST_DEVIATION_HU, float(core.std()))
    apart = np.abs(hu - float(np.median(core))) / (LIKENESS_SDS * deviation)
    slope = ndimage.gaussian_gradient_magnitude(scene.hu.array, 1.0)
    away = scene.away(scene.middle) / (scene.length / 2.0)
    steep = max(1.0, EDGE_SHARE * float(np.percentile(slope[away < REACH], 95)))
    speed = 1.0 / (1.0 + apart**4) / (1.0 + (slope / steep) ** 2)
    speed = np.where(away < REACH, np.maximum(speed, SLOWEST), 1e-4)
    image = sitk.GetImageFromArray(speed.T.astype(np.float32))
    seeds = [[int(i), int(j), int(k)] for i, j, k in zip(*scene.along(*START), strict=True)]
    marching = sitk.FastMarchingImageFilter()
    marching.SetTrialPoints(seeds)
    arrival = np.asarray(sitk.GetArrayFromImage(marching.Execute(image)).T, np.float64)
    ends = ndimage.map_coordinates(
        np.minimum(arrival, 1e6), np.stack([scene.start, scene.end], axis=1), order=1
    )
    return np.where(away < REACH, float(ends.mean()) - arrival, -1.0).clip(-1e3, 1e3)
