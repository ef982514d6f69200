"""What a lesion lies in, read from the CT around it: lung, or nothing said; and how it stands out.

Only lung is told: air-filled tissue on most sides is a fact of the image. Every other organ needs a
segmentation of organs, or a reader; a guess would change which targets the rules allow.
"""

from __future__ import annotations

import numpy as np
import scipy

from imaging.volume import Array, BoolArray, Mask, Volume

#: Aerated lung in HU; below is air outside of the body or in the bowel, above is soft tissue
#: (Heussel 2006, Eur Radiol 16:2452: normal lung -950 to -500).
LUNG_HU = (-950.0, -500.0)
#: The shell that is looked at: beyond partial volume, within the next tissue.
SHELL_MM = (3.0, 10.0)
#: A lesion is called pulmonary when at least this share of the shell is lung.
LEAST_SHARE = 0.5
LUNG = "lung"
#: The shell that a lesion is compared with to say how it stands out from what lies around it.
BESIDE_MM = (2.0, 6.0)


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
    start, stop = _box_around(mask, SHELL_MM)
    if not _is_lung(ct.region(start, stop)).any():  # most often: no need to ask how far it is
        return 0.0
    _, values = _inside_and_around(mask, ct, SHELL_MM)
    return float(_is_lung(values).mean()) if values.size else 0.0


def _is_lung(hu: Array) -> BoolArray:
    return np.asarray((hu >= LUNG_HU[0]) & (hu <= LUNG_HU[1]))


def contrast_hu(mask: Mask, ct: Volume) -> float:
    """How much denser a lesion is than what lies beside it, HU.

    The difference of both medians; 0 where nothing lies beside it in the image.
    """
    inside, around = _inside_and_around(mask, ct, BESIDE_MM)
    return float(np.median(inside) - np.median(around)) if inside.size and around.size else 0.0


def _inside_and_around(
    mask: Mask, ct: Volume, shell_mm: tuple[float, float]
) -> tuple[Array, Array]:
    """The values of a lesion, and those of a shell around it."""
    start, stop = _box_around(mask, shell_mm)
    inside = np.zeros(np.subtract(stop, start), dtype=np.bool_)
    own = tuple(
        slice(a - s, a - s + n) for a, s, n in zip(mask.start, start, mask.array.shape, strict=True)
    )
    inside[own] = mask.array
    apart_mm = scipy.ndimage.distance_transform_edt(~inside, sampling=mask.grid.spacing_mm)
    values = ct.region(start, stop)
    return values[inside], values[(apart_mm > shell_mm[0]) & (apart_mm <= shell_mm[1])]


def _box_around(mask: Mask, shell_mm: tuple[float, float]) -> tuple[list[int], list[int]]:
    """First voxel, and the one after the last, of a lesion with a shell around it."""
    pad = np.ceil(shell_mm[1] / np.array(mask.grid.spacing_mm)).astype(int) + 1
    start = np.maximum(np.array(mask.start) - pad, 0)
    stop = np.minimum(np.array(mask.start) + mask.array.shape + pad, mask.grid.shape)
    return start.tolist(), stop.tolist()
