"""How far voxels lie from a region, on all processors."""

from __future__ import annotations

import numpy as np

from imaging.itk import sitk
from imaging.volume import BoolArray, FloatArray


def away_mm(region: BoolArray, spacing_mm: tuple[float, float, float]) -> FloatArray:
    """Distance of each voxel's centre to that of the nearest voxel of a region; 0 inside.

    Args:
        region: (i, j, k) with at least one voxel.
    """
    image = sitk.GetImageFromArray(np.ascontiguousarray(region.T).astype(np.uint8))
    image.SetSpacing([float(mm) for mm in spacing_mm])
    found = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    signed: FloatArray = sitk.GetArrayViewFromImage(found).T.astype(np.float64)
    return np.maximum(signed, 0.0)  # it is negative inside
