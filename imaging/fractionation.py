"""Dose in fractions: the linear-quadratic model, on arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imaging.errors import InputError


def eqd2(dose_gy: npt.ArrayLike, fractions: int, alpha_beta_gy: float) -> npt.NDArray[np.float64]:
    """Equivalent dose in 2 Gy fractions of the physical dose of one plan, voxel by voxel.

    ``D (D/n + ab) / (2 + ab)`` of the linear-quadratic model, which is weak beyond about 10 Gy per
    fraction. Convert each plan by itself, then add; never convert a sum or an EFFECTIVE dose.

    Args:
        dose_gy: total physical dose of the plan.
        fractions: in which it is given.
    """
    if fractions < 1 or alpha_beta_gy <= 0:
        raise InputError(f"EQD2 of {fractions} fractions at alpha/beta {alpha_beta_gy} Gy")
    total = np.asarray(dose_gy, dtype=np.float64)
    return np.asarray(total * (total / fractions + alpha_beta_gy) / (2.0 + alpha_beta_gy))
