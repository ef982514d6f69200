"""How far readers agree: kappa of responses, intraclass correlation of measurements.

Kappa by statsmodels. The six intraclass correlations are those of Shrout and Fleiss (Psychol Bull
1979;86:420).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imaging.errors import InputError


class IntraclassCorrelation(NamedTuple):
    """Shrout and Fleiss 1979: of one reading, and of the mean of all.

    Attributes:
        one_way: each subject by other readers, ICC(1,1).
        agreement: the same readers, taken from many, ICC(2,1).
        consistency: these readers only, ICC(3,1).
    """

    one_way: float
    agreement: float
    consistency: float
    one_way_mean: float
    agreement_mean: float
    consistency_mean: float


def intraclass_correlation(readings: npt.ArrayLike) -> IntraclassCorrelation:
    """The six correlations of readings (subjects, readers), without gaps.

    Raises:
        InputError: fewer than two subjects or readers, or a gap.
    """
    table = np.asarray(readings, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise InputError("an intraclass correlation needs two subjects, two readers and no gap")
    n, k = table.shape
    mean = table.mean()
    between = k * ((table.mean(axis=1) - mean) ** 2).sum() / (n - 1)
    readers = n * ((table.mean(axis=0) - mean) ** 2).sum() / (k - 1)
    within = ((table - table.mean(axis=1, keepdims=True)) ** 2).sum() / (n * (k - 1))
    error = (within * n * (k - 1) - readers * (k - 1)) / ((n - 1) * (k - 1))
    return IntraclassCorrelation(
        float((between - within) / (between + (k - 1) * within)),
        float((between - error) / (between + (k - 1) * error + k * (readers - error) / n)),
        float((between - error) / (between + (k - 1) * error)),
        float((between - within) / between),
        float((between - error) / (between + (readers - error) / n)),
        float((between - error) / between),
    )


def kappa(answers: Sequence[Sequence[str]]) -> float | None:
    """Agreement beyond chance on categories, each subject answered by the same readers.

    Cohen's (1960) for two readers, Fleiss's (1971) for more.

    Returns:
        None where all answers are the same: chance alone would agree as well.
    """
    from statsmodels.stats import inter_rater  # noqa: PLC0415 - heavy

    readers = {len(each) for each in answers}
    if len(readers) != 1 or min(readers) < 2:
        raise InputError("kappa needs the same number of readers, two or more, for every subject")
    words = sorted({word for each in answers for word in each})
    if len(words) < 2:
        return None
    if readers == {2}:
        return agreement([(first, second) for first, second in answers]).kappa
    counts = [[each.count(word) for word in words] for each in map(list, answers)]
    return float(inter_rater.fleiss_kappa(np.array(counts), method="fleiss"))


class Agreement(NamedTuple):
    """Cohen's kappa with its 95 % interval; NaN where all answers are one word."""

    pairs: int
    kappa: float
    low: float
    high: float


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Agreement of two readers (Cohen 1960; its variance by Fleiss, Cohen and Everitt 1969)."""
    from statsmodels.stats import inter_rater  # noqa: PLC0415 - heavy

    words = sorted({word for pair in pairs for word in pair})
    if len(words) < 2:
        return Agreement(len(pairs), math.nan, math.nan, math.nan)
    counts = Counter(pairs)
    table = np.array([[counts[a, b] for b in words] for a in words])
    with np.errstate(invalid="ignore", divide="ignore"):  # a z value of 0/0, which is not used
        found = inter_rater.cohens_kappa(table)
    low = max(-1.0, float(found.kappa_low))
    high = min(1.0, float(found.kappa_upp))
    return Agreement(len(pairs), float(found.kappa), low, high)
