"""How sure a diameter is: what voxels, slices and the outline leave open.

Three things: where within its pixels an outline ends, how far off the widest section lies from the
nearest slice, and how sure the outline itself is. The first two are geometry; digitised ellipsoids
of 8 to 80 mm on pixels of 0.7 to 5 mm show them (``tests/recist/measure/test_interval.py``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from imaging.volume import Mask
from recist.course import Caliper
from recist.measure.axes import SMALL_PIXELS
from recist.measure.diameters import recorded

#: Standard deviation of a digitised diameter, in pixels: of ellipsoids of more than four pixels,
#: and of fewer.
DIGITISED_PIXELS, FEW_PIXELS = 0.27, 0.45
#: 95 % of a normal distribution lie within so many standard deviations.
NORMAL_95 = 1.96
#: The widest section is taken to lie in the outermost this part of the half height at most.
LARGEST_OFFSET = 0.9


@dataclass(frozen=True, slots=True)
class DiameterInterval:
    """The 95 % interval of a diameter, mm, and the standard deviation of its symmetric part."""

    low_mm: Decimal
    high_mm: Decimal
    sd_mm: float


def diameter_interval(
    mask: Mask, measured: Caliper, *, is_node: bool = False, outline_sd_mm: float = 0.0
) -> DiameterInterval:
    """Where the diameter of a lesion lies, given its outline on the voxels of an image.

    Args:
        measured: on this mask.
        is_node: of the short axis instead of the longest diameter.
        outline_sd_mm: how sure the outline is, as the standard deviation of the diameter.
    """
    length_mm = float(measured.short_axis_mm if is_node else measured.long_axis_mm)
    pixel_mm = max(mask.grid.spacing_mm[:2])
    few = length_mm < SMALL_PIXELS * pixel_mm
    digitised_mm = (FEW_PIXELS if few else DIGITISED_PIXELS) * pixel_mm
    sd_mm = math.hypot(digitised_mm, outline_sd_mm)
    reach_mm = NORMAL_95 * sd_mm
    return DiameterInterval(
        recorded(max(length_mm - reach_mm, 0.0)),
        recorded(length_mm + reach_mm + _missed_mm(mask, length_mm)),
        sd_mm,
    )


def _missed_mm(mask: Mask, length_mm: float) -> float:
    """How much longer the widest section may be than the nearest slice shows.

    The slice lies up to half a step beside it; the lesion is taken for an ellipsoid as high as the
    slices that show it.
    """
    shown = int(np.count_nonzero(mask.array.any(axis=(0, 1))))
    offset = min(1.0 / max(shown, 1), LARGEST_OFFSET)
    return length_mm * (1.0 / math.sqrt(1.0 - offset**2) - 1.0)
