"""How often an abscopal response is seen where nothing changed: by errors of measurement alone.

Each measurement of a lesion carries an error of its own, the baseline too, and the best of many
lesions and scans is taken. With an error of 10 % (standard deviation of the logarithm), four
lesions and four scans, one patient in thirteen has a lesion that is 30 % smaller at some scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from imaging.errors import InputError
from recist.criteria.thresholds import PR_FACTOR

#: Standard deviation of the logarithm of a repeated measurement. Repeats by one reader are nearer
#: to 0.06, by several readers to 0.09 (Yoon 2016, Eur J Cancer 53:5-15); small lesions are worse.
ERROR_LOG_SD = 0.10
#: Patients simulated: a rate of 5 % is known to 0.2 % (one standard error).
READINGS = 20_000
#: Numbers of lesions and scans whose simulated sizes are kept: a few MB each.
KEPT_DRAWS = 8


@dataclass(frozen=True, slots=True)
class Chance:
    """Probabilities, 0..1, of a response where no lesion changed.

    Attributes:
        single: of at least one lesion at one scan; ``single_confirmed``: the same lesion at two
            scans in a row.
        aggregate: of the sum of all lesions at one scan; ``aggregate_confirmed``: at two in a row.
        aggregate_once: of the sum at one given scan.
    """

    single: float
    single_confirmed: float
    aggregate: float
    aggregate_confirmed: float
    aggregate_once: float


NO_CHANCE = Chance(0.0, 0.0, 0.0, 0.0, 0.0)


@lru_cache(maxsize=4096)
def chance_of_response(
    sizes_mm: tuple[float, ...],
    scans: int,
    *,
    log_sd: float = ERROR_LOG_SD,
    readings: int = READINGS,
    seed: int = 0,
) -> Chance:
    """The probability of a response by measurement error alone, simulated.

    Args:
        sizes_mm: of the lesions at baseline; they matter for the sum only.
        scans: after the baseline.
        log_sd: of the error of one measurement, independent over lesions and scans.

    Raises:
        InputError: a negative error or a size that is not positive.
    """
    if log_sd < 0 or any(size <= 0 for size in sizes_mm):
        raise InputError(f"an error of {log_sd} on sizes {sizes_mm}", remedy="give positive ones")
    if not sizes_mm or scans < 1:
        return NO_CHANCE
    seen, single, confirmed = _unchanged((readings, len(sizes_mm), scans + 1), log_sd, seed)
    total = np.einsum("rls,l->rs", seen, np.asarray(sizes_mm))
    low = total[:, 1:] <= PR_FACTOR * total[:, :1]
    return Chance(
        single,
        confirmed,
        _share(low.any(axis=1)),
        _share((low[:, 1:] & low[:, :-1]).any(axis=1)),
        _share(low),
    )


@lru_cache(maxsize=KEPT_DRAWS)
def _unchanged(
    shape: tuple[int, int, int], log_sd: float, seed: int
) -> tuple[npt.NDArray[np.float64], float, float]:
    """Sizes (readings, lesions, scans) of lesions that did not change, relative to the true ones.

    Returns:
        The sizes, which all patients with as many lesions and scans share, and the chances of a
        response of a single lesion, which do not depend on how large they are.
    """
    errors = np.random.default_rng(seed).normal(0.0, log_sd, shape)
    seen = np.exp(errors, out=errors)
    small = seen[:, :, 1:] <= PR_FACTOR * seen[:, :, :1]
    again = small[:, :, 1:] & small[:, :, :-1]
    return seen, _share(small.any(axis=(1, 2))), _share(again.any(axis=(1, 2)))


def _share(met: npt.NDArray[np.bool_] | np.bool_) -> float:
    return float(np.mean(met))
