"""How far values scatter, whatever the outliers among them do."""

from __future__ import annotations

import numpy as np

from imaging.volume import Array

#: From the median of absolute values to the standard deviation, for a normal distribution.
MAD_TO_DEVIATION = 1.4826


def robust_deviation(apart: Array) -> float:
    """The standard deviation of values that scatter about zero."""
    return MAD_TO_DEVIATION * float(np.median(np.abs(apart)))
