"""What tissue a lesion lies in, read from the CT around it: lung, or nothing said.

Only lung is told: air-filled tissue on most sides is a fact of the image. Every other organ needs a
segmentation of organs, or a reader; a guess would change which targets the rules allow.
"""

from __future__ import annotations

import numpy as np
import scipy

from imaging.volume import Mask, Volume

#: Aerated lung in HU; below is air outside of the body or in the bowel, above is soft tissue
#: (Heussel 2006, Eur Radiol 16:2452: normal lung -950 to -500).
LUNG_HU = (-950.0, -500.0)
#: The shell that is looked at: beyond partial volume, within the next tissue.
SHELL_MM = (3.0, 10.0)
#: A lesion is called pulmonary when at least this share of the shell is lung.
LEAST_SHARE = 0.5
LUNG = "lung"


def organ_around(mask: Mask, ct: Volume) -> tuple[str | None, str]:
    """The organ that a lesion's surroundings show, and on what ground.

    Args:
        mask: the lesion, on the grid of ``ct``.
        ct: HU.

    Returns:
        ``lung`` or None; a remark for the reader, "" where nothing is said.
    """
    share = lung_share(mask, ct)
    if share < LEAST_SHARE:
        return None, ""
    return LUNG, f"organ by its surroundings: {100 * share:.0f} % of the shell around it is lung"


def lung_share(mask: Mask, ct: Volume) -> float:
    """The share of the shell around a lesion that is aerated lung, 0..1."""
    spacing = np.array(mask.grid.spacing_mm)
    pad = np.ceil(SHELL_MM[1] / spacing).astype(int) + 1
    start = np.maximum(np.array(mask.start) - pad, 0)
    stop = np.minimum(np.array(mask.start) + mask.array.shape + pad, mask.grid.shape)
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    inside = np.zeros(stop - start, dtype=np.bool_)
    own = tuple(
        slice(a - s, a - s + n) for a, s, n in zip(mask.start, start, mask.array.shape, strict=True)
    )
    inside[own] = mask.array
    apart_mm = scipy.ndimage.distance_transform_edt(~inside, sampling=spacing)
    shell = (apart_mm > SHELL_MM[0]) & (apart_mm <= SHELL_MM[1])
    values = ct.array[box][shell]
    if not values.size:
        return 0.0
    return float(((values >= LUNG_HU[0]) & (values <= LUNG_HU[1])).mean())
